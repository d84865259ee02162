/**
 * What every listener does, whatever is under it, as tests to be registered for each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import {
  type Address,
  type Connector,
  type Listener,
  peerName,
  type Transport,
} from "../../transports/transport.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import {
  canCountSockets,
  endOf,
  listen as listenWithNode,
  openSockets,
  socketsDownTo,
} from "../harness/sockets.ts";
import {
  assertEnd,
  assertReads,
  type Conversation,
  mebibyte,
  rejectsWith,
  testConversations,
  testTransport,
  tooMuch,
  turn,
} from "./conformance.ts";
import {
  acceptUntil,
  connectSocket,
  next,
  type SocketListenerSubject,
  temporaryPlace,
} from "./listening.ts";
import { type SocketConversation, testBreaking } from "./socket_conformance.ts";
import { testSocketFiles } from "./socket_file_conformance.ts";
import {
  clientTls,
  encryptedEndOf,
  peerWaits,
  secureClient,
  serverTls,
  traitsOf,
} from "./tls_ends.ts";

/** A listener under test, and the way to it. Disposing of it closes the listener. */
export interface Listening extends AsyncDisposable {
  /** What is tested. */
  readonly listener: Listener;
  /** Connects to it. */
  readonly connect: Connector;
}

/** A kind of listener. */
export interface ListenerSubject {
  /** What its tests are named for. */
  readonly name: string;
  /** Opens one. */
  readonly open: () => Promise<Listening>;
}

/** Registers the tests of what any listener does. */
export function testListener(subject: ListenerSubject): void {
  testAccepting(subject);
  testClosing(subject);
}

/** Registers the tests of what any listener at sockets does, and of the transports that it accepts. */
export function testSocketListener(subject: SocketListenerSubject): void {
  const { name, kind, encryption } = subject;
  const accepted = `${name}, accepted`;
  const how = {
    much: 32 * mebibyte,
    whenPeerCloses: "reset",
    keepsWhatIsWritten: true,
    ...traitsOf(encryption),
  } as const;
  const open = () => openAccepted(subject);
  testTransport({ ...how, name: accepted, open, peerWaits: peerWaits(encryption) });
  testBreaking({ name: accepted, kind, open });
  testConversations({ ...how, name: `${name}, both ends`, open: () => openBoth(subject) });
  if (canCountSockets) testLeavingNothing(subject);
  // What goes before there is anything to encrypt.
  if (encryption !== "clear") return;
  testListener({ name, open: () => openListener(subject) });
  testWaiting(subject);
  testAddress(subject);
  if (kind === "tcp") testTcp(subject);
  if (kind === "unix") testSocketFiles(subject);
}

function testAccepting({ name, open }: ListenerSubject): void {
  test(`${name} › clients before and after accept() was called › are accepted in their order`, async () => {
    await using listening = await open();
    const { listener, connect } = listening;
    await using first = await connect(listener.address);
    await first.write(Uint8Array.of(1));
    await using firstAccepted = await next(listener);
    const accepting = [listener.accept(), listener.accept()];
    await turn();
    await using second = await connect(listener.address);
    await second.write(Uint8Array.of(2));
    await using secondAccepted = await accepting[0];
    await using third = await connect(listener.address);
    await third.write(Uint8Array.of(3));
    await using thirdAccepted = await accepting[1];
    for (const [i, accepted] of [firstAccepted, secondAccepted, thirdAccepted].entries()) {
      assert.ok(accepted !== undefined);
      await assertReads(accepted, Uint8Array.of(i + 1));
    }
  });

  test(`${name} › two hundred clients at once › are all accepted`, async () => {
    await using listening = await open();
    const { listener, connect } = listening;
    const count = 200;
    const call = async (i: number) => {
      await using client = await connect(listener.address);
      await client.write(Uint8Array.of(i));
      await assertReads(client, Uint8Array.of(i));
      await assertEnd(client);
    };
    const answer = async (transport: Transport) => {
      await using accepted = transport;
      await accepted.write(await accepted.read() ?? assert.fail("It ended."));
    };
    const calls = Array.from({ length: count }, (_, i) => call(i));
    const answers: Promise<void>[] = [];
    for (let i = 0; i < count; i++) answers.push(answer(await next(listener)));
    await Promise.all([...calls, ...answers]);
  });
}

function testClosing({ name, open }: ListenerSubject): void {
  test(`${name} › close() during accept() › accept() resolves with undefined`, async () => {
    await using listening = await open();
    const { listener } = listening;
    const accepting = [listener.accept(), listener.accept(), listener.accept()];
    await turn();
    await listener.close();
    assert.deepEqual(await Promise.all(accepting), [undefined, undefined, undefined]);
  });

  test(`${name} › other calls after close() › close() resolves, no client is accepted`, async () => {
    await using listening = await open();
    const { listener, connect } = listening;
    await Promise.all([listener.close(), listener.close()]);
    await listener.close();
    for (let i = 0; i < 3; i++) assert.equal(await listener.accept(), undefined);
    const { transport } = listener.address;
    const code = transport === "unix" && !name.startsWith("memory") ? "not-found" : "refused";
    await rejectsWith(code, connect(listener.address), peerName(listener.address));
  });

  test(`${name} › an "await using" block ends › it is closed`, async () => {
    await using listening = await open();
    const { listener } = listening;
    {
      await using _closed = listener;
    }
    assert.equal(await listener.accept(), undefined);
  });

  test(`${name} › close() after a client was accepted › its transport stays open`, async () => {
    await using listening = await open();
    const { listener, connect } = listening;
    await using client = await connect(listener.address);
    await using accepted = await next(listener);
    await listener.close();
    await accepted.write(Uint8Array.of(1));
    await assertReads(client, Uint8Array.of(1));
    await client.write(Uint8Array.of(2));
    await assertReads(accepted, Uint8Array.of(2));
    await accepted.closeWrite();
    await assertEnd(client);
  });

  test(`${name} › close() before clients are accepted › they are closed`, async () => {
    await using listening = await open();
    const { listener, connect } = listening;
    const clients: Transport[] = [];
    for (let i = 0; i < 10; i++) clients.push(await connect(listener.address));
    await clients[0].write(Uint8Array.of(1));
    await turn();
    await listener.close();
    for (const client of clients) {
      // Some runtimes end them, some break them off.
      assert.equal(await client.read().catch(() => undefined), undefined);
      await client.close();
    }
    assert.equal(await listener.accept(), undefined);
  });
}

function testWaiting(subject: SocketListenerSubject): void {
  const { name, kind } = subject;
  test(`${name} › a client sends much before it is accepted › it has to wait, and nothing is lost`, async () => {
    await using listening = await openListener(subject);
    const { listener } = listening;
    const socket = await connectSocket(listener.address);
    const bytes = tooMuch;
    let isWritten = false;
    const writing = endOf(socket).write(bytes).then(() => isWritten = true);
    for (let last = -1; last !== socket.bytesWritten;) {
      last = socket.bytesWritten;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(isWritten, false);
    await using accepted = await next(listener);
    await assertReads(accepted, bytes);
    await writing;
    socket.destroy();
  });

  test(`${name} › a client disconnects before it is accepted › others are accepted`, async () => {
    await using listening = await openListener(subject);
    const { listener } = listening;
    const gone: Socket[] = [];
    for (let i = 0; i < 5; i++) gone.push(await connectSocket(listener.address));
    for (const [i, socket] of gone.entries()) {
      if (kind === "tcp" && i % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await turn();
    const socket = await connectSocket(listener.address);
    socket.write(Uint8Array.of(1));
    // The others don't wait for those that are gone.
    const { setTimeout } = globalThis;
    const pauses: unknown[] = [];
    const noting = (handler: () => void, ms?: number) => {
      if (ms !== undefined && ms > 1) pauses.push(ms);
      return setTimeout(handler, ms);
    };
    Object.assign(globalThis, { setTimeout: noting });
    try {
      await acceptUntil(listener, 1);
    } finally {
      Object.assign(globalThis, { setTimeout });
    }
    assert.deepEqual(pauses, []);
    socket.destroy();
  });
}

function testAddress(subject: SocketListenerSubject): void {
  const { name, listen, kind } = subject;
  test(`${name} › an address in use › rejects, and the other listener goes on`, async () => {
    await using listening = await openListener(subject);
    const { listener, connect } = listening;
    const { address } = listener;
    const { message } = await rejectsWith("in-use", listen(address), peerName(address));
    assert.ok(message.startsWith("Cannot listen at "), message);
    // The listener goes on, although the other one may have connected to check it.
    await using client = await connect(address);
    await client.write(Uint8Array.of(1));
    await acceptUntil(listener, 1);
  });

  test(`${name} › the address of a closed listener › can be used again`, async () => {
    await using place = await temporaryPlace(kind);
    let { address } = place;
    for (let i = 0; i < 3; i++) {
      await using listener = await listen(address);
      ({ address } = listener);
      await using client = await subject.connect(address);
      await using accepted = await next(listener);
      // The system keeps the port of the side that closes first for a while.
      await accepted.close();
      await assertEnd(client);
      const accepting = listener.accept();
      await listener.close();
      await accepting;
    }
  });
}

function testTcp({ name, listen, connect }: SocketListenerSubject): void {
  test(`${name} › port 0 › a free port is chosen, and a client's peer name has the client's port`, async () => {
    await using listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
    const { address } = listener;
    assert.ok(address.transport === "tcp");
    assert.equal(address.hostname, "127.0.0.1");
    assert.ok(address.port > 0, String(address.port));
    const socket = await connectSocket(address);
    await using accepted = await next(listener);
    assert.equal(accepted.peer, `tcp 127.0.0.1:${socket.localPort}`);
    socket.destroy();
  });

  test(`${name} › a host's name › is resolved`, async () => {
    await using listener = await listen({ transport: "tcp", hostname: "localhost", port: 0 });
    const { address } = listener;
    assert.ok(address.transport === "tcp");
    assert.ok(["127.0.0.1", "::1"].includes(address.hostname), address.hostname);
    await using _client = await connect(address);
    await using accepted = await next(listener);
    assert.ok(accepted.peer.startsWith("tcp "), accepted.peer);
  });

  if (Object.values(networkInterfaces()).flat().some((it) => it?.address === "::1")) {
    test(`${name} › an IPv6 address › is accepted, and in brackets in a client's peer name`, async () => {
      await using listener = await listen({ transport: "tcp", hostname: "::1", port: 0 });
      const { address } = listener;
      assert.ok(address.transport === "tcp");
      assert.equal(address.hostname, "::1");
      const socket = await connectSocket(address);
      await using accepted = await next(listener);
      assert.equal(accepted.peer, `tcp [::1]:${socket.localPort}`);
      socket.destroy();
    });
  }

  test(`${name} › an address of another machine › rejects`, async () => {
    const address: Address = { transport: "tcp", hostname: "192.0.2.1", port: 24245 };
    // Deno's node:net calls it an invalid argument.
    const isVague = "Deno" in globalThis && name.startsWith("node.ts");
    await rejectsWith(isVague ? "other" : "unreachable", listen(address), peerName(address));
  });

  test(`${name} › a port above 65,535 › rejects`, async () => {
    const address: Address = { transport: "tcp", hostname: "127.0.0.1", port: 65_536 };
    await rejectsWith("other", listen(address), "tcp 127.0.0.1:65536");
  });
}

function testLeavingNothing(subject: SocketListenerSubject): void {
  const { name, listen, connect, kind, encryption } = subject;
  // A handshake takes the time of many connections.
  const count = encryption === "clear" ? 1000 : kind === "tcp" ? 150 : 50;

  test(`${name} › ${count} clients › leave no socket and no timer`, async () => {
    const tls = encryption === "clear" ? undefined : await clientTls();
    const ownTls = encryption === "STARTTLS" ? await serverTls() : undefined;
    await leavingNothing(async () => {
      const before = openSockets();
      await using listening = await openListener(subject);
      const { listener } = listening;
      const serve = async () => {
        for (let client; (client = await listener.accept()) !== undefined;) {
          await using accepted = ownTls === undefined ? client : await client.startTls(ownTls);
          await accepted.write(await accepted.read() ?? assert.fail("It ended."));
        }
      };
      const serving = Promise.all([serve(), serve(), serve()]);
      const talk = async () => {
        await using client = ownTls === undefined
          ? await connect(listener.address, { tls })
          : await (await connect(listener.address)).startTls(tls!);
        await client.write(Uint8Array.of(1));
        await assertReads(client, Uint8Array.of(1));
      };
      for (let i = 0; i < count; i++) await talk();
      await Promise.all(Array.from({ length: 50 }, talk));
      await socketsDownTo(before + 1);
      await listener.close();
      await serving;
    });
  });

  if (encryption !== "clear") return;

  test(`${name} › close() before clients are accepted › leaves no socket`, async () => {
    const before = openSockets();
    const listening = await openListener(subject);
    const sockets: Socket[] = [];
    for (let i = 0; i < 50; i++) sockets.push(await connectSocket(listening.listener.address));
    for (const socket of sockets.slice(0, 25)) socket.write("!");
    await turn();
    await listening[Symbol.asyncDispose]();
    // Only their ends are left.
    await socketsDownTo(before + 50);
    for (const socket of sockets) socket.destroy();
    await socketsDownTo(before);
  });

  test(`${name} › listening that fails › leaves no socket`, async () => {
    const before = openSockets();
    await using server = await listenWithNode(kind, (socket) => socket.destroy());
    const fail = () => rejectsWith("in-use", listen(server.address));
    for (let i = 0; i < 20; i++) await fail();
    await Promise.all(Array.from({ length: 20 }, fail));
    await socketsDownTo(before + 1);
  });
}

/** Listens on a free port of loopback, or in a temporary folder. */
async function openListener(
  { listen, connect, kind, encryption }: SocketListenerSubject,
): Promise<Listening> {
  const place = await temporaryPlace(kind);
  const isTls = encryption === "TLS";
  const listener = await listen(place.address, isTls ? { tls: await serverTls() } : {});
  return {
    listener,
    connect: isTls ? async (address) => connect(address, { tls: await clientTls() }) : connect,
    async [Symbol.asyncDispose](): Promise<void> {
      await listener.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

/** The next client, encrypted if the subject says so. */
async function nextOf(
  { listener }: Listening,
  { encryption }: SocketListenerSubject,
): Promise<Transport> {
  const transport = await next(listener);
  return encryption === "STARTTLS" ? await transport.startTls(await serverTls()) : transport;
}

/** Accepts a socket of `node:net`. */
async function openAccepted(subject: SocketListenerSubject): Promise<SocketConversation> {
  const listening = await openListener(subject);
  const socket = await connectSocket(listening.listener.address);
  const accepting = nextOf(listening, subject);
  const end = subject.encryption === "clear" ? socket : await secureClient(socket);
  const transport = await accepting;
  return {
    transport,
    peer: encryptedEndOf(end),
    socket,
    async [Symbol.asyncDispose](): Promise<void> {
      await transport.close();
      end.destroy();
      socket.destroy();
      await listening[Symbol.asyncDispose]();
    },
  };
}

/** Accepts what connects with the same adapter. */
async function openBoth(subject: SocketListenerSubject): Promise<Conversation> {
  const listening = await openListener(subject);
  const connecting = listening.connect(listening.listener.address);
  const accepting = nextOf(listening, subject);
  const peer = subject.encryption === "STARTTLS"
    ? await (await connecting).startTls(await clientTls())
    : await connecting;
  const transport = await accepting;
  return {
    transport,
    peer,
    async [Symbol.asyncDispose](): Promise<void> {
      await transport.close();
      await peer.close();
      await listening[Symbol.asyncDispose]();
    },
  };
}
