/**
 * Types and helpers that the unpackers of all formats share.
 *
 * @module
 */

import type { OpenFile } from "../mail_file.ts";

/** The formats that Dovecot's plugins zlib and mail_compress write, or have written. */
export type Format = "gz" | "bz2" | "zstd" | "xz" | "lz4";

/** Unpacks a format. */
export interface Unpacker {
  /** Whether the output is checked against a checksum, so that damage is always detected. */
  readonly isChecked: boolean;
  /**
   * Unpacks the source and passes the output to the sink piece by piece, until the sink has enough. Throws
   * a {@linkcode DamagedData} for invalid data.
   */
  unpack(source: Source, sink: Sink): void;
}

/** Takes the output. */
export interface Sink {
  /** How many bytes there is room for. */
  readonly room: number;
  /** Takes a piece, which is valid during the call; returns whether it takes more. */
  write(piece: Uint8Array): boolean;
  /** Called in place of a piece that is larger than the room left. */
  overflow(): void;
}

/** Compressed data that can't be unpacked; the message is a reason to write after a colon. */
export class DamagedData extends Error {
  /** The class's name. */
  override name = "DamagedData";
  /** Tells it from errors of the file system. */
  readonly code = "EDAMAGED";
}

/** The error for data that end too early. */
export function cutOff(): DamagedData {
  return new DamagedData("the data are cut off");
}

/** The default maximum unpacked size of a mail, in bytes. */
export const defaultMaxUnpacked: number = 128 * 1024 * 1024;

/** A file's bytes in sequence. */
export class Source {
  readonly #file: OpenFile;
  readonly #buffer = new Uint8Array(65_536);
  readonly #maxTime: number;
  readonly #start = performance.now();
  /** The file position after the buffer. */
  #position = 0;
  #at = 0;
  #end = 0;

  /** Begins at the start of a file, with a time limit in milliseconds. */
  constructor(file: OpenFile, maxTime: number) {
    this.#file = file;
    this.#maxTime = maxTime;
  }

  /** The file's size in bytes. */
  get size(): number {
    return this.#file.size;
  }

  /** Whether there are no more bytes. Throws a {@linkcode DamagedData} after the time limit. */
  get isAtEnd(): boolean {
    if (this.#at < this.#end) return false;
    this.checkTime();
    this.#at = 0;
    this.#end = this.#file.fill(this.#buffer, this.#position);
    this.#position += this.#end;
    return this.#end === 0;
  }

  /** Throws a {@linkcode DamagedData} after the time limit; for formats in which few bytes take long. */
  checkTime(): void {
    if (performance.now() - this.#start <= this.#maxTime) return;
    throw new DamagedData(`it takes longer than ${Math.round(this.#maxTime) / 1000} s`);
  }

  /** The next byte. Throws a {@linkcode DamagedData} at the end. */
  byte(): number {
    if (this.isAtEnd) throw cutOff();
    return this.#buffer[this.#at++];
  }

  /** The next bytes, as a copy. Throws a {@linkcode DamagedData} if there are fewer. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const bytes = this.takeUpTo(length);
    if (bytes.length < length) throw cutOff();
    return bytes;
  }

  /** The next bytes, as a copy; fewer at the end. */
  takeUpTo(length: number): Uint8Array<ArrayBuffer> {
    const rest = this.#end - this.#at + Math.max(this.size - this.#position, 0);
    const bytes = new Uint8Array(Math.min(length, rest));
    let taken = 0;
    while (taken < bytes.length && !this.isAtEnd) {
      const piece = this.#buffer.subarray(this.#at, this.#end).subarray(0, bytes.length - taken);
      bytes.set(piece, taken);
      this.#at += piece.length;
      taken += piece.length;
    }
    return bytes.subarray(0, taken);
  }
}
