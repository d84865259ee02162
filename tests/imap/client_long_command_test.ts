import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeoutError } from "../../core/mod.ts";
import { astringOf } from "../../core/imap/mod.ts";
import { ImapCommandError } from "../../imap/client_errors.ts";
import { LongCommand } from "../../imap/client_long_command.ts";
import type { ImapClientOptions, LongResponse } from "../../imap/client_options.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { until } from "../harness/until.ts";
import { startTalk } from "./scripted_end.ts";

// The servers here are fakes: they do what real ones do only when they are broken, hostile or slow.

/** The kinds of responses. */
function kindsOf(responses: readonly LongResponse[]): string[] {
  return responses.map((response) => "name" in response ? response.name : response.type);
}

test("longCommand › responses › are yielded as they come, and leaving the loop sends DONE", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const seen: LongResponse[] = [];
  const loop = (async () => {
    for await (const response of client.longCommand("XKEYSYNC", ["ab", "cd"])) {
      seen.push(response);
      if (seen.length === 4) break;
    }
  })();
  await server.hears("C1 XKEYSYNC ab cd\r\n");
  await server.say(
    "* XKEYSYNC CREATED {3}\r\nabc\r\n* XKEYSYNC OK\r\n+ OK\r\n* OK still\r\n* 1 X\r\n",
  );
  await server.hears("DONE\r\n");
  const next = client.command("NOOP");
  await server.say("* 2 X\r\nC1 OK xkeysync complete\r\n");
  await loop;
  assert.deepEqual(kindsOf(seen), ["XKEYSYNC", "XKEYSYNC", "continuation", "OK"]);
  const [created] = seen;
  assert(created.type === "untagged");
  assert.deepEqual(created.values.map(astringOf), ["CREATED", "abc"]);
  await server.hears("C2 NOOP\r\n");
  await server.say("C2 OK done\r\n");
  await next;
});

test("longCommand › a loop left before the continuation › sends DONE after it", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const loop = (async () => {
    for await (const response of client.idle()) if (response.type === "untagged") break;
  })();
  await server.hears("C1 IDLE\r\n");
  await server.say("* 1 EXISTS\r\n");
  await server.say("+ idling\r\n");
  await server.hears("DONE\r\n");
  await server.say("C1 OK Idle completed.\r\n");
  await loop;
});

test("longCommand › its signal › sends DONE, and the loop goes on to the end", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const controller = new AbortController();
  const seen: LongResponse[] = [];
  const loop = (async () => {
    for await (const response of client.idle({ signal: controller.signal })) seen.push(response);
  })();
  await server.hears("C1 IDLE\r\n");
  await server.say("+ idling\r\n* 1 EXISTS\r\n");
  controller.abort();
  await server.hears("DONE\r\n");
  await server.say("* 2 EXISTS\r\nC1 OK Idle completed.\r\n");
  await loop;
  assert.deepEqual(kindsOf(seen), ["continuation", "EXISTS", "EXISTS"]);
});

test("longCommand › a signal before it was sent › sends nothing", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  assert.deepEqual(await client.idle({ signal: AbortSignal.abort() }).next(), {
    done: true,
    value: undefined,
  });
  const first = client.command("NOOP");
  const controller = new AbortController();
  const waiting = client.idle({ signal: controller.signal }).next();
  controller.abort();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const third = client.command("X");
  await server.hears("C1 NOOP\r\n");
  await server.say("C1 OK\r\n");
  await server.hears("C3 X\r\n");
  await server.say("C3 OK done\r\n");
  await Promise.all([first, third]);
});

test("longCommand › ended by the server › returns its answer, or throws it", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const good = client.longCommand("X");
  const [first] = await Promise.all([
    good.next(),
    server.say("* 1 Y\r\nC1 OK [Z] enough\r\n"),
  ]);
  assert(!first.done);
  const end = await good.next();
  assert.equal(end.done && end.value?.code?.name, "Z");
  for (const answer of ["NO [LIMIT] no", "BAD Unknown command"]) {
    await using another = await startTalk();
    const bad = another.client.longCommand("X");
    void another.server.say(`* 1 Y\r\nC1 ${answer}\r\n`);
    assert.equal((await bad.next()).done, false);
    await assert.rejects(bad.next(), ImapCommandError);
  }
});

test("longCommand › a loop that takes nothing › holds the server back, and close() still ends", async () => {
  await leavingNothing(async () => {
    const { client, server } = await startTalk({ timeout: 60_000, silenceTimeout: 60_000 });
    const responses = client.idle();
    const first = responses.next();
    await server.hears("C1 IDLE\r\n");
    let said = 0;
    const flood = (async () => {
      for (;;) {
        await server.say("* 1 EXISTS\r\n".repeat(1000));
        said++;
      }
    })();
    flood.catch(() => {});
    await server.say("+ idling\r\n");
    await first;
    let before;
    do {
      before = said;
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve));
    } while (said > before);
    await client.close();
    await assert.rejects(
      (async () => {
        for await (const _ of responses);
      })(),
      /closed on this side/,
    );
    await assert.rejects(flood);
  });
});

test("longCommand › a server that never continues, falls silent, or never ends › times out", async () => {
  const stages: readonly [ImapClientOptions, string, RegExp][] = [
    [{ timeout: 1 }, "", /not answered/],
    [{ silenceTimeout: 1 }, "+ idling\r\n", /sent nothing.*silenceTimeout/],
  ];
  for (const [options, said, message] of stages) {
    await using talk = await startTalk(options);
    void talk.server.say(said);
    await assert.rejects(async () => {
      for await (const _ of talk.client.idle());
    }, (error: Error) => {
      assert(error instanceof TimeoutError);
      assert.match(error.message, message);
      return true;
    });
    assert(!talk.client.isOpen);
  }
  // Whoever leaves the loop learns of the lost connection at the next command.
  await using talk = await startTalk({ timeout: 1, silenceTimeout: 0 });
  void talk.server.say("+ idling\r\n");
  for await (const _ of talk.client.idle()) break;
  assert(!talk.client.isOpen);
});

test("longCommand › a connection that is lost › throws after what came before", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const seen: LongResponse[] = [];
  void server.say("+ idling\r\n* 1 EXISTS\r\n* BYE Server shutting down.\r\n");
  await assert.rejects(async () => {
    for await (const response of client.idle()) seen.push(response);
  }, /"IDLE" was not answered .*BYE Server shutting down/);
  assert.deepEqual(kindsOf(seen), ["continuation", "EXISTS"]);
});

test("LongCommand › its caller takes nothing after the end was asked for › the time waits for the caller", async () => {
  const timeouts: string[] = [];
  const long = new LongCommand({
    timeout: 1,
    silenceTimeout: Infinity,
    onTimeout: (limit) => timeouts.push(limit),
  });
  long.add({ type: "continuation", text: "x".repeat(1_000_000) });
  long.startEnding();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(timeouts, []);
  const responses = long.responses();
  assert.equal((await responses.next()).value?.type, "continuation");
  await until(() => timeouts.length > 0, "the time limit");
  assert.deepEqual(timeouts, ["timeout"]);
  long.stop();
});
