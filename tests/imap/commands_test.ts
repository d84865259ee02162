import assert from "node:assert/strict";
import { test } from "node:test";
import { bad, continuation, defineCommand, ImapClient, no, ok, untagged } from "../../imap/mod.ts";
import { encodeUtf8 } from "../../core/mod.ts";
import { HeldTimers } from "../harness/held_timers.ts";
import { long, password, running, serving, xwait } from "./served.ts";
import { until } from "../harness/until.ts";

test("a handler › with arguments of all kinds › gets them with their types, and the session", async () => {
  const seen: unknown[] = [];
  const command = defineCommand(
    { name: "XALL", args: ["astring", "number", "value", "astring?", "number*"] },
    ([text, number, value, optional, numbers], { user, clientId, isSecure, mailbox }) => {
      const known: [string, number, string, string | undefined, readonly number[]] = [
        text,
        number,
        value.type,
        optional,
        numbers,
      ];
      seen.push(known, { user, clientId: clientId?.get("name"), isSecure, mailbox });
      return ok("Seen.", "XALL");
    },
  );
  await running(command, async (client) => {
    await client.asks('i ID ("name" "lab")\r\n', /i OK .*\r\n/);
    await client.asks("a XALL a 1 (x)\r\n", /^a OK \[XALL\] Seen\.\r\n/);
    await client.asks('b XALL "a" 1 x {1+}\r\nb 2 3\r\n', /^b OK \[XALL\] Seen\.\r\n/);
    await client.asks("c XALL a b\r\n", /^c BAD .*: Invalid arguments\.\r\n/);
  });
  const session = { user: "alice", clientId: "lab", isSecure: false, mailbox: undefined };
  assert.deepEqual(seen, [
    ["a", 1, "list", undefined, []],
    session,
    ["a", 1, "atom", "b", [2, 3]],
    session,
  ]);
});

test("a handler › that returns NO or BAD › answers so", async () => {
  const command = defineCommand(
    { name: "XFAIL" },
    (args) => args.length > 0 ? bad("Too many.") : no("Never.", "CANNOT"),
  );
  await running(command, async (client) => {
    await client.asks(
      "a XFAIL\r\nb XFAIL x\r\n",
      /^a NO \[CANNOT\] Never\.\r\nb BAD Too many\.\r\n/,
    );
  });
});

for (const done of ["DONE\r\n", "done\r\n", "dOnE\n"]) {
  test(`DONE › as ${JSON.stringify(done)}, with a command after it › ends the handler first`, async () => {
    await running(xwait, async (client) => {
      await client.asks("a XWAIT\r\n", /\+ waiting\r\n/);
      await client.asks(`${done}n NOOP\r\n`, /^\* XWAIT END\r\na OK Waited\.\r\nn OK .*\r\n/);
    });
  });
}

test("DONE › in one write with its command and the next one › is counted in order", async () => {
  await running(xwait, async (client) => {
    await client.asks(
      "a XWAIT\r\nDONE\r\nb XWAIT\r\nDONE\r\nn NOOP\r\n",
      /^\* XWAIT "alice"\r\n\+ waiting\r\n\* XWAIT END\r\na OK Waited\.\r\n\* XWAIT "alice"\r\n\+ waiting\r\n\* XWAIT END\r\nb OK Waited\.\r\nn OK .*\r\n/,
    );
  });
});

for (const line of ["x NOOP", "", "x APPEND INBOX {8+}\r\ny NOOP\r\n", "x".repeat(70_000)]) {
  test(`a wrong line › ${JSON.stringify(line.slice(0, 30))} › ends the handler, which is heard no more`, async () => {
    const noted: string[] = [];
    const command = long(async function* (done) {
      try {
        yield continuation();
        await done;
        noted.push("done");
        yield untagged("XLATE");
        noted.push("never");
      } finally {
        noted.push("finally");
      }
      return ok("Never.");
    });
    await running(command, async (client, errors) => {
      await client.asks("a XLONG\r\n", /^\+ OK\r\n/);
      await client.asks(`${line}\r\nn NOOP\r\n`, /^a BAD Expected DONE\.\r\nn OK .*\r\n/);
      await until(() => noted.includes("finally"), "its finally");
      assert.deepEqual(noted, ["done", "finally"]);
      await client.asks("b NOOP\r\n", /^b OK /);
      assert.deepEqual(errors, []);
    });
  });
}

test("the client's end › in each state of a command › aborts it", async () => {
  for (const said of ["a XLONG\r\n", "a XLONG\r\nDON", "a XSHORT\r\n"]) {
    for (const how of ["half", "whole"]) {
      const noted: string[] = [];
      const wait = async (done: Promise<void>, signal: AbortSignal) => {
        noted.push("begun");
        if (said.includes("XSHORT") && how === "half") return;
        await done;
        noted.push((signal.reason as Error).message);
      };
      const commands = [
        // deno-lint-ignore require-yield
        long(async function* (done, signal) {
          await wait(done, signal);
          return ok("Heard by nobody.");
        }),
        defineCommand({ name: "XSHORT" }, async (_args, _session, { done, signal }) => {
          await wait(done, signal);
          return ok("Answered.");
        }),
      ];
      await using served = await serving({ commands, halfCloseTimeout: 20 });
      await using client = await served.clientIn();
      await client.say(said);
      await until(() => noted.length > 0, "its begin");
      if (how === "half") {
        await client.transport.closeWrite();
        const answer = said.includes("XSHORT") ? "a OK Answered.\r\n" : "";
        assert.equal(await client.hearsTheEnd(), answer);
      } else await client.transport.close();
      if (how === "whole" || !said.includes("XSHORT")) {
        await until(() => noted.length > 1, "its end");
        assert.match(noted[1], /^XLONG|^XSHORT/);
      }
      await until(() => served.server.connections === 0, "no connection");
      assert.deepEqual(served.errors, []);
    }
  }
});

test("its own return › before DONE › ends the command, and the input is the next one's", async () => {
  const command = long(async function* () {
    yield continuation();
    return ok("Enough.");
  });
  await running(command, async (client) => {
    await client.asks("a XLONG\r\n", /^\+ OK\r\na OK Enough\.\r\n/);
    await client.asks("n NOOP\r\n", /^n OK /);
  });
});

test("a generator › whose client doesn't read › is asked for no more until it does", async () => {
  const piece = new Uint8Array(64 * 1024).fill(0x78);
  const count = 400;
  let yielded = 0;
  const command = long(async function* () {
    for (; yielded < count; yielded++) yield untagged("XDATA ", piece);
    return ok("All.");
  });
  await running(command, async (client) => {
    client.reads(false);
    await client.say("a XLONG\r\n");
    let before = -1;
    await until(() => {
      const stands = yielded === before && yielded > 0;
      before = yielded;
      return stands;
    }, "a stop");
    assert(yielded < count, "it was asked for everything");
    client.reads(true);
    await client.hearsLine("a OK All.");
    assert.equal(yielded, count);
  });
});

test("a client that doesn't read › while a command sends › is disconnected at the time limit", async () => {
  const piece = new Uint8Array(64 * 1024);
  let hasEnded = false;
  const command = long(async function* () {
    try {
      for (;;) yield untagged("XDATA ", piece);
    } finally {
      hasEnded = true;
    }
  });
  await using served = await serving({ commands: [command], stallTimeout: 200 });
  await using client = await served.clientIn();
  client.reads(false);
  await client.say("a XLONG\r\n");
  await until(() => hasEnded, "its end");
  assert.match((await served.told(1))[0], /the other end read nothing for 200 ms/);
  await until(() => served.server.connections === 0, "no connection");
});

test("keepalives › while a command waits › come", async () => {
  await running(xwait, async (client) => {
    await client.asks("a XWAIT\r\n", /\+ waiting\r\n/);
    await client.hears(/^\* OK Still here\r\n\* OK Still here\r\n/);
    await client.asks("DONE\r\n", /a OK Waited\.\r\n/);
  }, { keepaliveInterval: 20 });
});

test("output that is blocked › with keepalives due, and DONE behind › is complete once the client reads", async () => {
  const piece = new Uint8Array(64 * 1024).fill(0x78);
  let yielded = 0;
  let isDone = false;
  const command = long(async function* (done) {
    void done.then(() => isDone = true);
    for (; yielded < 200; yielded++) yield untagged("XDATA ", piece);
    return ok("All.");
  });
  const endTimeout = 12_345_678;
  // What is left of it as well, after the handler had some of it.
  using timers = new HeldTimers((delay) => delay > endTimeout / 2);
  await running(command, async (client, errors) => {
    client.reads(false);
    await client.say("a XLONG\r\n");
    await until(() => yielded > 1, "output");
    await client.say("DONE\r\nn NOOP\r\n");
    await until(() => isDone, "DONE");
    let before = -1;
    await until(() => {
      const stands = yielded === before;
      before = yielded;
      return stands;
    }, "a stop");
    // Many keepalives are due, and the time isn't the handler's.
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert(yielded < 200, "all of it was taken");
    assert.equal(timers.count, 0);
    client.reads(true);
    await client.hearsLine("a OK All.\r\nn OK NOOP completed.");
    assert.deepEqual(errors, []);
    assert(timers.started > 0, "the handler had no time limit");
  }, { keepaliveInterval: 10, endTimeout });
});

test("a command of one client › while another one's runs › isn't held back", async () => {
  await using served = await serving();
  await using one = await served.clientIn();
  await using other = await served.clientIn();
  await one.asks("a XWAIT\r\n", /\+ waiting\r\n/);
  await other.asks("a XECHO hello\r\n", /^a OK hello\r\n/);
  await one.asks("DONE\r\n", /a OK Waited\.\r\n/);
});

test("an ImapClient › that leaves a long-running command's loop › ends it in step", async () => {
  let hasEnded = false;
  const command = long(async function* (done) {
    try {
      yield untagged("XKEY ", encodeUtf8("a\r\nb"));
      yield continuation();
      await done;
    } finally {
      hasEnded = true;
    }
    return ok("Done.");
  });
  await using served = await serving({ commands: [command] });
  assert(served.server.address.transport === "tcp");
  const { hostname, port } = served.server.address;
  await using client = await ImapClient.connect({ hostname, port }, {
    username: "alice",
    password,
  });
  for (let round = 0; round < 3; round++) {
    for await (const response of client.longCommand("XLONG")) {
      if (response.type === "continuation") break;
    }
    assert(hasEnded);
  }
  assert.equal((await client.command("NOOP")).text, "NOOP completed.");
  assert.deepEqual(served.errors, []);
});
