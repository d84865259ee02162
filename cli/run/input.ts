/**
 * The input of a command, from standard input or from a file of this machine.
 *
 * @module
 */

import { AbortError, concat, LocalProtocolError, messageOf } from "@dovewire/dovewire/core";
import { onAbort } from "@dovewire/dovewire/transports";
import { fstatSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";
import { exitCodes } from "../output/exit_codes.ts";

/** The most bytes of an input that are kept, to be sent for several users or to several servers. */
const largestKept = 128 * 1024 * 1024;

/** How many bytes are read at once. */
const pieceSize = 65_536;

/**
 * An input in pieces, for one user. Rejects with a `UsageError` if the file can't be read, before anything is
 * sent: otherwise an empty message would be saved. `what` it is begins the message.
 */
export async function streamedInput(
  path: string,
  what = "The input",
): Promise<AsyncIterable<Uint8Array>> {
  if (path === "-") return standardInput(what);
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    // A folder can be opened, too.
    if ((await file.stat()).isDirectory()) throw new Error(`${path} is a folder`);
  } catch (error) {
    await file?.close();
    throw unreadable(what, messageOf(error), error);
  }
  return piecesOf(file);
}

/** Standard input. Rejects with a `UsageError` for a folder, which Node takes for an empty file. */
function standardInput(what: string): AsyncIterable<Uint8Array> {
  let isFolder = false;
  try {
    isFolder = fstatSync(0).isDirectory();
  } catch {
    // There is none.
  }
  if (isFolder) throw unreadable(what, "it is a folder.");
  return process.stdin;
}

/** The error for an unreadable file; its exit code is doveadm's. */
export function unreadable(what: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`${what} can't be read: ${why}`, {
    ...{ cause, exitCode: exitCodes.temporary },
  });
}

/** What a file, or a pipe, has from here on. It is opened once: a pipe's writer ends when it is closed. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (;;) {
      const bytes = new Uint8Array(pieceSize);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, null);
      if (bytesRead === 0) return;
      yield bytes.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Whether an input has all its bytes whenever it is opened, unlike standard input and a pipe. */
export async function canBeReadAgain(path: string): Promise<boolean> {
  if (path === "-") return false;
  // Why it can't be read is said by who reads it.
  return await stat(path).then((found) => found.isFile(), () => true);
}

/**
 * A whole input, for several users or servers. Rejects with a `UsageError` if it can't be read, with a
 * `LocalProtocolError` if it is too large, and with an `AbortError` if the signal aborts.
 */
export async function wholeInput(path: string, signal: AbortSignal): Promise<Uint8Array> {
  const whole = await bytesOf(await streamedInput(path), largestKept, signal);
  if (whole !== undefined) return whole;
  throw new LocalProtocolError(
    `The input has more than ${largestKept} bytes, which are too many for several users, or ` +
      "servers, at once. Name one of them at a time.",
  );
}

/**
 * All bytes of an input; `undefined` if there are more than `most`, of which no more are read. Rejects with an
 * `AbortError` as soon as the signal aborts: somebody may have to type what is waited for.
 */
export function bytesOf(
  pieces: AsyncIterable<Uint8Array>,
  most: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(
      signal,
      () => reject(new AbortError("The input was not read to its end.")),
    );
    gather(pieces, most).then(resolve, reject).finally(() => forget());
  });
}

async function gather(
  pieces: AsyncIterable<Uint8Array>,
  most: number,
): Promise<Uint8Array | undefined> {
  const gathered: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    gathered.push(piece);
    size += piece.length;
    if (size > most) return undefined;
  }
  return concat(gathered);
}
