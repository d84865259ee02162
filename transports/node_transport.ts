/**
 * A byte pipe over a socket of `node:net`, or of `node:tls`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { TLSSocket } from "node:tls";
import { InputQueue } from "../core/input_queue.ts";
import { secure } from "./tls/node_tls.ts";
import {
  busyError,
  encryptedError,
  faultOf,
  isExposedAs,
  plaintextError,
  supersededError,
  type TlsRole,
} from "./tls/tls.ts";
import {
  brokenError,
  codeOfSystemError,
  type TlsOptions,
  type Transport,
  TransportError,
} from "./transport.ts";

/** Called when an operation is done or has failed. */
type Done = (error?: Error | null) => void;

/** The error of the first write to a socket that failed. */
export interface WriteFailure {
  /** The error; `undefined` if no write failed. */
  error?: Error;
}

/**
 * Keeps a socket readable after a failed write.
 *
 * If the peer answers and closes while this side writes, the write fails. Node then destroys the socket,
 * and the unread answer with it. So Node doesn't get the error; `written` is called after each write.
 */
function outliveWriting(socket: Socket, failure: WriteFailure, written: () => void): void {
  const keep = (callback: Done): Done => (error) => {
    failure.error ??= error ?? undefined;
    callback();
    written();
  };
  const { _write, _writev } = socket;
  socket._write = (chunk, encoding, callback) =>
    _write.call(socket, chunk, encoding, keep(callback));
  if (_writev !== undefined) {
    socket._writev = (chunks, callback) => _writev.call(socket, chunks, keep(callback));
  }
}

/** What is under an encrypted socket, for questions that the encrypted socket doesn't answer. */
export interface Underneath {
  /** Closes it at once. */
  destroy(): void;
  /** The error that made writing fail. */
  readonly failure?: WriteFailure;
  /** Resolves when everything is written, or can't be. */
  written?(): Promise<void>;
  /**
   * Rejects if the connection is known to be broken; needed where an encrypted write of nothing writes
   * nothing.
   */
  probe?(): Promise<void>;
  /** Sets the condition for reading more. */
  readWhile?(wanted: () => boolean): void;
  /** Called when some of the read bytes were taken. */
  wasTaken?(): void;
}

/** The high-water mark: above it no more is read, in bytes. */
const highWaterMark = 65_536;

/** The `resolve` and `reject` of a promise that a caller waits for. */
interface Settling<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

/** A write that completed at once. */
const done: Promise<void> = Promise.resolve();

/** Options for a {@linkcode NodeTransport}. */
export interface NodeTransportOptions {
  /** Who is at the other end. */
  readonly peer: string;
  /** The side for a TLS handshake on it; "encrypted" if there was one already. */
  readonly role: TlsRole | "encrypted";
  /** What is under the socket. */
  readonly underneath?: Underneath;
}

/** A transport over a connected socket, for TLS after its handshake. */
export class NodeTransport implements Transport {
  readonly peer: string;
  #socket: Socket;
  #role: TlsRole | "encrypted";
  #writeFailure: WriteFailure;
  #underneath: Underneath | undefined;
  /** The encrypted transport that replaces this one. */
  #secured: Transport | undefined;
  /** "superseded" once the encrypted transport is used instead. */
  #state: "open" | "superseded" | "closed" = "open";
  #ended = false;
  /** The chunks that arrived and weren't taken yet. */
  #chunks = new InputQueue();
  #paused = false;
  #reader: Settling<Uint8Array | undefined> | undefined;
  #writer: Settling<void> | undefined;
  #onData = (chunk: Uint8Array): void => {
    const plain = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      this.#underneath?.wasTaken?.();
      reader.resolve(plain);
      return;
    }
    this.#chunks.push(plain);
    if (this.#chunks.size >= highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  };
  #onEnd = (): void => {
    this.#ended = true;
    this.#settleReader();
  };

  /** Creates a transport, which owns the socket from here on. */
  constructor(socket: Socket, { peer, role, underneath }: NodeTransportOptions) {
    this.#socket = socket;
    this.#role = role;
    this.#writeFailure = underneath?.failure ?? {};
    outliveWriting(socket, this.#writeFailure, () => this.#settleWriter());
    this.#underneath = underneath;
    // Deno keeps reading without backpressure.
    underneath?.readWhile?.(() => this.#chunks.size + socket.readableLength < highWaterMark);
    this.peer = peer;
    socket.on("data", this.#onData);
    // An accepted socket is paused; one that is gone already would discard its data.
    if (!socket.destroyed) socket.resume();
    socket.on("end", this.#onEnd);
    // The socket keeps the error as "errored".
    socket.on("error", () => this.#settleReader());
    socket.on("close", () => {
      this.#settleReader();
      // Bun forgets a pending write when it destroys an encrypted socket.
      this.#settleWriter();
    });
  }

  get isExposed(): boolean | undefined {
    return this.#role === "encrypted" ? false : isExposedAs(this.#role);
  }

  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#settleReader();
    });
  }

  /** Settles the pending read, if there is something for it. */
  #settleReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const socket = this.#socket;
    const { error } = this.#writeFailure;
    const chunk = this.#state === "open" ? this.#take() : undefined;
    if (chunk !== undefined) reader.resolve(chunk);
    // The system reports a reset only once. If a write got it, reading just ends.
    else if (this.#state === "open" && this.#ended && !error) reader.resolve(undefined);
    else if (this.#state === "open" && !this.#ended && !socket.destroyed) return;
    else reader.reject(this.#broken(this.#ended ? error : undefined));
    this.#reader = undefined;
  }

  /** Takes the next chunk. */
  #take(): Uint8Array | undefined {
    const chunk = this.#chunks.takeChunk();
    if (chunk === undefined) return this.#socket.destroyed ? this.#takeLast() : undefined;
    if (this.#paused && this.#chunks.size < highWaterMark && !this.#socket.destroyed) {
      this.#paused = false;
      this.#socket.resume();
    }
    this.#underneath?.wasTaken?.();
    return chunk;
  }

  /** What arrived while the socket was paused. A destroyed socket no longer emits it. */
  #takeLast(): Uint8Array | undefined {
    this.#socket.off("data", this.#onData);
    const chunk: Uint8Array | null = this.#socket.read();
    if (chunk === null) return undefined;
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }

  write(chunk: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (this.#state === "superseded") return Promise.reject(this.#broken());
    if (chunk.length === 0 && this.#underneath?.probe !== undefined && !socket.destroyed) {
      return this.#underneath.probe();
    }
    if (!socket.writable) return this.#writeInVain(chunk);
    socket.write(chunk);
    if (this.#underneath?.written !== undefined) return this.#writtenUnderneath();
    return this.#isWriting() ? this.#written() : done;
  }

  /** Sends an empty write, which fails with the reason why the socket can't be written. */
  #writeInVain(chunk: Uint8Array): Promise<void> {
    return new Promise((_, reject) => {
      this.#socket.write(chunk, (error) => reject(this.#broken(error ?? this.#writeFailure.error)));
    });
  }

  /** Whether a write is pending or has failed. */
  #isWriting(): boolean {
    const { writableLength, destroyed } = this.#socket;
    return writableLength > 0 || destroyed || this.#writeFailure.error !== undefined;
  }

  /** Waits for a pending write. */
  #written(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
      if (this.#socket.writableLength === 0 || this.#socket.destroyed) this.#settleWriter();
    });
  }

  #settleWriter(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    const failure = this.#writeFailure.error;
    // Node 20 reports success for a pending write when its socket is destroyed.
    if (failure || this.#socket.destroyed) writer.reject(this.#broken(failure));
    else writer.resolve();
  }

  /** Waits for a pending write, including that of its encrypted form. */
  async #writtenUnderneath(): Promise<void> {
    await this.#written();
    // Deno reports a write as done once it is encrypted.
    await this.#underneath?.written?.();
    const failure = this.#writeFailure.error;
    if (failure || this.#socket.destroyed) throw this.#broken(failure);
  }

  closeWrite(): Promise<void> {
    // Node doesn't call back when a socket that is gone already is ended.
    if (this.#socket.destroyed || this.#state !== "open") return Promise.reject(this.#broken());
    return new Promise((resolve, reject) => {
      this.#socket.end((error?: Error | null) => {
        if (error) reject(this.#broken(error));
        else resolve();
      });
    });
  }

  async startTls(options: TlsOptions, received?: Uint8Array): Promise<Transport> {
    try {
      return await this.#startTls(options, received);
    } catch (error) {
      const wasClosed = this.#state === "closed";
      await this.close();
      throw wasClosed ? brokenError("closed", this.peer, error) : error;
    }
  }

  async close(): Promise<void> {
    this.#state = "closed";
    await this.#secured?.close();
    await this.#close();
  }

  #close(): Promise<void> {
    const socket = this.#socket;
    const under = this.#underneath;
    if (under !== undefined) {
      this.#sayGoodbye();
      socket.destroy();
      under.destroy();
      this.#settleReader();
      this.#settleWriter();
      return Promise.resolve();
    }
    if (socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
      this.#settleReader();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #startTls(
    options: TlsOptions,
    received: Uint8Array = new Uint8Array(0),
  ): Promise<Transport> {
    const { peer } = this;
    const role = this.#role;
    const socket = this.#socket;
    if (role === "encrypted") throw encryptedError(peer);
    if (this.#state !== "open" || socket.destroyed) throw this.#broken();
    if (this.#reader !== undefined || socket.writableLength > 0) throw busyError(peer);
    if (role.side === "client" && this.#chunks.size + socket.readableLength + received.length > 0) {
      throw plaintextError(peer);
    }
    this.#state = "superseded";
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.pause();
    const unread = [received];
    for (let chunk; (chunk = this.#chunks.takeChunk()) !== undefined;) unread.push(chunk);
    for (const chunk of unread.reverse()) if (chunk.length > 0) socket.unshift(chunk);
    const secured = await secure(socket, options, { role, peer });
    this.#secured = encryptedTransport(secured, peer, {
      destroy: () => void socket.destroy(),
      failure: this.#writeFailure,
      probe: () => this.#probeUnderneath(),
    });
    await this.#noteFailedHandshake();
    // A close of this transport meanwhile has closed the socket, and TLS over it.
    if ((this.#state as string) === "closed") {
      await this.#secured.close();
      throw this.#broken();
    }
    return this.#secured;
  }

  /**
   * Finds out whether the last bytes of the handshake could be written.
   *
   * Node writes them after it reports that the handshake is done, and drops their error. If the peer has
   * reset the connection by then, that was the only report of it, and reading would just end.
   */
  async #noteFailedHandshake(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    // A failure is kept in #writeFailure.
    await this.#probeUnderneath().catch(() => {});
  }

  /** Node doesn't report that an empty encrypted write failed: the socket underneath does. */
  async #probeUnderneath(): Promise<void> {
    const socket = this.#socket;
    if (socket.writable) {
      await new Promise<void>((resolve) => socket.write(new Uint8Array(0), () => resolve()));
    }
    const { error } = this.#writeFailure;
    if (error === undefined && !socket.destroyed) return;
    throw brokenError(error === undefined ? "reset" : codeOfSystemError(error), this.peer, error);
  }

  /** Sends close_notify to the peer, if that takes no time. */
  #sayGoodbye(): void {
    const { writableEnded, writableLength, destroyed } = this.#socket;
    if (!writableEnded && writableLength === 0 && !destroyed) this.#socket.end();
  }

  /** The error for a broken socket; its own error says more than the write's. */
  #broken(error?: Error): Error {
    const { peer } = this;
    const cause = this.#socket.errored ?? error;
    if (this.#state === "closed") return brokenError("closed", peer, cause);
    if (this.#state === "superseded") return supersededError(peer);
    const fault = faultOf(cause);
    if (fault !== undefined) {
      return new TransportError(fault.code, `The connection to ${peer} is gone: ${fault.why}`, {
        cause,
      });
    }
    return brokenError(cause === undefined ? "reset" : codeOfSystemError(cause), peer, cause);
  }
}

/** A transport over a TLS socket after its handshake. */
export function encryptedTransport(
  socket: TLSSocket,
  peer: string,
  underneath: Underneath,
): Transport {
  return new NodeTransport(socket, { peer, role: "encrypted", underneath });
}
