/**
 * Mails' contents, unpacked if Dovecot's plugins zlib or mail_compress, or other programs, have
 * compressed their files.
 *
 * A compressed file is recognized by its first bytes, whatever its name. A file that can't be unpacked
 * is a failure, and never read as text.
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

/** The time left for unpacking mails, which each of them reduces by what it took. */
export interface UnpackingBudget {
  /** The milliseconds that are left. */
  milliseconds: number;
}

/**
 * The time limit for unpacking a mail, and for its header, in milliseconds. The time grows with the
 * file's size, but a crafted file can take a thousand times as long as others of its size.
 */
const maxTime = 30_000;
const maxHeaderTime = 5_000;

/** How long unpacking each of many headers may take on average, in milliseconds: ten times what bzip2 needs. */
const headerTime = 20;

/** The time for unpacking the headers of some mails. */
export function headerBudget(mails: number): UnpackingBudget {
  return { milliseconds: maxHeaderTime + headerTime * mails };
}

/** The largest file that is unpacked, in bytes: a sparse file may be large without using the disk. */
const maxPacked = 1024 * 1024 * 1024;

/**
 * The size of the mail in a file, by its content; the file's size if it can't be unpacked, or not within
 * the budget, which this reduces by the time it took. `undefined` if there is no file.
 */
export function plainSize(
  directory: Directory,
  name: string,
  budget: UnpackingBudget,
): number | undefined {
  try {
    return withFile(directory, name, (file) => {
      const format = formatIn(file);
      const size = format && unpackedSize(file, { format, name, budget });
      return size ?? file.size;
    });
  } catch (error) {
    // An unreadable file has a size nevertheless.
    if (isUnreadable(error)) return fileInfo(directory, name)?.size;
    throw error;
  }
}

/** The unpacked size of a file in bytes; `undefined` if it is over the limit. */
function unpackedSize(
  file: OpenFile,
  { format, name, budget }: {
    readonly format: Format;
    readonly name: string;
    readonly budget: UnpackingBudget;
  },
): number | undefined {
  if (budget.milliseconds <= 0) return undefined;
  const sink = new Counter(defaultMaxUnpacked);
  const isUnpacked = unpack(file, { format, name, sink, time: Infinity, budget });
  return isUnpacked && !sink.isOver ? sink.length : undefined;
}

/** Reads mails; keeps the last unpacked one for callers that read it in pieces. */
export class ContentReader {
  readonly #maxUnpacked: number;
  #kept: { readonly identity: string; readonly bytes: Uint8Array } | undefined;

  /** Takes the maximum unpacked size of a mail, in bytes. */
  constructor(maxUnpacked: number) {
    this.#maxUnpacked = maxUnpacked;
  }

  /** The size of the mail in a file, whatever its name says; `undefined` if there is no file. */
  size(directory: Directory, name: string): number | undefined {
    return withFile(directory, name, (file) => {
      return this.#unpacked(file, name)?.length ?? file.size;
    });
  }

  /** A mail's bytes, or a range of them, shorter at its end; `undefined` if there is no file. */
  read(directory: Directory, name: string, range?: ByteRange): Uint8Array | undefined {
    return withFile(directory, name, (file) => {
      const bytes = this.#unpacked(file, name);
      if (bytes === undefined) return file.read(range);
      const { offset, length } = range ?? { offset: 0, length: bytes.length };
      // A caller that has read the end needs no more.
      if (offset + length >= bytes.length) this.#kept = undefined;
      return range === undefined ? bytes : bytes.slice(offset, offset + length);
    });
  }

  /**
   * A mail's first bytes, without keeping more of it; `undefined` if there is no file. May return fewer bytes
   * for a mail compressed as gz that has more than 128 MiB.
   */
  readStart(directory: Directory, name: string, length: number): Uint8Array | undefined {
    return withFile(directory, name, (file) => {
      const format = formatIn(file);
      const start = format && startOf(file, { format, name, sink: new Collector(length) });
      return start ?? file.read({ offset: 0, length });
    });
  }

  /** A file's unpacked content; `undefined` if it isn't compressed. */
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

/** How much of a mail is read at first, and at most, to find the end of its header. */
const firstRead = 8 * 1024;
const largestHeader = 256 * 1024;

/** The buffer for headers: each header overwrites the one before. */
let headerBuffer = new Uint8Array(firstRead);

/**
 * A mail's header with the empty line after it; the first 256 KiB of a larger one; `undefined` if there
 * is no file. The bytes are valid only until the next call. Throws a failure for a damaged compressed one, and
 * for one that takes longer than the budget, which this reduces by the time it took.
 */
export function readHeaderInPlace(
  directory: Directory,
  name: string,
  budget: UnpackingBudget,
): Uint8Array | undefined {
  return withFile(directory, name, (file) => {
    let length = 0;
    for (let want = firstRead;; want *= 4) {
      if (want > headerBuffer.length) headerBuffer = grown(headerBuffer, want);
      const known = length;
      length += file.fill(headerBuffer.subarray(known, want), known);
      const header = headerBuffer.subarray(0, length);
      const format = known === 0 ? formatOf(header) : undefined;
      const sink = new HeaderCollector();
      const start = format && startOf(file, { format, name, sink, time: maxHeaderTime, budget });
      if (start !== undefined) return start.subarray(0, headerEnd(start, 0));
      // The end may begin in the part already searched.
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

/** The index of a header's end: after the last line that isn't empty. */
function headerEnd(bytes: Uint8Array, from: number): number | undefined {
  if (bytes[0] === 10 || bytes[0] === 13 && bytes[1] === 10) return 0;
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10 || bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 1;
  }
  return undefined;
}

/** The buffer for files' first bytes. */
const magic = new Uint8Array(longestMagic);

function formatIn(file: OpenFile): Format | undefined {
  return formatOf(magic.subarray(0, file.fill(magic, 0)));
}

/** A file to unpack, and the target. */
interface Unpacking<Target extends Counter> {
  readonly format: Format;
  readonly name: string;
  readonly sink: Target;
  /** The time limit, in milliseconds; half a minute if left out. */
  readonly time?: number;
  /** The time left for this mail and others; reduced by the time that this one took. */
  readonly budget?: UnpackingBudget;
}

/**
 * Unpacks a file until the sink has enough; `false` if the file isn't compressed after all. Throws a
 * failure if it can't be unpacked.
 */
function unpack(
  file: OpenFile,
  { format, name, sink, time = maxTime, budget }: Unpacking<Counter>,
): boolean {
  const unpacker = unpackerOf(format);
  const expected = sizeInName(name);
  const start = performance.now();
  try {
    if (file.size > maxPacked) throw new DamagedData("the file is too large");
    if (budget !== undefined && budget.milliseconds <= 0) {
      throw new DamagedData("others have taken the time for it");
    }
    unpacker.unpack(new Source(file, Math.min(time, budget?.milliseconds ?? time)), sink);
    const isRight = !sink.isWanting || unpacker.isChecked || expected === undefined ||
      expected === sink.length;
    if (isRight) return true;
    throw new DamagedData(
      `it unpacks to ${sink.length} bytes, but its file's name says ${expected}`,
    );
  } catch (error) {
    if (!(error instanceof DamagedData)) throw error;
    // It isn't compressed, whatever its first bytes: its name says that it is as large as its file.
    if (expected === file.size) return false;
    const mail = JSON.stringify(uniqueName(name));
    throw new ExtractorFailure(
      "storage",
      `Cannot unpack the mail ${mail}, which is compressed as ${format}: ${error.message}.`,
      { cause: error },
    );
  } finally {
    if (budget !== undefined) budget.milliseconds -= performance.now() - start;
  }
}

/** The first bytes of a compressed file's mail; `undefined` if the file isn't compressed after all. */
function startOf(file: OpenFile, unpacking: Unpacking<Collector>): Uint8Array | undefined {
  return unpack(file, unpacking) ? unpacking.sink.bytes : undefined;
}

function tooLarge(name: string, limit: number): ExtractorFailure {
  return new ExtractorFailure(
    "limit",
    `The mail ${
      JSON.stringify(uniqueName(name))
    } is compressed and unpacks to more than ${limit} ` +
      "bytes, which is the limit.",
    { cause: new DamagedData("it is too large") },
  );
}

/** Counts the unpacked bytes, up to a limit. */
class Counter implements Sink {
  /** The number of bytes. */
  length = 0;
  /** Whether there are more bytes than the limit. */
  isOver = false;
  /** Whether it takes more bytes. */
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

  /** Handles a piece, which is valid only during the call. */
  protected keep(_piece: Uint8Array): void {}
}

/** Collects the unpacked bytes, up to a limit. */
class Collector extends Counter {
  // One growing array: an array for each of many small pieces would take more memory than their bytes.
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

/** Collects a header; has enough at its end. */
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
