/**
 * Unpacks bzip2, including concatenated streams.
 *
 * @module
 */

import { DamagedData, type Sink, type Source, type Unpacker } from "./unpacker.ts";

/** The part of the package `seek-bzip` that is used; the package has no types. */
interface Bunzip {
  /** Reads one stream up to its end, byte by byte, and throws if it is damaged. */
  decode(input: ByteInput, output: ByteOutput): void;
}

/**
 * Without `eof`: with such a function, the package takes data that are cut off between two blocks for
 * complete.
 */
interface ByteInput {
  readByte(): number;
  read(bytes: Uint8Array, offset: number, length: number): number;
}

interface ByteOutput {
  writeByte(byte: number): void;
}

/** Thrown through the package to stop it. */
class Enough extends Error {}

/** Loads the unpacker. */
export async function loadBzip2(): Promise<Unpacker> {
  const { default: bunzip }: { default: Bunzip } = await import("seek-bzip");
  return { isChecked: true, unpack: (source, sink) => unpack(bunzip, source, sink) };
}

function unpack(bunzip: Bunzip, source: Source, sink: Sink): void {
  const readByte = () => source.byte();
  const input = {
    readByte,
    read: (bytes: Uint8Array, offset: number, length: number) => {
      for (let at = offset; at < offset + length; at++) bytes[at] = readByte();
      return length;
    },
  };
  const buffer = new Uint8Array(16_384);
  let length = 0;
  const output = {
    writeByte: (byte: number) => {
      buffer[length++] = byte;
      if (length < buffer.length) return;
      length = 0;
      if (!sink.write(buffer)) throw new Enough();
    },
  };
  try {
    do bunzip.decode(input, output); while (!source.isAtEnd);
    if (length > 0) sink.write(buffer.subarray(0, length));
  } catch (error) {
    if (error instanceof Enough) return;
    if (error instanceof DamagedData) throw error;
    throw new DamagedData(error instanceof Error ? error.message : String(error));
  }
}
