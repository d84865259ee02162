import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import {
  defineCommand,
  ImapClient,
  no,
  ok,
  type RunningCommand,
  serve,
  untagged,
} from "../../imap/mod.ts";
import { memoryListener } from "../../transports/memory.ts";
import { connect, listen } from "../../transports/mod.ts";
import { certificates } from "../harness/certificates.ts";
import { HeldTimers } from "../harness/held_timers.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { Client, password, serving, xwait } from "./served.ts";
import { until } from "../harness/until.ts";

const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

test("serve › a client's whole session › is answered", async () => {
  await using served = await serving();
  await using client = await served.clientIn();
  await client.asks("a CAPABILITY\r\n", /^\* CAPABILITY .* XWAIT\r\na OK .*\r\n/);
  await client.asks("b XECHO {5+}\r\nhello\r\n", /^b OK hello\r\n/);
  await client.asks("c XWAIT\r\n", /^\* XWAIT "alice"\r\n\+ waiting\r\n/);
  await client.asks("done\nd NOOP\r\n", /^\* XWAIT END\r\nc OK Waited\.\r\nd OK .*\r\n/);
  await client.asks("e LOGOUT\r\n", /^\* BYE .*\r\ne OK .*\r\n/);
  assert.equal(await client.hearsTheEnd(), "");
  await until(() => served.server.connections === 0, "no connection");
  assert.deepEqual(served.errors, []);
});

test("serve › an ImapClient › logs in, runs commands, and ends a long-running one", async () => {
  await using served = await serving();
  assert(served.server.address.transport === "tcp");
  const { hostname, port } = served.server.address;
  const options = { username: "Alice", password };
  await using client = await ImapClient.connect({ hostname, port }, options);
  assert(client.hasCapability("XWAIT"));
  assert.equal((await client.command("XECHO", ['say "hi"'])).text, 'say "hi"');
  await assert.rejects(client.command("XNONE"), /Unknown command/);
  const seen: string[] = [];
  for await (const response of client.longCommand("XWAIT")) {
    if (response.type === "continuation") break;
    seen.push(response.type === "status" ? response.text : response.name);
  }
  assert.deepEqual(seen, ["XWAIT"]);
  for await (const response of client.idle()) {
    if (response.type === "continuation") break;
  }
  assert.equal((await client.command("XECHO", ["still in step"])).text, "still in step");
});

test("serve › a wrong password › is refused, told, and delayed more each time", async () => {
  await using served = await serving({ refusalDelay: 1 });
  await using client = await served.client();
  for (let count = 1; count <= 3; count++) {
    await client.asks("a LOGIN alice wrong\r\n", /^a NO \[AUTHENTICATIONFAILED\] .*\r\n/);
    assert.match((await served.told(count))[count - 1], /could not log in as "alice"\.$/);
  }
  await client.asks(`b LOGIN alice ${password}\r\n`, /^b OK .*\r\n/);
});

test("serve › the function that checks logins › learns all, and its errors refuse", async () => {
  const seen: unknown[] = [];
  await using served = await serving({
    authenticate(login, { isSecure, clientId }) {
      seen.push({ ...login, isSecure, clientId });
      if (login.user === "fails") throw new Error("out of order");
      if (login.user === "odd") return 1 as unknown as string;
      return login.user === "empty" ? "" : "bob";
    },
  });
  await using client = await served.client();
  await client.asks('a ID ("name" "lab")\r\n', /a OK .*\r\n/);
  await client.asks("b LOGIN fails x\r\n", /^b NO /);
  await client.asks("c LOGIN odd x\r\n", /^\[.*\r\nc NO /);
  await client.asks("c LOGIN empty x\r\n", /^\[.*\r\nc NO /);
  await client.asks(`d AUTHENTICATE PLAIN ${btoa("bob\0alice\0x")}\r\n`, /d OK /);
  assert.deepEqual(seen.at(-1), {
    user: "alice",
    password: "x",
    authzid: "bob",
    mechanism: "AUTHENTICATE PLAIN",
    isSecure: false,
    clientId: new Map([["name", "lab"]]),
  });
  assert.deepEqual(served.errors.filter((error) => !error.includes("could not")), [
    "out of order",
    '"authenticate" returned a value of type number. Return the user\'s name.',
    '"authenticate" returned an empty text. Return the user\'s name.',
  ]);
});

test("serve › STARTTLS › encrypts, and a password before is refused", async () => {
  const { ca, good } = await certificates();
  await using served = await serving({ startTls: good, allowsPlaintext: false });
  await using bare = await served.client();
  await bare.asks(`a LOGIN alice ${password}\r\n`, /^a NO \[PRIVACYREQUIRED\]/);
  assert(served.server.address.transport === "tcp");
  const { port } = served.server.address;
  await using client = await ImapClient.connect({ hostname: "localhost", port }, {
    username: "alice",
    password,
    starttls: "required",
    tls: { caCerts: [ca] },
  });
  assert.equal((await client.command("XECHO", ["hello"])).text, "hello");
});

test("serve › STARTTLS with an unencrypted command after it › never runs it", async () => {
  const { good } = await certificates();
  const seen: string[] = [];
  await using served = await serving({
    startTls: good,
    authenticate: ({ user }) => (seen.push(user), user),
  });
  for (const said of ["a STARTTLS\r\nb LOGIN mallory x\r\n", "a STARTTLS\r\n"]) {
    await using client = await served.client();
    await client.asks(said, /^a OK .*\r\n/);
    if (!said.includes("LOGIN")) await client.say("b LOGIN mallory x\r\nc NOOP\r\n");
    assert.doesNotMatch(await client.hearsTheEnd(), /OK/);
  }
  await until(() => served.server.connections === 0, "no connection");
  assert.deepEqual(seen, []);
});

test("serve › a certificate that is none › fails for each client, and the owner learns why", async () => {
  const broken = { cert: "no certificate", key: "no key" };
  for (const options of [{ startTls: broken }, { listening: { tls: broken }, isSecure: true }]) {
    await using served = await serving(options);
    await using client = new Client(await connect(served.server.address));
    await client.say("a STARTTLS\r\nwhatever this is, it is no handshake");
    await client.hearsTheEnd();
    assert.match((await served.told(1))[0], /^Cannot start TLS with tcp 127/);
  }
});

test("serve › TLS from the first byte › is secure", async () => {
  const { ca, good } = await certificates();
  await using served = await serving({
    listening: { tls: good },
    isSecure: true,
    allowsPlaintext: false,
  });
  const tls = { caCerts: [ca], serverName: "localhost" };
  await using client = await served.client({ tls });
  await client.asks(`a LOGIN alice ${password}\r\n`, /^a OK /);
});

test("serve › a client that never logs in › gets BYE at the time limit", async () => {
  await using served = await serving({ handshakeTimeout: 50 });
  await using silent = await served.client();
  assert.equal(await silent.hearsTheEnd(), "* BYE Disconnected for inactivity.\r\n");
  assert.match((await served.told(1))[0], /didn't log in within 50 ms\.$/);
});

test("serve › a client that never finishes STARTTLS › is disconnected at the time limit", async () => {
  const { good } = await certificates();
  const handshakeTimeout = 1_234_567;
  using timers = new HeldTimers((delay) => delay === handshakeTimeout);
  await using served = await serving({ handshakeTimeout, startTls: good });
  await using client = await served.client();
  await client.asks("a STARTTLS\r\n", /^a OK .*\r\n/);
  // The server begins its handshake some turns after the answer.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  timers.fire();
  assert.equal(await client.hearsTheEnd(), "");
  await until(() => served.server.connections === 0, "no connection");
});

test("serve › a client that is silent after its login › gets BYE at the time limit", async () => {
  await using served = await serving({ idleTimeout: 50 });
  await using client = await served.clientIn();
  assert.equal(await client.hearsTheEnd(), "* BYE Disconnected for inactivity.\r\n");
});

test("serve › too many connections › are turned away, or replace one without a login", async () => {
  await using served = await serving({ maxConnections: 2 });
  await using first = await served.clientIn();
  await using second = await served.client();
  await using third = await served.client();
  assert.match(await second.hearsTheEnd(), /^\* BYE \[LIMIT\] Too many connections/);
  await third.asks(`a LOGIN alice ${password}\r\n`, /^a OK .*\r\n/);
  const fourth = new Client(await connect(served.server.address));
  assert.match(await fourth.hearsTheEnd(), /^\* BYE \[LIMIT\] Too many connections/);
  await first.asks("a NOOP\r\n", /^a OK /);
  assert.equal((await served.told(2)).length, 2);
});

test("serve › too many connections of one address, or without a login › are limited as well", async () => {
  await using perAddress = await serving({ maxConnectionsPerAddress: 1 });
  await using _one = await perAddress.client();
  const other = new Client(await connect(perAddress.server.address));
  assert.match(await other.hearsTheEnd(), /^\* BYE \[LIMIT\]/);
  await using waiting = await serving({ maxUnauthenticated: 1 });
  await using _in = await waiting.clientIn();
  await using oldest = await waiting.client();
  await using _newest = await waiting.client();
  assert.match(await oldest.hearsTheEnd(), /^\* BYE \[LIMIT\]/);
});

test("serve › a login that is refused after its client has gone › leaves no timer", async () => {
  await leavingNothing(async () => {
    let refuse = () => {};
    const asked = new Promise<void>((resolve) => refuse = resolve);
    let isAsked = false;
    await using served = await serving({
      refusalDelay: 3_600_000,
      async authenticate() {
        isAsked = true;
        await asked;
        return undefined;
      },
    });
    const client = await served.client();
    await client.say("a LOGIN alice x\r\n");
    await until(() => isAsked, "the login");
    await served.server.close({ timeout: 1 });
    await client.hearsTheEnd();
    refuse();
    await served.told(1);
  });
});

test("close › while many clients are turned away › waits for their end", async () => {
  const { listener, connect: dial } = memoryListener();
  let open = 0;
  const counting = {
    ...listener,
    async accept() {
      const transport = await listener.accept();
      if (transport === undefined) return undefined;
      open++;
      const { close } = transport;
      return Object.assign(transport, {
        close() {
          open--;
          return Object.assign(transport, { close }).close();
        },
      });
    },
  };
  const errors: unknown[] = [];
  const server = serve(counting, {
    authenticate: () => undefined,
    maxUnauthenticated: 1,
    onError: (error) => errors.push(error),
  });
  // None of them reads.
  const clients = await Promise.all(
    Array.from({ length: 250 }, () => dial({ transport: "unix", path: "" })),
  );
  await until(() => errors.length === 249, "249 that have to leave");
  assert(open <= 101, `${open} are told why`);
  await server.close({ timeout: 1 });
  assert.equal(open, 0);
  for (const client of clients) await client.close();
});

test("close › with clients in each state › says BYE, and waits for the command that is being answered", async () => {
  let finish: (() => void) | undefined;
  const slow = defineCommand({ name: "XSLOW" }, async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return ok("At last.");
  });
  const served = await serving({ commands: [xwait, slow] });
  await using early = await served.client();
  await using idle = await served.clientIn();
  await using waiting = await served.clientIn();
  await waiting.asks("a XWAIT\r\n", /\+ waiting\r\n/);
  await using busy = await served.clientIn();
  await busy.say("a XSLOW\r\nb NOOP\r\n");
  await until(() => finish !== undefined, "the command");
  const closing = served.server.close({ timeout: 60_000 });
  const bye = "* BYE Server shutting down.\r\n";
  assert.equal(await early.hearsTheEnd(), bye);
  assert.equal(await idle.hearsTheEnd(), bye);
  assert.equal(await waiting.hearsTheEnd(), bye);
  finish!();
  assert.equal(await busy.hearsTheEnd(), `a OK At last.\r\n${bye}`);
  await closing;
  await served.server.finished;
  assert.deepEqual(served.errors, []);
});

test("close › a command that takes longer than the time limit › is cancelled", async () => {
  let hasBegun = false;
  let aborted: unknown;
  const stuck = defineCommand({ name: "XSTUCK" }, async (_args, _session, { done, signal }) => {
    hasBegun = true;
    await done;
    aborted = signal.reason;
    return no("Too late.");
  });
  const served = await serving({ commands: [stuck] });
  await using client = await served.clientIn();
  await client.say("a XSTUCK\r\n");
  await until(() => hasBegun, "the command");
  await served.server.close({ timeout: 50 });
  assert.equal(await client.hearsTheEnd(), "* BYE Server shutting down.\r\n");
  await until(() => aborted !== undefined, "the signal");
});

test("commands that run › cancelled by the owner › are answered NO, and the connections go on", async () => {
  const reasons: unknown[] = [];
  const slow = defineCommand({ name: "XSLOW" }, async (_args, _session, { done, signal }) => {
    await done;
    reasons.push(signal.reason);
    return ok("Too late.");
  });
  await using served = await serving({ commands: [xwait, slow] });
  await using waiting = await served.clientIn();
  await waiting.asks("a XWAIT\r\n", /\+ waiting\r\n/);
  await using busy = await served.clientIn();
  await busy.say("b XSLOW\r\nc NOOP\r\n");
  await using idling = await served.clientIn();
  await idling.asks("d IDLE\r\n", /\+ idling\r\n/);
  const told: string[] = [];
  const which = ({ name, user, peer }: RunningCommand) => {
    told.push(`${name} ${user}`);
    assert.match(peer, /^tcp 127\.0\.0\.1:/);
    return name === "XSLOW";
  };
  await until(() => served.server.cancelCommands({ which, text: "Not now." }) === 1, "a command");
  assert.equal(await busy.hears(/c OK .*\r\n/), "c OK NOOP completed.\r\n");
  assert.deepEqual(told.slice(-2), ["XWAIT alice", "XSLOW alice"]);
  await until(() => reasons.length === 1, "the handler's end");
  assert.throws(() => served.server.cancelCommands({ text: "a\r\nb" }), LocalProtocolError);
  const wrong = { which: 5 as unknown as () => boolean };
  assert.throws(() => served.server.cancelCommands(wrong), LocalProtocolError);
  assert.equal(served.server.cancelCommands(), 1);
  assert.equal(served.server.cancelCommands(), 0);
  assert.equal(
    await waiting.asks("n NOOP\r\n", /n OK .*\r\n/),
    "n OK NOOP completed.\r\n",
  );
  await idling.asks("DONE\r\n", /^d OK /);
  assert.deepEqual(served.errors, []);
});

test("close › by a signal › closes the server", async () => {
  const controller = new AbortController();
  const served = await serving({ signal: controller.signal });
  await using client = await served.clientIn();
  controller.abort();
  await served.server.finished;
  assert.equal(await client.hearsTheEnd(), "* BYE Server shutting down.\r\n");
});

test("close › with clients that do everything › leaves no socket and no timer", async () => {
  await leavingNothing(async () => {
    const served = await serving();
    const clients = await Promise.all(
      ["", "a XWAIT\r\n", "a LOGIN", "a STARTTLS\r\n", "a XECHO {5}\r\n", "a IDLE\r\n"].map(
        async (said) => {
          const client = said.includes("STARTTLS")
            ? await served.client()
            : await served.clientIn();
          if (said !== "") await client.say(said);
          return client;
        },
      ),
    );
    await clients[0].transport.close();
    await served.server.close({ timeout: 100 });
    for (const client of clients) await client.transport.close();
  });
});

test("serve › 100,000 pipelined NOOPs › are all answered", async () => {
  const count = 100_000;
  await using served = await serving();
  await using client = await served.clientIn();
  const said = client.say("a NOOP\r\n".repeat(count) + "z CAPABILITY\r\n");
  const heard = await client.hears(/^[^]*z OK .*\r\n/);
  await said;
  assert.equal(heard.split("a OK NOOP completed.\r\n").length - 1, count);
});

test("serve › invalid options › are refused", async () => {
  const listener = await listen(address);
  const authenticate = () => "alice";
  const command = defineCommand({ name: "xlower" }, () => ok("x"));
  for (
    const options of [
      {},
      { authenticate, handshakeTimeout: -1 },
      { authenticate, stallTimeout: NaN },
      { authenticate, endTimeout: -1 },
      { authenticate, maxConnections: 0 },
      { authenticate, refusalDelay: -1 },
      { authenticate, startTls: {} },
      { authenticate, commands: [command] },
      { authenticate, commands: null },
      { authenticate, limits: null },
      { authenticate, limits: { output: null } },
      { authenticate, startTls: null },
      { authenticate, onError: 5 },
      // As from a variable of the environment.
      ...["false", "", 0, null].flatMap((no) => [
        { authenticate, isSecure: no },
        { authenticate, allowsPlaintext: no },
      ]),
      ...["dovewire", 5, null].map((id) => ({ authenticate, id })),
    ]
  ) {
    const given = options as Parameters<typeof serve>[1];
    assert.throws(() => serve(listener, given), LocalProtocolError, JSON.stringify(options));
  }
  await using server = serve(listener, { authenticate });
  await assert.rejects(server.close({ timeout: NaN }), LocalProtocolError);
  for (const options of [1000, null, "1000"] as never[]) {
    await assert.rejects(server.close(options), /The options are not an object/);
  }
  assert.throws(
    () => defineCommand(null as never, () => ok("x")),
    LocalProtocolError,
  );
  assert.throws(
    () => defineCommand({ name: "X" }, 1 as unknown as () => ReturnType<typeof ok>),
    LocalProtocolError,
  );
  assert.deepEqual(untagged("X").type, "untagged");
});
