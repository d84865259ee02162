/**
 * What the client is for, as functions that any way to a real Dovecot can be tried with.
 *
 * Each leaves the server's mail as it was: alice's is the one that servers have unless configured
 * otherwise, and bob has none.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { CommandInput } from "../../../core/doveadm/catalogue/mod.ts";
import {
  AbortError,
  AuthenticationError,
  CommandError,
  ConnectionLostError,
  type DoveadmClient,
  type DoveadmConnection,
  type DoveadmLog,
  type DoveadmOptions,
  type DoveadmRequest,
} from "../../../mod.ts";
import type { Dovecot } from "../../harness/dovecot/dovecot.ts";
import { signalWorkers } from "../../harness/dovecot/workers.ts";

/** A server, and a way to it. */
export interface Way {
  /** The server. */
  readonly dovecot: Dovecot;
  /** Whether the log comes with the answers, as it does from protocol 1.1 on. */
  readonly isMultiplexed: boolean;
  /** A client that goes this way. */
  connect(options?: DoveadmOptions): DoveadmClient;
  /** A connection that goes this way, with nothing hidden. */
  open(): Promise<DoveadmConnection>;
}

/** A command that counts the messages in a user's INBOX. */
export function messages(user: string): DoveadmRequest {
  return { name: "mailbox status", user, args: ["messages", "INBOX"] };
}

/** What a command answers. */
export async function fieldsOf(
  doveadm: DoveadmClient,
  request: DoveadmRequest,
): Promise<readonly string[]> {
  return (await doveadm.send(request)).fields;
}

/** Mailboxes and mails with their types, at once and one by one. */
export async function typedRows(way: Way): Promise<void> {
  await using doveadm = way.connect();
  const mailboxes = await doveadm.run("mailbox list", { user: "alice" });
  assert.deepEqual(
    mailboxes.map(({ mailbox }) => mailbox).sort(),
    ["INBOX", "Projects", "Projects/2024", "Sent"],
  );
  const status = { field: ["messages", "unseen"], mailboxMask: ["INBOX", "Sent"] } as const;
  const counts = await doveadm.run("mailbox status", { user: "alice", ...status });
  assert.deepEqual(counts.sort((a, b) => a.mailbox < b.mailbox ? -1 : 1), [
    { mailbox: "INBOX", messages: 3, unseen: 3 },
    { mailbox: "Sent", messages: 0, unseen: 0 },
  ]);
  const mails: unknown[] = [];
  const fetch = {
    user: "alice",
    field: ["uid", "flags", "date.sent", "hdr.subject"],
    query: ["mailbox", "INBOX", "not", "subject", "minutes"],
  } as const;
  for await (const mail of doveadm.rows("fetch", fetch)) {
    assert(mail["date.sent"] instanceof Date);
    const isSeen = mail.flags.includes("\\Seen");
    mails.push([mail.uid, isSeen, mail["date.sent"].getTime(), mail["hdr.subject"]]);
  }
  assert.deepEqual(mails, [
    [1, false, Date.UTC(2026, 0, 5, 11, 30), "Lunch?"],
    [3, false, Date.UTC(2026, 0, 7, 14, 15), "Re: Lunch?"],
  ]);
  await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }), { code: "NOUSER" });
  assert.deepEqual(await doveadm.run("mailbox list", { user: "bob" }), [{ mailbox: "INBOX" }]);
}

/** Hundreds of commands on one connection, and many of one client, each user's answered in their order. */
export async function manyInOrder(way: Way): Promise<void> {
  const inOrder = async (count: number, ask: (at: number) => Promise<void>) => {
    const answered: number[] = [];
    const places = Array.from({ length: count }, (_, at) => at);
    await Promise.all(places.map((at) => ask(at).then(() => answered.push(at))));
    assert.deepEqual(answered, places);
  };
  const mailboxes = (at: number) =>
    at % 3 === 0
      ? { request: { name: "mailbox list", user: "alice" }, count: 4 }
      : { request: { name: "mailbox list", user: "bob" }, count: 1 };
  {
    await using connection = await way.open();
    await inOrder(500, async (at) => {
      // In this order, since "who" aborts after a mail command.
      const { request, count } = at < 450 ? { request: { name: "who" }, count: 0 } : mailboxes(at);
      const answer = await connection.send(request);
      assert(answer.ok, `command ${at} failed`);
      assert.equal(answer.fields.length, count, `command ${at}`);
    });
  }
  await using doveadm = way.connect();
  const ofUser = (user: string, count: number) =>
    inOrder(25, async (at) => {
      const fields = await fieldsOf(doveadm, { name: "mailbox list", user });
      assert.equal(fields.length, count, `command ${at} of ${user}`);
    });
  await Promise.all([ofUser("alice", 4), ofUser("bob", 1)]);
}

/** Commands that die of a mail command before them, or whose rows would come after their reply. */
export async function besideMail(way: Way): Promise<void> {
  await using doveadm = way.connect();
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
  assert.deepEqual(await fieldsOf(doveadm, { name: "who" }), []);
  const [users] = await fieldsOf(doveadm, { name: "user", args: ["*"] });
  assert.deepEqual(JSON.parse(users).userList.sort(), [...way.dovecot.users].sort());
  assert.deepEqual(await fieldsOf(doveadm, messages("bob")), ["INBOX", "0"]);
  const mixed = await Promise.all([
    fieldsOf(doveadm, messages("alice")),
    fieldsOf(doveadm, { name: "who" }),
    fieldsOf(doveadm, messages("bob")),
  ]);
  assert.deepEqual(mixed, [["INBOX", "3"], [], ["INBOX", "0"]]);
}

/** Failures, with their log lines if the connection has a log. */
export async function failures(way: Way): Promise<void> {
  const logged: DoveadmLog[] = [];
  await using doveadm = way.connect({ onLog: (log) => logged.push(log) });
  const failure = async (request: DoveadmRequest) => {
    const error = await doveadm.send(request).then(() => assert.fail(), (error) => error);
    assert(error instanceof CommandError, String(error));
    assert.equal(error.command, request.name);
    assert(error.sent);
    return error;
  };
  const noUser = await failure({ name: "mailbox list", user: "nobody" });
  assert.deepEqual([noUser.code, noUser.exitCode], ["NOUSER", 67]);
  if (way.isMultiplexed) {
    assert.match(noUser.message, /there is no such user \(NOUSER\): .*nobody/);
    assert(noUser.log.length > 0);
    assert(logged.every(({ command }) => command === "mailbox list"));
  } else {
    assert.match(noUser.message, /there is no such user \(NOUSER\)\.$/);
    assert.deepEqual(noUser.log, []);
  }
  assert.deepEqual(logged.map(({ level, message }) => ({ level, message })), noUser.log);
  const unknown = await failure({ name: "no such command" });
  assert.deepEqual([unknown.code, unknown.exitCode], ["", -1]);
  const usage = await failure({ name: "mailbox list", user: "alice", args: ["--bogus"] });
  assert.equal(usage.code, "USAGE");
  const missing = await failure({ name: "save", user: "bob", args: ["-m", "Nope"], input: "x" });
  assert.equal(missing.code, "NOTFOUND");
  const search = { name: "search", user: "alice", args: ["mailbox", "Nope", "all"] };
  if (way.dovecot.version.startsWith("2.3.")) {
    assert.equal((await failure(search)).code, "NOTFOUND");
  } else {
    assert.deepEqual(await fieldsOf(doveadm, search), []);
  }
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
}

/** A stream of many fields, one that is left early, and one that fails. */
export async function streams(way: Way): Promise<void> {
  await using doveadm = way.connect();
  const fetch = { name: "fetch", user: "alice", args: ["uid hdr.subject", "mailbox", "INBOX"] };
  const texts: string[] = [];
  for await (const field of doveadm.stream(fetch)) texts.push(await field.text());
  assert.deepEqual(texts, ["1", "Lunch?", "2", "Minutes", "3", "Re: Lunch?"]);
  for await (const field of doveadm.stream(fetch)) {
    // A command within a stream has a connection of its own, and doesn't wait for the stream.
    assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
    assert.equal(await field.text(), "1");
    break;
  }
  await assert.rejects(async () => {
    const args = ["messages", "INBOX", "NoSuchBox"];
    for await (const _ of doveadm.stream({ name: "mailbox status", user: "nobody", args }));
  }, CommandError);
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
}

/** A message of all that is special to the protocol, bytes that aren't UTF-8, and so many bytes. */
export function eightBitMail(size: number): Uint8Array {
  const lines = [
    ".dot\n",
    "..\n",
    ".\n",
    "8-bit \xe9\xff\x80\n",
    "\x01\0\x7f\t\n",
    "\t\treload\n",
    "plain text\n",
    "\n",
  ];
  const pattern = Uint8Array.from(lines.join(""), (character) => character.charCodeAt(0));
  const mail = new Uint8Array(size);
  for (let at = 0; at < size; at += pattern.length) mail.set(pattern.subarray(0, size - at), at);
  mail.set(new TextEncoder().encode("Subject: large\n\n"));
  mail[size - 1] = 0x2e;
  return mail;
}

/** A message in pieces, of which the second begins within a line. */
export async function* piecesOf(mail: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, length = 7; at < mail.length; at += length, length = length % 99_991 + 49_999) {
    if (at > 0) await Promise.resolve();
    yield mail.subarray(at, at + length);
  }
}

/** A message that is saved comes back byte for byte, at once and streamed. */
export async function savedMail(
  way: Way,
  mail: Uint8Array,
  file: CommandInput = mail,
): Promise<void> {
  await using doveadm = way.connect();
  await doveadm.run("mailbox create", { user: "bob", mailbox: ["Large"] });
  await doveadm.run("save", { user: "bob", mailbox: "Large", file });
  const fetch = { name: "fetch", user: "bob", args: ["text", "mailbox", "Large"] };
  const { rawFields: [text, ...others] } = await doveadm.send(fetch);
  assert.equal(others.length, 0);
  assert.equal(text.length, mail.length);
  assert(Buffer.compare(text, mail) === 0, "the message was changed");
  let at = 0;
  let chunks = 0;
  for await (const field of doveadm.stream(fetch)) {
    for await (const chunk of field) {
      const wanted = mail.subarray(at, at + chunk.length);
      assert(Buffer.compare(chunk, wanted) === 0, `the stream was changed after byte ${at}`);
      at += chunk.length;
      chunks++;
    }
  }
  assert.equal(at, mail.length);
  assert(chunks > 1, "the stream came in one piece");
  await doveadm.run("mailbox delete", { user: "bob", mailbox: ["Large"] });
}

/** Expects a server that asks for a password to refuse a client that has a wrong one, or none. */
export async function refused(doveadm: DoveadmClient): Promise<void> {
  await assert.rejects(doveadm.send({ name: "who" }), (error) => {
    assert(error instanceof AuthenticationError, String(error));
    assert(!error.sent);
    assert.match(error.message, /^Cannot authenticate to (unix|tcp) .*Set "password"/);
    return true;
  });
}

/** The stream of a message that takes the server many writes, aborted in the middle. */
export async function abortedStream(way: Way, fetch: DoveadmRequest): Promise<void> {
  await using doveadm = way.connect();
  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const field of doveadm.stream(fetch, { signal: abort.signal })) {
      for await (const _ of field) abort.abort("enough");
    }
  }, (error) => {
    assert(error instanceof AbortError, String(error));
    assert(error.sent);
    assert.equal(error.cause, "enough");
    return true;
  });
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
}

/** The same, where the server's process dies in the middle. */
export async function killedStream(way: Way, fetch: DoveadmRequest, size: number): Promise<void> {
  await using doveadm = way.connect();
  let got = 0;
  await assert.rejects(async () => {
    for await (const field of doveadm.stream(fetch)) {
      for await (const chunk of field) {
        // The server is stuck writing now: what we don't take, it can't send.
        if (got === 0) await signalWorkers(way.dovecot, "SIGKILL");
        got += chunk.length;
      }
    }
  }, (error) => {
    assert(error instanceof ConnectionLostError, String(error));
    assert(error.sent);
    assert.match(error.message, /^"fetch" was not answered by (unix|tcp) /);
    return true;
  });
  assert(got > 0 && got < size, `${got} of ${size} bytes came`);
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
}
