/** Commands that sleep, on a server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import {
  continuation,
  defineCommand,
  type ImapCommand,
  ok,
  sleep,
  untagged,
} from "../../imap/mod.ts";
import { failure, running } from "./served.ts";
import { until } from "../harness/until.ts";

/** A command that sleeps, with a handler for each call. */
function sleeping(...handlers: ((state: unknown, wake: () => void) => unknown)[]): ImapCommand {
  let wake = () => {};
  return defineCommand(
    {
      name: "XLONG",
      isLongRunning: true,
      watch(_session, onChange) {
        wake = onChange;
        return () => {};
      },
    },
    async function* (_args, _session, { state }) {
      const end = handlers.shift()!(state, wake);
      yield untagged(`XLONG ${JSON.stringify(state)}`);
      return end as ReturnType<typeof ok>;
    },
  );
}

test("sleep › a wake while the handler runs › calls it again with its state", async () => {
  const command = sleeping(
    (_state, wake) => (wake(), wake(), sleep({ at: 1 })),
    (_state, wake) => (wake(), sleep([2])),
    () => ok("Enough."),
  );
  await running(command, async (client) => {
    const heard = await client.asks("a XLONG\r\n", /a OK .*\r\n/);
    assert.equal(heard, "a OK Enough.\r\n");
  });
});

test("sleep › what its handlers say › comes in order", async () => {
  const command = sleeping(
    (_state, wake) => (wake(), sleep({ at: 1 })),
    () => sleep(),
    () => ok("Enough."),
  );
  await running(command, async (client) => {
    await client.asks("a XLONG\r\n", /^\* XLONG undefined\r\n\* XLONG \{"at":1\}\r\n/);
    await client.asks("DONE\r\n", /^\* XLONG null\r\na OK Enough\.\r\n/);
  });
});

const wrong: readonly (readonly [string, ImapCommand, RegExp])[] = [
  ["state that is no plain data", sleeping(() => sleep(new Date() as never)), /can't be frozen/],
  [
    "a command that isn't long-running",
    defineCommand({ name: "XLONG" }, () => sleep()),
    /returned sleep\(\)\. Define it with "isLongRunning"/,
  ],
  [
    "a watch that throws",
    defineCommand({
      name: "XLONG",
      isLongRunning: true,
      watch: () => {
        throw new Error("a reason");
      },
    }, () => ok("Never.")),
    /^a reason$/,
  ],
  [
    "a watch that returns no function",
    defineCommand(
      { name: "XLONG", isLongRunning: true, watch: () => undefined as never },
      () => ok("Never."),
    ),
    /"watch" of a command returned something else/,
  ],
];

for (const [how, command, message] of wrong) {
  test(`sleep › ${how} › fails the command, and tells the owner`, async () => {
    await running(command, async (client, errors) => {
      await client.asks("a XLONG\r\n", new RegExp(`a ${failure.replace(/[[\].]/g, "\\$&")}\r\n`));
      await until(() => errors.length > 0, "its error");
      assert.match(errors[0], message);
    });
  });
}

test("sleep › after DONE › fails the command", async () => {
  const command = sleeping(() => sleep(), () => sleep());
  await running(command, async (client, errors) => {
    await client.asks("a XLONG\r\n", /XLONG/);
    await client.asks("DONE\r\n", /a NO \[SERVERBUG\]/);
    await until(() => errors.length > 0, "its error");
    assert.match(errors[0], /returned sleep\(\) after the client's DONE/);
  });
});

test("sleep › DONE that comes while the handler decides to sleep › calls it again", async () => {
  const states: unknown[] = [];
  const command = defineCommand(
    { name: "XLONG", isLongRunning: true },
    async (_args, _session, { signal, done, state }) => {
      states.push(state);
      if (signal.aborted) return ok("Enough.");
      await done;
      return sleep("slept");
    },
  );
  await running(command, async (client) => {
    await client.say("a XLONG\r\n");
    await until(() => states.length === 1, "its handler");
    await client.asks("DONE\r\n", /^a OK Enough\.\r\n/);
    assert.deepEqual(states, [undefined, "slept"]);
  });
});

test("sleep › with a time › calls the handler again after it, or before when it is woken", async () => {
  let wake = () => {};
  const command = defineCommand(
    {
      name: "XLONG",
      isLongRunning: true,
      watch: (_session, onChange) => (wake = onChange, () => {}),
    },
    async function* (_args, _session, { signal, state }) {
      const calls = (state as number | undefined ?? 0) + 1;
      yield untagged(`XLONG ${calls}`);
      if (signal.aborted) return ok("Enough.");
      return sleep(calls, { wakeAfter: calls < 3 ? 1 : 3_600_000 });
    },
  );
  await running(command, async (client) => {
    await client.asks("a XLONG\r\n", /^\* XLONG 1\r\n\* XLONG 2\r\n\* XLONG 3\r\n/);
    wake();
    await client.hears(/^\* XLONG 4\r\n/);
    await client.asks("DONE\r\n", /^\* XLONG 5\r\na OK Enough\.\r\n/);
  });
});

test("sleep › a watch that starts late › ends when the command has", async () => {
  let begin: ((stop: () => void) => void) | undefined;
  let stops = 0;
  const command = defineCommand({
    name: "XLONG",
    isLongRunning: true,
    watch: () => new Promise<() => void>((resolve) => begin = resolve),
  }, () => ok("Never."));
  await running(command, async (client) => {
    await client.say("a XLONG\r\n");
    await until(() => begin !== undefined, "the watch");
    await client.asks("wrong\r\n", /a BAD /);
    begin!(() => stops++);
    await until(() => stops === 1, "its end");
  });
});

test("sleep › a watch whose end throws or rejects › tells the owner, and the next command runs", async () => {
  const ends: (() => void)[] = [
    () => Promise.reject(new Error("a reason")),
    () => {
      throw new Error("a reason");
    },
  ];
  const command = defineCommand({
    name: "XLONG",
    isLongRunning: true,
    watch: () => ends.pop()!,
  }, async function* (_args, _session, { signal, state }) {
    if (state === undefined) yield continuation("sleeping");
    return signal.aborted ? ok("Done.") : sleep("asleep");
  });
  await running(command, async (client, errors) => {
    for (const tag of ["a", "b"]) {
      await client.asks(`${tag} XLONG\r\n`, /\+ sleeping\r\n/);
      await client.asks("DONE\r\n", new RegExp(`${tag} OK Done\\.\r\n`));
    }
    await until(() => errors.length === 2, "its errors");
    assert.deepEqual(errors.map((error) => /a reason/.test(error)), [true, true]);
  });
});

test("sleep › a watch that starts late, and whose end rejects › tells the owner", async () => {
  let begin: ((stop: () => void) => void) | undefined;
  const command = defineCommand({
    name: "XLONG",
    isLongRunning: true,
    watch: () => new Promise<() => void>((resolve) => begin = resolve),
  }, () => ok("Never."));
  await running(command, async (client, errors) => {
    await client.say("a XLONG\r\n");
    await until(() => begin !== undefined, "the watch");
    await client.asks("wrong\r\n", /a BAD /);
    begin!(() => Promise.reject(new Error("a reason")));
    await until(() => errors.length === 1, "its error");
    assert.match(errors[0], /a reason/);
  });
});

test("sleep › options that are wrong › are refused", () => {
  assert.throws(
    () => defineCommand({ name: "XLONG", watch: 7 as never }, () => ok("Never.")),
    LocalProtocolError,
  );
  for (const wakeAfter of [NaN, -1, null, "5"] as number[]) {
    assert.throws(() => sleep(1, { wakeAfter }), /"wakeAfter" is .* milliseconds/);
  }
  for (const options of [null, 1000, "1000"] as never[]) {
    assert.throws(() => sleep(1, options), LocalProtocolError);
  }
});
