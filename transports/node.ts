/**
 * Byte pipes over `node:net`, from either end: for Node, and for whatever else has that module.
 *
 * @module
 */

import { createServer, type Server, Socket } from "node:net";
import { AcceptQueue } from "./accept_queue.ts";
import { bindSocketFile, type SocketFile } from "./socket_file.ts";
import {
  type Address,
  brokenError,
  clientName,
  codeOfSystemError,
  connectError,
  type ConnectOptions,
  type Listener,
  listenError,
  type ListenOptions,
  peerName,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
  TransportError,
} from "./transport.ts";

export {
  type Address,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

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
export function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(connectError("aborted", address, signal.reason));
      return;
    }
    const socket = new Socket({ allowHalfOpen: true });
    if (address.transport === "unix") socket.connect({ path: address.path });
    else socket.connect({ host: address.hostname, port: address.port });
    const settle = () => {
      signal?.removeEventListener("abort", giveUp);
      socket.off("connect", connected);
      socket.off("error", failed);
    };
    const giveUp = () => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(connectError("aborted", address, signal?.reason));
    };
    const connected = () => {
      settle();
      socket.setNoDelay(true);
      resolve(new NodeTransport(socket, peerName(address)));
    };
    const failed = (error: Error) => {
      settle();
      socket.destroy();
      reject(connectError(codeOfSystemError(error), address, error));
    };
    signal?.addEventListener("abort", giveUp);
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
  try {
    if (address.transport === "tcp") {
      const { hostname: host, port } = address;
      return new NodeListener(await startServer({ host, port }), address, undefined);
    }
    const { bound, file } = await bindSocketFile(address, options.mode ?? 0o600, {
      // In a cluster the primary would bind it, and know nothing of the name that it gets.
      bind: (path) => startServer({ path, exclusive: true }),
      unbind({ server, arrivals }) {
        server.close();
        arrivals.close();
      },
      connect,
    });
    return new NodeListener(bound, address, file);
  } catch (error) {
    if (error instanceof TransportError) throw error;
    throw listenError(codeOfSystemError(error), address, error);
  }
}

/** A server that listens, and whom it has taken in. */
interface Started {
  readonly server: Server;
  readonly arrivals: AcceptQueue<Arrival>;
}

/** A client that nobody has accepted yet. */
interface Arrival {
  readonly socket: Socket;
  /** Where it came from; that can't be asked any more once it is gone. */
  readonly remote: Address | undefined;
}

function startServer(
  options: { host: string; port: number } | { path: string; exclusive: true },
): Promise<Started> {
  // Who isn't accepted yet isn't read, so that those who wait cost a socket each and no more.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const arrivals = new AcceptQueue<Arrival>(({ socket }) => void socket.destroy());
  server.on("connection", (socket: Socket) => {
    socket.setNoDelay(true);
    const arrival = { socket, remote: remoteAddress(socket) };
    // Bun learns of a reset before anybody reads.
    socket.on("error", () => {});
    socket.on("close", () => arrivals.forget(arrival));
    arrivals.add(arrival);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      // What goes wrong later, when a client is taken in, is that client's loss.
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
    return new NodeTransport(arrival.socket, clientName(arrival.remote, this.address));
  }

  close(): Promise<void> {
    this.#file?.remove();
    this.#file = undefined;
    // Not waited for: a server is closed only when those whom it accepted are.
    this.#server.close(() => {});
    this.#arrivals.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How a stream is told that something is done, or failed. */
type Done = (error?: Error | null) => void;

/** What made the first write to a socket fail, if one did. */
interface WriteFailure {
  error?: Error;
}

/**
 * Lets a socket be read when it can't be written any more.
 *
 * A peer that answers and closes while we write makes the write fail. Node destroys the socket then,
 * and with it the answer that was not read yet. So it is never told.
 */
function outliveWriting(socket: Socket): WriteFailure {
  const failure: WriteFailure = {};
  const keep = (callback: Done): Done => (error) => {
    failure.error ??= error ?? undefined;
    callback();
  };
  const { _write, _writev } = socket;
  socket._write = (chunk, encoding, callback) =>
    _write.call(socket, chunk, encoding, keep(callback));
  if (_writev !== undefined) {
    socket._writev = (chunks, callback) => _writev.call(socket, chunks, keep(callback));
  }
  return failure;
}

class NodeTransport implements Transport {
  readonly peer: string;
  #socket: Socket;
  #writeFailure: WriteFailure;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, peer: string) {
    this.#socket = socket;
    this.#writeFailure = outliveWriting(socket);
    this.peer = peer;
    const wake = () => this.#wake?.();
    socket.on("readable", wake);
    socket.on("end", () => {
      this.#ended = true;
      wake();
    });
    // What it was is kept by the socket, as "errored".
    socket.on("error", wake);
    socket.on("close", wake);
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#closed) throw brokenError("closed", this.peer);
      const chunk: Uint8Array | null = this.#socket.read();
      if (chunk !== null) {
        return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
      if (this.#ended) {
        // The system tells of a reset only once. Where a write was told, reading just ends.
        if (this.#writeFailure.error) throw this.#broken(this.#writeFailure.error);
        return undefined;
      }
      if (this.#socket.destroyed) throw this.#broken();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  write(chunk: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        const failure = error ?? this.#writeFailure.error;
        if (failure) reject(this.#broken(failure));
        else resolve();
      });
    });
  }

  closeWrite(): Promise<void> {
    // Node forgets what it was to call when a socket that is gone already is ended.
    if (this.#socket.destroyed) return Promise.reject(this.#broken());
    return new Promise((resolve, reject) => {
      this.#socket.end((error?: Error | null) => {
        if (error) reject(this.#broken(error));
        else resolve();
      });
    });
  }

  startTls(_options: TlsOptions): Promise<Transport> {
    return Promise.reject(tlsUnsupported(this.peer));
  }

  close(): Promise<void> {
    this.#closed = true;
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.destroy();
      this.#wake?.();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The error for a socket that broke; what broke it tells more than what a write died of then. */
  #broken(error?: Error): Error {
    const cause = this.#socket.errored ?? error;
    if (this.#closed) return brokenError("closed", this.peer, cause);
    return brokenError(cause === undefined ? "reset" : codeOfSystemError(cause), this.peer, cause);
  }
}
