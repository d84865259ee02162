/**
 * Writes to a socket of `node:net`, or of `node:tls`.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Underneath } from "./tls/underneath.ts";

/** Called when an operation is done or has failed. */
type Done = (error?: Error | null) => void;

/** A write that completed at once. */
const done: Promise<void> = Promise.resolve();

/** Options for a {@linkcode SocketWriter}. */
export interface SocketWriterOptions {
  /** What is under an encrypted socket. */
  readonly underneath?: Underneath;
  /** What the socket belongs to. */
  readonly owner: SocketOwner;
}

/** The transport that a socket belongs to. */
export interface SocketOwner {
  /** The error for a read or a write that failed. */
  broken(cause?: Error): Error;
}

/** Where a socket keeps its writer, so that all sockets share the functions by which they write. */
const writerOf: unique symbol = Symbol("writer");

/** A socket that is written. */
type WrittenSocket = Socket & { [writerOf]?: SocketWriter };

/**
 * Writes to a socket, which stays readable when that fails.
 *
 * If the peer answers and closes while this side writes, the write fails. Node then destroys the socket,
 * and the unread answer with it, and has no option against that. So the writer takes the place of the
 * methods by which a stream writes, and keeps their errors to itself.
 */
export class SocketWriter {
  readonly #socket: WrittenSocket;
  readonly #write: Socket["_write"];
  readonly #writev: Socket["_writev"];
  readonly #underneath: Underneath | undefined;
  readonly #owner: SocketOwner;
  #error: Error | undefined;
  /** The caller of a pending write. */
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  /** Creates the only writer of a socket. */
  constructor(socket: Socket, { underneath, owner }: SocketWriterOptions) {
    this.#socket = socket;
    this.#underneath = underneath;
    this.#owner = owner;
    const earlier = this.#socket[writerOf];
    const { _write, _writev } = socket;
    this.#write = earlier === undefined ? _write : earlier.#write;
    this.#writev = earlier === undefined ? _writev : earlier.#writev;
    this.#socket[writerOf] = this;
    socket._write = SocketWriter.#keepingWrite;
    if (this.#writev !== undefined) socket._writev = SocketWriter.#keepingWritev;
  }

  static #keepingWrite(
    this: WrittenSocket,
    ...[chunk, encoding, callback]: Parameters<Socket["_write"]>
  ): void {
    const writer = this[writerOf]!;
    writer.#write.call(this, chunk, encoding, writer.#keepError(callback));
  }

  static #keepingWritev(
    this: WrittenSocket,
    ...[chunks, callback]: Parameters<NonNullable<Socket["_writev"]>>
  ): void {
    const writer = this[writerOf]!;
    writer.#writev!.call(this, chunks, writer.#keepError(callback));
  }

  /** The error of the first write that failed, here or underneath; `undefined` if none did. */
  get error(): Error | undefined {
    return this.#error ?? this.#underneath?.writeError;
  }

  /** Resolves when the socket has room for more. Rejects if the connection is known to be broken. */
  write(chunk: Uint8Array): Promise<void> {
    const socket = this.#socket;
    const underneath = this.#underneath;
    // After a failed write of its own, Node's TLS never completes another one.
    if (this.error !== undefined) return Promise.reject(this.#owner.broken(this.error));
    if (chunk.length === 0 && underneath !== undefined && !socket.destroyed) {
      return this.#probe(underneath);
    }
    if (!socket.writable) return this.#writeInVain(chunk);
    socket.write(chunk);
    if (underneath?.written !== undefined) return this.#writtenUnderneath(underneath);
    return this.#isWriting() ? this.#written() : done;
  }

  /** Half-closes. */
  end(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.end((error?: Error | null) => {
        if (error) reject(this.#owner.broken(error));
        else resolve();
      });
    });
  }

  /** Settles the pending write; called when the socket was destroyed, too. */
  settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    // Node 20 reports success for a pending write when its socket is destroyed.
    if (this.#isBroken) waiting.reject(this.#owner.broken(this.error));
    else waiting.resolve();
  }

  get #isBroken(): boolean {
    return this.error !== undefined || this.#socket.destroyed;
  }

  /** A callback that hides an error from the stream. */
  #keepError(callback: Done): Done {
    return (error) => {
      this.#error ??= error ?? undefined;
      callback();
      this.settle();
    };
  }

  /** An empty write finds out whether the connection is broken; an encrypted one writes nothing. */
  async #probe(underneath: Underneath): Promise<void> {
    if (!await underneath.probe()) throw this.#owner.broken(this.error);
  }

  /** Sends a write that fails with the reason why the socket can't be written. */
  #writeInVain(chunk: Uint8Array): Promise<void> {
    return new Promise((_, reject) => {
      this.#socket.write(chunk, (error) => reject(this.#owner.broken(error ?? this.error)));
    });
  }

  /** Whether a write is pending or has failed. */
  #isWriting(): boolean {
    return this.#socket.writableLength > 0 || this.#isBroken;
  }

  /** Waits for a pending write. */
  #written(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#socket.writableLength === 0 || this.#socket.destroyed) this.settle();
    });
  }

  /** Waits for a pending write, and for its encrypted form: Deno reports it as done once it is encrypted. */
  async #writtenUnderneath(underneath: Underneath): Promise<void> {
    await this.#written();
    await underneath.written?.();
    if (this.#isBroken) throw this.#owner.broken(this.error);
  }
}
