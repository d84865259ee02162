/**
 * A byte pipe over any pair of Web Streams.
 *
 * @module
 */

import { plainBytes } from "../core/bytes.ts";
import { LocalProtocolError } from "../core/errors.ts";
import { shownValue } from "../core/option_checks.ts";
import { startTimer, type Timer } from "./timers.ts";
import {
  brokenError,
  endedError,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
  TransportError,
} from "./transport.ts";

export {
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

/** How long the peer may send nothing, once a write has failed, before reading ends as well, in milliseconds. */
const silenceAfterFailure = 500;

/** The two directions of a conversation. */
export interface StreamPair {
  /** What the peer sends. */
  readable: ReadableStream<Uint8Array>;
  /** What the peer gets. */
  writable: WritableStream<Uint8Array>;
}

/**
 * Creates a transport over a readable and a writable stream, which it locks and, when it is closed, cancels
 * and aborts. `peer` names the other end in messages. Throws a `LocalProtocolError`, and locks neither, for what
 * is no Web Stream and for one that is locked.
 *
 * Once a write has failed, reading ends when the peer has sent nothing for half a second. A chunk that is no
 * `Uint8Array` breaks the connection.
 *
 * @example A conversation with oneself
 * ```ts
 * import { fromStreams } from "@dovewire/dovewire/transports/streams";
 * import assert from "node:assert/strict";
 *
 * await using transport = fromStreams(new TransformStream<Uint8Array, Uint8Array>(), "an echo");
 * const [chunk] = await Promise.all([transport.read(), transport.write(Uint8Array.of(1, 2))]);
 * assert.deepEqual(chunk, Uint8Array.of(1, 2));
 * ```
 */
export function fromStreams(streams: StreamPair, peer = "a stream"): Transport {
  checkStreams(streams);
  return new StreamsTransport(streams, peer);
}

function checkStreams(streams: StreamPair): void {
  const { readable, writable } = streams ?? {};
  if (typeof readable?.getReader !== "function" || typeof writable?.getWriter !== "function") {
    throw new LocalProtocolError(
      '"readable" or "writable" is no Web Stream. Set both; Readable.toWeb() and Writable.toWeb() make them of those of Node.',
    );
  }
  if (readable.locked || writable.locked) {
    throw new LocalProtocolError(
      '"readable" or "writable" is locked: it is in use already. Pass streams that have no reader and no writer.',
    );
  }
}

class StreamsTransport implements Transport {
  readonly peer: string;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #closed = false;
  /** Settled when the output has ended; `undefined` before closeWrite(). */
  #ended: Promise<void> | undefined;
  /** The error that broke the connection: of a write, or of what was read. */
  #breakage: TransportError | undefined;
  #isReading = false;
  #silenceTimer: Timer | undefined;
  /** Ends the waiting for the operations of the writer: a write, and a closeWrite() that is called meanwhile. */
  #stopWaiting = new Set<() => void>();

  constructor(streams: StreamPair, peer: string) {
    this.peer = peer;
    this.#reader = streams.readable.getReader();
    this.#writer = streams.writable.getWriter();
    // Errors of the streams show in read() and write(), where a caller waits for them.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
    this.#writer.ready.catch(() => {});
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#closed) throw brokenError("closed", this.peer);
    const { value, done } = await this.#next();
    if (this.#closed) throw brokenError("closed", this.peer);
    if (!done) return this.#bytesIn(value);
    if (this.#breakage !== undefined) throw this.#breakage;
    return undefined;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#closed) throw brokenError("closed", this.peer);
    if (this.#ended !== undefined) throw endedError(this.peer);
    const bytes = plainBytes(chunk);
    // A stream would pass on an empty chunk, and wait until it is read.
    const written = bytes.length === 0
      ? this.#writer.ready
      : this.#writer.write(bytes).then(() => this.#writer.ready);
    await this.#untilClosed(written);
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(brokenError("closed", this.peer));
    return this.#ended ??= this.#untilClosed(this.#writer.close());
  }

  async startTls(_options: TlsOptions): Promise<Transport> {
    await this.close();
    throw tlsUnsupported(this.peer);
  }

  close(): Promise<void> {
    this.#closed = true;
    const reason = brokenError("closed", this.peer);
    // A stream that broke or ended already can't be closed again. Closing isn't awaited: a stream is
    // aborted after its pending write, which may never end.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
    for (const stop of this.#stopWaiting) stop();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #next(): Promise<ReadableStreamReadResult<Uint8Array>> {
    this.#isReading = true;
    if (this.#breakage !== undefined) this.#limitSilence();
    try {
      return await this.#reader.read();
    } catch (error) {
      throw this.#broken(error);
    } finally {
      this.#isReading = false;
      this.#silenceTimer?.stop();
    }
  }

  /** Waits for an operation of the writer until this side closes. */
  async #untilClosed(begun: Promise<void>): Promise<void> {
    let stop = () => {};
    const closed = new Promise<void>((resolve) => {
      stop = resolve;
    });
    this.#stopWaiting.add(stop);
    try {
      await Promise.race([begun, closed]);
    } catch (error) {
      this.#breakage ??= this.#broken(error);
      if (this.#isReading) this.#limitSilence();
      throw this.#broken(error);
    } finally {
      this.#stopWaiting.delete(stop);
    }
    if (this.#closed) throw brokenError("closed", this.peer);
  }

  /** Ends reading if the peer sends nothing any more. It may never end its own side, and would be waited for. */
  #limitSilence(): void {
    this.#silenceTimer?.stop();
    this.#silenceTimer = startTimer(silenceAfterFailure, () => this.#stopReading());
  }

  #stopReading(): void {
    this.#reader.cancel(this.#breakage).catch(() => {});
  }

  #bytesIn(chunk: unknown): Uint8Array {
    if (chunk instanceof Uint8Array) return chunk;
    this.#breakage = new TransportError(
      "other",
      `The connection to ${this.peer} is gone: its readable stream returned ${
        shownType(chunk)
      }. Use one of ` +
        "Uint8Arrays; a TextEncoderStream makes them of strings.",
      { sent: true },
    );
    this.#stopReading();
    throw this.#breakage;
  }

  #broken(error: unknown): TransportError {
    return brokenError(this.#closed ? "closed" : "other", this.peer, error);
  }
}

/** What a chunk is, for messages; its content may be a secret. */
function shownType(chunk: unknown): string {
  return typeof chunk === "string" ? "a string" : shownValue(chunk);
}
