/**
 * Unpacks Dovecot's container of LZ4: its magic number, the maximum size of a chunk, and chunks, each an
 * LZ4 block with its length before it (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md).
 * Numbers are big-endian, of 32 bits. The container doesn't show whether it is complete.
 *
 * @module
 */

import { DamagedData, type Sink, type Source, type Unpacker } from "./unpacker.ts";

/** The first bytes of each container. */
export const lz4Magic = "Dovecot-LZ4\x0d\x2a\x9b\xc5";

/** The largest chunk that Dovecot reads, in bytes. */
const maxChunk = 1024 * 1024;

/** The unpacker. */
export const lz4: Unpacker = { isChecked: false, unpack };

function unpack(source: Source, sink: Sink): void {
  source.take(lz4Magic.length);
  const chunkSize = number(source);
  if (chunkSize === 0 || chunkSize > maxChunk) {
    throw new DamagedData(`its header declares chunks of ${chunkSize} bytes`);
  }
  const chunk = new Uint8Array(chunkSize);
  while (!source.isAtEnd) {
    const length = number(source);
    // An incompressible chunk is a little larger than its content.
    if (length === 0 || length > chunkSize + (chunkSize >> 7) + 16) {
      throw new DamagedData(`a chunk declares ${length} bytes`);
    }
    const size = unpackBlock(source.take(length), chunk);
    if (!sink.write(chunk.subarray(0, size))) return;
  }
}

function number(source: Source): number {
  const [first, second, third, last] = source.take(4);
  return first * 2 ** 24 + (second << 16) + (third << 8) + last;
}

/** Unpacks a block into `target`; returns the number of bytes. */
function unpackBlock(block: Uint8Array, target: Uint8Array): number {
  let at = 0;
  let size = 0;
  /** A length whose first four bits are in a token. */
  const length = (start: number) => {
    let length = start;
    if (start < 15) return length;
    for (let more = 255; more === 255; length += more) {
      if (at >= block.length || length > target.length) throw wrongBlock();
      more = block[at++];
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at++];
    const literals = length(token >> 4);
    if (literals > block.length - at || literals > target.length - size) throw wrongBlock();
    target.set(block.subarray(at, at + literals), size);
    at += literals;
    size += literals;
    // The last literals have no match after them.
    if (at === block.length) return size;
    if (block.length - at < 2) throw wrongBlock();
    const offset = block[at] | block[at + 1] << 8;
    at += 2;
    const matched = length(token & 15) + 4;
    if (offset === 0 || offset > size || matched > target.length - size) throw wrongBlock();
    // Byte by byte: a match may overlap its own copy.
    for (const end = size + matched; size < end; size++) target[size] = target[size - offset];
  }
  throw wrongBlock();
}

function wrongBlock(): DamagedData {
  return new DamagedData("a chunk is not a valid LZ4 block");
}
