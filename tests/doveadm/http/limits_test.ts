/** What a server can make a client hold, and how many requests a caller can make at once. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { DoveadmHttp, LocalProtocolError, RemoteProtocolError } from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { listen } from "../../harness/sockets.ts";
import { clientOf, endless, never, rowsResponse } from "./answering.ts";
import { warmUpFetch } from "./warm_up.ts";

const list = { user: "tss" };
const limits = { reply: 1024 * 1024, values: 50_000 };

async function takeAll(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of rows) count++;
  return count;
}

async function assertOverLimit(work: Promise<unknown>, limit = /^reply$/): Promise<void> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof RemoteProtocolError, String(error));
  assert.match(error.limit ?? "", limit);
  assert.match(error.message, /of more than|has more than/);
  assert(error.message.length < 600, error.message);
}

const begun = '[["doveadmResponse",[';

/** Bodies without end, and the calls that must end before them. */
const bodies: Readonly<Record<string, [beginning: string, more: string, limit?: RegExp]>> = {
  "rows": [begun, '{"mailbox":"x"},', /^values$/],
  "large rows": [begun, `{"mailbox":"${"x".repeat(1000)}"},`],
  "one value": [`${begun}{"mailbox":"`, "x"],
  "one row of many columns": [`${begun}{"mailbox":"x"`, ',"a":""', /^values$/],
  "one row of empty objects": [`${begun}{"mailbox":[{}`, ",{}", /^values$/],
  "an object in place of rows": ['[["doveadmResponse",{"a":""', ',"a":""', /^values$/],
  "an error": ['[["error",{"type":"', "x"],
  "a kind": ['[["', "x"],
  "a tag": [`${begun}{"mailbox":"x"}],"`, "x"],
  "a number": ['[["doveadmResponse",1', "1"],
};

for (const [what, [beginning, more, limit]] of Object.entries(bodies)) {
  test(`HTTP limits › ${what} without end › a limit ends run, call, send and runAll`, async () => {
    const http = clientOf(() => new Response(endless(beginning, more)), { limits });
    await assertOverLimit(http.run("mailbox list", list), limit);
    await assertOverLimit(http.call("mailboxList", list), limit);
    await assertOverLimit(http.send({ name: "mailbox list", user: "tss" }), limit);
    const [outcome] = await http.runAll([["mailbox list", list]]);
    assert(outcome.status === "rejected");
    await assertOverLimit(Promise.reject(outcome.reason), limit);
    // Rows of a stream are no burden, as long as each one is small.
    if (what.endsWith("rows")) return;
    await assertOverLimit(takeAll(http.rows("mailbox list", list)), limit);
    await assertOverLimit(takeAll(http.stream({ name: "mailbox list", user: "tss" })), limit);
  });
}

test("HTTP limits › rows without end in a stream › come one by one, as many as are taken", async () => {
  const http = clientOf(() => new Response(endless(begun, '{"mailbox":"x"},')), { limits });
  let rows = 0;
  for await (const _ of http.rows("mailbox list", list)) if (++rows === 50_000) break;
  assert.equal(rows, 50_000);
});

test("HTTP limits › a list of commands without end › a limit ends it", async () => {
  const pieces: readonly [beginning: string, more: string, limit?: RegExp][] = [
    ["[", `{"command":"${"x".repeat(500)}","parameters":[]},`],
    ['["', "x"],
    ["", " "],
    ["[{}", ",{}", /^values$/],
  ];
  for (const [beginning, more, limit] of pieces) {
    const http = clientOf(() => new Response(endless(beginning, more)), { limits });
    await assertOverLimit(http.commands(), limit);
    // As asked for by a call that depends on the version.
    await assertOverLimit(http.run("replicator status", {}), limit);
  }
});

test("HTTP limits › the defaults › 128 MiB and two million values", async () => {
  let bytes = 0;
  const row = `{"mailbox":"${"x".repeat(1_000_000)}"},`;
  const http = clientOf(() => {
    const body = endless(begun, row).pipeThrough(
      new TransformStream({
        transform(chunk: Uint8Array, controller) {
          bytes += chunk.length;
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(body);
  });
  await assertOverLimit(http.run("mailbox list", list));
  assert(Math.abs(bytes / (128 * 1024 * 1024) - 1) < 0.05, `${bytes} bytes`);
  const empty = clientOf(() => new Response(endless(`${begun}{"mailbox":[{}`, ",{}")));
  const error = await empty.call("x").then(() => assert.fail(), (error) => error);
  assert.match(error.message, /of more than 2000000 values\. Take its rows one by one/);
});

test("HTTP limits › limits out of range › a LocalProtocolError that names the option", () => {
  for (const reply of [0, -1, NaN]) {
    assert.throws(
      () => new DoveadmHttp("http://127.0.0.1", { limits: { reply } }),
      (error) => error instanceof LocalProtocolError && /"limits\.reply"/.test(error.message),
    );
    assert.throws(
      () => new DoveadmHttp("http://127.0.0.1", { limits: { values: reply } }),
      (error) => error instanceof LocalProtocolError && /"limits\.values"/.test(error.message),
    );
  }
  for (const maxConnections of [0, -1, NaN, 0.5]) {
    assert.throws(
      () => new DoveadmHttp("http://127.0.0.1", { maxConnections }),
      (error) => error instanceof LocalProtocolError && /"maxConnections"/.test(error.message),
    );
  }
  new DoveadmHttp("http://127.0.0.1", { limits: { reply: Infinity }, maxConnections: Infinity });
});

/** A server whose body is gzip: a beginning, then the same mebibyte again and again, without end. */
async function gzipServer(status: string, beginning: string, more: string) {
  const pack = (text: string) =>
    deflateRawSync(text, { finishFlush: constants.Z_FULL_FLUSH, level: 9 });
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n`;
  const member = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
  const again = pack(more.repeat(1024 * 1024 / more.length));
  return await listen("tcp", (socket) => {
    socket.once("data", () => {
      socket.resume();
      socket.write(head);
      socket.write(Uint8Array.from(member));
      socket.write(pack(beginning));
      const fill = () => {
        while (!socket.destroyed) if (!socket.write(again)) return;
      };
      socket.on("drain", fill);
      fill();
    });
    socket.on("end", () => socket.end());
  });
}

const row = '{"mailbox":"abcd"},'.padEnd(32);
const compressed: readonly [what: string, status: string, beginning: string, more: string][] = [
  ["rows", "200 OK", begun, row],
  ["one value", "200 OK", `${begun}{"mailbox":"`, "x"],
  ["a refusal", "500 No", "", "x"],
];

for (const [what, status, beginning, more] of compressed) {
  test(`HTTP limits › gzip that expands without end: ${what} › ends by what comes out`, async () => {
    await warmUpFetch();
    await using server = await gzipServer(status, beginning, more);
    assert(server.address.transport === "tcp");
    const url = `http://127.0.0.1:${server.address.port}`;
    await leavingNothing(async () => {
      await using http = new DoveadmHttp(url, { limits });
      for (const work of [() => http.run("mailbox list", list), () => http.commands()]) {
        const error = await work().then(() => assert.fail("it went well"), (error) => error);
        assert(error instanceof RemoteProtocolError, String(error));
        if (status === "200 OK" && what !== "rows") assert.equal(error.limit, "reply");
        else assert.match(error.message, /HTTP 500|of more than|no JSON|has more than/);
      }
    }, server);
  });
}

test("HTTP limits › many calls at once › maxConnections requests, the others in their order", async () => {
  for (const [maxConnections, most] of [[undefined, 10], [3, 3], [1, 1]] as const) {
    let running = 0;
    let seen = 0;
    const order: number[] = [];
    const http = clientOf(async ({ body }) => {
      running++;
      seen = Math.max(seen, running);
      const [[, { mailboxMask }]] = JSON.parse(new TextDecoder().decode(body as Uint8Array));
      order.push(Number(mailboxMask[0]));
      await new Promise((resolve) => setTimeout(resolve));
      running--;
      return rowsResponse({ mailbox: "INBOX" });
    }, { maxConnections });
    const calls = Array.from(
      { length: 200 },
      (_, at) => http.run("mailbox list", { user: "a", mailboxMask: [`${at}`] }),
    );
    for (const rows of await Promise.all(calls)) assert.deepEqual(rows, [{ mailbox: "INBOX" }]);
    assert.deepEqual([seen, running], [most, 0]);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
  }
});

test("HTTP limits › places › become free after each request, also a failed one", async () => {
  let answer: (init: RequestInit) => Response | Promise<Response> = never;
  const http = clientOf((init) => answer(init), { maxConnections: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const under = http.run("mailbox list", list, { signal });
  const waiting = [
    http.run("mailbox list", list, { timeout: 30 }),
    http.run("mailbox list", list, { signal: AbortSignal.timeout(20) }),
  ];
  const names = await Promise.all(waiting.map((it) => it.catch(({ name, sent }) => [name, sent])));
  assert.deepEqual(names, [["TimeoutError", false], ["AbortError", false]]);
  controller.abort();
  await assert.rejects(under);
  const answers: readonly (() => Response)[] = [
    () => new Response("no", { status: 500 }),
    () => new Response("no"),
    () => new Response(endless(begun, '{"mailbox":"x"},')),
    () => Response.error(),
  ];
  for (const next of answers) {
    answer = next;
    const rows = http.rows("mailbox list", list);
    await rows.next().catch(() => {});
    await rows.return();
  }
  answer = () => rowsResponse({ mailbox: "INBOX" });
  assert.deepEqual(await http.run("mailbox list", list), [{ mailbox: "INBOX" }]);
});

test("HTTP limits › one signal for many calls › has one listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  const http = clientOf(never);
  const calls = Array.from({ length: 1000 }, () => http.run("mailbox list", list, { signal }));
  const outcomes = Promise.allSettled(calls);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(listeners, 1);
  controller.abort(new Error("enough"));
  for (const outcome of await outcomes) {
    assert(outcome.status === "rejected" && outcome.reason.name === "AbortError");
    assert.equal(outcome.reason.cause, signal.reason);
  }
});

test("HTTP limits › input in pieces › no more is taken than any Dovecot takes, nor after the end", async () => {
  let pieces = 0;
  async function* input(): AsyncGenerator<string> {
    for (;;) {
      pieces++;
      yield "x".repeat(65_536);
      await Promise.resolve();
    }
  }
  const http = clientOf(() => assert.fail("something was sent"));
  const save = { user: "tss", mailbox: "INBOX" };
  await assert.rejects(
    http.run("save", { ...save, file: input() }),
    (error) => error instanceof LocalProtocolError && /more than 1048576 bytes/.test(error.message),
  );
  assert(pieces < 20, `${pieces} pieces were taken`);

  let isEnded = false;
  async function* slow(): AsyncGenerator<string> {
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield "x";
      }
    } finally {
      isEnded = true;
    }
  }
  await assert.rejects(http.run("save", { ...save, file: slow() }, { timeout: 30 }), {
    name: "TimeoutError",
  });
  for (let wait = 0; !isEnded && wait < 6000; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert(isEnded, "the input is still read");
});
