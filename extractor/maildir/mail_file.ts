/**
 * One mail's file: opening and reading it.
 *
 * @module
 */

import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import type { ExtractorFailure } from "../messages/failure.ts";
import { uniqueName } from "./file_name.ts";
import { errorCode, isMissing, storageFailure } from "./storage_failure.ts";

/** A mail of a maildir as it was when it was looked at. */
export interface MailFile {
  /** Its unique name, which stays the same through flags and moves. */
  readonly mid: string;
  /** The folder that it is in; "" for the inbox. */
  readonly folder: string;
  /** How large it is, in bytes. */
  readonly size: number;
  /** Whether it has been read: it has the flag S and isn't in `new`. */
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
export function fileInfo(path: string): FileInfo | undefined {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile()) return undefined;
    return { size: stats.size, modified: stats.mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw cannotRead(path, error);
  }
}

/** What tells a file from all others, whatever it is called; `undefined` where there is none. */
export function fileIdentity(path: string): string | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true });
    return `${dev}.${ino}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): ExtractorFailure {
  return storageFailure(`read the mail ${JSON.stringify(uniqueName(basename(path)))}`, error);
}

/** Opens a regular file and gives it to a function; no links, and no pipe that would be waited for. */
function withFile<Result>(
  path: string,
  use: (descriptor: number, size: number) => Result,
): Result | undefined {
  const descriptor = open(path);
  if (descriptor === undefined) return undefined;
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() ? use(descriptor, stats.size) : undefined;
  } catch (error) {
    throw cannotRead(path, error);
  } finally {
    closeSync(descriptor);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // ELOOP is a symbolic link, ENXIO a socket.
    const code = errorCode(error);
    if (isMissing(error) || code === "ELOOP" || code === "ENXIO") return undefined;
    throw cannotRead(path, error);
  }
}

/** Which bytes of a file. */
export interface ByteRange {
  /** The first one, from 0 on. */
  readonly offset: number;
  /** How many at most. */
  readonly length: number;
}

/** A file's bytes; fewer than the range says where the file ends; `undefined` where there is no file. */
export function readFile(path: string, range?: ByteRange): Uint8Array | undefined {
  return withFile(path, (descriptor, size) => {
    const offset = Math.min(range?.offset ?? 0, size);
    const bytes = new Uint8Array(Math.min(range?.length ?? Infinity, size - offset));
    return bytes.subarray(0, fill(descriptor, bytes, { at: 0, position: offset }));
  });
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
export function readHeaderInPlace(path: string): Uint8Array | undefined {
  return withFile(path, (descriptor) => {
    let length = 0;
    for (let want = firstRead;; want *= 4) {
      if (want > headerBuffer.length) headerBuffer = grown(headerBuffer, want);
      const known = length;
      length = fill(descriptor, headerBuffer.subarray(0, want), { at: known, position: known });
      const header = headerBuffer.subarray(0, length);
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

/** Reads until the bytes are full or the file ends; gives how many there are then. */
function fill(
  descriptor: number,
  bytes: Uint8Array,
  { at, position }: { at: number; position: number },
): number {
  const start = at;
  while (at < bytes.length) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, position + at - start);
    if (count === 0) break;
    at += count;
  }
  return at;
}
