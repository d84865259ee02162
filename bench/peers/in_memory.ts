/**
 * Servers in memory for clients in the same process: one that answers, one that doesn't, one that floods.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import { Doveadm } from "../../mod.ts";
import { memoryPair } from "../../transports/memory.ts";
import type { Transport } from "../../transports/transport.ts";

const LF = 0x0a;

/** What a server does with a connection. */
export type Serve = (end: Transport) => Promise<void>;

/** A client of such a server that uses version 1.0, or 1.2, which has a log. */
export function clientOf(serve: Serve, maxMinor: 0 | 2 = 0): Doveadm {
  return new Doveadm({ path: "/server" }, {
    timeout: 600_000,
    maxMinor,
    connector: async () => {
      const [here, there] = memoryPair({ capacity: 1 << 20 });
      await there.write(
        encodeUtf8((maxMinor === 0 ? "" : "VERSION\tdoveadm-client\t1\t2\n") + "+\n"),
      );
      serve(there).catch(() => {});
      return here;
    },
  });
}

/** Answers each line except that of the handshake, in pieces if it is long. */
export function answering(reply: Uint8Array, pieceSize = 65_536): Serve {
  return async (end) => {
    let lines = -1;
    for (let chunk; (chunk = await end.read()) !== undefined;) {
      for (const byte of chunk) if (byte === LF) lines++;
      for (; lines > 0; lines--) {
        for (let at = 0; at < reply.length; at += pieceSize) {
          // A copy, as from a socket: a transport's chunks belong to the one who reads them.
          await end.write(reply.slice(at, at + pieceSize));
        }
      }
    }
  };
}

/** Answers nothing. */
export async function silent(end: Transport): Promise<void> {
  while (await end.read() !== undefined);
}

/** Waits for a command, then sends a chunk repeatedly, `bytes` in total, and then `last`. */
export function flooding(chunk: Uint8Array, bytes: number, last = "\n+\n"): Serve {
  return async (end) => {
    for (let heard = ""; !heard.includes("\talice\t");) {
      heard += new TextDecoder().decode(await end.read());
    }
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      await end.write(chunk);
      if (sent % (chunk.length * 16) === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await end.write(encodeUtf8(last));
  };
}
