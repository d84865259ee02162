/**
 * Recognizes compressed mails by their first bytes, and loads the unpackers.
 *
 * @module
 */

import { ExtractorFailure } from "../../messages/failure.ts";
import { loadBzip2 } from "./bzip2.ts";
import { gzipIfLoaded, loadGzip } from "./gzip.ts";
import { lz4, lz4Magic } from "./lz4.ts";
import type { Format, Unpacker } from "./unpacker.ts";
import { loadXz } from "./xz.ts";
import { loadZstd } from "./zstd.ts";

/** The most bytes that it takes to recognize a format. */
export const longestMagic: number = lz4Magic.length;

/** The first bytes of each format, each character a byte. */
const tests: readonly (readonly [Format, (start: string) => boolean])[] = [
  ["gz", (start) => start.startsWith("\x1f\x8b")],
  ["bz2", (start) => /^BZh[1-9]1AY&SY/.test(start)],
  ["zstd", (start) => start.startsWith("\x28\xb5\x2f\xfd")],
  ["xz", (start) => start.startsWith("\xfd7zXZ\0")],
  ["lz4", (start) => start.startsWith(lz4Magic)],
];

/** The byte values that a format may start with. */
const firstBytes: readonly number[] = [0x1f, 0x42, 0x28, 0xfd, 0x44];

/** The format of a file by its first bytes; `undefined` if it isn't compressed. */
export function formatOf(bytes: Uint8Array): Format | undefined {
  // The first byte decides for most files, and a folder may have a hundred thousand.
  if (!firstBytes.includes(bytes[0])) return undefined;
  const start = String.fromCharCode(...bytes.subarray(0, longestMagic));
  return tests.find(([, isOfFormat]) => isOfFormat(start))?.[0];
}

/** The unpackers that are loaded or need no loading. */
const unpackers = new Map<Format, Unpacker>([["lz4", lz4]]);

const loaders: Readonly<Record<Exclude<Format, "lz4">, () => Promise<Unpacker>>> = {
  gz: loadGzip,
  bz2: loadBzip2,
  zstd: loadZstd,
  xz: loadXz,
};

/** A mail can't be unpacked before its format's unpacker is loaded. */
export class UnpackerNotLoaded extends ExtractorFailure {
  /** The format. */
  readonly format: Format;

  /** Creates one for a format. */
  constructor(format: Format) {
    super(
      "unsupported",
      `The mail is compressed as ${format}, which can't be unpacked yet. Await loadUnpackers() first.`,
    );
    this.format = format;
  }
}

/** The unpacker of a format. Throws an {@linkcode UnpackerNotLoaded}. */
export function unpackerOf(format: Format): Unpacker {
  const known = unpackers.get(format) ?? (format === "gz" ? gzipIfLoaded() : undefined);
  if (known === undefined) throw new UnpackerNotLoaded(format);
  unpackers.set(format, known);
  return known;
}

/** Loads the unpacker of a format, once. Throws an `ExtractorFailure` "unsupported" if that fails. */
export async function loadUnpacker(format: Format): Promise<void> {
  if (format === "lz4" || unpackers.has(format)) return;
  try {
    unpackers.set(format, await loaders[format]());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ExtractorFailure(
      "unsupported",
      `The mail is compressed as ${format}, and its unpacker can't be loaded: ${reason}. ` +
        "Install all packages that this one depends on.",
      { cause },
    );
  }
}

/**
 * Loads the unpackers for compressed mails: gzip, bzip2, Zstandard and xz. Dovecot's container of LZ4
 * needs no loading.
 *
 * The methods of a `Maildir` are synchronous and can't load them: before this call some throw the failure
 * "unsupported" for a compressed mail. `maildirHandler` loads a format's unpacker with the first mail
 * that needs it.
 */
export async function loadUnpackers(): Promise<void> {
  for (const format of Object.keys(loaders) as (keyof typeof loaders)[]) await loadUnpacker(format);
}
