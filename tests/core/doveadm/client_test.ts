import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { inspect } from "node:util";
import {
  type DoveadmClientEvent,
  DoveadmClientProtocol,
  type DoveadmReply,
  encodePacket,
  LOG_CHANNEL,
} from "../../../core/doveadm/mod.ts";
import {
  AuthenticationError,
  concat,
  decodeUtf8,
  encodeUtf8,
  LocalProtocolError,
  RemoteProtocolError,
} from "../../../core/mod.ts";
import { ServerBytes } from "./dialogue.ts";

const list = { name: "mailbox list", user: "alice" };

/** All events that are there. */
function eventsOf(client: DoveadmClientProtocol): DoveadmClientEvent[] {
  const events: DoveadmClientEvent[] = [];
  for (let event; (event = client.nextEvent()) !== undefined;) events.push(event);
  return events;
}

/** All output that is there, as text. */
function outputOf(client: DoveadmClientProtocol): string {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = client.takeOutput()) !== undefined;) chunks.push(chunk);
  return decodeUtf8(concat(chunks));
}

/** A client in an open session, and the server that it speaks with. */
function session(minor = 2, options = {}): [DoveadmClientProtocol, ServerBytes] {
  const client = new DoveadmClientProtocol({ maxMinor: minor, ...options });
  const server = new ServerBytes(minor);
  outputOf(client);
  client.receive(server.welcome());
  assert.equal(eventsOf(client)[0].type, "ready");
  return [client, server];
}

/** The reply to one command in a session of 1.0. */
function replyTo(bytes: string | Uint8Array): DoveadmReply {
  const [client, server] = session(0);
  client.send(list);
  outputOf(client);
  client.receive(server.main(bytes));
  const [reply] = eventsOf(client);
  assert(reply?.type === "reply");
  return reply;
}

test("doveadm client › a reply as JSON, or inspected › has its fields as texts", () => {
  const success = { type: "reply", id: 1, detail: "", ok: true, fields: ["a\tb", ""] };
  const reply = replyTo("a\x01tb\t\t\n+\n");
  assert.deepEqual(JSON.parse(JSON.stringify(reply)), success);
  assert.equal(inspect(reply), inspect(success));
  const failure = { type: "reply", id: 1, detail: "", ok: false, code: "NOUSER", fields: [] };
  assert.deepEqual(JSON.parse(JSON.stringify(replyTo("\n-NOUSER\n"))), failure);
});

test("doveadm client › versions of both ends › the lower minor counts, and maxMinor limits the offer", () => {
  for (const [ours, theirs, both] of [[4, 2, 2], [4, 4, 4], [1, 4, 1], [3, 4, 3], [4, 9, 4]]) {
    const client = new DoveadmClientProtocol({ maxMinor: ours });
    assert.equal(outputOf(client), `VERSION\tdoveadm-server\t1\t${ours}\n`);
    client.receive(new ServerBytes(theirs).welcome());
    assert.deepEqual(eventsOf(client), [{ type: "ready", minor: both, preauthenticated: true }]);
  }
});

test("doveadm client › a version after the -, or none, with a password › both are accepted", () => {
  const old = new DoveadmClientProtocol({ password: "x" });
  old.receive(encodeUtf8("-\nVERSION\tdoveadm-client\t1\t1\n+\n"));
  assert.deepEqual(eventsOf(old), [{ type: "ready", minor: 1, preauthenticated: false }]);
  const older = new DoveadmClientProtocol({ password: "x" });
  older.receive(encodeUtf8("-\n+\n"));
  assert.deepEqual(eventsOf(older), [{ type: "ready", minor: 0, preauthenticated: false }]);
});

test("doveadm client › a server without a version › commands are sent, and it is ready after a time", () => {
  const client = new DoveadmClientProtocol();
  client.send(list);
  outputOf(client);
  assert.equal(client.deadline, undefined);
  client.receive(encodeUtf8("+\n"));
  assert.deepEqual(eventsOf(client), []);
  assert.equal(outputOf(client), "\talice\tmailbox list\n");
  assert.equal(client.deadline, 0);
  client.handleTimeout(1_000);
  assert.deepEqual(eventsOf(client), []);
  assert.equal(client.deadline, 2_000);
  client.handleTimeout(2_000);
  assert.deepEqual(eventsOf(client), [{ type: "ready", minor: 0, preauthenticated: true }]);
  assert.equal(client.deadline, undefined);
});

test("doveadm client › the server asks for a login › PLAIN is sent", () => {
  const client = new DoveadmClientProtocol({ password: "s3cret" });
  client.send(list);
  outputOf(client);
  client.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
  assert.deepEqual(eventsOf(client), []);
  assert.equal(outputOf(client), `PLAIN\t${btoa("\0doveadm\0s3cret")}\n`);
  client.receive(encodeUtf8("+\n"));
  assert.deepEqual(eventsOf(client), [{ type: "ready", minor: 2, preauthenticated: false }]);
  assert.equal(outputOf(client), "\talice\tmailbox list\n");
});

test("doveadm client › the server asks for no login › the password isn't sent, and that is reported", () => {
  const client = new DoveadmClientProtocol({ password: "s3cret" });
  client.receive(new ServerBytes(2).welcome());
  assert.deepEqual(eventsOf(client), [{ type: "ready", minor: 2, preauthenticated: true }]);
  assert(!outputOf(client).includes("PLAIN"));
});

test("doveadm client › the server asks for a login, and there is no password › an error, and no command is sent", () => {
  const client = new DoveadmClientProtocol();
  client.send(list);
  client.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
  assert.equal(outputOf(client), "VERSION\tdoveadm-server\t1\t4\n");
  assert.throws(() => client.nextEvent(), AuthenticationError);
  assert.throws(() => client.nextEvent(), /none was given\. Set "password"/);
  assert.equal(outputOf(client), "");
  assert(!client.isSent(1));
});

test("doveadm client › the server refuses the password › an AuthenticationError without the password", () => {
  const client = new DoveadmClientProtocol({ password: "hunter2" });
  client.receive(encodeUtf8("-\n"));
  eventsOf(client);
  assert(!inspect(client, { depth: 9, showHidden: true }).includes("hunter2"));
  client.receive(encodeUtf8("-\n"));
  let error: unknown;
  assert.throws(() => eventsOf(client), (thrown) => {
    error = thrown;
    return thrown instanceof AuthenticationError;
  });
  const shown = inspect(error, { depth: 9, showHidden: true });
  assert(!shown.includes("hunter2") && !shown.includes(btoa("\0doveadm\0hunter2")));
});

test("doveadm client › passwords that aren't ASCII, have a NUL, or are empty › sent as UTF-8, or refused", () => {
  const client = new DoveadmClientProtocol({ password: "pässwörd" });
  client.receive(encodeUtf8("-\n"));
  eventsOf(client);
  const plain = outputOf(client).split("\n")[1].slice("PLAIN\t".length);
  assert.equal(Buffer.from(plain, "base64").toString(), "\0doveadm\0pässwörd");
  for (const password of ["", "a\0b"]) {
    assert.throws(() => new DoveadmClientProtocol({ password }), LocalProtocolError);
  }
});

test("doveadm client › STARTTLS is required › PLAIN is sent over TLS only", () => {
  const client = new DoveadmClientProtocol({ password: "x", starttls: "required" });
  outputOf(client);
  client.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
  assert.deepEqual(eventsOf(client), [{ type: "start-tls" }]);
  client.send(list);
  assert.equal(outputOf(client), "STARTTLS\n");
  client.tlsStarted();
  assert.equal(outputOf(client), `PLAIN\t${btoa("\0doveadm\0x")}\n`);
});

test("doveadm client › unencrypted bytes after STARTTLS › an error, and no password is sent", () => {
  for (const upgrade of [false, true]) {
    const client = new DoveadmClientProtocol({ password: "x", starttls: "required" });
    client.receive(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
    assert.deepEqual(eventsOf(client), [{ type: "start-tls" }]);
    client.receive(encodeUtf8("+\n"));
    if (upgrade) client.tlsStarted();
    assert(!outputOf(client).includes("PLAIN"));
    assert.throws(() => client.nextEvent(), RemoteProtocolError);
    assert(!outputOf(client).includes("PLAIN"));
  }
});

test("doveadm client › the server has no STARTTLS, or needs no login › an error, and no password is sent", () => {
  for (const welcome of ["-\n", "VERSION\tdoveadm-client\t1\t1\n-\n", "+\n"]) {
    const client = new DoveadmClientProtocol({ password: "x", starttls: "required" });
    client.receive(encodeUtf8(welcome));
    assert.throws(() => client.nextEvent(), RemoteProtocolError, welcome);
    assert(!outputOf(client).includes("PLAIN"));
  }
});

test("doveadm client › invalid limits and versions › a LocalProtocolError", () => {
  assert.throws(() => new DoveadmClientProtocol({ maxMinor: 5 }), LocalProtocolError);
  assert.throws(() => new DoveadmClientProtocol({ maxMinor: 1.5 }), LocalProtocolError);
  assert.throws(() => new DoveadmClientProtocol({ limits: { reply: 0 } }), LocalProtocolError);
});

test("doveadm client › logPassthrough › the log is requested from 1.3 on", () => {
  for (
    const [minor, logPassthrough, asked] of [[2, true, false], [3, true, true], [3, false, false]]
  ) {
    const client = new DoveadmClientProtocol({ logPassthrough: Boolean(logPassthrough) });
    client.send(list);
    outputOf(client);
    client.receive(new ServerBytes(Number(minor)).welcome());
    eventsOf(client);
    const lines = "\talice\tmailbox list\n";
    assert.equal(outputOf(client), asked ? `\t\tOPTION\tlog-passthrough\n${lines}` : lines);
  }
});

test("doveadm client › log lines during and after requests › have the id of the running one, or none", () => {
  const [client, server] = session();
  client.send(list);
  client.send(list);
  outputOf(client);
  client.receive(server.all(
    server.log("info", "one"),
    server.main("INBOX\t"),
    server.log("error", "still one"),
    server.main("\n+\n"),
    server.log("panic", "two"),
    server.main("\n+\n"),
    server.log("warning", "none"),
    server.channel(LOG_CHANNEL, "\nodd\n\x02cut"),
  ));
  client.receiveEnd();
  const logs = eventsOf(client).filter((event) => event.type === "log");
  assert.deepEqual(logs.map(({ id, level, message }) => [id, level, message]), [
    [1, "info", "one"],
    [1, "error", "still one"],
    [2, "panic", "two"],
    [undefined, "warning", "none"],
    [undefined, "warning", "odd"],
    [undefined, "info", "cut"],
  ]);
});

test("doveadm client › empty replies, empty fields, JSON › the fields as they were sent", () => {
  const fields = (bytes: string) => replyTo(bytes).fields;
  assert.deepEqual(fields("\n+\n"), []);
  assert.deepEqual(fields("\t\n+\n"), [""]);
  assert.deepEqual(fields("\t\t\n+\n"), ["", ""]);
  assert.deepEqual(fields("0\t\n+\n"), ["0"]);
  assert.deepEqual(fields('{"a":1}\n+\n'), ['{"a":1}']);
});

test("doveadm client › status lines › code and detail are read", () => {
  const statusOf = (line: string) => {
    const reply = replyTo(`\n${line}\n`);
    return [reply.ok, reply.ok ? undefined : reply.code, reply.detail];
  };
  assert.deepEqual(statusOf("+"), [true, undefined, ""]);
  assert.deepEqual(statusOf("+ ok then"), [true, undefined, "ok then"]);
  assert.deepEqual(statusOf("-"), [false, "", ""]);
  assert.deepEqual(statusOf("-NOUSER"), [false, "NOUSER", ""]);
  assert.deepEqual(statusOf("-WHATEVER some text"), [false, "WHATEVER", "some text"]);
  assert.deepEqual(statusOf("-REFERRAL bob@host"), [false, "REFERRAL", "bob@host"]);
});

test("doveadm client › fields as text and as bytes, in either order › are unescaped once", () => {
  const wire = concat([
    encodeUtf8("a\x01tb\t\x0111n\t"),
    Uint8Array.of(0xe9),
    encodeUtf8("\t\n+\n"),
  ]);
  const text = ["a\tb", "\x011n", "\ufffd"];
  const raw = [encodeUtf8("a\tb"), encodeUtf8("\x011n"), Uint8Array.of(0xe9)];
  const one = replyTo(wire.slice());
  assert.deepEqual([one.fields, one.rawFields], [text, raw]);
  const other = replyTo(wire.slice());
  assert.deepEqual([other.rawFields, other.fields], [raw, text]);
});

test("doveadm client › fields with a byte order mark and other UTF-8 › arrive unchanged", () => {
  assert.deepEqual(replyTo("\ufeffx\tünï\t😀\t\n+\n").fields, ["\ufeffx", "ünï", "😀"]);
});

test("doveadm client › several replies in one chunk › fields are right in any order of access", () => {
  const [client, server] = session(0);
  for (let at = 0; at < 3; at++) client.send(list);
  outputOf(client);
  client.receive(server.main("one\t\n+\ntwo\t\n+\nthr\u00e9\t\n+\n"));
  const replies = eventsOf(client).filter((event) => event.type === "reply");
  assert.deepEqual([1, 0, 2].map((at) => replies[at].fields), [["two"], ["one"], ["thr\u00e9"]]);
});

test("doveadm client › a large reply in many chunks › text and bytes agree", () => {
  const [client] = session(0);
  client.send(list);
  outputOf(client);
  const value = "x".repeat(75) + "\x01n";
  const wire = encodeUtf8((value.repeat(1000) + "\t").repeat(3) + "\n+\n");
  for (let at = 0; at < wire.length; at += 999) client.receive(wire.slice(at, at + 999));
  const [reply] = eventsOf(client);
  assert(reply?.type === "reply");
  const expected = Array(3).fill(value.replace("\x01n", "\n").repeat(1000));
  assert.deepEqual(reply.rawFields.map(decodeUtf8), expected);
  assert.deepEqual(reply.fields, expected);
});

test("doveadm client › Node's Buffers as chunks › are read correctly and not changed", () => {
  const [client] = session(0);
  client.send(list);
  outputOf(client);
  const wire = Buffer.from("a\x01tb\t\n+\n");
  client.receive(wire);
  const [reply] = eventsOf(client);
  assert(reply?.type === "reply");
  assert.deepEqual(reply.rawFields, [encodeUtf8("a\tb")]);
  assert.deepEqual(wire, Buffer.from("a\x01tb\t\n+\n"), "the caller's bytes were changed");
});

test("doveadm client › a request whose output was taken › counts as sent", () => {
  const [client] = session();
  const id = client.send(list);
  assert(!client.isSent(id));
  client.takeOutput();
  assert(client.isSent(id));
  const next = client.send(list);
  client.receiveEnd();
  assert.deepEqual(eventsOf(client), [{ type: "end", unanswered: [id, next] }]);
  assert(client.isSent(id));
  assert(!client.isSent(next));
  assert.throws(() => client.send(list), LocalProtocolError);
});

test("doveadm client › a reply to a request that wasn't sent › a RemoteProtocolError", () => {
  const [client, server] = session();
  client.send(list);
  client.receive(server.main("\n+\n"));
  assert.throws(() => client.nextEvent(), RemoteProtocolError);
});

test("doveadm client › rows after the reply › an error that says so", () => {
  const [client, server] = session();
  client.send({ name: "instance list" });
  outputOf(client);
  client.receive(server.main("\n+\n/run/dovecot\t"));
  assert.equal(client.nextEvent()?.type, "reply");
  assert.throws(() => client.nextEvent(), /rows .* after their reply/);
});

test("doveadm client › inputs of several commands in any order › are written in the order of the commands", () => {
  const [client] = session();
  const save = { name: "save", user: "alice", input: true };
  const one = client.send(save);
  const two = client.send(save);
  client.send(list);
  client.write(two, encodeUtf8("two"));
  client.end(two);
  client.write(one, encodeUtf8("one"));
  assert.equal(outputOf(client), "\talice\tsave\n.one");
  client.end(one);
  assert.equal(
    outputOf(client),
    "\r\n.\r\n\talice\tsave\n.two\r\n.\r\n\talice\tmailbox list\n",
  );
});

test("doveadm client › an input of very many lines › is written completely", () => {
  const [client] = session();
  const save = client.send({ name: "save", user: "alice", input: true });
  client.write(save, encodeUtf8(".\n".repeat(200_000)));
  client.end(save);
  assert.equal(outputOf(client).length, "\talice\tsave\n".length + 600_000 + "\r\n.\r\n".length);
});

test("doveadm client › a reply in packets of one byte › takes about its size in memory", () => {
  const [client, server] = session();
  client.send(list);
  outputOf(client);
  const size = 100_000;
  const packet = server.main("x");
  for (let at = 0; at < size; at++) client.receive(new Uint8Array(packet));
  client.receive(server.main("\t\n+\n"));
  const [reply] = eventsOf(client);
  assert(reply?.type === "reply");
  assert.equal(reply.rawFields[0].length, size);
  assert(reply.rawFields[0].buffer.byteLength <= 2 * size);
});

test("doveadm client › the server refuses a command with input › no more input is written, the conversation ends", () => {
  for (const status of ["-USAGE", "-", "+"]) {
    const [client, server] = session();
    const save = client.send({ name: "save", user: "alice", args: ["--bogus"], input: true });
    const next = client.send(list);
    client.write(save, encodeUtf8("\t\treload\n\t\tstop\n"));
    assert.equal(outputOf(client), "\talice\tsave\t--bogus\n.\t\treload\n\t\tstop\n");
    client.receive(server.main(`\n${status}\n`));
    const [reply, end] = eventsOf(client);
    client.write(save, encodeUtf8("\t\tstop\n"));
    client.end(save);
    assert.equal(reply.type, "reply");
    assert.deepEqual(end, { type: "end", unanswered: [next] });
    assert.equal(outputOf(client), "");
    assert(!client.isSent(next));
  }
});

test("doveadm client › a command fails after its input was sent › the connection stays usable", () => {
  const [client, server] = session();
  const save = client.send({ name: "save", user: "nobody", input: true });
  const next = client.send(list);
  client.end(save);
  outputOf(client);
  client.receive(server.main("\n-NOUSER\nINBOX\t\n+\n"));
  assert.deepEqual(
    eventsOf(client).map((event) => event.type === "reply" && event.id),
    [save, next],
  );
});

test("doveadm client › a large streamed value › passes in pieces, and none is kept", () => {
  const [client] = session(0, { limits: { reply: 10 } });
  client.send({ name: "fetch", streamed: true });
  outputOf(client);
  let size = 0;
  for (let at = 0; at < 100; at++) {
    client.receive(encodeUtf8("x".repeat(1000)));
    for (const event of eventsOf(client)) if (event.type === "field") size += event.chunk.length;
  }
  assert.equal(size, 100_000);
});

test("doveadm client › close() › drops the output, and reports unanswered requests", () => {
  const [client] = session();
  client.send(list);
  client.close();
  assert.equal(client.takeOutput(), undefined);
  assert.deepEqual(eventsOf(client), [{ type: "end", unanswered: [1] }]);
  assert.deepEqual(eventsOf(client), []);
  client.receive(encodePacket(0, encodeUtf8("late")));
  assert.deepEqual(eventsOf(client), []);
});

test("doveadm client › chunks that are the same bytes with other content › each reply has its own", () => {
  const [client] = session(0);
  const chunk = new Uint8Array(8);
  for (const value of ["aaaa", "bbbb", "c\tcc"]) {
    client.send(list);
    outputOf(client);
    chunk.set(encodeUtf8(`${value}\t\n+\n`));
    client.receive(chunk);
    const [reply] = eventsOf(client);
    assert(reply.type === "reply" && !client.holdsInput);
    assert.deepEqual(reply.fields, value.split("\t"));
  }
});
