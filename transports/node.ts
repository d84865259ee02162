/**
 * Byte pipes over `node:net`: for Node, and for whatever else has that module.
 *
 * @module
 */

import { Socket } from "node:net";
import {
  type Address,
  brokenError,
  codeOfSystemError,
  connectError,
  type ConnectOptions,
  peerName,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
} from "./transport.ts";

export {
  type Address,
  type ConnectOptions,
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
    const socket = new PatientSocket({ allowHalfOpen: true });
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

/** How a stream is told that something is done, or failed. */
type Done = (error?: Error | null) => void;

/**
 * A socket that can still be read when it can't be written any more.
 *
 * A peer that answers and closes while we write makes the write fail. Node destroys the socket then,
 * and with it the answer that was not read yet.
 */
class PatientSocket extends Socket {
  /** What made the first write fail. */
  writeError: Error | undefined;

  override _write(chunk: unknown, encoding: BufferEncoding, callback: Done): void {
    super._write(chunk, encoding, this.#keepingError(callback));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], callback: Done): void {
    super._writev!(chunks, this.#keepingError(callback));
  }

  #keepingError(callback: Done): Done {
    return (error) => {
      if (error) this.writeError ??= error;
      callback();
    };
  }
}

class NodeTransport implements Transport {
  readonly peer: string;
  #socket: PatientSocket;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: PatientSocket, peer: string) {
    this.#socket = socket;
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
        if (this.#socket.writeError !== undefined) throw this.#broken(this.#socket.writeError);
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
        const failure = error ?? this.#socket.writeError;
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
