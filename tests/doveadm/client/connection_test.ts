import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import {
  AbortError,
  ConnectionLostError,
  DoveadmConnection,
  type DoveadmConnectionOptions,
  DovewireError,
  LocalProtocolError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import type { Transport } from "../../../transports/transport.ts";
import { ServerBytes } from "../../core/doveadm/dialogue.ts";

// The servers here are fakes: they do what a real one does only when it is old, broken or hostile.

const list = { name: "mailbox list", user: "alice" };

/** A server that sends what a test wants, and what it received. */
class FakeServer {
  readonly transport: Transport;
  readonly bytes: ServerBytes;
  #heard = "";

  constructor(transport: Transport, minor: number) {
    this.transport = transport;
    this.bytes = new ServerBytes(minor);
    void this.#listen();
  }

  /** Resolves with all that was received so far, once it contains a text. */
  async hears(text: string): Promise<string> {
    while (!this.#heard.includes(text)) await new Promise((resolve) => setTimeout(resolve, 1));
    return this.#heard;
  }

  /** Sends bytes of the conversation. */
  say(text: string): Promise<void> {
    return this.transport.write(this.bytes.main(text));
  }

  async #listen(): Promise<void> {
    try {
      for (let chunk; (chunk = await this.transport.read()) !== undefined;) {
        this.#heard += decodeUtf8(chunk);
      }
    } catch {
      // The connection is over.
    }
  }
}

/** A transport that leads over a network, which no address of this machine does for sure. */
function exposed(transport: Transport): Transport {
  return {
    peer: "tcp 192.0.2.1:24245",
    isExposed: true,
    read: () => transport.read(),
    write: (chunk) => transport.write(chunk),
    closeWrite: () => transport.closeWrite(),
    startTls: (options) => transport.startTls(options),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

/** A connection to a fake server that needs no login. */
async function connected(
  options: DoveadmConnectionOptions & { cut?: () => number } = {},
): Promise<[DoveadmConnection, FakeServer]> {
  const [here, there] = memoryPair({ cut: options.cut });
  const server = new FakeServer(there, 2);
  await there.write(server.bytes.welcome());
  return [await DoveadmConnection.open(here, options), server];
}

async function errorOf(answer: Promise<unknown>): Promise<DovewireError> {
  const error = await answer.then(() => assert.fail("it was answered"), (error) => error);
  assert(error instanceof DovewireError, String(error));
  return error;
}

test("connection › several pending commands, byte by byte › answers in their order", async () => {
  const [connection, server] = await connected({ cut: () => 1 });
  const answers = ["a", "b", "c"].map((user) => connection.send({ ...list, user }));
  await server.hears("\tc\tmailbox list\n");
  await server.say("one\t\n+\ntwo\t\n-NOUSER\nthree\t\n+\n");
  const replies = await Promise.all(answers);
  assert.deepEqual(replies.map(({ ok, fields }) => [ok, ...fields]), [
    [true, "one"],
    [false, "two"],
    [true, "three"],
  ]);
  assert(connection.isOpen);
  assert.equal(connection.minor, 2);
  assert(connection.preauthenticated);
  await connection.close();
  assert(!connection.isOpen);
});

test("connection › an answer as JSON › has its fields as texts, and its log", async () => {
  const [connection, server] = await connected();
  const answer = connection.send(list);
  await server.hears("mailbox list\n");
  await server.say("one\t\n+\n");
  assert.deepEqual(JSON.parse(JSON.stringify(await answer)), {
    ...{ type: "reply", id: 1, ok: true, fields: ["one"], detail: "", log: [] },
  });
  await connection.close();
});

test("connection › a server that sends no version › counts as 1.0 after a second", async () => {
  const [here, there] = memoryPair();
  const server = new FakeServer(there, 0);
  await there.write(encodeUtf8("+\n"));
  await using connection = await DoveadmConnection.open(here);
  assert.equal(connection.minor, 0);
  const answer = connection.send(list);
  await server.hears("mailbox list");
  await there.write(encodeUtf8("INBOX\t\n+\n"));
  assert.deepEqual((await answer).fields, ["INBOX"]);
});

test("connection › a peer with another protocol, or that ends › an error with its name", async () => {
  for (
    const [said, expected] of [
      ["HTTP/1.1 400 Bad Request\r\n\r\n", RemoteProtocolError],
      ["", ConnectionLostError],
      ["VERSION\tdoveadm-client\t1\t2\n", ConnectionLostError],
    ] as const
  ) {
    const [here, there] = memoryPair();
    await there.write(encodeUtf8(said));
    await there.closeWrite();
    const error = await errorOf(DoveadmConnection.open(here));
    assert(error instanceof expected, String(error));
    assert.match(error.message, /^Cannot shake hands with memory: /);
    await assert.rejects(there.write(encodeUtf8("x")), "the transport was left open");
  }
});

test("connection › invalid options › LocalProtocolError, and the transport is closed", async () => {
  const [here, there] = memoryPair();
  const error = await errorOf(DoveadmConnection.open(here, { maxMinor: 7 }));
  assert(error instanceof LocalProtocolError);
  await assert.rejects(there.write(encodeUtf8("x")));
});

test("connection › the handshake is aborted or times out › an error, and the transport is closed", async () => {
  const [here, there] = memoryPair();
  const abort = new AbortController();
  const opening = errorOf(DoveadmConnection.open(here, { signal: abort.signal }));
  abort.abort("enough");
  const error = await opening;
  assert(error instanceof AbortError);
  assert.equal(error.cause, "enough");
  await assert.rejects(there.write(encodeUtf8("x")));

  const [late] = memoryPair();
  const timeout = await errorOf(DoveadmConnection.open(late, { handshakeTimeout: 20 }));
  assert(timeout instanceof TimeoutError);
  assert.equal(timeout.phase, "handshake");
});

test("connection › STARTTLS over a transport without TLS › an error, and no password is sent", async () => {
  const [here, there] = memoryPair();
  const server = new FakeServer(there, 2);
  await there.write(encodeUtf8("VERSION\tdoveadm-client\t1\t2\n-\n"));
  const error = await errorOf(
    DoveadmConnection.open(here, { password: "x", starttls: "required" }),
  );
  assert.match(String(error.cause), /no TLS/);
  assert(!(await server.hears("STARTTLS\n")).includes("PLAIN"));
});

test("connection › invalid bytes › each pending command gets an error of its own", async () => {
  const [connection, server] = await connected();
  const answers = [list, list].map((request) => errorOf(connection.send(request)));
  await server.hears("mailbox list\n\talice\tmailbox list\n");
  await server.say("\nwhat\n");
  for (const error of await Promise.all(answers)) {
    assert(error instanceof RemoteProtocolError);
    assert(error.sent);
    assert.match(error.message, /^"mailbox list" was not answered by memory: /);
  }
  await connection.closed;
  const after = await errorOf(connection.send(list));
  assert(after instanceof ConnectionLostError);
  assert(!after.sent);
});

test("connection › rows after a reply › later commands get an error that says so", async () => {
  const [connection, server] = await connected();
  const answer = connection.send({ name: "instance list" });
  await server.hears("instance list");
  await server.say("\n+\n/run/dovecot\t");
  assert.deepEqual((await answer).fields, []);
  await connection.closed;
  const error = await errorOf(connection.send(list));
  assert.match(String(error.cause), /a separate connection/);
});

test("connection › one of several commands is aborted › the others get an error with the reason", async () => {
  const [connection, server] = await connected();
  const abort = new AbortController();
  const answers = [
    errorOf(connection.send(list)),
    errorOf(connection.send(list, { signal: abort.signal })),
    errorOf(connection.send(list, { timeout: 60_000 })),
  ];
  await server.hears("mailbox list");
  abort.abort();
  const [first, second, third] = await Promise.all(answers);
  assert(second instanceof AbortError);
  for (const other of [first, third]) {
    assert(other instanceof ConnectionLostError);
    assert(other.sent);
    assert.match(other.message, /was aborted/);
  }
});

test("connection › commands with several time limits › the one whose time is over first ends", async () => {
  const [connection, server] = await connected();
  const answers = [
    errorOf(connection.send(list, { timeout: 60_000 })),
    errorOf(connection.send(list, { timeout: 20 })),
    errorOf(connection.send(list, { timeout: 0 })),
  ];
  await server.hears("mailbox list");
  const [first, second, third] = await Promise.all(answers);
  assert(second instanceof TimeoutError);
  assert.match(second.message, /within 20 ms/);
  for (const other of [first, third]) assert(other instanceof ConnectionLostError);
});

test("connection › a command after others that were answered › has all of its time", async () => {
  const [connection, server] = await connected();
  const timeout = 40;
  for (let count = 1; count <= 3; count++) {
    const answer = connection.send({ ...list, user: `user${count}` }, { timeout: 10_000 });
    await server.hears(`user${count}`);
    await server.say("INBOX\t\n+\n");
    assert.deepEqual((await answer).fields, ["INBOX"]);
  }
  const begun = performance.now();
  const error = await errorOf(connection.send(list, { timeout }));
  assert(error instanceof TimeoutError);
  assert(performance.now() - begun >= timeout);
});

test("connection › an invalid command › LocalProtocolError, and others are answered", async () => {
  const [connection, server] = await connected();
  const answer = connection.send(list);
  const error = await errorOf(connection.send({ name: "who", args: ["\0"] }));
  assert(error instanceof LocalProtocolError);
  await server.hears("mailbox list");
  await server.say("INBOX\t\n+\n");
  assert.deepEqual((await answer).fields, ["INBOX"]);
  await connection.close();
});

test("connection › onLog throws › commands are answered, the error is uncaught", async () => {
  const thrown: unknown[] = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (task) => {
    try {
      task();
    } catch (error) {
      thrown.push(error);
    }
  };
  try {
    const [connection, server] = await connected({
      onLog() {
        throw new Error("the log's reader is broken");
      },
    });
    const answer = connection.send(list);
    await server.hears("mailbox list");
    await server.transport.write(server.bytes.log("error", "something"));
    await server.say("\n-TEMPFAIL\n");
    assert.deepEqual((await answer).log, [{ level: "error", message: "something" }]);
    assert.match(String(thrown), /the log's reader is broken/);
    await connection.close();
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
});

test("connection › more than a hundred log lines › the last hundred are kept", async () => {
  const [connection, server] = await connected();
  const answer = connection.send(list);
  await server.hears("mailbox list");
  for (let at = 0; at < 250; at++) {
    await server.transport.write(server.bytes.log("info", `line ${at}`));
  }
  await server.say("\n+\n");
  const { log } = await answer;
  assert.equal(log.length, 100);
  assert.equal(log[0].message, "line 150");
  await connection.close();
});

test("connection › a password over a network without TLS › isn't sent unless allowed", async () => {
  const [here, there] = memoryPair();
  const error = await errorOf(DoveadmConnection.open(exposed(here), { password: "s3cret" }));
  assert(error instanceof LocalProtocolError);
  assert.match(
    error.message,
    /^The password would be sent to tcp 192\.0\.2\.1:24245 unencrypted.*starttls/,
  );
  assert.doesNotMatch(error.message, /s3cret/);
  assert.equal(await there.read(), undefined);

  const pair = memoryPair();
  const server = new FakeServer(pair[1], 1);
  const options = { password: "s3cret", allowPlaintextPassword: true };
  const opening = DoveadmConnection.open(exposed(pair[0]), options);
  await server.hears("VERSION");
  await server.transport.write(encodeUtf8("VERSION\tdoveadm-client\t1\t1\n-\n"));
  await server.hears("PLAIN\t");
  await server.transport.close();
  await errorOf(opening);
});
