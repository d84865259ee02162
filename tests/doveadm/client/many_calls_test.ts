/** Many calls at once, and options and names that are odd. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError, LocalProtocolError } from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { countListeners } from "../../harness/signal_listeners.ts";
import { type Behaviour, clientOf, errorOf, list, outcome } from "./fake_server.ts";

/** Answers every command. */
const answering: Behaviour = async (talk) => {
  await talk.say("+\n");
  while (await talk.command() !== undefined) await talk.say("INBOX\t\n+\n");
};

/** Answers nothing. */
const silent: Behaviour = async (talk) => {
  await talk.say("+\n");
  while (await talk.line() !== undefined);
};

test("one signal › 5,000 calls that wait for it › a handful of listeners, and none in the end", async () => {
  await leavingNothing(async () => {
    const { client } = clientOf(answering);
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    const calls = Array.from({ length: 5000 }, () => client.send(list, { signal }));
    for (const answer of await Promise.all(calls)) assert(answer.ok);
    await client.close();
    assert.equal(listeners.most, 1);
    assert.equal(listeners.now, 0);
  });
});

for (const name of ["mailbox list", "who"]) {
  test(`one signal › aborts 5,000 calls of "${name}" › each gets its own AbortError`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf(silent);
      const controller = new AbortController();
      const { signal } = controller;
      const calls = Array.from(
        { length: 5000 },
        () => outcome(client.send({ name, user: "a" }, { signal })),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
      assert.deepEqual(new Set(await Promise.all(calls)), new Set(["AbortError"]));
      await client.close();
    });
  });

  test(`time limit › of 5,000 calls of "${name}" at once › each gets its own TimeoutError`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf(silent);
      const calls = Array.from(
        { length: 5000 },
        () => outcome(client.send({ name, user: "a" }, { timeout: 100 })),
      );
      assert.deepEqual(new Set(await Promise.all(calls)), new Set(["TimeoutError"]));
      await client.close();
    });
  });
}

// Time options

for (const option of ["connectTimeout", "handshakeTimeout", "timeout", "idleTimeout"] as const) {
  for (const value of [NaN, -1, -Infinity, "5" as unknown as number, null as unknown as number]) {
    test(`${option} › ${typeof value} ${value} › LocalProtocolError that names it`, () => {
      assert.throws(() => clientOf(answering, { [option]: value }), (error: Error) => {
        assert(error instanceof LocalProtocolError);
        return error.message.startsWith(`"${option}" is `);
      });
    });
  }
  for (const value of [0, Infinity, 2 ** 40, undefined]) {
    test(`${option} › ${value} › no limit that is reached`, async () => {
      await leavingNothing(async () => {
        const { client, connections } = clientOf(answering, { [option]: value });
        assert((await client.send(list)).ok);
        await new Promise((resolve) => setTimeout(resolve, 20));
        assert((await client.send(list)).ok);
        assert((await client.send({ name: "who" })).ok);
        await client.close();
        assert.equal(connections(), 2);
      });
    });
  }
}

for (const value of [NaN, -1, "5" as unknown as number]) {
  test(`timeout of a call › ${typeof value} ${value} › LocalProtocolError, and nothing is sent`, async () => {
    const { client, connections } = clientOf(answering);
    for (const name of ["mailbox list", "who"]) {
      const error = await errorOf(client.send({ name, user: "a" }, { timeout: value }));
      assert(error instanceof LocalProtocolError);
      assert.match(error.message, /^"timeout" is /);
    }
    const stream = errorOf(client.stream(list, { timeout: value }).next());
    assert(await stream instanceof LocalProtocolError);
    await client.close();
    assert.equal(connections(), 0);
  });
}

// Names that every object has

const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

test("names of an object's members › as commands, users and arguments of send() › sent like any other", async () => {
  const { client } = clientOf(answering);
  for (const name of inherited) {
    assert((await client.send({ name, user: name, args: [name] })).ok);
  }
  await client.close();
});

test("names of an object's members › as code of a failure › a CommandError like any other", async () => {
  for (const code of inherited) {
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      await talk.command();
      await talk.say(`\n-${code}\n`);
    });
    const error = await errorOf(client.send(list));
    await client.close();
    assert(error instanceof CommandError);
    assert.equal(error.code, code);
    assert.equal(error.exitCode, -1);
    assert.match(error.message, /failed: see the code/);
  }
});

test("names of an object's members › as a typed call's command, parameter or field › LocalProtocolError", async () => {
  const { client } = clientOf(answering);
  // deno-lint-ignore no-explicit-any -- the types refuse such calls
  const run = client.run.bind(client) as any;
  for (const name of inherited) {
    const parameters = JSON.parse(`{"user": "alice", ${JSON.stringify(name)}: "x"}`);
    for (
      const call of [
        () => run(name, {}),
        () => run("mailbox list", parameters),
        () => run("mailbox status", { user: "alice", field: [name], mailboxMask: ["*"] }),
        () => run("fetch", { user: "alice", field: [name], query: ["all"] }),
      ]
    ) {
      assert(await errorOf(call()) instanceof LocalProtocolError, name);
    }
  }
  await client.close();
});
