/**
 * What unpacks compressed mails: the parts that all formats share.
 *
 * @module
 */

import type { OpenFile } from "../mail_file.ts";

/** The formats that Dovecot's plugins zlib and mail_compress write, or have written. */
export type Format = "gz" | "bz2" | "zstd" | "xz" | "lz4";

/** Unpacks a format. */
export interface Unpacker {
  /** Whether what comes out was compared with a checksum, so that damage never goes unnoticed. */
  readonly isChecked: boolean;
  /**
   * Unpacks all that the source has, and gives it to the sink piece by piece, until that wants no more.
   * Throws a {@linkcode DamagedData} for what can't be unpacked.
   */
  unpack(source: Source, sink: Sink): void;
}

/** Takes what comes out. */
export interface Sink {
  /** How many bytes there is room for. */
  readonly room: number;
  /** Takes a piece, which is good until this returns; returns whether there is use for more. */
  write(piece: Uint8Array): boolean;
  /** Learns that there is more than there is room for, in place of getting it. */
  overflow(): void;
}

/** Compressed data that can't be unpacked; the message says why, to stand behind a colon. */
export class DamagedData extends Error {
  /** The class's name. */
  override name = "DamagedData";
  /** What tells it from errors of the file system. */
  readonly code = "EDAMAGED";
}

/** That data end too early. */
export function cutOff(): DamagedData {
  return new DamagedData("the data are cut off");
}

/** How large a compressed mail may be where nobody says otherwise, in bytes. */
export const defaultMaxUnpacked: number = 128 * 1024 * 1024;

/** A file's bytes, one after the other. */
export class Source {
  readonly #file: OpenFile;
  readonly #buffer = new Uint8Array(65_536);
  readonly #maxTime: number;
  readonly #start = performance.now();
  /** Where the file goes on behind the buffer. */
  #position = 0;
  #at = 0;
  #end = 0;

  /** Begins at the start of a file, to be done with it in so many milliseconds. */
  constructor(file: OpenFile, maxTime: number) {
    this.#file = file;
    this.#maxTime = maxTime;
  }

  /** How many bytes the whole file has. */
  get size(): number {
    return this.#file.size;
  }

  /** Whether there are no more bytes. Throws a {@linkcode DamagedData} if it takes too long. */
  get isAtEnd(): boolean {
    if (this.#at < this.#end) return false;
    if (performance.now() - this.#start > this.#maxTime) {
      throw new DamagedData(`it takes longer than ${this.#maxTime / 1000} s`);
    }
    this.#at = 0;
    this.#end = this.#file.fill(this.#buffer, this.#position);
    this.#position += this.#end;
    return this.#end === 0;
  }

  /** The next byte. Throws a {@linkcode DamagedData} at the end. */
  byte(): number {
    if (this.isAtEnd) throw cutOff();
    return this.#buffer[this.#at++];
  }

  /** So many bytes, which are the caller's. Throws a {@linkcode DamagedData} if there are fewer. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const bytes = this.takeUpTo(length);
    if (bytes.length < length) throw cutOff();
    return bytes;
  }

  /** So many bytes, which are the caller's; fewer where they end. */
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
