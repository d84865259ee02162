/**
 * A transport as a Node stream, the form that `node:tls` encrypts.
 *
 * @module
 */

import { Duplex } from "node:stream";
import type { Transport } from "../transport.ts";
import type { Underneath } from "./underneath.ts";

/** A stream over a transport, and its state. */
export interface TransportDuplex extends Underneath {
  readonly stream: Duplex;
}

/** Creates one. The transport is read only as the stream is; destroying the stream closes it. */
export function duplexOver(
  transport: Pick<Transport, "read" | "write" | "closeWrite" | "close">,
): TransportDuplex {
  let writeError: Error | undefined;
  let wakeWriter: (() => void) | undefined;
  let wakeReader: (() => void) | undefined;
  let isFull: (() => boolean) | undefined;
  /** Waits while bytes that were read already are still to be taken. */
  const untilWanted = async () => {
    while (isFull?.() && !stream.destroyed) {
      await new Promise<void>((resolve) => {
        wakeReader = resolve;
      });
    }
  };
  // A failed write must not end the reading: the peer may have sent its reason.
  const keep = (error: Error) => {
    writeError ??= error;
  };
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {
      untilWanted().then(() => transport.read()).then(
        (chunk) => this.push(chunk ?? null),
        (error) => this.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      transport.write(chunk).catch(keep).then(() => {
        done();
        if (stream.writableLength === 0) wakeWriter?.();
      });
    },
    final(done) {
      transport.closeWrite().catch(keep).then(() => done());
    },
    destroy(error, done) {
      transport.close().then(() => done(error), () => done(error));
      wakeWriter?.();
      wakeReader?.();
    },
  });
  // The stream's user gets the error.
  stream.on("error", () => {});
  return {
    stream,
    get writeError(): Error | undefined {
      return writeError;
    },
    destroy: () => void stream.destroy(),
    readWhile(wanted: () => boolean): void {
      isFull = () => !wanted();
    },
    wasTaken: () => wakeReader?.(),
    async probe(): Promise<boolean> {
      if (stream.writableLength === 0) await transport.write(new Uint8Array(0)).catch(keep);
      return writeError === undefined;
    },
    async written(): Promise<void> {
      while (stream.writableLength > 0 && !stream.destroyed) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
    },
  };
}
