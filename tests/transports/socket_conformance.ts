/**
 * What every transport over sockets does besides, connecting among it, as tests to be registered for
 * each of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import {
  type Address,
  type Connector,
  peerName,
  type Transport,
} from "../../transports/transport.ts";
import { certificates } from "../harness/certificates.ts";
import { atFullSize } from "../harness/soak.ts";
import {
  canCountSockets,
  listen,
  listenAndNeverAccept,
  listenNowhere,
  openSockets,
  type SocketKind,
  socketsDownTo,
  temporaryFolder,
} from "../harness/sockets.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import {
  assertEnd,
  assertReads,
  type Conversation,
  mebibyte,
  pattern,
  rejectsWith,
  testTransport,
  tooMuch,
  turn,
} from "./conformance.ts";
import {
  clientTls,
  encryptedEndOf,
  type Encryption,
  peerWaits,
  secureServer,
  traitsOf,
} from "./tls_ends.ts";

/** A way to connect, and what the tests have to know of it. */
export interface SocketSubject {
  /** What its tests are named for. */
  readonly name: string;
  /** What is tested. */
  readonly connect: Connector;
  /** The kind of address to connect to. */
  readonly kind: SocketKind;
  /** How the conversation is encrypted. */
  readonly encryption: Encryption;
}

/** A transport under test whose other end is a socket of `node:net`. */
export interface SocketConversation extends Conversation {
  /** The other end's socket, under whatever is over it. */
  readonly socket: Socket;
}

/** A kind of transport over sockets, however it came about. */
export interface BreakableSubject {
  /** What its tests are named for. */
  readonly name: string;
  /** What it is over. */
  readonly kind: SocketKind;
  /** Opens a conversation. */
  readonly open: () => Promise<SocketConversation>;
}

/** Registers the tests of what any transport over sockets does, connecting among it. */
export function testSockets(subject: SocketSubject): void {
  const { name, kind, encryption } = subject;
  const open = () => openSocket(subject);
  testTransport({
    name,
    open,
    much: 32 * mebibyte,
    whenPeerCloses: "reset",
    keepsWhatIsWritten: true,
    ...traitsOf(encryption),
    peerWaits: peerWaits(encryption),
  });
  testBreaking({ name, kind, open });
  if (canCountSockets) testLeavingNothing(subject);
  // What goes before there is anything to encrypt.
  if (encryption !== "clear") return;
  testConnecting(subject);
  testFailingToConnect(subject);
  if (kind === "tcp") testTcp(subject);
  if (kind === "unix") testUnix(subject);
}

function testConnecting({ name, connect, kind }: SocketSubject): void {
  test(`${name} › a transport › has its peer's name`, async () => {
    await using server = await listen(kind, () => {});
    await using transport = await connect(server.address);
    assert.equal(transport.peer, peerName(server.address));
  });

  test(`${name} › a signal that doesn't abort › no listener is left`, async () => {
    await using server = await listen(kind, () => {});
    const { signal } = new AbortController();
    await using _transport = await connect(server.address, { signal });
    await using nowhere = await listenNowhere(kind);
    await assert.rejects(connect(nowhere.address, { signal }));
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test(`${name} › a signal aborts after connecting › changes nothing`, async () => {
    await using server = await listen(kind, (socket) => socket.write("!"));
    const controller = new AbortController();
    const { signal } = controller;
    await using transport = await connect(server.address, { signal });
    controller.abort();
    await assertReads(transport, new TextEncoder().encode("!"));
  });
}

function testFailingToConnect({ name, connect, kind }: SocketSubject): void {
  test(`${name} › no server at the address › rejects with "refused"`, async () => {
    await using nowhere = await listenNowhere(kind);
    await rejectsWith("refused", connect(nowhere.address), peerName(nowhere.address));
  });

  test(`${name} › a signal has aborted before › rejects without connecting`, async () => {
    let connections = 0;
    await using server = await listen(kind, () => connections++);
    const signal = AbortSignal.abort(new Error("no time"));
    const { message, cause } = await rejectsWith("aborted", connect(server.address, { signal }));
    assert.ok(message.includes(peerName(server.address)), message);
    assert.equal(cause, signal.reason);
    await turn();
    assert.equal(connections, 0);
  });

  test(`${name} › a signal aborts at once › rejects with its reason`, async () => {
    await using server = await listen(kind, () => {});
    const controller = new AbortController();
    const { signal } = controller;
    const rejected = rejectsWith("aborted", connect(server.address, { signal }));
    controller.abort(new Error("no time"));
    assert.equal((await rejected).cause, signal.reason);
  });
}

function testTcp({ name, connect, kind }: SocketSubject): void {
  test(`${name} › a host's name › is resolved`, async () => {
    await using server = await listen(kind, (socket) => socket.end("!"));
    await using transport = await connect(byName(server.address));
    await assertReads(transport, new TextEncoder().encode("!"));
    await using nowhere = await listenNowhere(kind);
    const address = byName(nowhere.address);
    await rejectsWith("refused", connect(address), peerName(address));
  });

  test(`${name} › a signal aborts while the server doesn't accept › rejects with its reason`, async () => {
    await using server = await listenAndNeverAccept();
    const controller = new AbortController();
    const { signal } = controller;
    const rejected = rejectsWith("aborted", connect(server.address, { signal }));
    await turn();
    controller.abort(new Error("no time"));
    assert.equal((await rejected).cause, signal.reason);
  });
}

/** Registers the tests of what becomes of a transport over sockets when its peer breaks it off. */
export function testBreaking({ name, kind, open }: BreakableSubject): void {
  test(`${name} › the peer resets after a write › its bytes are read, then reading rejects`, async () => {
    await using conversation = await open();
    const { transport, peer } = conversation;
    const bytes = pattern(100_000);
    const rejected = rejectsWith("reset", transport.write(tooMuch));
    await peer.write(bytes);
    await peer.read();
    await turn();
    // What has come since then, and isn't read, makes this a reset.
    await peer.close();
    await rejected;
    await assertReads(transport, bytes);
    await rejectsWith("reset", transport.read());
  });

  // Only TCP has a reset without anything that was left unread.
  if (kind === "unix") return;

  test(`${name} › a reset during a read › this and all later operations reject`, async () => {
    await using conversation = await open();
    const { transport, socket } = conversation;
    const rejected = rejectsWith("reset", transport.read(), transport.peer);
    await turn();
    socket.resetAndDestroy();
    await rejected;
    await rejectsWith("reset", transport.read());
    await rejectsWith("reset", transport.write(Uint8Array.of(1)));
  });

  test(`${name} › a write of no bytes › rejects after a reset, however much is unread`, async () => {
    for (const size of [1, 100_000, mebibyte]) {
      await using conversation = await open();
      const { transport, peer, socket } = conversation;
      void peer.write(pattern(size)).catch(() => {});
      await transport.read();
      for (let writes = 0; writes < 3; writes++) await transport.write(new Uint8Array(0));
      socket.resetAndDestroy();
      let isBroken = false;
      for (let tries = 0; !isBroken && tries < 3000; tries++) {
        await turn();
        await transport.write(new Uint8Array(0)).catch(() => isBroken = true);
      }
      assert(isBroken, `${size} bytes`);
    }
  });

  test(`${name} › a reset during a blocked write › the write rejects, and reading`, async () => {
    await using conversation = await open();
    const { transport, socket } = conversation;
    const rejected = rejectsWith("reset", transport.write(tooMuch));
    await turn();
    socket.resetAndDestroy();
    await rejected;
    await rejectsWith("reset", transport.read());
  });

  test(`${name} › a reset during a read and a blocked write › both reject`, async () => {
    await using conversation = await open();
    const { transport, socket } = conversation;
    const rejected = [
      rejectsWith("reset", transport.write(tooMuch)),
      rejectsWith("reset", transport.read()),
    ];
    await turn();
    socket.resetAndDestroy();
    await Promise.all(rejected);
  });
}

function testUnix({ name, connect }: SocketSubject): void {
  test(`${name} › a missing file › rejects with "not-found"`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "missing");
    await rejectsWith("not-found", connect({ transport: "unix", path }), path);
  });

  test(`${name} › a file that isn't a socket › rejects with "refused"`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    await writeFile(path, "");
    await rejectsWith("refused", connect({ transport: "unix", path }), path);
  });
}

function testLeavingNothing(subject: SocketSubject): void {
  const { name, connect, kind, encryption } = subject;
  // A handshake takes the time of many connections.
  const count = encryption === "clear" ? 1000 : atFullSize(1000, 100);

  test(`${name} › ${count} connections › leave no socket and no timer`, async () => {
    await certificates();
    await leavingNothing(async () => {
      const before = openSockets();
      await using server = await listen(kind, (socket) => void echo(socket, encryption));
      const talk = async () => {
        await using transport = await connectTo(server.address, subject);
        await transport.write(Uint8Array.of(1));
        await assertReads(transport, Uint8Array.of(1));
      };
      for (let i = 0; i < count; i++) await talk();
      await Promise.all(Array.from({ length: 50 }, talk));
      await socketsDownTo(before + 1);
    });
  });

  test(`${name} › close() during a blocked write › leaves no socket`, async () => {
    const before = openSockets();
    await using conversation = await openSocket(subject);
    const { transport } = conversation;
    const rejected = rejectsWith("closed", transport.write(tooMuch));
    await turn();
    await transport.close();
    await rejected;
    // The server's two, the one that listens and the one that doesn't read.
    await socketsDownTo(before + 2);
  });

  test(`${name} › the peer ends the connection › leaves no socket`, async () => {
    const before = openSockets();
    await using server = await listen(kind, (socket) => void hangUp(socket, encryption));
    for (let i = 0; i < 50; i++) {
      await using transport = await connectTo(server.address, subject);
      await assertEnd(transport);
    }
    await socketsDownTo(before + 1);
  });

  test(`${name} › connecting is aborted › leaves no socket`, async () => {
    const before = openSockets();
    // The server's end is closed when ours is, and not before.
    await using server = await listen(kind, (socket) => socket.pipe(socket));
    const tls = encryption === "TLS" ? await clientTls() : undefined;
    for (let i = 0; i < 50; i++) {
      const controller = new AbortController();
      const { signal } = controller;
      const rejected = assert.rejects(connect(server.address, { signal, tls }));
      controller.abort();
      await rejected;
    }
    await socketsDownTo(before + 1);
  });
}

/** Sends back what is sent to it. */
async function echo(socket: Socket, encryption: Encryption): Promise<void> {
  const end = encryption === "clear" ? socket : await secureServer(socket);
  end.pipe(end);
}

/** Ends a conversation as soon as there is one. */
async function hangUp(socket: Socket, encryption: Encryption): Promise<void> {
  if (encryption === "clear") socket.destroy();
  else (await secureServer(socket)).end(() => socket.destroy());
}

/** Connects, and encrypts that if the subject says so. */
async function connectTo(
  address: Address,
  { connect, encryption }: SocketSubject,
): Promise<Transport> {
  if (encryption === "clear") return await connect(address);
  const tls = await clientTls();
  if (encryption === "TLS") return await connect(address, { tls });
  return await (await connect(address)).startTls(tls);
}

/** Connects to a server of its own. */
async function openSocket(subject: SocketSubject): Promise<SocketConversation> {
  const accepted = Promise.withResolvers<Socket>();
  const server = await listen(subject.kind, accepted.resolve);
  const connecting = connectTo(server.address, subject);
  const socket = await accepted.promise;
  const end = subject.encryption === "clear" ? socket : await secureServer(socket);
  const transport = await connecting;
  return {
    transport,
    peer: encryptedEndOf(end),
    socket,
    async [Symbol.asyncDispose](): Promise<void> {
      await transport.close();
      end.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Loopback by its name. */
function byName(address: Address): Address {
  return address.transport === "tcp" ? { ...address, hostname: "localhost" } : address;
}
