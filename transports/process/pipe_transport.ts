/**
 * A byte pipe over two independent Node streams, one to read and one to write.
 *
 * @module
 */

import type { Readable, Writable } from "node:stream";
import { plainBytes } from "../../core/bytes.ts";
import {
  brokenError,
  codeOfSystemError,
  endedError,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
} from "../transport.ts";

/** Options for a {@linkcode PipeTransport}. */
export interface PipeTransportOptions {
  /** The other end, for messages. */
  readonly peer: string;
  /** Called once, at the first `close()`. */
  readonly onClose?: () => void;
}

/** A transport over two streams. An error of one does not affect the other. */
export class PipeTransport implements Transport {
  readonly peer: string;
  /** Resolves when all input has been taken, or no more can come. */
  readonly readToEnd: Promise<void>;
  #input: Readable;
  #output: Writable;
  #onClose: (() => void) | undefined;
  #state: "open" | "closed" = "open";
  #ended = false;
  /** Settled when the output has ended; `undefined` before closeWrite(). */
  #outputEnded: Promise<void> | undefined;
  #inputError: Error | undefined;
  #outputError: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** Creates a transport, which owns the streams from here on. */
  constructor(input: Readable, output: Writable, { peer, onClose }: PipeTransportOptions) {
    this.#input = input;
    this.#output = output;
    this.peer = peer;
    this.#onClose = onClose;
    this.readToEnd = new Promise((resolve) => {
      input.on("end", resolve);
      input.on("close", resolve);
    });
    input.on("readable", () => {
      // The stream reports its end only to a reader.
      if (this.#wakeReader === undefined && input.readableLength === 0) input.read(0);
      this.#wakeReader?.();
    });
    input.on("end", () => {
      this.#ended = true;
      this.#wakeReader?.();
    });
    input.on("error", (error: Error) => {
      this.#inputError ??= error;
      this.#wakeReader?.();
    });
    input.on("close", () => this.#wakeReader?.());
    output.on("error", (error: Error) => {
      this.#outputError ??= error;
      this.#wakeWriter?.();
    });
    output.on("close", () => this.#wakeWriter?.());
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#state === "closed") throw this.#broken();
      const chunk: Uint8Array | null = this.#input.read();
      if (chunk !== null) {
        return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
      if (this.#ended) return undefined;
      if (this.#inputError !== undefined || this.#input.destroyed) {
        throw this.#broken(this.#inputError);
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#outputEnded !== undefined && this.#state === "open") throw endedError(this.peer);
    this.#assertWritable();
    if (plainBytes(chunk).length === 0) return;
    await new Promise<void>((resolve, reject) => {
      const fail = (error?: Error | null) => reject(this.#broken(this.#outputError ?? error));
      this.#wakeWriter = fail;
      this.#output.write(chunk, (error) => {
        if (error || this.#output.destroyed) fail(error);
        else resolve();
      });
    });
    this.#wakeWriter = undefined;
  }

  closeWrite(): Promise<void> {
    return this.#state === "closed"
      ? Promise.reject(this.#broken())
      : this.#outputEnded ??= this.#endOutput();
  }

  async #endOutput(): Promise<void> {
    this.#assertWritable();
    await new Promise<void>((resolve, reject) => {
      this.#wakeWriter = () => {
        if (this.#output.writableFinished && this.#outputError === undefined) resolve();
        else reject(this.#broken(this.#outputError));
      };
      this.#output.end(() => this.#wakeWriter?.());
    });
    this.#wakeWriter = undefined;
  }

  async startTls(_options: TlsOptions): Promise<Transport> {
    await this.close();
    throw tlsUnsupported(this.peer);
  }

  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closed";
      this.#onClose?.();
    }
    await Promise.all([destroyed(this.#input), destroyed(this.#output)]);
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertWritable(): void {
    const { destroyed, writableEnded } = this.#output;
    if (this.#state === "closed" || destroyed || writableEnded) {
      throw this.#broken(this.#outputError);
    }
  }

  #broken(error?: Error | null): Error {
    if (this.#state === "closed") return brokenError("closed", this.peer, error ?? undefined);
    // Deno's message for a pending write when the process at the other end has ended.
    const isCancelled = (error as { code?: string } | undefined)?.code === "ECANCELED";
    const code = error && !isCancelled ? codeOfSystemError(error) : "reset";
    return brokenError(code, this.peer, error ?? undefined);
  }
}

/** Destroys a stream, and waits until its file descriptor is closed. */
export function destroyed(stream: Readable | Writable): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", () => resolve());
    stream.destroy();
  });
}
