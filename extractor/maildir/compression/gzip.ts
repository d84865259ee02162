/**
 * Unpacks gzip (RFC 1952), members that were joined as well.
 *
 * @module
 */

import process from "node:process";
import {
  DamagedData,
  defaultMaxUnpacked,
  type Sink,
  type Source,
  type Unpacker,
} from "./unpacker.ts";

/** As much of `node:zlib` as is used. */
type Zlib = Pick<typeof import("node:zlib"), "gunzipSync" | "constants">;

/** How much of a file is unpacked to see whether its beginning will do, in bytes. */
const beginning = 16_384;

/** At most that many times the size comes out of it. */
const maxRatio = 1032;

/** The unpacker, if the runtime has a way to load it at once. */
export function gzipIfLoaded(): Unpacker | undefined {
  const zlib = process.getBuiltinModule?.("node:zlib");
  return zlib === undefined ? undefined : unpackerOf(zlib);
}

/** Loads the unpacker. */
export async function loadGzip(): Promise<Unpacker> {
  return unpackerOf(await import("node:zlib"));
}

function unpackerOf(zlib: Zlib): Unpacker {
  return { isChecked: true, unpack: (source, sink) => unpack(zlib, source, sink) };
}

function unpack({ gunzipSync, constants }: Zlib, source: Source, sink: Sink): void {
  const unzip = (data: Uint8Array, maxOutputLength: number, finishFlush?: number) => {
    try {
      return gunzipSync(data, { finishFlush, maxOutputLength });
    } catch (error) {
      throw error instanceof RangeError ? error : new DamagedData(reasonOf(error));
    }
  };
  const start = source.takeUpTo(beginning);
  let known = 0;
  if (!source.isAtEnd) {
    // As if it were all, and as far as it goes.
    const piece = unzip(start, beginning * maxRatio, constants.Z_SYNC_FLUSH);
    if (!sink.write(piece)) return;
    known = piece.length;
  }
  // Where it is more than this, what comes first isn't given either.
  const limit = Math.max(known + sink.room, defaultMaxUnpacked);
  // What is in it can't be much smaller than it is.
  if (source.size > 2 * limit) return sink.overflow();
  const all = new Uint8Array(source.size);
  all.set(start);
  const rest = source.takeUpTo(source.size - start.length);
  all.set(rest, start.length);
  const data = all.subarray(0, start.length + rest.length);
  try {
    sink.write(unzip(data, limit).subarray(known));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    sink.overflow();
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message === "unexpected end of file" ? "the data are cut off" : message;
}
