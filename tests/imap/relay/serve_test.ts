/** A relay over sockets: connections, their ends, logins and limits. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError, messageOf, TimeoutError } from "../../../core/mod.ts";
import { continuation, defineCommand, ok } from "../../../imap/mod.ts";
import { serveRelay, type ServeRelayOptions } from "../../../imap/relay/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";
import type { Transport } from "../../../transports/transport.ts";
import { HeldTimers } from "../../harness/held_timers.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { greeted, listed, RelaySetup } from "./relay_setup.ts";
import { until } from "../../harness/until.ts";

const greeting = `* OK [CAPABILITY ${listed}] ready.\r\n`;
const unreachable = "* BYE [UNAVAILABLE] The mail server can't be reached. Try again later.\r\n";
const unavailable = "* BYE [UNAVAILABLE] The mail server is not available. Try again later.\r\n";

test("a session › over sockets › is relayed, and leaves nothing", async () => {
  await leavingNothing(async () => {
    await using setup = await RelaySetup.start();
    const { client, server } = await setup.session();
    await client.say("a APPEND INBOX {5+}\r\nhello\r\n");
    await server.hears("a APPEND INBOX {5}\r\n");
    await server.say("+ OK\r\n");
    await server.hears("hello\r\n");
    await server.say("a OK Done.\r\n");
    await client.hears("a OK Done.\r\n");
    await client.say("b LOGOUT\r\n");
    await server.hears("b LOGOUT\r\n");
    await server.say("* BYE Bye.\r\nb OK Bye.\r\n");
    await server.close();
    await client.hears("* BYE Bye.\r\nb OK Bye.\r\n");
    assert.equal(await client.closesAtTheEnd(), "");
    await client.close();
    await until(() => setup.relay.connections === 0);
    assert.deepEqual(setup.errors, []);
  });
});

test("the server › can't be reached › the client is told, and the owner", async () => {
  await using setup = await RelaySetup.start({
    connect: () => Promise.reject(new Error("nobody there")),
  });
  const client = await setup.client();
  await client.hears(unreachable);
  await client.closesAtTheEnd();
  assert.deepEqual(setup.errors.map(messageOf), ["nobody there"]);
});

test("the server › takes too long to connect to › connecting is aborted, also without its signal", async () => {
  await using setup = await RelaySetup.start({
    connect: () => new Promise(() => {}),
    connectTimeout: 5,
  });
  const client = await setup.client();
  await client.hears(unreachable);
  await client.closesAtTheEnd();
  assert(setup.errors[0] instanceof TimeoutError);
});

test("the client › leaves while the server is connected to › aborts that", async () => {
  let aborted: unknown;
  await using setup = await RelaySetup.start({
    handshakeTimeout: 20,
    connect: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted = signal.reason;
          reject(signal.reason);
        });
      }),
  });
  const client = await setup.client();
  await client.close();
  await until(() => setup.relay.connections === 0);
  assert(aborted !== undefined);
});

test("the server › ends at any point › the client is told and both sides end", async () => {
  await using setup = await RelaySetup.start();
  const atGreeting = await setup.client();
  await (await setup.server()).close();
  await atGreeting.hears(unavailable);
  await atGreeting.closesAtTheEnd();

  const atLogin = await setup.client();
  const loginServer = await setup.server();
  await loginServer.say(greeting);
  await atLogin.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  await atLogin.say("a LOGIN alice secret\r\n");
  await loginServer.hears("~1 LOGIN alice secret\r\n");
  await loginServer.close();
  await atLogin.hears(unavailable);
  await atLogin.closesAtTheEnd();

  const idle = await setup.session();
  await idle.server.close();
  await idle.client.hears(unavailable);
  await idle.client.closesAtTheEnd();

  const inside = await setup.session();
  await inside.client.say("a FETCH 1 BODY[]\r\n");
  await inside.server.hears("a FETCH 1 BODY[]\r\n");
  await inside.server.say("* 1 FETCH (BODY[] {99}\r\nhello");
  await inside.client.hears("* 1 FETCH (BODY[] {99}\r\nhello");
  await inside.server.close();
  assert.equal(await inside.client.closesAtTheEnd(), "");
  await until(() => setup.relay.connections === 0);
});

test("the server › breaks the protocol › both sides end, and the owner learns why", async () => {
  await using setup = await RelaySetup.start();
  const { client, server } = await setup.session();
  await server.say("+ go on\r\n");
  await client.hears(unavailable);
  await client.closesAtTheEnd();
  await server.closesAtTheEnd();
  await until(() => setup.errors.length > 0);
  assert.match(
    messageOf(setup.errors[0]),
    /^The server at tcp .* failed for tcp .*: the server asked/,
  );
});

test("the client › breaks off at any point › the server's side ends", async () => {
  await using setup = await RelaySetup.start();
  const beforeGreeting = await setup.socket();
  const first = await setup.server();
  await first.say(greeting);
  beforeGreeting.resetAndDestroy();
  await first.closesAtTheEnd();

  const inLogin = await setup.socket();
  const second = await setup.server();
  await second.say(greeting);
  inLogin.write("a LOGIN alice secret\r\n");
  await second.hears("~1 LOGIN alice secret\r\n");
  inLogin.resetAndDestroy();
  await second.closesAtTheEnd();
  await until(() => setup.relay.connections === 0);
  assert.deepEqual(setup.errors, []);
});

test("the client › half-closes › what it sent is answered, and the server sees the end", async () => {
  await using setup = await RelaySetup.start();
  const { client, server } = await setup.session();
  await client.say("a NOOP\r\nb NOOP\r\nc NO");
  await client.transport.closeWrite();
  await server.hears("a NOOP\r\nb NOOP\r\n");
  assert.equal(await server.hearsTheEnd(), "");
  await server.say("a OK Done.\r\nb OK Done.\r\n");
  await client.hears("a OK Done.\r\nb OK Done.\r\n");
  await server.close();
  assert.match(await client.closesAtTheEnd(), /^(\* BYE .*\r\n)?$/);
});

test("the client › half-closes before a server that stays silent › is ended after halfCloseTimeout", async () => {
  await using setup = await RelaySetup.start({ halfCloseTimeout: 5 });
  const { client, server } = await setup.session();
  await client.transport.closeWrite();
  await server.hearsTheEnd();
  await client.closesAtTheEnd();
  await server.close();
  await until(() => setup.relay.connections === 0);
});

test("login › that takes too long › BYE", async () => {
  const handshakeTimeout = 1_234_567;
  using timers = new HeldTimers((delay) => delay === handshakeTimeout);
  await using setup = await RelaySetup.start({ handshakeTimeout });
  const client = await setup.client();
  const server = await setup.server();
  await server.say(greeting);
  await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  timers.fire();
  await client.hears("* BYE Disconnected for inactivity.\r\n");
  await client.closesAtTheEnd();
  await server.closesAtTheEnd();
  assert.match(messageOf(setup.errors[0]), /didn't log in within 1234567 ms/);
});

test("login › with a wrong password › is refused after a delay that nobody else has", async () => {
  await using setup = await RelaySetup.start({ refusalDelay: 3_600_000 });
  const wrong = await setup.client();
  const first = await setup.server();
  await first.say(greeting);
  await wrong.say("a LOGIN alice wrong\r\nb NOOP\r\n");
  await first.hears("~1 LOGIN alice wrong\r\n");
  await first.say("~1 NO [AUTHENTICATIONFAILED] Not so.\r\n");
  await until(() => setup.errors.length === 1);
  assert.match(
    messageOf(setup.errors[0]),
    /could not log in as "alice": the server says "Not so\."/,
  );
  // The same address, with the right password and with another trouble.
  await setup.session();
  const limited = await setup.client();
  const third = await setup.server();
  await third.say(greeting);
  await limited.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  await limited.say("a LOGIN alice secret\r\n");
  await third.say("~1 NO [LIMIT] Too many.\r\n");
  await limited.hears("a NO [LIMIT] Too many.\r\n");
  await wrong.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  await setup.relay.close({ timeout: 1 });
  // Nothing came of it but the end.
  assert.match(await wrong.closesAtTheEnd(), /^\* BYE Server shutting down\.\r\n$/);
});

test("resolveUser › the name it returns › is the session's; an error refuses the client", async () => {
  const xwho = defineCommand({ name: "XWHO" }, (_, { user }) => ok(`You are ${user}.`));
  const seen: unknown[] = [];
  await using setup = await RelaySetup.start({
    commands: [xwho],
    resolveUser({ user, mechanism, client }) {
      seen.push([user, mechanism, client.peer.startsWith("tcp 127.0.0.1:")]);
      if (user === "mallory") throw new Error("not found");
      return user.toLowerCase();
    },
  });
  const client = await setup.client();
  const server = await setup.server();
  await server.say(greeting);
  await client.say("a LOGIN ALICE secret\r\nb XWHO\r\n");
  await server.hears("~1 LOGIN ALICE secret\r\n");
  await server.say("~1 OK Logged in\r\n");
  await client.hears(
    `* OK [CAPABILITY ${greeted}] ready.\r\na OK Logged in\r\nb OK You are alice.\r\n`,
  );
  const other = await setup.client();
  const otherServer = await setup.server();
  await otherServer.say(greeting);
  await other.say("a LOGIN mallory secret\r\n");
  await otherServer.hears("~1 LOGIN mallory secret\r\n");
  await otherServer.say("~1 OK Logged in\r\n");
  await other.hears(
    `* OK [CAPABILITY ${greeted}] ready.\r\n` +
      "a NO [UNAVAILABLE] The user can't be looked up. Try again later.\r\n",
  );
  await otherServer.closesAtTheEnd();
  assert.deepEqual(setup.errors.map(messageOf), ["not found"]);
  assert.deepEqual(seen, [["ALICE", "LOGIN", true], ["mallory", "LOGIN", true]]);
});

test("resolveUser › what it returns is no name › refuses the client, and tells the owner", async () => {
  for (const name of [undefined, null, "", 5, {}]) {
    await using setup = await RelaySetup.start({ resolveUser: () => name as string });
    const client = await setup.client();
    const server = await setup.server();
    await server.say(greeting);
    await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
    await client.say("a LOGIN alice secret\r\n");
    await server.hears("~1 LOGIN alice secret\r\n");
    await server.say("~1 OK Logged in\r\n");
    await client.hears("a NO [UNAVAILABLE] The user can't be looked up. Try again later.\r\n");
    await client.closesAtTheEnd();
    await server.closesAtTheEnd();
    assert.match(messageOf(setup.errors[0]), /^"resolveUser" returned /);
  }
});

test("the server › what connects to it returns no transport › the client is told, and the owner", async () => {
  for (const transport of [undefined, null, 5, {}, { read() {} }]) {
    await using setup = await RelaySetup.start({
      connect: () => Promise.resolve(transport as unknown as Transport),
    });
    const client = await setup.client();
    await client.hears(unreachable);
    await client.closesAtTheEnd();
    assert.match(messageOf(setup.errors[0]), /^"connect" returned something else/);
  }
});

test("login › refused in other words › is delayed unless it can't be the password's fault", async () => {
  await using setup = await RelaySetup.start({ refusalDelay: 3_600_000 });
  const delayed = [];
  for (const [code, isDelayed] of [["[ALERT] ", true], ["", true], ["[INUSE] ", false]] as const) {
    const client = await setup.client();
    const server = await setup.server();
    await server.say(greeting);
    await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
    await client.say("a LOGIN alice secret\r\n");
    await server.hears("~1 LOGIN alice secret\r\n");
    const told = setup.errors.length;
    await server.say(`~1 NO ${code}No.\r\n`);
    await until(() => setup.errors.length > told);
    if (isDelayed) delayed.push(client);
    else await client.hears(`a NO ${code}No.\r\n`);
  }
  await setup.relay.close({ timeout: 1 });
  for (const client of delayed) assert.match(await client.closesAtTheEnd(), /^\* BYE /);
});

test("ID › by default › tells the server where the client connects from", async () => {
  await using setup = await RelaySetup.start({ upstreamId: undefined });
  const client = await setup.client();
  const server = await setup.server();
  await server.say(greeting);
  const id = await server.line();
  const { port } = setup.relay.address as { readonly port: number };
  assert.match(
    id,
    new RegExp(
      '^~1 ID \\("x-session-id" "[\\w-]{16}" "x-originating-ip" "127.0.0.1" ' +
        `"x-originating-port" "\\d+" "x-connected-ip" "127.0.0.1" "x-connected-port" "${port}" ` +
        '"x-proxy-ttl" "4"\\)\\r\\n$',
    ),
  );
  await server.say("* ID NIL\r\n~1 BAD Invalid ID parameters\r\n");
  await client.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  assert.match(messageOf(setup.errors[0]), /doesn't trust.*"login_trusted_networks"/);
});

test("ID › a function that fails or says what can't be said › ends the connection", async () => {
  for (
    const upstreamId of [() => ({ "x y": "" }), (): Record<string, string> => {
      throw new Error("no id");
    }]
  ) {
    await using setup = await RelaySetup.start({ upstreamId });
    const client = await setup.client();
    await client.hears(unreachable);
    await client.closesAtTheEnd();
    assert.equal(setup.errors.length, 1);
  }
});

test("connections › over a limit › are told so, and counted no more at their end", async () => {
  await using setup = await RelaySetup.start({ maxConnectionsPerAddress: 2 });
  const first = await setup.session();
  await setup.session();
  const third = await setup.client();
  await third.hears("* BYE [LIMIT] Too many connections. Try again later.\r\n");
  await third.closesAtTheEnd();
  await first.client.close();
  await first.server.closesAtTheEnd();
  await until(() => setup.relay.connections === 1);
  await setup.session();
  assert.match(messageOf(setup.errors[0]), /"maxConnectionsPerAddress"/);
});

test("connections › too many without a login › the oldest makes room", async () => {
  await using setup = await RelaySetup.start({ maxUnauthenticated: 1 });
  await setup.session();
  const oldest = await setup.client();
  const server = await setup.server();
  const next = await setup.client();
  await oldest.hears("* BYE [LIMIT] Too many connections. Try again later.\r\n");
  await server.closesAtTheEnd();
  await (await setup.server()).say(greeting);
  await next.hears(`* OK [CAPABILITY ${greeted}] ready.\r\n`);
  assert.match(messageOf(setup.errors[0]), /"maxUnauthenticated"/);
});

test("closing › the relay › ends idle clients with BYE, and waits for commands", async () => {
  await using setup = await RelaySetup.start();
  const idle = await setup.session();
  const busy = await setup.session();
  await busy.client.say("a NOOP\r\n");
  await busy.server.hears("a NOOP\r\n");
  const closing = setup.relay.close({ timeout: 0 });
  await idle.client.hears("* BYE Server shutting down.\r\n");
  await busy.server.say("a OK Done.\r\n");
  await busy.client.hears("a OK Done.\r\n* BYE Server shutting down.\r\n");
  await Promise.all([idle.server.closesAtTheEnd(), busy.server.closesAtTheEnd()]);
  for (const { client, server } of [idle, busy]) {
    await client.close();
    await server.close();
  }
  await closing;
  await setup.relay.finished;
  assert.equal(setup.relay.connections, 0);
});

test("commands that run › cancelled by the owner › are answered NO, and the server's IDLE ends", async () => {
  let reason: unknown;
  const xwait = defineCommand({ name: "XWAIT", isLongRunning: true }, async function* (
    _args,
    _session,
    { done, signal },
  ) {
    yield continuation("waiting");
    await done;
    reason = signal.reason;
    return ok("Too late.");
  });
  await using setup = await RelaySetup.start({ commands: [xwait] });
  const { client, server } = await setup.session();
  await client.say("a XWAIT\r\n");
  await client.hears("+ waiting\r\n");
  assert.equal(setup.relay.cancelCommands({ which: ({ user }) => user === "bob" }), 0);
  assert.equal(setup.relay.cancelCommands(), 1);
  await client.hears("a NO The command was cancelled.\r\n");
  await server.hears("~2 IDLE\r\n");
  await server.say("+ idling\r\n");
  await server.hears("DONE\r\n");
  await until(() => reason !== undefined);
  await server.say("~2 OK Done.\r\n");
  await client.say("b NOOP\r\n");
  await server.hears("b NOOP\r\n");
  await server.say("b OK Done.\r\n");
  await client.hears("b OK Done.\r\n");
  assert.deepEqual(setup.errors, []);
});

test("options › invalid ones › are refused before any client comes", async () => {
  const { listener } = memoryListener();
  const connect = () => Promise.reject(new Error("no"));
  const wrong: Partial<ServeRelayOptions>[] = [
    { connect: undefined },
    { startTls: {} },
    { connectTimeout: NaN },
    { handshakeTimeout: -1 },
    { stallTimeout: -1 },
    { endTimeout: -1 },
    { halfCloseTimeout: -1 },
    { refusalDelay: NaN },
    { maxConnections: 0 },
    { maxConnectionsPerAddress: NaN },
    { maxUnauthenticated: -1 },
    { maxOpenCommands: 0 },
    { limits: { line: 0 } },
    ...[null, 5, "5", []].map((limits) => ({ limits }) as never),
    ...[null, 5, {}, [{}], [null]].map((commands) => ({ commands }) as never),
    ...[null, 5].map((startTls) => ({ startTls }) as never),
    ...[null, 5].map((upstreamStartTls) => ({ upstreamStartTls }) as never),
    ...[null, true].map((upstreamId) => ({ upstreamId }) as never),
    ...["false", 0, null].map((isSecure) => ({ isSecure }) as never),
    ...["false", 0, null].map((allowsPlaintext) => ({ allowsPlaintext }) as never),
    { resolveUser: null as never },
    { onError: 5 as never },
    { keepaliveInterval: -1 },
  ];
  for (const options of wrong) {
    assert.throws(
      () => serveRelay(listener, { connect, ...options } as ServeRelayOptions),
      LocalProtocolError,
      JSON.stringify(options),
    );
  }
  await listener.close();
});
