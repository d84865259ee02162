/**
 * Byte pipes over `node:net`, for both ends: for Node, and for any other runtime with that module.
 *
 * TLS is `node:tls`. An end of TCP without close_notify reads as an end: the protocol reports a truncated
 * conversation. On Deno, encrypted input is read without backpressure: use the adapter for Deno there.
 *
 * @module
 */

import { createServer, type Server, Socket } from "node:net";
import { checkAddress } from "./address_checks.ts";
import { AcceptQueue } from "./accept_queue.ts";
import { NodeTransport } from "./node_transport.ts";
import { checkListenOptions, securedFor, securedListener } from "./tls/securing_transport.ts";
import { ReadMemory } from "./read_memory.ts";
import { bindSocketFile, type SocketFile } from "./socket_file.ts";
import { clientOf } from "./tls/tls.ts";
import {
  type Address,
  clientName,
  codeOfSystemError,
  connectError,
  type ConnectOptions,
  listenBacklog,
  type Listener,
  listenError,
  type ListenOptions,
  peerName,
  type Transport,
  TransportError,
} from "./transport.ts";

export {
  type Address,
  type ChildProcess,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type SpawnOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";
export { type ExitStatus } from "../core/exit_status.ts";
export type {
  HttpCloseOptions,
  HttpListener,
  HttpPlace,
  HttpResponder,
} from "./http/http_listener.ts";
export { listenHttp } from "./http/listen_http.ts";
export { spawn } from "./process/child_process.ts";
export { stdio } from "./process/stdio.ts";

/**
 * Connects to a TCP port or a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire/transports/node";
 *
 * await using transport = await connect({ transport: "unix", path: "/run/dovecot/doveadm-server" });
 * await transport.write(new TextEncoder().encode("VERSION\tdoveadm-server\t1\t4\n"));
 * console.log(await transport.read());
 * ```
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  checkAddress(address, options);
  return await securedFor(address, await connectPlain(address, options), options);
}

/** Whether sockets read into memory that they are given; Deno and Bun have that option for other ones, or not at all. */
const hasOnRead = !("Deno" in globalThis) && !("Bun" in globalThis);

function connectPlain(address: Address, { signal }: ConnectOptions): Promise<NodeTransport> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(connectError("aborted", address, signal.reason));
      return;
    }
    const memory = hasOnRead ? new ReadMemory() : undefined;
    const socket = new Socket({ allowHalfOpen: true, onread: memory?.onread });
    try {
      if (address.transport === "unix") socket.connect({ path: address.path });
      else socket.connect({ host: address.hostname, port: address.port });
    } catch (error) {
      // No system has that port.
      reject(connectError(codeOfSystemError(error), address, error));
      return;
    }
    const settle = () => {
      signal?.removeEventListener("abort", abort);
      socket.off("connect", connected);
      socket.off("error", failed);
    };
    const abort = () => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(connectError("aborted", address, signal?.reason));
    };
    const connected = () => {
      settle();
      socket.setNoDelay(true);
      const [peer, role] = [peerName(address), clientOf(address)];
      resolve(new NodeTransport(socket, { peer, role, memory }));
    };
    const failed = (error: Error) => {
      settle();
      socket.destroy();
      reject(connectError(codeOfSystemError(error), address, error));
    };
    signal?.addEventListener("abort", abort);
    socket.on("connect", connected);
    socket.on("error", failed);
  });
}

/**
 * Listens at a TCP port, 0 for any that is free, or at a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@dovewire/dovewire/transports/node";
 * import assert from "node:assert/strict";
 *
 * await using listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
 * await using client = await connect(listener.address);
 * await using server = await listener.accept();
 * await client.write(Uint8Array.of(1, 2));
 * assert.deepEqual(await server?.read(), Uint8Array.of(1, 2));
 * ```
 */
export async function listen(address: Address, options: ListenOptions = {}): Promise<Listener> {
  checkAddress(address, options);
  checkListenOptions(address, options);
  try {
    if (address.transport === "tcp") {
      const { hostname: host, port } = address;
      const started = await startServer({ host, port });
      return securedListener(new NodeListener(started, address, undefined), options);
    }
    const { bound, file } = await bindSocketFile(address, options.mode ?? 0o600, {
      // In a cluster the primary process would bind it, and not know about the temporary name.
      bind: (path) => startServer({ path, exclusive: true }),
      unbind({ server, arrivals }) {
        server.close();
        arrivals.close();
      },
      connect,
    });
    return securedListener(new NodeListener(bound, address, file), options);
  } catch (error) {
    if (error instanceof TransportError) throw error;
    throw listenError(codeOfSystemError(error), address, error);
  }
}

/** A listening server and its queue of accepted clients. */
interface Started {
  readonly server: Server;
  readonly arrivals: AcceptQueue<Arrival>;
}

/** A client that wasn't accepted yet. */
interface Arrival {
  readonly socket: Socket;
  /** Where it came from; unknown once it is closed. */
  readonly remote: Address | undefined;
  /** What hears of its end before it is accepted. */
  readonly onClose: () => void;
}

function ignore(): void {}

function startServer(
  options: { host: string; port: number } | { path: string; exclusive: true },
): Promise<Started> {
  // A client isn't read before it is accepted, so that a waiting client costs no more than a socket.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const arrivals = new AcceptQueue<Arrival>(({ socket }) => void socket.destroy());
  server.on("connection", (socket: Socket) => {
    socket.setNoDelay(true);
    const arrival: Arrival = {
      socket,
      remote: remoteAddress(socket),
      onClose: () => arrivals.forget(arrival),
    };
    // Bun reports a reset even if the socket isn't read.
    socket.on("error", ignore);
    socket.on("close", arrival.onClose);
    arrivals.add(arrival);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...options, backlog: listenBacklog }, () => {
      server.off("error", reject);
      // Later errors, when a client is accepted, affect that client only.
      server.on("error", () => {});
      resolve({ server, arrivals });
    });
  });
}

/** Where a socket was connected from, where that has a name. */
function remoteAddress({ remoteAddress, remotePort }: Socket): Address | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { transport: "tcp", hostname: remoteAddress, port: remotePort };
}

class NodeListener implements Listener {
  readonly address: Address;
  #server: Server;
  #arrivals: AcceptQueue<Arrival>;
  #file: SocketFile | undefined;

  constructor({ server, arrivals }: Started, address: Address, file: SocketFile | undefined) {
    this.#server = server;
    this.#arrivals = arrivals;
    this.#file = file;
    const bound = server.address();
    this.address = address.transport === "unix" || bound === null || typeof bound === "string"
      ? address
      : { transport: "tcp", hostname: bound.address, port: bound.port };
  }

  async accept(): Promise<Transport | undefined> {
    const arrival = await this.#arrivals.take();
    if (arrival === undefined) return undefined;
    const { socket, remote, onClose } = arrival;
    const peer = clientName(remote, this.address);
    const transport = new NodeTransport(socket, { peer, role: { side: "server" } });
    // The transport has listeners of its own.
    socket.off("error", ignore);
    socket.off("close", onClose);
    return transport;
  }

  close(): Promise<void> {
    this.#file?.remove();
    this.#file = undefined;
    // Not awaited: a server is closed only when its accepted clients are.
    this.#server.close(() => {});
    this.#arrivals.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
