/**
 * Large replies as a server sends them.
 *
 * @module
 */

import { encodePacket, StreamMultiplexer } from "../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../core/mod.ts";

/** The minor versions of the framings: none, packets, and the stream format. */
export type Minor = 0 | 2 | 4;

/** The size of the pieces that are written at once, and that of Dovecot's packets. */
const PIECE = 65_536;
const PACKET = 8_192;

const value = new Uint8Array(PIECE).fill(0x78);
const end = encodeUtf8("\t\n+\n");

/** The replies of one connection, of which the first may begin with a header. */
export class ReplyWire {
  readonly #minor: Minor;
  readonly #multiplexer = new StreamMultiplexer();

  /** Creates one that has sent nothing. */
  constructor(minor: Minor) {
    this.#minor = minor;
  }

  /** A reply with one value: its pieces, and its end. */
  *reply(size: number): Generator<Uint8Array> {
    yield this.#framed(value.subarray(0, Math.min(size, PIECE)));
    // All others are the same; encoding each of them would be the server's cost, not the client's.
    const next = size > PIECE ? this.#framed(value) : value;
    for (let left = size - PIECE; left > 0; left -= PIECE) yield next;
    yield this.#framed(end);
  }

  /** How many bytes the next reply has; it counts as sent. */
  sizeOfReply(size: number): number {
    let bytes = 0;
    for (const piece of this.reply(size)) bytes += piece.length;
    return bytes;
  }

  #framed(bytes: Uint8Array): Uint8Array {
    if (this.#minor === 0) return bytes;
    if (this.#minor === 4) return this.#multiplexer.encode(0, bytes);
    return concat(
      Array.from(
        { length: Math.ceil(bytes.length / PACKET) },
        (_, at) => encodePacket(0, bytes.subarray(at * PACKET, (at + 1) * PACKET)),
      ),
    );
  }
}
