/**
 * Byte pipes for Bun: `Bun.connect` for UNIX sockets, and `node:net` for TCP and for listening.
 *
 * `Bun.connect` can't be aborted. To a host that doesn't answer, its socket stays open for minutes after
 * the caller's time-out and keeps the program from ending.
 *
 * TLS is `node:tls`, also over UNIX sockets, except that `startTls()` on a connected UNIX socket is
 * "unsupported". When the peer of an encrypted connection ends its direction, Bun closes both, so that
 * nothing can be written any more.
 *
 * `Bun.listen` has no advantage over `node:net` and is hardly faster.
 *
 * @module
 */

import { InputQueue } from "../core/input_queue.ts";
import { checkAddress } from "./address_checks.ts";
import { connect as connectOverNode, listen as listenOverNode } from "./node.ts";
import {
  promisedRead,
  readFor,
  type ReadReceiver,
  type ReceivedTransport,
} from "./pending_read.ts";
import {
  type Address,
  brokenError,
  codeOfSystemError,
  connectError,
  type ConnectOptions,
  endedError,
  type Listener,
  type ListenOptions,
  peerName,
  refusedWrite,
  tlsError,
  type TlsOptions,
  type Transport,
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

/** The part of Bun's socket that is used here. */
interface BunSocket {
  /** How many bytes were taken; fewer than all, or -1 for a socket that is gone. */
  write(bytes: Uint8Array): number;
  flush(): void;
  shutdown(): void;
  /** Ends both directions. `terminate` would reset the connection, and undo what was written. */
  close(): void;
  pause(): void;
  resume(): void;
}

interface BunHandlers {
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  error(socket: BunSocket, error: Error): void;
  close(socket: BunSocket, error?: Error): void;
}

type BunConnect = (
  options: { unix: string; allowHalfOpen: boolean; socket: BunHandlers },
) => Promise<unknown>;

/**
 * Connects to a TCP port or a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire/transports/bun";
 *
 * await using transport = await connect({ transport: "tcp", hostname: "127.0.0.1", port: 24245 });
 * await transport.write(new TextEncoder().encode("VERSION\tdoveadm-server\t1\t4\n"));
 * console.log(await transport.read());
 * ```
 */
export function connect(address: Address, options: ConnectOptions = {}): Promise<Transport> {
  return address?.transport === "unix" && options?.tls === undefined
    ? connectUnix(address, options)
    : connectOverNode(address, options);
}

/**
 * Listens at a TCP port, 0 for any that is free, or at a UNIX socket. Rejects with a `TransportError`.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@dovewire/dovewire/transports/bun";
 * import assert from "node:assert/strict";
 *
 * await using listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
 * await using client = await connect(listener.address);
 * await using server = await listener.accept();
 * await client.write(Uint8Array.of(1, 2));
 * assert.deepEqual(await server?.read(), Uint8Array.of(1, 2));
 * ```
 */
export function listen(address: Address, options: ListenOptions = {}): Promise<Listener> {
  return listenOverNode(address, options);
}

/** A UNIX socket connects or fails at once, so that there is nothing to abort. */
async function connectUnix(
  address: Address & { transport: "unix" },
  options: ConnectOptions,
): Promise<Transport> {
  checkAddress(address, options);
  const { signal } = options;
  if (signal?.aborted) throw connectError("aborted", address, signal.reason);
  const bun = (globalThis as unknown as { Bun: { connect: BunConnect } }).Bun;
  const transport = new BunTransport(peerName(address));
  const socket: BunHandlers = {
    open: (socket) => transport.open(socket),
    data: (_, chunk) => transport.receive(chunk),
    drain: () => transport.drained(),
    end: () => transport.ended(),
    error: (_, error) => transport.closed(error),
    close: (_, error) => transport.closed(error),
  };
  try {
    await bun.connect({ unix: address.path, allowHalfOpen: true, socket });
  } catch (error) {
    throw connectError(codeOfSystemError(error), address, error);
  }
  if (signal?.aborted) {
    await transport.close();
    throw connectError("aborted", address, signal.reason);
  }
  return transport;
}

/** The high-water mark: above it the socket is paused, in bytes. */
const highWaterMark = 262_144;

/** A write that completed at once. */
const done: Promise<void> = Promise.resolve();

class BunTransport implements ReceivedTransport {
  readonly peer: string;
  #socket: BunSocket | undefined;
  #state: "open" | "ended" | "gone" | "closed" = "open";
  #error: Error | undefined;
  #chunks = new InputQueue();
  #paused = false;
  /** Whether closeWrite() has ended the output. */
  #hasEnded = false;
  #reader: ReadReceiver | undefined;
  /** Whether the socket was gone before a write was done. */
  #isCutOff = false;
  #wakeWriter: (() => void) | undefined;

  constructor(peer: string) {
    this.peer = peer;
  }

  open(socket: BunSocket): void {
    this.#socket = socket;
  }

  receive(chunk: Uint8Array): void {
    const plain = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.receive({ chunk: plain });
      return;
    }
    this.#chunks.push(plain);
    if (this.#chunks.size > highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#socket?.pause();
    }
  }

  ended(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#settleReader();
  }

  drained(): void {
    this.#wakeWriter?.();
  }

  /** The socket is gone; `error` for a reset, none for an end on both sides. */
  closed(error: Error | undefined): void {
    // A reset is reported only once, and maybe to the write that waits.
    if (this.#wakeWriter !== undefined) this.#isCutOff = true;
    if (error !== undefined && this.#state !== "closed") this.#error ??= error;
    if (this.#state === "open") this.#state = this.#error === undefined ? "ended" : "gone";
    this.#socket = undefined;
    this.#settleReader();
    this.#wakeWriter?.();
  }

  read(): Promise<Uint8Array | undefined> {
    return promisedRead((receiver) => this[readFor](receiver));
  }

  [readFor](receiver: ReadReceiver): void {
    this.#reader = receiver;
    this.#settleReader();
  }

  /** Settles the pending read, if there is something for it. */
  #settleReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const chunk = this.#state === "closed" ? undefined : this.#chunks.takeChunk();
    if (chunk === undefined && this.#state === "open") return;
    this.#reader = undefined;
    if (chunk === undefined) {
      const isEnd = this.#state === "ended" && !this.#isCutOff;
      reader.receive(isEnd ? { end: true } : { error: this.#broken() });
      return;
    }
    if (this.#paused && this.#chunks.size <= highWaterMark / 2) {
      this.#paused = false;
      this.#socket?.resume();
    }
    reader.receive({ chunk });
  }

  write(chunk: Uint8Array): Promise<void> {
    const refused = refusedWrite(chunk);
    if (refused !== undefined) return refused;
    if (this.#socket === undefined || this.#state === "closed") {
      return Promise.reject(this.#broken());
    }
    if (this.#hasEnded) return Promise.reject(endedError(this.peer));
    const taken = this.#socket.write(chunk);
    if (taken < 0) return Promise.reject(this.#broken());
    return taken === chunk.length ? done : this.#writeRest(chunk.subarray(taken));
  }

  async #writeRest(rest: Uint8Array): Promise<void> {
    while (rest.length > 0) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
      this.#wakeWriter = undefined;
      if (this.#socket === undefined || this.#state === "closed") throw this.#broken();
      const taken = this.#socket.write(rest);
      if (taken < 0) throw this.#broken();
      rest = rest.subarray(taken);
    }
  }

  closeWrite(): Promise<void> {
    if (this.#hasEnded && this.#state !== "closed") return done;
    if (this.#socket === undefined) return Promise.reject(this.#broken());
    this.#hasEnded = true;
    this.#socket.flush();
    this.#socket.shutdown();
    return Promise.resolve();
  }

  async startTls(_options: TlsOptions): Promise<Transport> {
    await this.close();
    throw tlsError(
      "unsupported",
      this.peer,
      "Bun can't do that over a connected UNIX socket. Do without TLS, or connect with " +
        '"tls" if the server takes TLS from the first byte.',
    );
  }

  close(): Promise<void> {
    this.#state = "closed";
    this.#chunks.clear();
    this.#socket?.close();
    this.#socket = undefined;
    this.#settleReader();
    this.#wakeWriter?.();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #broken(): Error {
    if (this.#state === "closed") return brokenError("closed", this.peer);
    const code = this.#error === undefined ? "reset" : codeOfSystemError(this.#error);
    return brokenError(code === "other" ? "reset" : code, this.peer, this.#error);
  }
}
