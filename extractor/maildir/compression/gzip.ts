/**
 * Unpacks gzip (RFC 1952), including concatenated members.
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

/** The part of `node:zlib` that is used. */
type Zlib = Pick<typeof import("node:zlib"), "gunzipSync" | "constants">;

/** How much of a file is unpacked first, in case its beginning is enough, in bytes. */
const beginning = 16_384;

/** The maximum compression ratio of the format. */
const maxRatio = 1032;

/** The unpacker, if the runtime can load it synchronously. */
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
    // Read as if complete, as far as it goes.
    const piece = unzip(start, beginning * maxRatio, constants.Z_SYNC_FLUSH);
    if (!sink.write(piece)) return;
    known = piece.length;
  }
  // Above this limit the runtime doesn't return the beginning either.
  const limit = Math.max(known + sink.room, defaultMaxUnpacked);
  // The content can't be much smaller than the file.
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
