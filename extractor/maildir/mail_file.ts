/**
 * One mail's file: opening and reading it.
 *
 * @module
 */

import { closeSync, constants, fstatSync, lstatSync, readSync, type Stats } from "node:fs";
import { ExtractorFailure } from "../messages/failure.ts";
import type { Directory } from "./directory.ts";
import { uniqueName } from "./file_name.ts";
import { errorCode, isMissing, storageFailure } from "./storage_failure.ts";

/** A mail of a maildir as it was when it was looked at. */
export interface MailFile {
  /** Its unique name, which stays the same through flags and moves. */
  readonly mid: string;
  /** The folder that it is in; "" for the inbox. */
  readonly folder: string;
  /**
   * How large it is, in bytes: as its file's name says (`,S=1234`), else as its file is; of a compressed
   * mail the size that it is without.
   */
  readonly size: number;
  /** Whether it has been read: it has the flag S. */
  readonly seen: boolean;
  /** When it was delivered. */
  readonly received: Date;
  /** Its file, which others may rename at any time. */
  readonly path: string;
}

/** What there is to know of a file. */
export interface FileInfo {
  /** In bytes. */
  readonly size: number;
  /** When it was last written to, in milliseconds since 1970. */
  readonly modified: number;
}

/** What a regular file is like; `undefined` where there is none of that name, or only a link to one. */
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

/** A size that is exact: a file with holes may seem to have more bytes than that. */
function exactSize({ size }: Stats): number {
  return Math.min(size, Number.MAX_SAFE_INTEGER);
}

/** What tells a file from all others, whatever it is called; `undefined` where there is none. */
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
  /** How large it is, in bytes. */
  readonly size: number;
  readonly #descriptor: number;
  readonly #stats: Stats;

  /** Takes a descriptor, and what the system says of it. */
  constructor(descriptor: number, stats: Stats) {
    this.#descriptor = descriptor;
    this.#stats = stats;
    this.size = exactSize(stats);
  }

  /** What tells it, as it is now, from all others and from itself when it is changed. */
  get identity(): string {
    const { dev, ino, size, mtimeMs, ctimeMs } = this.#stats;
    return [dev, ino, size, mtimeMs, ctimeMs].join(".");
  }

  /** Reads from a position on until the bytes are full or the file ends; gives how many there are then. */
  fill(bytes: Uint8Array, position: number): number {
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(this.#descriptor, bytes, at, bytes.length - at, position + at);
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  /** Some of its bytes, or all; fewer than the range says where it ends. */
  read(range?: ByteRange): Uint8Array<ArrayBuffer> {
    const offset = Math.min(range?.offset ?? 0, this.size);
    const bytes = new Uint8Array(Math.min(range?.length ?? Infinity, this.size - offset));
    return bytes.subarray(0, this.fill(bytes, offset));
  }
}

/**
 * Opens a regular file and gives it to a function; no links, and no pipe that would be waited for.
 * `undefined` where there is none.
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

/** Which bytes of a file. */
export interface ByteRange {
  /** The first one, from 0 on. */
  readonly offset: number;
  /** How many at most. */
  readonly length: number;
}
