/**
 * Unpacks Zstandard (RFC 8878), including concatenated frames.
 *
 * @module
 */

import { DamagedData, type Sink, type Source, type Unpacker } from "./unpacker.ts";
import { XxHash64 } from "./xxhash64.ts";

/** The magic number of each frame. */
const magic = 0xfd2fb528;

/** The largest supported window in bytes: that of the reference library. */
const maxWindow = 128 * 1024 * 1024;

const maxBlock = 128 * 1024;

/** The part of the package `fzstd` that is used. It checks no checksums. */
type Fzstd = Pick<typeof import("fzstd"), "Decompress">;

/** Loads the unpacker. */
export async function loadZstd(): Promise<Unpacker> {
  const fzstd: Fzstd = await import("fzstd");
  // Dovecot writes no checksums.
  return { isChecked: false, unpack: (source, sink) => unpack(fzstd, source, sink) };
}

function unpack(fzstd: Fzstd, source: Source, sink: Sink): void {
  do {
    const start = source.take(4);
    const number = littleEndian(start);
    // A skippable frame: other programs' data.
    if (number >>> 4 === 0x184d2a5) source.take(skippable(source));
    else if (number !== magic) throw new DamagedData("there are other bytes after the data");
    else if (!unpackFrame(fzstd, start, source, sink)) return;
  } while (!source.isAtEnd);
}

function skippable(source: Source): number {
  const length = littleEndian(source.take(4));
  return length <= source.size ? length : source.size + 1;
}

/** Unpacks a frame; returns whether the sink takes more. */
function unpackFrame(
  { Decompress }: Fzstd,
  start: Uint8Array,
  source: Source,
  sink: Sink,
): boolean {
  const { header, hasChecksum } = takeHeader(source);
  const hash = hasChecksum ? new XxHash64() : undefined;
  let isWanted = true;
  const decompress = new Decompress((piece) => {
    hash?.update(piece);
    if (isWanted && piece.length > 0) isWanted = sink.write(piece);
  });
  const push = (bytes: Uint8Array, isLast = false) => {
    try {
      decompress.push(bytes, isLast);
    } catch (error) {
      throw new DamagedData(error instanceof Error ? error.message : String(error));
    }
  };
  push(start);
  push(header);
  for (let isLast = false; !isLast;) {
    // A block of one byte may move a window of 128 MiB.
    source.checkTime();
    const block = takeBlock(source);
    isLast = (block[0] & 1) !== 0;
    push(block, isLast && !hasChecksum);
    if (!isWanted) return false;
  }
  if (hash !== undefined) {
    const checksum = source.take(4);
    push(checksum, true);
    if (littleEndian(checksum) !== Number(hash.digest() & 0xffffffffn)) {
      throw new DamagedData("the checksum is wrong");
    }
  }
  return isWanted;
}

/** A frame's header, after its magic number. */
function takeHeader(source: Source): { header: Uint8Array; hasChecksum: boolean } {
  const descriptor = source.take(1);
  const [bits] = descriptor;
  const isSingle = (bits & 0x20) !== 0;
  const window = source.take(isSingle ? 0 : 1);
  const dictionary = source.take([0, 1, 2, 4][bits & 3]);
  const size = source.take([isSingle ? 1 : 0, 2, 4, 8][bits >> 6]);
  if ((bits & 8) !== 0) throw new DamagedData("a frame's header is wrong");
  if (dictionary.some((byte) => byte !== 0)) throw new DamagedData("it needs a dictionary");
  const base = isSingle ? 0 : 2 ** (10 + (window[0] >> 3));
  const needed = isSingle ? sizeOf(size) : base + base / 8 * (window[0] & 7);
  if (needed > maxWindow) throw new DamagedData(`it needs a window of ${needed} bytes`);
  const header = Uint8Array.of(...descriptor, ...window, ...dictionary, ...size);
  return { header, hasChecksum: (bits & 4) !== 0 };
}

function sizeOf(field: Uint8Array): number {
  const size = field.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return field.length === 2 ? size + 256 : size;
}

/** A block with its header. */
function takeBlock(source: Source): Uint8Array {
  const header = source.take(3);
  const number = header[0] | header[1] << 8 | header[2] << 16;
  const [type, size] = [number >> 1 & 3, number >> 3];
  if (type === 3 || size > maxBlock) throw new DamagedData("a block's header is wrong");
  const content = source.take(type === 1 ? 1 : size);
  const block = new Uint8Array(3 + content.length);
  block.set(header);
  block.set(content, 3);
  return block;
}

function littleEndian([first, second, third, last]: Uint8Array): number {
  return (first | second << 8 | third << 16 | last << 24) >>> 0;
}
