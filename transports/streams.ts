/**
 * A byte pipe over any pair of Web Streams.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { brokenError, type TlsOptions, tlsUnsupported, type Transport } from "./transport.ts";

export {
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

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
  #stopWaiting: (() => void) | undefined;

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
    const { value, done } = await this.#reader.read().catch((error) => {
      throw this.#broken(error);
    });
    if (this.#closed) throw brokenError("closed", this.peer);
    return done ? undefined : value;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#untilClosed(() => this.#writer.write(chunk).then(() => this.#writer.ready));
  }

  closeWrite(): Promise<void> {
    return this.#untilClosed(() => this.#writer.close());
  }

  startTls(_options: TlsOptions): Promise<Transport> {
    return Promise.reject(tlsUnsupported(this.peer));
  }

  close(): Promise<void> {
    this.#closed = true;
    const reason = brokenError("closed", this.peer);
    // A stream that broke or ended already can't be closed again. Closing isn't awaited: a stream is
    // aborted after its pending write, which may never end.
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
    this.#stopWaiting?.();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Waits for an operation until this side closes. */
  async #untilClosed(begin: () => Promise<void>): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#stopWaiting = resolve;
    });
    try {
      // Node 20 throws at once where a stream that was closed is to reject.
      await Promise.race([begin(), closed]);
    } catch (error) {
      throw this.#broken(error);
    }
    if (this.#closed) throw brokenError("closed", this.peer);
  }

  #broken(error: unknown): Error {
    return brokenError(this.#closed ? "closed" : "other", this.peer, error);
  }
}
