/** Connections through a relay that are frozen whenever nothing happens. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  continuation,
  defineCommand,
  type ImapCommand,
  type ImapSession,
  ok,
  sleep,
  untagged,
} from "../../../imap/mod.ts";
import type { ServeRelayOptions } from "../../../imap/relay/mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { RelaySetup } from "./relay_setup.ts";
import { until } from "../../harness/until.ts";

/** A number that a command tells, and each change of it. */
class Stock {
  count = 3;
  /** How often the command's handler was called. */
  calls = 0;
  readonly watching = new Set<() => void>();
  readonly command: ImapCommand = defineCommand(
    {
      name: "XSTOCK",
      args: ["astring?"],
      isLongRunning: true,
      watch: (_session, wake) => {
        this.watching.add(wake);
        return () => this.watching.delete(wake);
      },
    },
    (args, { user }, { signal, state }) => this.#tell(args[0], { user, signal, state }),
  );

  change(count: number): void {
    this.count = count;
    for (const wake of this.watching) wake();
  }

  async *#tell(
    name: string | undefined,
    { user, signal, state: told }: {
      readonly user: string | undefined;
      readonly signal: AbortSignal;
      readonly state: unknown;
    },
  ) {
    this.calls++;
    if (this.count !== told) yield untagged(`XSTOCK ${name} ${user} ${this.count}`);
    if (told === undefined) yield continuation("counting");
    return signal.aborted ? ok("Counted.") : sleep(this.count);
  }
}

/** A relay that freezes connections at once, and a session that runs XSTOCK. */
async function counting(stock: Stock, options: Partial<ServeRelayOptions> = {}) {
  const setup = await RelaySetup.start({ freezeAfter: 1, commands: [stock.command], ...options });
  const { client, server } = await setup.session();
  await client.say("a XSTOCK birds\r\n");
  const lines: string[] = [];
  while (lines.at(-1) !== "+ counting\r\n") {
    const line = await client.line();
    assert.notEqual(line, "", "the relay ended");
    // A keepalive may be due at any moment.
    if (line !== "* OK Still here\r\n") lines.push(line);
  }
  assert.deepEqual(lines, ["* XSTOCK birds alice 3\r\n", "+ counting\r\n"]);
  await server.hears("~2 IDLE\r\n");
  await server.say("+ idling\r\n");
  await frozen(setup);
  return { setup, client, server };
}

async function frozen({ relay }: RelaySetup): Promise<void> {
  await until(() => relay.frozenConnections === 1);
}

test("an idle connection › frozen between any two bytes › is relayed as ever, and leaves nothing", async () => {
  await leavingNothing(async () => {
    await using setup = await RelaySetup.start({ freezeAfter: 1 });
    const { client, server } = await setup.session();
    for (const part of ["a APPEND IN", "BOX {5}\r", "\n"]) {
      await frozen(setup);
      await client.say(part);
    }
    await server.hears("a APPEND INBOX {5}\r\n");
    await frozen(setup);
    await server.say("+ O");
    await frozen(setup);
    await server.say("K\r\n");
    await client.hears("+ OK\r\n");
    await frozen(setup);
    await client.say("hel");
    await server.hears("hel");
    await frozen(setup);
    await client.say("lo\r\n");
    await server.hears("lo\r\n");
    await frozen(setup);
    await server.say("* 1 FETCH (X {4}\r\nab");
    await client.hears("* 1 FETCH (X {4}\r\nab");
    await frozen(setup);
    await server.say("cd)\r\na OK Done.\r\n");
    await client.hears("cd)\r\na OK Done.\r\n");
    await client.say("b IDLE\r\n");
    await server.hears("b IDLE\r\n");
    await server.say("+ idling\r\n");
    await client.hears("+ idling\r\n");
    await frozen(setup);
    // Both at once.
    await Promise.all([client.say("DONE\r\n"), server.say("* 3 EXISTS\r\n")]);
    await client.hears("* 3 EXISTS\r\n");
    await server.hears("DONE\r\n");
    await server.say("b OK Done.\r\n");
    await client.hears("b OK Done.\r\n");
    await frozen(setup);
    await client.close();
    assert.equal(await server.hearsTheEnd(), "");
    await server.close();
    await until(() => setup.relay.connections === 0);
    assert.deepEqual(setup.errors, []);
  });
});

test("a frozen connection › whose server, or whose owner ends it › tells the client", async () => {
  await using setup = await RelaySetup.start({ freezeAfter: 1 });
  const first = await setup.session();
  await frozen(setup);
  await first.server.close();
  await first.client.hears(
    "* BYE [UNAVAILABLE] The mail server is not available. Try again later.\r\n",
  );
  await first.client.closesAtTheEnd();
  const second = await setup.session();
  await frozen(setup);
  const closing = setup.relay.close({ timeout: 0 });
  await second.client.hears("* BYE Server shutting down.\r\n");
  await Promise.all([second.client.closesAtTheEnd(), second.server.closesAtTheEnd()]);
  await closing;
});

test("a command that sleeps › in a frozen connection › is woken by its watch, and by DONE", async () => {
  const stock = new Stock();
  const { setup, client, server } = await counting(stock);
  await using _ = setup;
  assert.equal(stock.calls, 1);
  stock.change(4);
  await client.hears("* XSTOCK birds alice 4\r\n");
  await frozen(setup);
  await server.say("* 7 EXISTS\r\n");
  await client.hears("* 7 EXISTS\r\n");
  await frozen(setup);
  assert.equal(stock.calls, 2);
  stock.count = 5;
  await client.say("DO");
  await frozen(setup);
  await client.say("NE\r\n");
  await client.hears("* XSTOCK birds alice 5\r\na OK Counted.\r\n");
  await server.hears("DONE\r\n");
  await server.say("~2 OK Done.\r\n");
  await frozen(setup);
  assert.equal(stock.watching.size, 0);
  assert.deepEqual(setup.errors, []);
});

test("a command that sleeps › ended by a wrong line, its owner or the end › watches no more", async () => {
  const ends: Record<string, (it: Awaited<ReturnType<typeof counting>>) => Promise<unknown>> = {
    async wrong({ client }) {
      await client.say("wrong\r\n");
      await client.hears("a BAD Expected DONE.\r\n");
    },
    async owner({ client, setup }) {
      assert.equal(setup.relay.cancelCommands({ which: ({ name }) => name === "XSTOCK" }), 1);
      await client.hears("a NO The command was cancelled.\r\n");
    },
    gone: ({ client }) => client.close(),
  };
  for (const end of Object.values(ends)) {
    const stock = new Stock();
    const running = await counting(stock);
    await end(running);
    await until(() => stock.watching.size === 0);
    await running.setup[Symbol.asyncDispose]();
    assert.equal(stock.calls, 1);
  }
});

test("a frozen connection › when a keepalive is due › gets it, and is frozen again", async () => {
  const { setup, client } = await counting(new Stock(), { keepaliveInterval: 40 });
  await using _ = setup;
  for (let turn = 0; turn < 3; turn++) {
    await client.hears("* OK Still here\r\n");
    await frozen(setup);
  }
});

test("a command that sleeps for a time › in a frozen connection › wakes after it", async () => {
  const xtick = defineCommand(
    { name: "XTICK", isLongRunning: true },
    async function* (_args, _session, { signal, state }) {
      const calls = (state as number | undefined ?? 0) + 1;
      yield untagged(`XTICK ${calls}`);
      return signal.aborted ? ok("Enough.") : sleep(calls, { wakeAfter: 50 });
    },
  );
  await using setup = await RelaySetup.start({ freezeAfter: 1, commands: [xtick] });
  const { client } = await setup.session();
  await client.say("a XTICK\r\n");
  for (let calls = 1; calls < 4; calls++) {
    await client.hears(`* XTICK ${calls}\r\n`);
    await frozen(setup);
  }
});

test("a command whose handler waits › in an idle connection › isn't frozen", async () => {
  const xwait = defineCommand(
    { name: "XWAIT", isLongRunning: true },
    async (_args, _session, { done }) => {
      await done;
      return ok("Waited.");
    },
  );
  await using setup = await RelaySetup.start({ freezeAfter: 1, commands: [xwait] });
  const waiting = await setup.session();
  await waiting.client.say("a XWAIT\r\n");
  await waiting.server.hears("~2 IDLE\r\n");
  await setup.session();
  await frozen(setup);
  await waiting.client.say("DONE\r\n");
  await waiting.client.hears("a OK Waited.\r\n");
});

for (const isChanged of [false, true]) {
  const what = isChanged ? "of whom the server says something else" : "of whom all is as before";
  test(`a sleeping command › of a frozen client ${what} › has the session that it began with`, async () => {
    const sessions: ImapSession[] = [];
    const xwho = defineCommand(
      { name: "XWHO", isLongRunning: true },
      async function* (_args, session, { signal, state }) {
        sessions.push(session);
        if (state === undefined) yield continuation("who");
        return signal.aborted ? ok("You.") : sleep(1);
      },
    );
    await using setup = await RelaySetup.start({ freezeAfter: 1, commands: [xwho] });
    const { client, server } = await setup.session();
    await client.say("a XWHO\r\n");
    await client.hears("+ who\r\n");
    await server.hears("~2 IDLE\r\n");
    await server.say("+ idling\r\n");
    await frozen(setup);
    if (isChanged) {
      await server.say("* OK [CAPABILITY IMAP4rev1 XNEW] Changed.\r\n");
      await client.hears("* OK [CAPABILITY IMAP4rev1 XNEW] Changed.\r\n");
      await frozen(setup);
    }
    await client.say("DONE\r\n");
    await client.hears("a OK You.\r\n");
    assert.equal(sessions.length, 2);
    assert.equal(sessions[0].user, "alice");
    assert(!sessions[0].capabilities.includes("XNEW"));
    assert.deepEqual(sessions[1], sessions[0]);
  });
}
