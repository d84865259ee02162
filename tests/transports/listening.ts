/**
 * What the tests of listeners share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import {
  type Address,
  type Connector,
  type Listen,
  type Listener,
  peerName,
  type Transport,
} from "../../transports/transport.ts";
import { type SocketKind, temporaryFolder } from "../harness/sockets.ts";
import type { Encryption } from "./tls_ends.ts";

/** A way to listen at sockets, and what the tests have to know of it. */
export interface SocketListenerSubject {
  /** What its tests are named for. */
  readonly name: string;
  /** What is tested. */
  readonly listen: Listen;
  /** The same adapter's other end. */
  readonly connect: Connector;
  /** The kind of address to listen at. */
  readonly kind: SocketKind;
  /** How the clients are encrypted. */
  readonly encryption: Encryption;
}

/** The next client, which there has to be. */
export async function next(listener: Listener): Promise<Transport> {
  return await listener.accept() ?? assert.fail("The listener is closed.");
}

/** Accepts clients that are gone, and then one that sends this byte. */
export async function acceptUntil(listener: Listener, byte: number): Promise<void> {
  for (;;) {
    await using accepted = await next(listener);
    assert.ok(accepted.peer.includes(peerName(listener.address).split(":")[0]), accepted.peer);
    const chunk = await accepted.read().catch(() => undefined);
    if (chunk === undefined) continue;
    assert.deepEqual(chunk, Uint8Array.of(byte));
    return;
  }
}

/** Where one may listen, and the path if that is a UNIX socket's. */
export async function temporaryPlace(
  kind: SocketKind,
): Promise<{ readonly address: Address; readonly path: string } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  return {
    address: kind === "unix"
      ? { transport: "unix", path }
      : { transport: "tcp", hostname: "127.0.0.1", port: 0 },
    path,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Connects a socket of `node:net` that stays half-open when the peer ends. */
export function connectSocket(address: Address): Promise<Socket> {
  const where = address.transport === "unix"
    ? { path: address.path }
    : { host: address.hostname, port: address.port };
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...where, allowHalfOpen: true, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}
