/**
 * A mail's file: opening and reading it.
 *
 * @module
 */

import { closeSync, constants, fstatSync, lstatSync, readSync, type Stats } from "node:fs";
import { ExtractorFailure } from "../messages/failure.ts";
import type { Directory } from "./directory.ts";
import { uniqueName } from "./file_name.ts";
import { errorCode, isMissing, storageFailure } from "./storage_failure.ts";

/** A mail of a maildir as it was when the folder was read. */
export interface MailFile {
  /** Its unique name, which stays the same when flags or the folder change. */
  readonly mid: string;
  /** The folder that it is in; "" for the inbox. */
  readonly folder: string;
  /**
   * Its size in bytes: from its file's name (`,S=1234`), else the file's size; for a compressed mail, its
   * unpacked size.
   */
  readonly size: number;
  /** Whether it is read: it has the flag S. */
  readonly seen: boolean;
  /** When it was delivered. */
  readonly received: Date;
  /** Its file, which other programs may rename at any time. */
  readonly path: string;
}

/** A file's size and time. */
export interface FileInfo {
  /** The size in bytes. */
  readonly size: number;
  /** The last modification, in milliseconds since 1970. */
  readonly modified: number;
}

/** Data of a regular file; `undefined` if the name is missing or a link. */
export function fileInfo(directory: Directory, name: string): FileInfo | undefined {
  try {
    const stats = directory.at(name, lookAt);
    if (!stats?.isFile()) return undefined;
    return { size: exactSize(stats), modified: stats.mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw cannotRead(name, error);
  }
}

function lookAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** A size that is exact as a number: a sparse file may have a larger one. */
function exactSize({ size }: Stats): number {
  return Math.min(size, Number.MAX_SAFE_INTEGER);
}

/** The file's identity, whatever its name; `undefined` if there is none. */
export function fileIdentity(directory: Directory, name: string): string | undefined {
  try {
    const { dev, ino } = directory.at(name, (path) => lstatSync(path, { bigint: true }));
    return `${dev}.${ino}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw cannotRead(name, error);
  }
}

function cannotRead(name: string, error: unknown): ExtractorFailure {
  if (error instanceof ExtractorFailure) return error;
  return storageFailure(`read the mail ${JSON.stringify(uniqueName(name))}`, error);
}

/** A file that is open for reading. */
export class OpenFile {
  /** Its size in bytes. */
  readonly size: number;
  readonly #descriptor: number;
  readonly #stats: Stats;

  /** Takes a file descriptor and its stat data. */
  constructor(descriptor: number, stats: Stats) {
    this.#descriptor = descriptor;
    this.#stats = stats;
    this.size = exactSize(stats);
  }

  /** Its identity and version: changes when the file changes. */
  get identity(): string {
    const { dev, ino, size, mtimeMs, ctimeMs } = this.#stats;
    return [dev, ino, size, mtimeMs, ctimeMs].join(".");
  }

  /** Reads from a position until the buffer is full or the file ends; returns the number of bytes. */
  fill(bytes: Uint8Array, position: number): number {
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(this.#descriptor, bytes, at, bytes.length - at, position + at);
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  /** A range of its bytes, or all; shorter at the file's end. */
  read(range?: ByteRange): Uint8Array<ArrayBuffer> {
    const offset = Math.min(range?.offset ?? 0, this.size);
    const bytes = new Uint8Array(Math.min(range?.length ?? Infinity, this.size - offset));
    return bytes.subarray(0, this.fill(bytes, offset));
  }
}

/**
 * Opens a regular file and passes it to a function; no links, and no pipe, which would block. `undefined`
 * if there is none.
 */
export function withFile<Result>(
  directory: Directory,
  name: string,
  use: (file: OpenFile) => Result,
): Result | undefined {
  const descriptor = open(directory, name);
  if (descriptor === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() ? use(new OpenFile(descriptor, stats)) : undefined;
  } catch (error) {
    throw cannotRead(name, error);
  } finally {
    closeSync(descriptor);
  }
}

function open(directory: Directory, name: string): number | undefined {
  try {
    return directory.open(name, constants.O_RDONLY);
  } catch (error) {
    // ELOOP is a symbolic link, ENXIO a socket.
    const code = errorCode(error);
    if (isMissing(error) || code === "ELOOP" || code === "ENXIO") return undefined;
    throw cannotRead(name, error);
  }
}

/** A range of a file's bytes. */
export interface ByteRange {
  /** The first byte, from 0 on. */
  readonly offset: number;
  /** The maximum number of bytes. */
  readonly length: number;
}
