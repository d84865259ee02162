/**
 * A transport whose reads and writes somebody watches.
 *
 * @module
 */

import type { TlsOptions, Transport } from "./transport.ts";

/** Who watches a transport. */
export interface TransportWatcher {
  /** How long a write may make no progress, in milliseconds; 0 for ever. */
  readonly stallTimeout: number;
  /** Learns that a write made no progress for that long. */
  readonly onStall: () => void;
  /** Learns that a write began, and that it ended. */
  readonly onWriting: (isWriting: boolean) => void;
  /** Learns that something arrived. */
  readonly onRead: () => unknown;
  /** Learns that nothing more will arrive. */
  readonly onEnd: () => unknown;
}

/** How much is written at once, so that progress shows, in bytes. */
const pieceSize = 65_536;

/** The transport, watched. */
export function watched(transport: Transport, watcher: TransportWatcher): Transport {
  const { stallTimeout, onStall, onWriting, onRead, onEnd } = watcher;
  return {
    peer: transport.peer,
    async read(): Promise<Uint8Array | undefined> {
      const chunk = await transport.read();
      if (chunk === undefined) onEnd();
      else onRead();
      return chunk;
    },
    async write(chunk: Uint8Array): Promise<void> {
      onWriting(true);
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        for (let at = 0; at < chunk.length; at += pieceSize) {
          clearTimeout(timer);
          if (stallTimeout > 0) timer = setTimeout(onStall, stallTimeout);
          await transport.write(chunk.subarray(at, at + pieceSize));
        }
      } finally {
        clearTimeout(timer);
        onWriting(false);
      }
    },
    closeWrite: () => transport.closeWrite(),
    startTls: async (options: TlsOptions, received?: Uint8Array) =>
      watched(await transport.startTls(options, received), watcher),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
