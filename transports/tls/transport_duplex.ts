/**
 * A transport in the form in which `node:tls` takes what it encrypts.
 *
 * @module
 */

import { Duplex } from "node:stream";
import type { Transport } from "../transport.ts";
import type { Underneath, WriteFailure } from "../node_transport.ts";

/** A stream over a transport, and how that fares. */
export interface TransportDuplex extends Underneath {
  readonly stream: Duplex;
}

/** Creates one. The transport is read only as the stream is; destroying the stream closes it. */
export function duplexOver(
  transport: Pick<Transport, "read" | "write" | "closeWrite" | "close">,
): TransportDuplex {
  const failure: WriteFailure = {};
  let wakeWriter: (() => void) | undefined;
  let wakeReader: (() => void) | undefined;
  let isFull: (() => boolean) | undefined;
  /** Waits while what was read already is still to be taken. */
  const untilWanted = async () => {
    while (isFull?.() && !stream.destroyed) {
      await new Promise<void>((resolve) => {
        wakeReader = resolve;
      });
    }
  };
  // A write that fails must not end the reading: the peer may have said why.
  const keep = (error: Error) => {
    failure.error ??= error;
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
  // Who uses it learns of what breaks it.
  stream.on("error", () => {});
  return {
    stream,
    failure,
    destroy: () => void stream.destroy(),
    readWhile(wanted: () => boolean): void {
      isFull = () => !wanted();
    },
    wasTaken: () => wakeReader?.(),
    // Deno never says that it has encrypted nothing.
    probe: () => stream.writableLength > 0 ? Promise.resolve() : transport.write(new Uint8Array(0)),
    async written(): Promise<void> {
      while (stream.writableLength > 0 && !stream.destroyed) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
    },
  };
}
