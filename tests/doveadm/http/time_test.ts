/** How long calls over HTTP may take: once for all that a call waits for. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DoveadmHttp, LocalProtocolError, TimeoutError } from "../../../mod.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { clientOf, endless, never, rowsResponse, stalling } from "./answering.ts";

const list = { user: "tss" };
const begun = '[["doveadmResponse",[{"mailbox":"x"},';

function later<T>(value: T, delay: number): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), delay));
}

async function timeoutOf(work: Promise<unknown>): Promise<TimeoutError> {
  const error = await work.then(() => assert.fail("it went well"), (error) => error);
  assert(error instanceof TimeoutError, String(error));
  assert.equal(error.phase, "command");
  return error;
}

test("HTTP time › a call of several phases › has one time-out for all of them", async () => {
  // Each phase takes most of the time alone.
  const phase = 250;
  const timeout = 400;
  async function* input(): AsyncGenerator<string> {
    yield await later("Subject: x\n\n", phase);
  }
  const order: string[] = [];
  const client = () =>
    clientOf((init) => {
      if (init.method === "GET") return later(Response.json([]), phase);
      init.signal!.addEventListener("abort", () => order.push("aborted"));
      return never(init);
    }, { timeout });
  const calls: readonly ((http: DoveadmHttp) => Promise<unknown>)[] = [
    // The server's version, then the request.
    (http) => http.run("replicator add", { userMask: "x" }),
    // The input, then the request.
    (http) => http.run("save", { user: "tss", file: input() }),
    (http) => http.send({ name: "save", user: "tss", input: input() }),
    (http) => http.rows("save", { user: "tss", file: input() }).next(),
  ];
  for (const call of calls) {
    let error: TimeoutError;
    do {
      order.length = 0;
      // Timers fire in the order of their times, however busy the machine is.
      const control = setTimeout(() => order.push("too late"), timeout + phase - 50);
      error = await timeoutOf(call(client()));
      clearTimeout(control);
      // On a machine that stands still for a while, the time may be over before the request leaves.
    } while (!error.sent);
    assert.match(error.message, /400 ms/);
    assert.equal(order[0], "aborted");
  }
});

test("HTTP time › a turn that doesn't come › not sent, within the time-out", async () => {
  const http = clientOf(never, { maxConnections: 1 });
  const first = timeoutOf(http.run("mailbox list", list, { timeout: 300 }));
  const second = await timeoutOf(http.run("mailbox list", list, { timeout: 60 }));
  assert.equal(second.sent, false);
  assert.match(second.message, /"mailbox list" was not sent to http:.* within 60 ms/);
  assert.equal((await first).sent, true);
});

test("HTTP time › a body that comes byte by byte › doesn't prolong the time, streamed or not", async () => {
  const trickle = (text: string) => (init: RequestInit): Response => {
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await later(undefined, 5);
        if (init.signal!.aborted) controller.error(init.signal!.reason);
        else controller.enqueue(new TextEncoder().encode(text));
      },
    });
    return new Response(body, { status: text === "x" ? 500 : 200 });
  };
  for (const text of [" ", "x"]) {
    const http = clientOf(trickle(text), { timeout: 100 });
    for (
      const call of [
        () => http.run("mailbox list", list),
        () => http.rows("mailbox list", list).next(),
        () => http.stream({ name: "mailbox list", user: "tss" }).next(),
        () => http.commands(),
      ]
    ) {
      await timeoutOf(call());
    }
  }
});

// Only Deno's fetch gives chunks without a turn of the event loop.
if ("Deno" in globalThis) {
  test("HTTP time › white space without end, at once › doesn't prolong the time, streamed or not", async () => {
    const http = clientOf(() => new Response(endless(begun, " ")), { timeout: 100 });
    await timeoutOf(http.run("mailbox list", list));
    const rows = http.rows("mailbox list", list);
    await rows.next();
    await timeoutOf(rows.next());
  });
}

test("HTTP time › runAll › one time-out for all of its requests", async () => {
  const http = clientOf(({ body }) => {
    const tags = JSON.parse(new TextDecoder().decode(body as Uint8Array)) as unknown[];
    const answers = tags.map((_, at) => ["doveadmResponse", [{ mailbox: "INBOX" }], `${at}`]);
    return later(Response.json(answers), 120);
  });
  const calls = Array.from({ length: 2500 }, () => ["mailbox list", list] as const);
  const outcomes = await http.runAll(calls, { timeout: 200 });
  // The first request is answered in time, the second is cut off, the third is never sent.
  const told = [0, 1000, 2000].map((at) => {
    const outcome = outcomes[at];
    return outcome.status === "fulfilled" ? "rows" : [outcome.reason.name, outcome.reason.sent];
  });
  assert.deepEqual(told.at(-1), ["TimeoutError", false]);
  assert(told.some((it) => it !== "rows"));
});

test("HTTP time › a stream that isn't read › its time limit pauses", async () => {
  const http = clientOf((init) => new Response(stalling(begun, init)));
  const pause = async (timeout: number) => {
    const rows = http.rows("mailbox list", list, { timeout });
    assert.equal((await rows.next()).value?.mailbox, "x");
    await later(undefined, 2 * timeout);
    const start = performance.now();
    const error = await timeoutOf(rows.next());
    assert(performance.now() - start >= timeout - 10);
    const told = `sent no more of its answer to "mailbox list" for ${timeout} ms`;
    assert(error.message.includes(told), error.message);
  };
  const error = await withEnoughTime(
    150,
    (timeout) => pause(timeout).then(() => undefined, (error) => error),
    (error) => !(error instanceof TimeoutError),
  );
  assert.equal(error, undefined, error?.stack);
});

const methods: readonly [
  name: string,
  call: (
    http: DoveadmHttp,
    options: { timeout?: number; signal?: AbortSignal },
  ) => Promise<unknown>,
][] = [
  ["run", (http, options) => http.run("mailbox list", list, options)],
  ["rows", (http, options) => Array.fromAsync(http.rows("mailbox list", list, options))],
  ["runAll", (http, options) => http.runAll([["mailbox list", list]], options)],
  ["send", (http, options) => http.send({ name: "mailbox list", user: "tss" }, options)],
  [
    "stream",
    (http, options) => Array.fromAsync(http.stream({ name: "mailbox list", user: "tss" }, options)),
  ],
  ["call", (http, options) => http.call("mailboxList", list, options)],
  ["commands", (http, options) => http.commands(options)],
];

for (const [name, call] of methods) {
  test(`HTTP time › ${name}: NaN, negative, no number › LocalProtocolError, and nothing is sent`, async () => {
    const http = clientOf(() => assert.fail("something was sent"));
    for (const timeout of [NaN, -1, -Infinity, "5" as unknown as number]) {
      await assert.rejects(call(http, { timeout }), (error) => {
        assert(error instanceof LocalProtocolError, String(error));
        assert.match(error.message, /"timeout"/);
        return true;
      });
      assert.throws(() => clientOf(never, { timeout }), LocalProtocolError);
    }
  });

  test(`HTTP time › ${name}: 0, Infinity and more than 24.8 days › no time-out at once`, async () => {
    for (const timeout of [0, Infinity, 2 ** 31, 1e15]) {
      const answer = () =>
        later(name === "commands" ? Response.json([]) : rowsResponse({ mailbox: "INBOX" }), 30);
      await call(clientOf(answer), { timeout });
      await call(clientOf(answer, { timeout }), {});
    }
  });
}
