/**
 * Reads a socket of `node:net`, or of `node:tls`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { concat } from "../core/bytes.ts";
import { InputQueue } from "../core/input_queue.ts";
import type { SocketWriter } from "./socket_writer.ts";
import type { Underneath } from "./tls/underneath.ts";

/** The high-water mark: above it no more is read, in bytes. */
const highWaterMark = 65_536;

/** Options for a {@linkcode SocketReader}. */
export interface SocketReaderOptions {
  /** What writes to the same socket. */
  readonly writer: SocketWriter;
  /** What is under an encrypted socket. */
  readonly underneath?: Underneath;
  /** What another process has read of it already. */
  readonly received?: Uint8Array;
  /** The transport's error for a read that failed. */
  readonly broken: (cause?: Error) => Error;
}

/** The caller of a read that waits. */
interface Waiting {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Reads a socket chunk by chunk, no faster than they are taken. */
export class SocketReader {
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #underneath: Underneath | undefined;
  readonly #broken: (cause?: Error) => Error;
  /** "ended": the peer's last byte has arrived; "stopped": nothing is read any more. */
  #state: "open" | "ended" | "stopped" = "open";
  /** The chunks that arrived and weren't taken yet. */
  readonly #chunks = new InputQueue();
  #isPaused = false;
  #waiting: Waiting | undefined;

  readonly #onData = (chunk: Uint8Array): void => {
    const bytes = bytesOf(chunk);
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      this.#underneath?.wasTaken?.();
      waiting.resolve(bytes);
      return;
    }
    this.#chunks.push(bytes);
    if (this.#chunks.size >= highWaterMark && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  };

  readonly #onEnd = (): void => {
    if (this.#state === "open") this.#state = "ended";
    this.#settle();
  };

  /** Creates the only reader of a socket. */
  constructor(socket: Socket, options: SocketReaderOptions) {
    const { writer, underneath, received, broken } = options;
    this.#socket = socket;
    this.#writer = writer;
    this.#underneath = underneath;
    this.#broken = broken;
    if (received !== undefined) this.#chunks.push(received);
    // Deno keeps reading without backpressure.
    underneath?.readWhile?.(() => this.#chunks.size + socket.readableLength < highWaterMark);
    socket.on("data", this.#onData);
    // An accepted socket is paused; one that is gone already would discard its data.
    if (!socket.destroyed) socket.resume();
    socket.on("end", this.#onEnd);
    // The socket keeps the error as "errored".
    socket.on("error", () => this.#settle());
    socket.on("close", () => this.#settle());
  }

  /** Whether a read waits. */
  get isReading(): boolean {
    return this.#waiting !== undefined;
  }

  /** How many bytes have arrived and weren't taken. */
  get size(): number {
    return this.#chunks.size + this.#socket.readableLength;
  }

  /** The next chunk, or `undefined` at the end. */
  read(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#settle();
    });
  }

  /** Stops reading; a read that waits, and each later one, rejects. */
  stop(): void {
    this.#state = "stopped";
    this.#settle();
  }

  /** Stops reading and gives the socket back all that wasn't taken, after `received`. */
  handBack(received: Uint8Array): void {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    socket.pause();
    const chunks = [received];
    for (let chunk; (chunk = this.#chunks.takeChunk()) !== undefined;) chunks.push(chunk);
    for (const chunk of chunks.reverse()) if (chunk.length > 0) socket.unshift(chunk);
    this.stop();
  }

  /** Stops reading, and returns what has arrived. A read that waits is not settled any more. */
  detach(): Uint8Array {
    const socket = this.#socket;
    socket.off("data", this.#onData);
    socket.off("end", this.#onEnd);
    this.#state = "stopped";
    this.#waiting = undefined;
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.#chunks.takeChunk()) !== undefined;) chunks.push(chunk);
    for (let chunk; (chunk = socket.read()) !== null;) chunks.push(bytesOf(chunk));
    return concat(chunks);
  }

  /** Settles the read that waits, if there is something for it. */
  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const chunk = this.#state === "stopped" ? undefined : this.#take();
    if (chunk !== undefined) waiting.resolve(chunk);
    else if (this.#state === "open" && !this.#socket.destroyed) return;
    else if (this.#state !== "ended") waiting.reject(this.#broken());
    // The system reports a reset only once. If a write got it, reading just ends.
    else if (this.#writer.error !== undefined) waiting.reject(this.#broken(this.#writer.error));
    else waiting.resolve(undefined);
    this.#waiting = undefined;
  }

  /** Takes the next chunk. */
  #take(): Uint8Array | undefined {
    const chunk = this.#chunks.takeChunk();
    if (chunk === undefined) return this.#socket.destroyed ? this.#takeLast() : undefined;
    if (this.#isPaused && this.#chunks.size < highWaterMark && !this.#socket.destroyed) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    this.#underneath?.wasTaken?.();
    return chunk;
  }

  /** What arrived while the socket was paused. A destroyed socket no longer emits it. */
  #takeLast(): Uint8Array | undefined {
    this.#socket.off("data", this.#onData);
    const chunk: Uint8Array | null = this.#socket.read();
    return chunk === null ? undefined : bytesOf(chunk);
  }
}

/** A `Buffer` as the plain bytes that it is. */
function bytesOf(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
