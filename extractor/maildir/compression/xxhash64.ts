/**
 * XXH64, the checksum of Zstandard's frames
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), with the seed 0.
 *
 * @module
 */

const prime1 = 0x9e3779b185ebca87n;
const prime2 = 0xc2b2ae3d27d4eb4fn;
const prime3 = 0x165667b19e3779f9n;
const prime4 = 0x85ebca77c2b2ae63n;
const prime5 = 0x27d4eb2f165667c5n;

const u64 = (value: bigint) => BigInt.asUintN(64, value);

const rotated = (value: bigint, bits: bigint) => u64(value << bits) | value >> (64n - bits);

const round = (lane: bigint, word: bigint) => u64(rotated(u64(lane + word * prime2), 31n) * prime1);

/** A hash of bytes that come in pieces. */
export class XxHash64 {
  readonly #lanes = [u64(prime1 + prime2), prime2, 0n, u64(-prime1)];
  readonly #buffer = new Uint8Array(32);
  readonly #words = new DataView(this.#buffer.buffer);
  #buffered = 0;
  #length = 0n;

  /** Takes more bytes. */
  update(bytes: Uint8Array): void {
    this.#length += BigInt(bytes.length);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + 32 - this.#buffered);
      this.#buffer.set(piece, this.#buffered);
      at += piece.length;
      this.#buffered += piece.length;
      if (this.#buffered < 32) return;
      this.#buffered = 0;
      for (let lane = 0; lane < 4; lane++) {
        this.#lanes[lane] = round(this.#lanes[lane], this.#words.getBigUint64(lane * 8, true));
      }
    }
  }

  /** The hash of all bytes so far. */
  digest(): bigint {
    const [first, second, third, last] = this.#lanes;
    let hash = prime5;
    if (this.#length >= 32n) {
      hash = u64(
        rotated(first, 1n) + rotated(second, 7n) + rotated(third, 12n) + rotated(last, 18n),
      );
      for (const lane of this.#lanes) hash = u64((hash ^ round(0n, lane)) * prime1 + prime4);
    }
    hash = u64(hash + this.#length);
    let at = 0;
    for (; at + 8 <= this.#buffered; at += 8) {
      const word = round(0n, this.#words.getBigUint64(at, true));
      hash = u64(rotated(hash ^ word, 27n) * prime1 + prime4);
    }
    if (at + 4 <= this.#buffered) {
      const word = u64(BigInt(this.#words.getUint32(at, true)) * prime1);
      hash = u64(rotated(hash ^ word, 23n) * prime2 + prime3);
      at += 4;
    }
    for (; at < this.#buffered; at++) {
      hash = u64(rotated(hash ^ u64(BigInt(this.#buffer[at]) * prime5), 11n) * prime1);
    }
    hash = u64((hash ^ hash >> 33n) * prime2);
    hash = u64((hash ^ hash >> 29n) * prime3);
    return hash ^ hash >> 32n;
  }
}
