/**
 * What clients can make the HTTP API keep, and for how long.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DoveadmHandler,
  httpHandler,
  type HttpHandlerOptions,
} from "../../../../doveadm/server/mod.ts";
import { encodeUtf8 } from "../../../../core/mod.ts";
import { withEnoughTime } from "../../../harness/enough_time.ts";
import { until } from "../../../harness/until.ts";
import { authorization, password, post, run } from "./requests.ts";

function apiOf(handler: DoveadmHandler = () => [], options: HttpHandlerOptions = {}) {
  return httpHandler(handler, { password, ...options });
}

/** A body that repeats a piece, and how many pieces were taken, and whether it was cancelled. */
function repeated(piece: Uint8Array, count = Infinity) {
  const state = { taken: 0, isCancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (state.taken++ < count) controller.enqueue(piece.slice());
      else controller.close();
    },
    cancel() {
      state.isCancelled = true;
    },
  });
  return { body, state };
}

/** A body that never ends and sends nothing more. */
function silent(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
}

async function statusOf(response: Response | Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

/** Resolves when the API has room again for a request. */
async function roomIn(api: ReturnType<typeof apiOf>): Promise<void> {
  while (await statusOf(api(post([]))) === 503) await new Promise((resolve) => setTimeout(resolve));
}

test("limits of the HTTP API › an endless body › is read to the limit, and not at all without credentials", async () => {
  const api = apiOf(undefined, { limits: { body: 1_000_000 } });
  const endless = repeated(new Uint8Array(10_000).fill(0x20));
  assert.equal(await statusOf(api(post(endless.body))), 413);
  assert(endless.state.taken < 110, `${endless.state.taken}`);
  assert(endless.state.isCancelled);
  const unread = repeated(new Uint8Array(10_000));
  assert.equal(await statusOf(api(post(unread.body, { headers: { authorization: "" } }))), 401);
  assert(unread.state.taken <= 1);
  const announced = post("[]", { headers: { "content-length": "1000001" } });
  assert.equal(await statusOf(api(announced)), 413);
  const encoded = post(silent(), { headers: { "content-encoding": "gzip" } });
  assert.equal(await statusOf(api(encoded)), 415);
});

test("limits of the HTTP API › the bodies of several requests › have a limit together", async () => {
  let answer = () => {};
  const answered = new Promise<void>((resolve) => answer = resolve);
  const api = apiOf(() => answered.then(() => []), { limits: { bodies: 1000 } });
  const batch = (size: number) => post([["who", { mask: "x".repeat(size) }, "t"]]);
  const first = api(batch(800));
  assert.equal(await statusOf(api(batch(300))), 503);
  const small = api(batch(10));
  answer();
  assert.equal(await statusOf(first), 200);
  assert.equal(await statusOf(small), 200);
  assert.equal(await statusOf(api(batch(800))), 200);
});

test("limits of the HTTP API › a client that sends nothing more › is given up, and its request makes room", async () => {
  const giveUp = async (bodyTimeout: number) => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const api = apiOf(undefined, { bodyTimeout, maxRequests: 1, onError });
    const slow = api(post(silent()));
    const meanwhile = await statusOf(api(post([])));
    const statuses = [meanwhile, await statusOf(slow), await statusOf(api(post([])))];
    assert(String(errors).includes(`did not arrive within ${bodyTimeout} ms`), String(errors));
    return statuses;
  };
  assert.deepEqual(
    await withEnoughTime(20, giveUp, ([meanwhile]) => meanwhile === 503),
    [503, 408, 200],
  );
  const controller = new AbortController();
  const gone = apiOf(undefined, { bodyTimeout: 0 })(
    post(silent(), { signal: controller.signal }),
  );
  controller.abort();
  assert.equal(await statusOf(gone), 400);
});

test("limits of the HTTP API › values, commands and nesting beyond the limits › are refused", async () => {
  const api = apiOf(undefined, { limits: { values: 1000, commands: 10 } });
  const refusal = async (body: unknown) => {
    const response = await api(post(body));
    return `${response.status} ${(await response.text()).trim()}`;
  };
  const command = (at: number) => ["who", {}, String(at)];
  assert.match(await refusal(Array.from({ length: 10 }, (_, at) => command(at))), /^200/);
  assert.match(await refusal(Array.from({ length: 11 }, (_, at) => command(at))), /^400 .* 10 /);
  const mask = Array(1001).fill("");
  assert.match(await refusal([["who", { mask }, "t"]]), /^400 .*more than 1000 values/);
  for (
    const nested of ["[".repeat(1_000_000), '[{"a":'.repeat(1_000_000), `[["x",${"[".repeat(70)}`]
  ) {
    assert.match(await refusal(nested), /^400 .*nesting is deeper than 64/);
  }
});

test("limits of the HTTP API › a body of quotes and backslashes › takes linear time", async () => {
  const api = apiOf();
  for (const text of ["\\".repeat(2_000_000), '\\"'.repeat(1_000_000), '"'.repeat(1_000_000)]) {
    const body = `[["who",{"mask":"${text}`;
    assert.equal(await statusOf(api(post(body))), 400);
  }
  const [kind] = await run(api, "who", { mask: ['\\"'.repeat(500_000)] });
  assert.equal(kind, "doveadmResponse");
});

test("limits of the HTTP API › a command that takes too long › is aborted, and the next one runs", async () => {
  const signals: AbortSignal[] = [];
  const errors: string[] = [];
  const api = apiOf(({ name, signal }) => {
    signals.push(signal);
    // One that ignores its signal.
    return name === "who" ? new Promise<never>(() => {}) : [];
  }, { timeout: 20, onError: (error) => errors.push(String(error)) });
  const headers = { prefer: "doveadm-log" };
  const response = await api(post([["who", {}, "a"], ["reload", {}, "b"]], { headers }));
  const [slow, next] = await response.json();
  assert.deepEqual(slow.slice(0, 3), ["error", { type: "exitCode", exitCode: 75 }, "a"]);
  assert.match(slow[3].log[0].message, /"who" took longer than 20 ms/);
  assert.deepEqual(next.slice(0, 3), ["doveadmResponse", [], "b"]);
  assert(signals[0].aborted);
  assert.deepEqual(errors, ['DovewireError: "who" took longer than 20 ms.']);
});

test("limits of the HTTP API › a handler goes on after its time › nothing of it gets into other answers", async () => {
  let goOn = () => {};
  const late = new Promise<void>((resolve) => goOn = resolve);
  let isOver = () => {};
  const over = new Promise<void>((resolve) => isOver = resolve);
  const api = apiOf(async function* ({ name }) {
    if (name === "reload") {
      goOn();
      await over;
      return;
    }
    yield "INBOX";
    try {
      yield (async function* () {
        yield new Uint8Array(10);
        await late;
      })();
    } finally {
      isOver();
    }
  }, { timeout: 50 });
  const prefer = "doveadm-rows";
  const batch = [["mailboxList", { user: "alice" }, "a"], ["reload", {}, "b"]];
  const response = await api(post(batch, { headers: { prefer } }));
  assert.deepEqual(await response.json(), [
    ["doveadmResponse", [{ mailbox: "INBOX" }], "a", { error: { type: "exitCode", exitCode: 75 } }],
    ["doveadmResponse", [], "b", {}],
  ]);
});

test("limits of the HTTP API › one of many users fails within a long value › the response is broken off", async () => {
  const api = apiOf(async function* ({ name, user }) {
    if (name === "user") return yield { text: '{"userList":["alice","bob"]}' };
    yield (async function* () {
      for (let at = 0; at < 100; at++) {
        await Promise.resolve();
        yield new Uint8Array(10_000).fill(0x78);
      }
      if (user === "alice") throw new Error("a mistake");
    })();
  });
  for (const prefer of ["", "doveadm-rows"]) {
    const response = await api(
      post([["mailboxList", { user: "*" }, "a"]], { headers: { prefer } }),
    );
    await assert.rejects(response.text());
  }
});

test("limits of the HTTP API › a client disconnects › its command is aborted, and no other runs", async () => {
  const names: string[] = [];
  let begin = () => {};
  const begun = new Promise<void>((resolve) => begin = resolve);
  const api = apiOf(({ name, signal }) => {
    names.push(name);
    begin();
    return new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }, { maxRequests: 1 });
  const controller = new AbortController();
  const batch = [["who", {}, "a"], ["reload", {}, "b"]];
  const response = api(post(batch, { signal: controller.signal }));
  await begun;
  controller.abort();
  assert.equal(await statusOf(response), 500);
  await roomIn(api);
  assert.deepEqual(names, ["who"]);
});

test("limits of the HTTP API › a long answer is not read › the handler waits, and is aborted in the end", async () => {
  let made = 0;
  let isEnded = false;
  const endless: DoveadmHandler = async function* () {
    try {
      for (;; made++) {
        await Promise.resolve();
        yield "x".repeat(10_000);
      }
    } finally {
      isEnded = true;
    }
  };
  const errors: unknown[] = [];
  const api = apiOf(endless, {
    ...{ stallTimeout: 50, maxRequests: 1, limits: { held: 100_000 } },
    onError: (error) => errors.push(error),
  });
  const response = await api(post([["mailboxList", { user: "alice" }, "t"]]));
  assert.equal(response.status, 200);
  await roomIn(api);
  assert(made < 40, `${made}`);
  await until(() => isEnded, "the handler's end");
  await assert.rejects(response.text(), /read nothing for 50 ms/);
  assert.match(String(errors.splice(0)), /^DovewireError: .*read nothing for 50 ms\.$/);
  const patient = apiOf(endless, { maxRequests: 1, limits: { held: 100_000 } });
  const cancelled = await patient(post([["mailboxList", { user: "alice" }, "t"]]));
  isEnded = false;
  const reader = cancelled.body!.getReader();
  await reader.read();
  await reader.cancel();
  await roomIn(patient);
  await until(() => isEnded, "the handler's end");
  assert.deepEqual(errors, []);
});

test("limits of the HTTP API › more rows than are held before a failure › break the response off", async () => {
  const api = apiOf(async function* ({ args }) {
    for (let at = 0; at < Number(args[0].slice("--mailbox-mask=".length)); at++) {
      await Promise.resolve();
      yield "x".repeat(990);
    }
    throw new Error("a mistake");
  }, { limits: { held: 300_000 } });
  const list = (count: number) => {
    const parameters = { user: "alice", mailboxMask: [String(count)] };
    return api(post([["who", {}, "a"], ["mailboxList", parameters, "b"], ["who", {}, "c"]]));
  };
  const taken = await list(250);
  const [, answer] = await taken.json();
  assert.deepEqual(answer, ["error", { type: "exitCode", exitCode: 75 }, "b"]);
  const cut = await list(400);
  await assert.rejects(cut.text());
});

test("limits of the HTTP API › endless log lines › are kept to the limit, and counted", async () => {
  const api = apiOf(({ log }) => {
    for (let at = 0; at < 100_000; at++) log("debug", `line ${at}`);
    return [];
  });
  const [, , , { log }] = await run(api, "who", {}, { prefer: "doveadm-log" }) as [
    ...[0, 0, 0],
    { log: { message: string }[] },
  ];
  assert(log.length < 1000);
  const left = 100_000 - (log.length - 1);
  assert.equal(log.at(-1)!.message, `${left} more lines are left out.`);
});

test("limits of the HTTP API › log lines whose characters take several bytes › are kept to the limit", async () => {
  for (const sign of ["漢", "\x01", '"']) {
    const api = apiOf(({ log }) => {
      for (let at = 0; at < 100; at++) log("debug", sign.repeat(1000));
      return [];
    }, { limits: { log: 50_000 } });
    const [, , , { log }] = await run(api, "who", {}, { prefer: "doveadm-log" }) as [
      ...[0, 0, 0],
      { log: { message: string }[] },
    ];
    const size = encodeUtf8(JSON.stringify(log.slice(0, -1))).length;
    assert(size > 40_000 && size <= 50_000, `${size}`);
  }
});

test("limits of the HTTP API › 10,000 wrong keys at once › wait by the thousand, and delay no right one", async () => {
  const api = httpHandler(() => [], {
    ...{ apiKey: "right", refusalDelay: 300_000 },
    addressOf: (request) => request.headers.get("x-address") ?? "",
  });
  const controller = new AbortController();
  const requestOf = (key: string, signal?: AbortSignal) =>
    new Request("http://localhost/doveadm/v1", {
      headers: { authorization: `X-Dovecot-API ${btoa(key)}`, "x-address": "192.0.2.1" },
      signal,
    });
  let answered = 0;
  try {
    for (let at = 0; at < 10_000; at++) {
      void api(requestOf(`wrong ${at}`, controller.signal)).then(() => answered++);
    }
    assert.equal(await statusOf(api(requestOf("right"))), 200);
    // The others are refused at once, so that no more than those that wait take memory.
    while (answered < 9000) await new Promise((resolve) => setTimeout(resolve));
    assert.equal(answered, 9000);
  } finally {
    controller.abort();
  }
  while (answered < 10_000) await new Promise((resolve) => setTimeout(resolve));
});

test("limits of the HTTP API › an enormous header › is refused", async () => {
  const headers = { authorization: `Basic ${"QQ==".repeat(100_000)}` };
  const request = new Request("http://localhost/", { headers });
  assert.equal(await statusOf(apiOf()(request)), 401);
  const many = { authorization, prefer: "doveadm-log,".repeat(10_000) };
  assert.equal(await statusOf(apiOf()(post([], { headers: many }))), 200);
});

test("limits of the HTTP API › a list of users, flags in one string › count as values", async () => {
  const api = apiOf(undefined, { limits: { values: 20 } });
  const names = (count: number) => Array.from({ length: count }, (_, at) => `u${at}`).join("\n");
  const listed = (count: number) => api(post([["mailboxList", { userFile: names(count) }, "t"]]));
  assert.equal(await statusOf(listed(20)), 200);
  assert.equal(await statusOf(listed(22)), 400);
  const old = apiOf(undefined, { limits: { values: 20 }, version: "2.3" });
  const flagged = (count: number) => {
    const flag = Array.from({ length: count }, (_, at) => `$${at}`).join(" ");
    return old(post([["flagsAdd", { user: "alice", flag, query: ["all"] }, "t"]]));
  };
  assert.equal(await statusOf(flagged(20)), 200);
  assert.equal(await statusOf(flagged(22)), 400);
});

test("limits of the HTTP API › a query of more words than a call takes arguments › an answer", async () => {
  const words = Array(300_000).fill("all");
  const api = apiOf(undefined, { limits: { values: Infinity } });
  const [answer] = await (await api(post([["search", { user: "alice", query: words }, "t"]])))
    .json();
  assert.deepEqual(answer, ["doveadmResponse", [], "t"]);
});

test("limits of the HTTP API › many users whose commands end at once › the time limit holds all the same", async () => {
  let calls = 0;
  const api = apiOf(() => {
    calls++;
    return [];
  }, { limits: { values: Infinity }, timeout: 50 });
  const userFile = Array.from({ length: 2_000_000 }, (_, at) => `${at}`).join("\n");
  assert.deepEqual(await run(api, "mailboxList", { userFile }), [
    ...["error", { type: "exitCode", exitCode: 75 }, "t"],
  ]);
  assert(calls > 0 && calls < 2_000_000, `${calls}`);
});
