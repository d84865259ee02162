import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  ConnectError,
  ConnectionLostError,
  LocalProtocolError,
  TimeoutError,
} from "../../core/mod.ts";
import { ImapClient } from "../../imap/client.ts";
import type { ImapClientOptions, ImapTarget } from "../../imap/client_options.ts";
import { memoryListener, memoryPair } from "../../transports/memory.ts";
import type { Connector, Transport } from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { ScriptedEnd } from "./scripted_end.ts";

// The servers here are fakes: they do what real ones do only when they are broken, hostile or slow.

const credentials = { username: "alice", password: "s3cret" };
const greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n";
const plain = `C1 AUTHENTICATE PLAIN ${btoa("\0alice\0s3cret")}\r\n`;

/** Opens a client at a server that has said something. */
function open(said: string, options: ImapClientOptions = credentials) {
  const [near, far] = memoryPair();
  const server = new ScriptedEnd(far);
  void server.say(said);
  const client = ImapClient.open(near, options);
  // It is awaited later.
  client.catch(() => {});
  return { server, client };
}

/** A transport that leads over a network. */
function exposed(transport: Transport): Transport {
  return {
    peer: "tcp 192.0.2.1:143",
    isExposed: true,
    read: () => transport.read(),
    write: (chunk) => transport.write(chunk),
    closeWrite: () => transport.closeWrite(),
    startTls: (options) => transport.startTls(options),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

test("ImapClient.open › a server with AUTH=PLAIN › gets one line, and is asked for what it can", async () => {
  const { server, client } = open(greeting);
  await server.hears(plain);
  await server.say("C1 OK Logged in\r\n");
  await server.hears("C2 CAPABILITY\r\n");
  await server.say("* CAPABILITY IMAP4rev1 XKEY\r\nC2 OK done\r\n");
  await using opened = await client;
  assert.deepEqual(opened.capabilities, ["IMAP4rev1", "XKEY"]);
  assert(opened.hasCapability("xkey"));
  assert(opened.isOpen);
});

test("ImapClient.open › other servers › get a login that they take", async () => {
  const login = "LOGIN alice s3cret\r\n";
  const listed = "OK [CAPABILITY IMAP4rev1] Logged in\r\n";
  const cases: readonly [string, ImapClientOptions, readonly [string, string][]][] = [
    ["* OK [CAPABILITY IMAP4rev1] hi\r\n", {}, [[`C1 ${login}`, `C1 ${listed}`]]],
    [greeting, { mechanism: "LOGIN" }, [[`C1 ${login}`, `C1 ${listed}`]]],
    ["* OK hi\r\n", {}, [
      ["C1 CAPABILITY\r\n", "* CAPABILITY IMAP4rev1\r\nC1 OK done\r\n"],
      [`C2 ${login}`, `C2 ${listed}`],
    ]],
    ["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] hi\r\n", {}, [
      ["C1 AUTHENTICATE PLAIN\r\n", "+ \r\n"],
      [`${btoa("\0alice\0s3cret")}\r\n`, `C1 ${listed}`],
    ]],
  ];
  for (const [said, options, dialogue] of cases) {
    const { server, client } = open(said, { ...credentials, ...options });
    for (const [heard, answer] of dialogue) {
      await server.hears(heard);
      await server.say(answer);
    }
    await (await client).close();
    assert.equal(await server.hearsTheEnd(), "");
  }
});

test("ImapClient.open › invalid options, and failures › rejects with the reason, and closes", async () => {
  const cases: readonly [string, ImapClientOptions, [string, string], string, RegExp][] = [
    [
      greeting,
      {},
      [plain, "C1 NO [AUTHENTICATIONFAILED] s3cret is wrong.\r\n"],
      "AuthenticationError",
      /^memory refused the login of "alice": it said "NO \[AUTHENTICATIONFAILED\] … is wrong\."\./,
    ],
    // What a server says before it closes is the reason.
    [
      greeting,
      {},
      [plain, "C1 NO [LIMIT s3cret] Too many connections.\r\n* BYE So long.\r\n"],
      "AuthenticationError",
      /it said "NO \[LIMIT …\] Too many connections\."/,
    ],
    [
      greeting,
      {},
      [plain, "* BYE So long.\r\nC1 NO Too late.\r\n"],
      "ConnectionLostError",
      /BYE So long/,
    ],
    [
      greeting,
      { starttls: "required" },
      ["C1 STARTTLS\r\n", "C1 BAD Unknown command\r\n* BYE So long.\r\n"],
      "ConnectError",
      /refused STARTTLS/,
    ],
    [
      "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n",
      {},
      ["", ""],
      "AuthenticationError",
      /LOGINDISABLED.*none was sent.*starttls/,
    ],
    [
      greeting,
      { starttls: "required" },
      ["C1 STARTTLS\r\n", "C1 BAD Unknown command\r\n"],
      "ConnectError",
      /refused STARTTLS/,
    ],
    [
      greeting,
      { starttls: "required" },
      ["C1 STARTTLS\r\n", "C1 OK go on\r\n* OK [CAPABILITY AUTH=PLAIN] hi\r\n"],
      "RemoteProtocolError",
      /unencrypted bytes/,
    ],
    [
      greeting,
      { starttls: "required" },
      ["C1 STARTTLS\r\n", "C1 OK go on\r\n"],
      "ConnectError",
      /Cannot start TLS/,
    ],
    ["* PREAUTH hi\r\n", { starttls: "required" }, ["", ""], "RemoteProtocolError", /before TLS/],
    [
      "* BYE Too many connections.\r\n",
      {},
      ["", ""],
      "ConnectionLostError",
      /the connection ended; the server said "BYE Too many connections\."/,
    ],
    ["HTTP/1.1 400 Bad Request\r\n", {}, ["", ""], "RemoteProtocolError", /HTTP.*IMAP server/],
    ["+ go ahead\r\n", {}, ["", ""], "RemoteProtocolError", /greeting/],
    [greeting, {}, [plain, "* BYE Shutting down\r\n"], "ConnectionLostError", /BYE Shutting/],
    [greeting, {}, [plain, "C9 OK in\r\n"], "RemoteProtocolError", /"C9"/],
    [greeting, {}, [plain, "+ \r\n"], "RemoteProtocolError", /continuation/],
  ];
  for (const [said, options, [heard, answer], name, message] of cases) {
    await leavingNothing(async () => {
      const { server, client } = open(said, { ...credentials, ...options });
      await server.hears(heard);
      await server.say(answer).catch(() => {});
      await assert.rejects(client, (error: Error) => {
        assert.equal(error.name, name, error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      });
      assert.equal(await server.hearsTheEnd(), "");
      await server.close();
    });
  }
});

test("ImapClient.open › a connection that ends anywhere in the login › rejects", async () => {
  const said = `${greeting}C1 OK [CAPABILITY IMAP4rev1] Logged in\r\n`;
  for (let end = 0; end < said.length; end++) {
    const [near, far] = memoryPair();
    const client = ImapClient.open(near, credentials);
    client.catch(() => {});
    const server = new ScriptedEnd(far);
    await server.say(said.slice(0, Math.min(end, greeting.length)));
    if (end > greeting.length) {
      await server.hears(plain);
      await server.say(said.slice(greeting.length, end));
    }
    await server.close();
    await assert.rejects(client, ConnectionLostError, `cut at ${end}`);
  }
});

test("ImapClient.open › options that don't fit › are refused, and the transport is closed", async () => {
  const bad: readonly ImapClientOptions[] = [
    { username: "alice" },
    { password: "s3cret" },
    { username: "alice", password: 5 as unknown as string },
    { username: {} as string, password: "s3cret" },
    { ...credentials, authzid: 5 as unknown as string },
    { ...credentials, mechanism: "CRAM" as "PLAIN" },
    { ...credentials, mechanism: "LOGIN", authzid: "bob" },
    { ...credentials, starttls: "offered" as "required" },
    { timeout: NaN },
    { handshakeTimeout: -1 },
    { silenceTimeout: NaN },
    { maxResponses: 0 },
    { limits: { literal: -1 } },
  ];
  for (const options of bad) {
    const [near, far] = memoryPair();
    await assert.rejects(ImapClient.open(near, options), LocalProtocolError);
    assert.equal(await new ScriptedEnd(far).hearsTheEnd(), "");
  }
});

test("ImapClient.open › a password over a network without TLS › isn't sent unless that is allowed", async () => {
  const refuse = async (options: ImapClientOptions) => {
    const [near] = memoryPair();
    await assert.rejects(ImapClient.open(exposed(near), options), (error: Error) => {
      assert(error instanceof LocalProtocolError);
      assert.match(error.message, /unencrypted.*starttls/);
      return true;
    });
  };
  await refuse(credentials);
  await refuse({ ...credentials, mechanism: "LOGIN" });
  for (const options of [{}, { ...credentials, allowPlaintextPassword: true }]) {
    const [near, far] = memoryPair();
    const server = new ScriptedEnd(far);
    await server.say("* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n");
    await (await ImapClient.open(exposed(near), options)).close();
  }
});

test("ImapClient.open › a silent server, and a signal › end it", async () => {
  const slow = open("", { ...credentials, handshakeTimeout: 1 });
  await assert.rejects(slow.client, (error: Error) => {
    assert(error instanceof TimeoutError);
    assert.equal(error.phase, "handshake");
    return true;
  });
  const controller = new AbortController();
  const aborted = open(greeting, { ...credentials, signal: controller.signal });
  await aborted.server.hears(plain);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted.client, (error: Error) => {
    assert(error instanceof AbortError);
    assert.equal((error.cause as Error).message, "enough");
    return true;
  });
  assert.equal(await aborted.server.hearsTheEnd(), "");
});

test("ImapClient.connect › a target › leads to its server", async () => {
  const { listener, connect } = memoryListener();
  const client = ImapClient.connect({ hostname: "mail.example.org" }, { connector: connect });
  const server = new ScriptedEnd((await listener.accept())!);
  await server.say("* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n");
  await (await client).close();
  await listener.close();
  const refused = ImapClient.connect({ path: "/run/imap" }, { connector: connect });
  await assert.rejects(refused, ConnectError);
});

test("ImapClient.connect › a bad target › is refused", async () => {
  const bad = [
    { hostname: "" },
    { path: "" },
    { hostname: "a", port: 0 },
    { hostname: "a", port: 1.5 },
  ];
  for (const target of bad) {
    await assert.rejects(ImapClient.connect(target), LocalProtocolError);
  }
  const both = { hostname: "a", tls: true };
  await assert.rejects(ImapClient.connect(both, { starttls: "required" }), LocalProtocolError);
});

test("ImapClient.connect › nobody who answers › times out", async () => {
  const heeds = (_: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise<Transport>((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  const ignores = () => new Promise<Transport>(() => {});
  for (const connector of [heeds, ignores]) {
    const options = { connector, connectTimeout: 1 };
    await assert.rejects(ImapClient.connect({ hostname: "a" }, options), (error: Error) => {
      assert(error instanceof TimeoutError);
      assert.equal(error.phase, "connect");
      return true;
    });
  }
});

test("ImapClient.connect › a signal that aborts, at any moment › AbortError with its reason", async () => {
  const late = () =>
    new Promise<Transport>((resolve) => setTimeout(() => resolve(memoryPair()[0])));
  const never = () => new Promise<Transport>(() => {});
  for (const connector of [late, never]) {
    for (const isBefore of [true, false]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      if (isBefore) controller.abort(reason);
      const options = { connector, signal: controller.signal };
      const connecting = ImapClient.connect({ hostname: "a" }, options);
      controller.abort(reason);
      await assert.rejects(connecting, (error: Error) => {
        assert(error instanceof AbortError, String(error));
        return error.cause === reason && !error.sent;
      });
    }
  }
});

test("ImapClient › targets, options and transports of another type › LocalProtocolError", async () => {
  const others: readonly unknown[] = [null, 5, "5", true, Symbol("5"), 5n, {}];
  const target = { hostname: "a" };
  for (const other of others) {
    const signal = { signal: other as AbortSignal };
    const client = await plainClient();
    const calls = [
      () => ImapClient.connect(other as ImapTarget),
      () => ImapClient.connect(target, signal),
      () => ImapClient.connect(target, { connector: 5 as unknown as Connector }),
      () => ImapClient.open(other as Transport),
      () => ImapClient.open(memoryPair()[0], signal),
      () => client.command("NOOP", [], signal),
      () => client.longCommand("IDLE", [], signal).next(),
      () => client.idle(null as unknown as typeof signal).next(),
    ];
    for (const call of calls) {
      await assert.rejects(call, LocalProtocolError, `${String(other)} ${call}`);
    }
    await client.close();
  }
  for (const other of [null, 5, "false"]) {
    const given = { allowPlaintextPassword: other } as unknown as Record<never, never>;
    await assert.rejects(ImapClient.open(memoryPair()[0], given), LocalProtocolError);
    const onResponse = { onResponse: other } as unknown as Record<never, never>;
    await assert.rejects(ImapClient.open(memoryPair()[0], onResponse), LocalProtocolError);
    const tls = { hostname: "a", tls: other } as unknown as ImapTarget;
    await assert.rejects(ImapClient.connect(tls), /^LocalProtocolError: "tls" is not a boolean/);
    await using client = await plainClient();
    const args = (other ?? "INBOX") as unknown as string[];
    await assert.rejects(client.command("SELECT", args), /^LocalProtocolError: The arguments of/);
  }
  await assert.rejects(
    ImapClient.connect(target, null as unknown as Record<never, never>),
    LocalProtocolError,
  );
});

/** A client that is logged in. */
async function plainClient(): Promise<ImapClient> {
  const [near, far] = memoryPair();
  await new ScriptedEnd(far).say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n");
  return await ImapClient.open(near);
}
