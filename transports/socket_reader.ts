/**
 * Reads a socket of `node:net`, or of `node:tls`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { concat } from "../core/bytes.ts";
import { InputQueue } from "../core/input_queue.ts";
import { promisedRead, type ReadReceiver } from "./pending_read.ts";
import type { ReadMemory } from "./read_memory.ts";
import type { SocketOwner, SocketWriter } from "./socket_writer.ts";
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
  /** What the socket reads into, if it doesn't emit "data". */
  readonly memory?: ReadMemory;
  /** What the socket belongs to. */
  readonly owner: SocketOwner;
}

/** Where a socket keeps its reader, so that all sockets share their listeners: most of them wait for days. */
const readerOf: unique symbol = Symbol("reader");

/** A socket that is read. */
type ReadSocket = Socket & { [readerOf]?: SocketReader };

/** Reads a socket chunk by chunk, no faster than they are taken. */
export class SocketReader {
  readonly #socket: ReadSocket;
  readonly #writer: SocketWriter;
  readonly #underneath: Underneath | undefined;
  readonly #owner: SocketOwner;
  /** "ended": the peer's last byte has arrived; "stopped": nothing is read any more. */
  #state: "open" | "ended" | "stopped" = "open";
  /** The chunks that arrived and weren't taken yet; `undefined` for none. */
  #chunks: InputQueue | undefined;
  #isPaused = false;
  #waiting: ReadReceiver | undefined;

  /** Creates the only reader of a socket. */
  constructor(socket: Socket, options: SocketReaderOptions) {
    const { writer, underneath, received, memory, owner } = options;
    this.#socket = socket;
    this.#writer = writer;
    this.#underneath = underneath;
    this.#owner = owner;
    this.#socket[readerOf] = this;
    if (received !== undefined) this.#push(received);
    // Deno keeps reading without backpressure.
    underneath?.readWhile?.(() => this.size < highWaterMark);
    if (memory === undefined) socket.on("data", SocketReader.#onData);
    else memory.onChunk = (chunk) => this.#arrived(chunk);
    // An accepted socket is paused; one that is gone already would discard its data.
    if (!socket.destroyed) socket.resume();
    socket.on("end", SocketReader.#onEnd);
    // The socket keeps the error as "errored".
    socket.on("error", SocketReader.#onError);
    socket.on("close", SocketReader.#onClose);
  }

  static #onData(this: ReadSocket, chunk: Uint8Array): void {
    this[readerOf]!.#arrived(bytesOf(chunk));
  }

  static #onEnd(this: ReadSocket): void {
    this[readerOf]!.#ended();
  }

  static #onError(this: ReadSocket): void {
    this[readerOf]!.#settle();
  }

  static #onClose(this: ReadSocket): void {
    const reader = this[readerOf]!;
    // Bun forgets a pending write when it destroys an encrypted socket.
    reader.#writer.settle();
    reader.#settle();
  }

  /** Whether a read waits. */
  get isReading(): boolean {
    return this.#waiting !== undefined;
  }

  /** How many bytes have arrived and weren't taken. */
  get size(): number {
    return (this.#chunks?.size ?? 0) + this.#socket.readableLength;
  }

  /** The next chunk, or `undefined` at the end. */
  read(): Promise<Uint8Array | undefined> {
    return promisedRead((receiver) => this.readFor(receiver));
  }

  /** Reads as {@linkcode read} does, for who learns the outcome without a promise. */
  readFor(receiver: ReadReceiver): void {
    this.#waiting = receiver;
    this.#settle();
  }

  /** Stops reading; a read that waits, and each later one, rejects. */
  stop(): void {
    this.#state = "stopped";
    this.#settle();
  }

  /** Stops reading and gives the socket back all that wasn't taken, after `received`. */
  handBack(received: Uint8Array): void {
    const socket = this.#socket;
    socket.off("data", SocketReader.#onData);
    socket.off("end", SocketReader.#onEnd);
    socket.pause();
    const chunks = [received, ...this.#takeAll()];
    for (const chunk of chunks.reverse()) if (chunk.length > 0) socket.unshift(chunk);
    this.stop();
  }

  /** Stops reading, and returns what has arrived. A read that waits is not settled any more. */
  detach(): Uint8Array {
    const socket = this.#socket;
    socket.off("data", SocketReader.#onData);
    socket.off("end", SocketReader.#onEnd);
    this.#state = "stopped";
    this.#waiting = undefined;
    const chunks = this.#takeAll();
    for (let chunk; (chunk = socket.read()) !== null;) chunks.push(bytesOf(chunk));
    return concat(chunks);
  }

  #arrived(bytes: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      this.#underneath?.wasTaken?.();
      waiting.receive({ chunk: bytes });
      return;
    }
    this.#push(bytes);
    if (this.#chunks!.size >= highWaterMark && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  #ended(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#settle();
  }

  /** Settles the read that waits, if there is something for it. */
  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const chunk = this.#state === "stopped" ? undefined : this.#take();
    const isOpen = this.#state === "open" && !this.#socket.destroyed;
    if (chunk === undefined && isOpen) return;
    this.#waiting = undefined;
    if (chunk !== undefined) waiting.receive({ chunk });
    else if (this.#state !== "ended") waiting.receive({ error: this.#owner.broken() });
    // The system reports a reset only once. If a write got it, reading just ends.
    else if (this.#writer.error !== undefined) {
      waiting.receive({ error: this.#owner.broken(this.#writer.error) });
    } else waiting.receive({ end: true });
  }

  #push(bytes: Uint8Array): void {
    this.#chunks ??= new InputQueue();
    this.#chunks.push(bytes);
  }

  /** Takes the next chunk. */
  #take(): Uint8Array | undefined {
    const chunk = this.#takeChunk();
    if (chunk === undefined) return this.#socket.destroyed ? this.#takeLast() : undefined;
    const isFull = this.#chunks !== undefined && this.#chunks.size >= highWaterMark;
    if (this.#isPaused && !isFull && !this.#socket.destroyed) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    this.#underneath?.wasTaken?.();
    return chunk;
  }

  #takeChunk(): Uint8Array | undefined {
    const chunk = this.#chunks?.takeChunk();
    if (this.#chunks?.size === 0) this.#chunks = undefined;
    return chunk;
  }

  #takeAll(): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.#takeChunk()) !== undefined;) chunks.push(chunk);
    return chunks;
  }

  /** What arrived while the socket was paused. A destroyed socket no longer emits it. */
  #takeLast(): Uint8Array | undefined {
    this.#socket.off("data", SocketReader.#onData);
    const chunk: Uint8Array | null = this.#socket.read();
    return chunk === null ? undefined : bytesOf(chunk);
  }
}

/** A `Buffer` as the plain bytes that it is. */
function bytesOf(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
