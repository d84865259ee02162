/**
 * What is in mails' files, unpacked where Dovecot's plugins zlib or mail_compress, or others, have
 * compressed them.
 *
 * A compressed file is told by its first bytes, whatever its name. One that can't be unpacked is a
 * failure, and never a text.
 *
 * @module
 */

import { ExtractorFailure } from "../../messages/failure.ts";
import type { Directory } from "../directory.ts";
import { sizeInName, uniqueName } from "../file_name.ts";
import { type ByteRange, fileInfo, type OpenFile, withFile } from "../mail_file.ts";
import { isUnreadable } from "../storage_failure.ts";
import { formatOf, longestMagic, unpackerOf } from "./formats.ts";
import { DamagedData, defaultMaxUnpacked, type Format, type Sink, Source } from "./unpacker.ts";

/** For how long mails may be unpacked. */
export interface Budget {
  /** So many milliseconds are left. */
  milliseconds: number;
}

/**
 * How long it may take to unpack a mail, and its header, in milliseconds. What it takes grows with the
 * file's size, and a file can be made to take a thousand times as long as others of that size.
 */
const maxTime = 30_000;
const maxHeaderTime = 5_000;

/** The largest file that is unpacked, in bytes: it may have holes, and take no room on the disk. */
const maxPacked = 1024 * 1024 * 1024;

/**
 * How large the mail in a file is, by what is in it; the file's size for one that can't be unpacked, or
 * not within the budget, from which what it took is taken. `undefined` where there is no file.
 */
export function plainSize(directory: Directory, name: string, budget: Budget): number | undefined {
  try {
    return withFile(directory, name, (file) => {
      const format = formatIn(file);
      const size = format && unpackedSize(file, { format, name, budget });
      return size ?? file.size;
    });
  } catch (error) {
    // What can't be read has a size all the same.
    if (isUnreadable(error)) return fileInfo(directory, name)?.size;
    throw error;
  }
}

/** How many bytes a file unpacks to; `undefined` if those are too many. */
function unpackedSize(
  file: OpenFile,
  { format, name, budget }: {
    readonly format: Format;
    readonly name: string;
    readonly budget: Budget;
  },
): number | undefined {
  if (budget.milliseconds <= 0) return undefined;
  const sink = new Counter(defaultMaxUnpacked);
  const start = performance.now();
  try {
    const isUnpacked = unpack(file, { format, name, sink, time: budget.milliseconds });
    return isUnpacked && !sink.isOver ? sink.length : undefined;
  } finally {
    budget.milliseconds -= performance.now() - start;
  }
}

/** Reads mails; the last one that was unpacked is kept for those who ask for it in pieces. */
export class ContentReader {
  readonly #maxUnpacked: number;
  #kept: { readonly identity: string; readonly bytes: Uint8Array } | undefined;

  /** Takes the largest size that a compressed mail may have, in bytes. */
  constructor(maxUnpacked: number) {
    this.#maxUnpacked = maxUnpacked;
  }

  /** How large the mail in a file is, whatever its name says; `undefined` where there is no file. */
  size(directory: Directory, name: string): number | undefined {
    return withFile(directory, name, (file) => {
      return this.#unpacked(file, name)?.length ?? file.size;
    });
  }

  /** A mail's bytes, or some of them; fewer where it ends; `undefined` where there is no file. */
  read(directory: Directory, name: string, range?: ByteRange): Uint8Array | undefined {
    return withFile(directory, name, (file) => {
      const bytes = this.#unpacked(file, name);
      if (bytes === undefined) return file.read(range);
      const { offset, length } = range ?? { offset: 0, length: bytes.length };
      // Who has the end asks for no more.
      if (offset + length >= bytes.length) this.#kept = undefined;
      return range === undefined ? bytes : bytes.slice(offset, offset + length);
    });
  }

  /**
   * A mail's first bytes, without keeping more of it; `undefined` where there is no file. Of one that is
   * compressed as gz and has more than 128 MiB it may be fewer.
   */
  readStart(directory: Directory, name: string, length: number): Uint8Array | undefined {
    return withFile(directory, name, (file) => {
      const format = formatIn(file);
      const start = format && startOf(file, { format, name, sink: new Collector(length) });
      return start ?? file.read({ offset: 0, length });
    });
  }

  /** What a file unpacks to; `undefined` for one that isn't compressed. */
  #unpacked(file: OpenFile, name: string): Uint8Array | undefined {
    if (this.#kept?.identity === file.identity) return this.#kept.bytes;
    const format = formatIn(file);
    if (format === undefined) return undefined;
    this.#kept = undefined;
    const sink = new Collector(this.#maxUnpacked);
    if (!unpack(file, { format, name, sink })) return undefined;
    if (sink.isOver) throw tooLarge(name, this.#maxUnpacked);
    const { bytes } = sink;
    this.#kept = { identity: file.identity, bytes };
    return bytes;
  }
}

/** How much of a mail is read at first, and how much at most, in search of its header's end. */
const firstRead = 8 * 1024;
const largestHeader = 256 * 1024;

/** Where headers are read to: one that was read is gone with the next. */
let headerBuffer = new Uint8Array(firstRead);

/**
 * A mail's header, up to the empty line behind it; the first 256 KiB of a larger one; `undefined` where
 * there is no file. The bytes are only good until the next call.
 */
export function readHeaderInPlace(directory: Directory, name: string): Uint8Array | undefined {
  return withFile(directory, name, (file) => {
    let length = 0;
    for (let want = firstRead;; want *= 4) {
      if (want > headerBuffer.length) headerBuffer = grown(headerBuffer, want);
      const known = length;
      length += file.fill(headerBuffer.subarray(known, want), known);
      const header = headerBuffer.subarray(0, length);
      const format = known === 0 ? formatOf(header) : undefined;
      const sink = new HeaderCollector();
      const start = format && startOf(file, { format, name, sink, time: maxHeaderTime });
      if (start !== undefined) return start.subarray(0, headerEnd(start, 0));
      // The end may begin in what was searched before.
      const end = headerEnd(header, Math.max(known - 2, 0));
      if (end !== undefined) return header.subarray(0, end);
      if (length < want || want >= largestHeader) return header;
    }
  });
}

function grown(buffer: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.min(length, largestHeader));
  larger.set(buffer);
  return larger;
}

/** Where a header ends: behind the last line that isn't empty. */
function headerEnd(bytes: Uint8Array, from: number): number | undefined {
  if (bytes[0] === 10 || bytes[0] === 13 && bytes[1] === 10) return 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10 || bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 1;
  }
  return undefined;
}

/** Where files' first bytes are read to. */
const magic = new Uint8Array(longestMagic);

function formatIn(file: OpenFile): Format | undefined {
  return formatOf(magic.subarray(0, file.fill(magic, 0)));
}

/** A file that is to be unpacked, and where to. */
interface Unpacking<Target extends Counter> {
  readonly format: Format;
  readonly name: string;
  readonly sink: Target;
  /** How long it may take, in milliseconds. */
  readonly time?: number;
}

/**
 * Unpacks a file until the sink has enough; `false` if it turns out not to be compressed at all. Throws
 * the failure that it can't be unpacked.
 */
function unpack(
  file: OpenFile,
  { format, name, sink, time = maxTime }: Unpacking<Counter>,
): boolean {
  const unpacker = unpackerOf(format);
  const expected = sizeInName(name);
  try {
    if (file.size > maxPacked) throw new DamagedData("the file is too large");
    unpacker.unpack(new Source(file, time), sink);
    const isRight = !sink.isWanting || unpacker.isChecked || expected === undefined ||
      expected === sink.length;
    if (isRight) return true;
    throw new DamagedData(
      `it comes to ${sink.length} bytes, and by its file's name it has ${expected}`,
    );
  } catch (error) {
    if (!(error instanceof DamagedData)) throw error;
    // Nobody compressed it, whatever it begins with: its name says that it is as large as its file.
    if (expected === file.size) return false;
    const mail = JSON.stringify(uniqueName(name));
    throw new ExtractorFailure(
      "storage",
      `Cannot unpack the mail ${mail}, which is compressed as ${format}: ${error.message}.`,
      { cause: error },
    );
  }
}

/** What a compressed file's mail begins with; `undefined` if it turns out not to be compressed. */
function startOf(file: OpenFile, unpacking: Unpacking<Collector>): Uint8Array | undefined {
  return unpack(file, unpacking) ? unpacking.sink.bytes : undefined;
}

function tooLarge(name: string, limit: number): ExtractorFailure {
  return new ExtractorFailure(
    "limit",
    `The mail ${JSON.stringify(uniqueName(name))} is compressed, and comes to more than ${limit} ` +
      "bytes, which is the most that is unpacked.",
    { cause: new DamagedData("it is too large") },
  );
}

/** Counts what comes out, up to a limit. */
class Counter implements Sink {
  /** How many bytes there are. */
  length = 0;
  /** Whether there are more than the limit. */
  isOver = false;
  /** Whether there is use for more. */
  isWanting = true;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get room(): number {
    return this.#limit - this.length;
  }

  write(piece: Uint8Array): boolean {
    const { room } = this;
    const kept = piece.length > room ? piece.subarray(0, room) : piece;
    this.keep(kept);
    this.length += kept.length;
    if (kept.length < piece.length) this.overflow();
    return this.isWanting;
  }

  overflow(): void {
    this.isOver = true;
    this.isWanting = false;
  }

  /** Does something with a piece, which is only good for the moment. */
  protected keep(_piece: Uint8Array): void {}
}

/** Collects what comes out, up to a limit. */
class Collector extends Counter {
  // In one array: with one for each piece many small ones would take more than what is in them.
  #bytes = new Uint8Array(firstRead);

  protected override keep(piece: Uint8Array): void {
    const needed = this.length + piece.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, Math.min(needed + this.room, 2 * needed)));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.length);
  }

  /** All of it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Collects a header, and has enough where that ends. */
class HeaderCollector extends Collector {
  constructor() {
    super(largestHeader);
  }

  override write(piece: Uint8Array): boolean {
    const known = this.length;
    const isWanting = super.write(piece);
    if (!isWanting || headerEnd(this.bytes, Math.max(known - 2, 0)) === undefined) return isWanting;
    return this.isWanting = false;
  }
}
