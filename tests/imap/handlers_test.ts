import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CommandOutput,
  continuation,
  defineCommand,
  type ImapCommand,
  no,
  ok,
  type TaggedResult,
  untagged,
} from "../../imap/mod.ts";
import { failure, long, running } from "./served.ts";
import { until } from "../harness/until.ts";

const throwing: readonly (readonly [string, ImapCommand, RegExp])[] = [
  [
    "throws at once",
    defineCommand({ name: "XLONG" }, () => {
      throw new Error("the secret reason");
    }),
    /^the secret reason$/,
  ],
  [
    "rejects",
    defineCommand({ name: "XLONG" }, () => Promise.reject(new Error("a reason"))),
    /^a reason$/,
  ],
  [
    "throws nothing",
    defineCommand({ name: "XLONG" }, () => Promise.reject(undefined)),
    /^undefined$/,
  ],
  [
    "throws in its generator",
    // deno-lint-ignore require-yield
    long(async function* () {
      await undefined;
      throw new Error("a reason");
    }),
    /^a reason$/,
  ],
  [
    "yields a line end in text",
    long(async function* () {
      yield untagged("XKEY a\r\nn OK forged");
      return ok("Never.");
    }),
    /can't contain a line end or a NUL, as "XKEY a\\r\\nn OK forged" does/,
  ],
  [
    "yields what looks like a literal",
    long(async function* () {
      yield untagged("XKEY {5}");
      return ok("Never.");
    }),
    /clients would take that for a literal/,
  ],
  [
    "yields something else",
    long(async function* () {
      yield "XKEY" as unknown as CommandOutput;
      return ok("Never.");
    }),
    /yielded something else than untagged\(…\) or continuation\(…\)/,
  ],
  [
    "yields nothing",
    long(async function* () {
      yield undefined as unknown as CommandOutput;
      return ok("Never.");
    }),
    /yielded something else/,
  ],
  [
    "continues twice",
    long(async function* () {
      yield continuation("one");
      yield continuation("two");
      return ok("Never.");
    }),
    /XLONG has sent its continuation already/,
  ],
  [
    "returns nothing",
    // deno-lint-ignore require-yield
    long(async function* () {
      await undefined;
      return undefined as unknown as TaggedResult;
    }),
    /^The handler of XLONG returned a wrong result: a command can't end with undefined/,
  ],
  [
    "returns a result of two lines",
    defineCommand({ name: "XLONG" }, () => ok("a\r\nb")),
    /^The handler of XLONG returned a wrong result: .*line end/,
  ],
  [
    "returns a text with a response code in it",
    defineCommand({ name: "XLONG" }, () => ok("[ALERT] a")),
    /clients would take that for a response code/,
  ],
  [
    "returns a status that is none",
    defineCommand({ name: "XLONG" }, () => ({
      status: "BYE" as "OK",
      text: "x",
    })),
    /can't end with "BYE"/,
  ],
];

for (const [how, command, message] of throwing) {
  test(`a handler that ${how} › is answered for once, and its error goes to the server`, async () => {
    await running(command, async (client, errors) => {
      await client.asks("a XLONG\r\n", /a NO .*\r\n/).then((heard) => {
        assert.equal(heard, `a ${failure}\r\n`);
      });
      await client.asks("n NOOP\r\n", /^n OK /);
      await until(() => errors.length > 0, "its error");
      assert.equal(errors.length, 1);
      assert.match(errors[0], message);
    });
  });
}

test("a handler › that catches its own mistake › goes on", async () => {
  const caught: unknown[] = [];
  const command = long(async function* () {
    try {
      yield untagged("X\n");
    } catch (error) {
      caught.push(error);
    }
    yield untagged("XFINE");
    return ok("Mended.");
  });
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /^\* XFINE\r\na OK Mended\.\r\n/);
    assert.equal(caught.length, 1);
    assert.deepEqual(errors, []);
  });
});

test("a handler › that throws the signal's reason after DONE › has ended with OK", async () => {
  const command = long(async function* (_done, signal) {
    yield continuation();
    await new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    return no("Never.");
  });
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
    await client.asks("DONE\r\nn NOOP\r\n", /^a OK XLONG completed\.\r\nn OK .*\r\n/);
    assert.deepEqual(errors, []);
  });
});

test("a handler › that never returns after DONE › is answered for at the time limit", async () => {
  let release = () => {};
  const command = long(async function* () {
    yield continuation();
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    yield untagged("XLATE");
    return ok("Late.");
  });
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
    await client.asks("DONE\r\nn NOOP\r\n", /^a NO \[SERVERBUG\] .*\r\nn OK .*\r\n/);
    await until(() => errors.length > 0, "its error");
    assert.match(errors[0], /^The handler of XLONG didn't end within 20 ms of the client's DONE\./);
    release();
    await client.asks("n NOOP\r\n", /^n OK /);
    assert.equal(errors.length, 1);
  }, { endTimeout: 20 });
});

test("a handler › that yields without end after DONE › is answered for at the time limit", async () => {
  let hasEnded = false;
  const piece = new Uint8Array(64 * 1024);
  const command = long(async function* (done) {
    try {
      yield continuation();
      await done;
      for (;;) yield untagged("XDATA ", piece);
    } finally {
      hasEnded = true;
    }
  });
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
    await client.say("DONE\r\n");
    await client.hearsLine(`a ${failure}`);
    await until(() => hasEnded, "its end");
    assert.equal(errors.length, 1);
  }, { endTimeout: 5 });
});

test("a handler › that yields in its finally, and goes on after its end › is heard no more", async () => {
  const noted: string[] = [];
  const command = long(async function* (done) {
    try {
      yield continuation();
      await done;
      yield untagged("XLATE");
    } finally {
      noted.push("one");
      yield untagged("XFINALLY");
      noted.push("two");
    }
    return ok("Never.");
  });
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
    await client.asks("wrong\r\nn NOOP\r\n", /^a BAD .*\r\nn OK .*\r\n/);
    await until(() => noted.length > 0, "its finally");
    await client.asks("n NOOP\r\n", /^n OK /);
    assert.deepEqual([noted, errors], [["one"], []]);
  });
});

test("handlers › that never end, however many a client starts › are limited", async () => {
  let begun = 0;
  const command = long(async function* () {
    begun++;
    yield continuation();
    await new Promise(() => {});
    return ok("Never.");
  });
  await running(command, async (client, errors) => {
    for (let count = 1; count <= 8; count++) {
      await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
      await client.asks("wrong\r\n", /^a BAD .*\r\n/);
    }
    await client.asks("a XLONG\r\nn NOOP\r\n", /^a NO \[LIMIT\] .*\r\nn OK .*\r\n/);
    assert.equal(begun, 8);
    assert.match(errors[0], /^XLONG wasn't run: 8 handlers/);
  });
});
