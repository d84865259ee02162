/** Clients of a relay that moves from process to process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { encodeUtf8 } from "../../../core/mod.ts";
import {
  supervise,
  type SuperviseOptions,
  type Supervisor,
} from "../../../transports/handover/mod.ts";
import { whyImmovable } from "../../../transports/handover/sockets.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { connect, listen } from "../../../transports/node.ts";
import type { Listener } from "../../../transports/transport.ts";
import { certificates } from "../../harness/certificates.ts";
import { atFullSize } from "../../harness/soak.ts";
import { ScriptedEnd } from "../scripted_end.ts";
import { lineFrom, listed, logIn } from "./relay_setup.ts";
import { until } from "../../harness/until.ts";

const place = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

/** A supervisor, its clients, and the server's ends of their connections. */
class Supervised implements AsyncDisposable {
  readonly errors: unknown[] = [];
  readonly listener: Listener;
  supervisor!: Supervisor;
  /** The worker's second argument. */
  readonly args: string[];

  private constructor(listener: Listener) {
    this.listener = listener;
    this.args = [String(listener.address.transport === "tcp" && listener.address.port), ""];
  }

  static async start(options: Partial<SuperviseOptions> = {}): Promise<Supervised> {
    const it = new Supervised(await listen(place));
    it.supervisor = await supervise({
      listen: place,
      worker: fileURLToPath(new URL("handover_worker.ts", import.meta.url)),
      args: it.args,
      onHangUp: false,
      onError: (error) => it.errors.push(error),
      ...options,
    });
    return it;
  }

  async session(): Promise<{ readonly client: ScriptedEnd; readonly server: ScriptedEnd }> {
    const client = new ScriptedEnd(await connect(this.supervisor.address));
    const server = new ScriptedEnd((await this.listener.accept())!);
    await logIn(client, server);
    return { client, server };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.close();
    await this.listener.close();
  }
}

type Session = Awaited<ReturnType<Supervised["session"]>>;

/** A client that sends without a pause, and a server that does; each line has a number. */
class Chatter {
  readonly #session: Session;
  #isOver = false;
  readonly #done: Promise<void>;
  count = 0;

  constructor(session: Session) {
    this.#session = session;
    this.#done = this.#run();
  }

  /** Resolves when the last line has arrived at both ends. */
  end(): Promise<void> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    const { client, server } = this.#session;
    for (; !this.#isOver; this.count++) {
      const { count } = this;
      const size = 1 + count % 3000;
      await Promise.all([
        server.say(`* ${count} EXISTS\r\n* 1 FETCH (X {${size}}\r\n${"x".repeat(size)})\r\n`),
        client.say(`a${count} NOOP\r\n`),
        client.hears(`* ${count} EXISTS\r\n* 1 FETCH (X {${size}}\r\n${"x".repeat(size)})\r\n`),
        server.hears(`a${count} NOOP\r\n`),
      ]);
      await server.say(`a${count} OK Done.\r\n`);
      await client.hears(`a${count} OK Done.\r\n`);
    }
  }
}

test("a handover › of clients in all states, while some never stop writing › isn't seen by any", async () => {
  await using it = await Supervised.start();
  const count = atFullSize(1000, 12);
  const idle: Session[] = [];
  for (let at = 0; at < count; at++) idle.push(await it.session());
  for (const [at, { client, server }] of idle.entries()) {
    if (at % 3 === 0) {
      await client.say("c XCOUNT\r\n");
      await client.hears("+ counting\r\n");
      await server.hears("~2 IDLE\r\n");
      await server.say("+ idling\r\n");
    } else if (at % 3 === 1) {
      await client.say("c IDLE\r\n");
      await server.hears("c IDLE\r\n");
      await server.say("+ idling\r\n");
      await client.hears("+ idling\r\n");
    }
    await client.say("d");
  }
  const chatters = [new Chatter(await it.session()), new Chatter(await it.session())];
  const upgrades = atFullSize(10, 1);
  const pids = new Set([it.supervisor.workerPid]);
  for (let turn = 0; turn < upgrades; turn++) {
    const upgrading = it.supervisor.upgrade();
    for (const { server } of idle.slice(0, 50)) void server.say("* 7 EXISTS\r\n");
    assert.deepEqual(await upgrading, { moved: count + 2, left: 0 });
    pids.add(it.supervisor.workerPid);
  }
  assert.equal(pids.size, upgrades + 1);
  for (const chatter of chatters) {
    await chatter.end();
    assert(chatter.count > 0);
  }
  for (const [at, { client, server }] of idle.entries()) {
    await client.hears("* 7 EXISTS\r\n".repeat(at < 50 ? upgrades : 0));
    if (at % 3 === 0) {
      await client.say("one\r\n");
      await client.hears(`* XCOUNT alice ${upgrades + 2}\r\nc OK Counted.\r\n`);
      await server.hears("DONE\r\n");
    } else if (at % 3 === 1) {
      await client.say("one\r\n");
      await server.hears("DONE\r\n");
      await server.say("c OK Done.\r\n");
      await client.hears("c OK Done.\r\n");
    } else {
      await client.say(" NOOP\r\n");
      await server.hears("d NOOP\r\n");
      await server.say("d OK Done.\r\n");
      await client.hears("d OK Done.\r\n");
    }
  }
  assert.deepEqual(it.errors, []);
});

test("a handover › without a time limit › waits for a client that logs in", async () => {
  await using it = await Supervised.start({ handoverTimeout: Infinity });
  const pid = it.supervisor.workerPid;
  const client = new ScriptedEnd(await connect(it.supervisor.address));
  const server = new ScriptedEnd((await it.listener.accept())!);
  const upgrading = it.supervisor.upgrade();
  await until(() => it.supervisor.workerPid !== pid);
  await logIn(client, server);
  assert.deepEqual(await upgrading, { moved: 1, left: 0 });
  await client.say("a NOOP\r\n");
  await server.hears("a NOOP\r\n");
});

test("a handover › of clients over TLS › tells each of them BYE, and says why", async () => {
  await using it = await Supervised.start();
  const { ca, good } = await certificates();
  it.args.push(JSON.stringify(good));
  await it.supervisor.upgrade();
  // More than are told at a time.
  const clients: ScriptedEnd[] = [];
  for (let at = 0; at < 25; at++) {
    const plain = await connect(it.supervisor.address);
    const server = new ScriptedEnd((await it.listener.accept())!);
    await server.say(`* OK [CAPABILITY ${listed}] ready.\r\n`);
    assert.match(await lineFrom(plain), /^\* OK \[CAPABILITY .* STARTTLS/);
    await plain.write(encodeUtf8("a STARTTLS\r\n"));
    assert.match(await lineFrom(plain), /^a OK /);
    const client = new ScriptedEnd(
      await plain.startTls({ caCerts: [ca], serverName: "localhost" }),
    );
    await client.say("in LOGIN alice secret\r\n");
    await server.hears("~1 LOGIN alice secret\r\n");
    await server.say("~1 OK Logged in\r\n");
    await client.hears("in OK Logged in\r\n");
    clients.push(client);
  }
  const upgrading = it.supervisor.upgrade();
  for (const client of clients) {
    await client.hears("* BYE Server shutting down.\r\n");
    await client.closesAtTheEnd();
  }
  assert.deepEqual(await upgrading, { moved: 0, left: clients.length });
  assert.equal(it.errors.length, 1);
  assert.match(String(it.errors[0]), /can't move .*: it is encrypted/);
});

test("a handover › that is refused, or whose new worker is killed half way › leaves what hasn't moved", async () => {
  await using it = await Supervised.start({ onHangUp: true });
  const sessions: Session[] = [];
  for (let at = 0; at < 6; at++) sessions.push(await it.session());
  const pid = it.supervisor.workerPid;
  it.args[1] = "other-form";
  await assert.rejects(it.supervisor.upgrade(), /of the form other, .* Nothing has moved/);
  it.args[1] = "dies";
  await assert.rejects(it.supervisor.upgrade(), /ended while connections moved there: 2 had moved/);
  assert.equal(it.supervisor.workerPid, pid);
  // Two had moved, and one was taken over just then.
  assert.match(String(it.errors.splice(0)), /^DovewireError: A connection was lost on its way/);
  for (const { client, server } of sessions.slice(3)) {
    await client.say("a NOOP\r\n");
    await server.hears("a NOOP\r\n");
  }
  it.args[1] = "";
  process.kill(process.pid, "SIGHUP");
  await until(() => it.supervisor.workerPid !== pid);
  assert.deepEqual(await it.supervisor.upgrade(), { moved: 3, left: 0 });
  for (const { client, server } of sessions.slice(3)) {
    await server.say("a OK Done.\r\n");
    await client.hears("a OK Done.\r\n");
  }
  // A worker that ends by itself is replaced.
  process.kill(it.supervisor.workerPid!, "SIGKILL");
  await sessions[5].client.closesAtTheEnd();
  await until(() => it.errors.length === 1 && it.supervisor.workerPid !== undefined);
  await it.session();
});

test("a handover › whose new worker is killed with a connection in hand › leaves that where it was", async () => {
  await using it = await Supervised.start();
  const sessions: Session[] = [];
  for (let at = 0; at < atFullSize(200, 40); at++) sessions.push(await it.session());
  for (const { client } of sessions) await client.say("a");
  // Killed with the first socket of the first connection, the second one, and the second one of the fourth.
  for (const [socket, moved] of [[1, 0], [2, 0], [8, 3]]) {
    it.args[1] = `dies at ${socket}`;
    const upgrading = it.supervisor.upgrade();
    for (const { server } of sessions) void server.say("* 7 EXISTS\r\n").catch(() => {});
    await assert.rejects(upgrading, new RegExp(`: ${moved} had moved\\.`));
  }
  it.args[1] = "";
  assert.deepEqual(await it.supervisor.upgrade(), { moved: sessions.length - 3, left: 0 });
  let closed = 0;
  for (const { client, server } of sessions) {
    await client.say(" NOOP\r\n").catch(() => {});
    const heard = await Promise.race([server.line(), client.hearsTheEnd()]);
    if (heard !== "a NOOP\r\n") {
      closed++;
      continue;
    }
    await server.say("a OK Done.\r\n");
    await client.hears("* 7 EXISTS\r\n".repeat(3) + "a OK Done.\r\n");
  }
  assert.equal(closed, 3);
  assert.deepEqual(it.errors, []);
});

test("a handover › a connection that the new worker refuses › stays, and is told BYE at the end", async () => {
  await using it = await Supervised.start();
  const sessions: Session[] = [];
  for (let at = 0; at < 5; at++) sessions.push(await it.session());
  it.args[1] = "refuses";
  assert.deepEqual(await it.supervisor.upgrade(), { moved: 4, left: 1 });
  const { client, server } = sessions.splice(2, 1)[0];
  await client.hears("* BYE Server shutting down.\r\n");
  await client.closesAtTheEnd();
  await server.closesAtTheEnd();
  for (const { client, server } of sessions) {
    await client.say("a NOOP\r\n");
    await server.hears("a NOOP\r\n");
    await server.say("a OK Done.\r\n");
    await client.hears("a OK Done.\r\n");
  }
  assert.equal(it.errors.length, 1, String(it.errors));
  assert.match(String(it.errors[0]), /The other worker didn't take a connection over: no room\./);
});

test("a transport that is encrypted, or not over node:net › asked whether it can move › says why not", () => {
  const [transport] = memoryPair();
  assert.match(
    whyImmovable(transport)!.message,
    /^The connection to memory can't move .*encrypted/,
  );
});
