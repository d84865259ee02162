import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  ConnectionLostError,
  LocalProtocolError,
  RemoteProtocolError,
  TimeoutError,
} from "../../core/mod.ts";
import { atom } from "../../core/imap/mod.ts";
import { ImapCommandError } from "../../imap/client_errors.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { startTalk } from "./scripted_end.ts";

// The servers here are fakes: they do what real ones do only when they are broken, hostile or slow.

test("command › answered OK › resolves to the code and the responses", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const result = client.command("uid fetch", [atom("1:*"), [atom("FLAGS")]]);
  await server.hears("C1 UID FETCH 1:* (FLAGS)\r\n");
  await server.say("* 1 FETCH (UID 1)\r\n* OK [X y] z\r\nC1 OK [MODIFIED 7] done\r\n");
  const { code, text, responses } = await result;
  assert.deepEqual(code, { name: "MODIFIED", text: "7" });
  assert.equal(text, "done");
  assert.deepEqual(responses.map(({ name }) => name), ["FETCH", "OK"]);
});

test("command › answered NO or BAD › rejects with what was said, and the next one runs", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const failed = client.command("SELECT", ["work"]);
  const wrong = client.command("XNONE");
  const good = client.command("NOOP");
  await server.hears("C1 SELECT work\r\n");
  await server.say("C1 NO [NONEXISTENT] Mailbox doesn't exist: wo\x1brk\r\n");
  await server.hears("C2 XNONE\r\n");
  await server.say("C2 BAD Unknown command\r\n");
  await server.hears("C3 NOOP\r\n");
  await server.say("C3 OK done\r\n");
  await assert.rejects(failed, (error: Error) => {
    assert(error instanceof ImapCommandError);
    assert.equal(error.code, "NONEXISTENT");
    assert.equal(error.status, "NO");
    assert.equal(error.command, "SELECT");
    assert(error.sent);
    assert.match(error.message, /"NO \[NONEXISTENT\] Mailbox doesn't exist: wo\\x1brk"/);
    return true;
  });
  await assert.rejects(wrong, (error: Error) => {
    assert(error instanceof ImapCommandError);
    assert.equal(error.code, "BAD");
    assert.equal(error.responseCode, undefined);
    return true;
  });
  assert.equal((await good).text, "done");
});

test("command › that the client sends by itself › says by which options", async () => {
  await using talk = await startTalk();
  const { client } = talk;
  await assert.rejects(client.command("STARTTLS"), /"starttls" of ImapClient/);
  for (const name of ["LOGIN", "AUTHENTICATE"]) {
    await assert.rejects(client.command(name), /"username" and "password" of ImapClient/);
  }
});

test("command › that the caller got wrong › rejects and changes nothing", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  for (const name of ["", "A B C", "LOGIN", "STARTTLS", "IDLE", "COMPRESS DEFLATE"]) {
    await assert.rejects(client.command(name), LocalProtocolError);
  }
  await assert.rejects(client.command("NOOP", [], { timeout: NaN }), LocalProtocolError);
  for (const fields of [null, "abc", ["a"], { name: undefined }, { name: 5 }]) {
    const wrong = fields as unknown as Record<string, string>;
    await assert.rejects(client.id(wrong), LocalProtocolError);
  }
  const signal = AbortSignal.abort();
  await assert.rejects(client.command("NOOP", [], { signal }), AbortError);
  const good = client.command("NOOP");
  await server.hears("C1 NOOP\r\n");
  await server.say("C1 OK done\r\n");
  await good;
});

test("command › that waits for another › can be aborted without harm", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const first = client.command("NOOP");
  const controller = new AbortController();
  const second = client.command("X", [], { signal: controller.signal });
  const third = client.command("Y", [], { timeout: 1 });
  controller.abort();
  await assert.rejects(second, (error: Error) => error instanceof AbortError && !error.sent);
  await assert.rejects(third, (error: Error) => {
    assert(error instanceof TimeoutError && !error.sent);
    assert.match(error.message, /earlier command still runs/);
    return true;
  });
  await server.hears("C1 NOOP\r\n");
  await server.say("C1 OK done\r\n");
  await first;
  const fourth = client.command("Z");
  await server.hears("C4 Z\r\n");
  await server.say("C4 OK done\r\n");
  await fourth;
});

test("command › that was sent › ends the connection when it is aborted or takes too long", async () => {
  const controller = new AbortController();
  for (const options of [{ signal: controller.signal }, { timeout: 1 }]) {
    const { client, server } = await startTalk();
    const first = client.command("X", [], options);
    const second = client.command("Y");
    await server.hears("C1 X\r\n");
    controller.abort();
    await assert.rejects(first, (error: Error) => {
      assert(error instanceof AbortError || error instanceof TimeoutError);
      assert(error.sent);
      return true;
    });
    await assert.rejects(second, (error: Error) => {
      assert(error instanceof ConnectionLostError);
      assert(!error.sent);
      return true;
    });
    assert(!client.isOpen);
    await client.closed;
    await assert.rejects(client.command("Z"), ConnectionLostError);
  }
});

test("command › a connection that is lost › rejects with the server's goodbye", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const command = client.command("X");
  await server.hears("C1 X\r\n");
  await server.say("* BYE Disconnected for inactivity.\r\n");
  await assert.rejects(command, /"X" was not answered .*BYE Disconnected for inactivity\./);
  await assert.rejects(client.command("Y"), /is closed; the server said "BYE Disconnected/);
  await client.closed;
});

test("command › a server that breaks the protocol › rejects with what it did", async () => {
  for (const bytes of ["+ more\r\n", "C7 OK\r\n", "* X {9999999999}\r\n", "* X (\r\n", "\r\n"]) {
    await using talk = await startTalk();
    const { client, server } = talk;
    const command = client.command("X");
    await server.hears("C1 X\r\n");
    await server.say(bytes);
    await assert.rejects(command, RemoteProtocolError, bytes);
  }
});

test("command › responses without end › are refused at the limit", async () => {
  const { client, server } = await startTalk({ maxResponses: 100_000 });
  const command = client.command("X");
  await server.hears("C1 X\r\n");
  const flood = async () => {
    for (;;) await server.say("* 1 FETCH (UID 1)\r\n".repeat(100));
  };
  await Promise.all([
    assert.rejects(flood()),
    assert.rejects(command, (error: Error) => {
      assert(error instanceof RemoteProtocolError);
      assert.equal(error.limit, "maxResponses");
      return true;
    }),
  ]);
});

test("onResponse › responses outside of commands › come in order", async () => {
  const seen: string[] = [];
  await using talk = await startTalk({ onResponse: ({ name }) => void seen.push(name) });
  const { client, server } = talk;
  await server.say("* 1 EXISTS\r\n* OK Still here\r\n* BYE So long\r\n");
  await client.closed;
  assert.deepEqual(seen, ["EXISTS", "OK"]);
});

test("id › fields › are said as strings, and the answer is read", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const first = client.id({ name: "dovewire", version: "1 2" });
  await server.hears('C1 ID ("name" "dovewire" "version" "1 2")\r\n');
  await server.say('* ID ("name" "Dovecot" "os" NIL "__proto__" {1}\r\nx)\r\nC1 OK done\r\n');
  const fields = await first;
  assert.deepEqual([...fields!], [["name", "Dovecot"], ["os", undefined], ["__proto__", "x"]]);
  const second = client.id();
  await server.hears("C2 ID NIL\r\n");
  await server.say("* ID NIL\r\nC2 OK done\r\n");
  assert.equal(await second, undefined);
});

test("logout › an open client › says goodbye and closes", async () => {
  const { client, server } = await startTalk();
  const out = client.logout();
  await server.hears("C1 LOGOUT\r\n");
  await server.say("* BYE Logging out\r\nC1 OK Logout completed.\r\n");
  await out;
  assert(!client.isOpen);
  assert.equal(await server.hearsTheEnd(), "");
});

test("close › a command without an answer › rejects", async () => {
  await leavingNothing(async () => {
    const { client, server } = await startTalk();
    const command = client.command("X");
    const long = client.longCommand("Y").next();
    await server.hears("C1 X\r\n");
    await Promise.all([
      assert.rejects(command, /closed on this side/),
      assert.rejects(long, /closed on this side/),
      client.close(),
    ]);
  });
});
