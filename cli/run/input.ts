/**
 * The input of a command, from standard input or from a file of this machine.
 *
 * @module
 */

import { LocalProtocolError, messageOf } from "@dovewire/dovewire/core";
import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";

/** The most bytes of an input that are kept, to be sent for several users. */
const largestKept = 128 * 1024 * 1024;

/** How many bytes are read at once. */
const pieceSize = 65_536;

/**
 * An input in pieces, for one user. Rejects with a `UsageError` if the file can't be read, before anything is
 * sent: otherwise an empty message would be saved.
 */
export async function streamedInput(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === "-") return standardInput();
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    // A folder can be opened, too.
    if ((await file.stat()).isDirectory()) throw new Error(`${path} is a folder`);
  } catch (error) {
    await file?.close();
    throw new UsageError(`The input can't be read: ${messageOf(error)}`, { cause: error });
  }
  return piecesOf(file);
}

/** Standard input. Rejects with a `UsageError` for a folder, which Node takes for an empty file. */
function standardInput(): AsyncIterable<Uint8Array> {
  let isFolder = false;
  try {
    isFolder = fstatSync(0).isDirectory();
  } catch {
    // There is none.
  }
  if (isFolder) throw new UsageError("The input can't be read: it is a folder.");
  return process.stdin;
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

/** A whole input, for several users. Rejects with a `LocalProtocolError` if it is too large. */
export async function wholeInput(path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of await streamedInput(path)) {
    pieces.push(piece);
    size += piece.length;
    if (size > largestKept) {
      throw new LocalProtocolError(
        `The input has more than ${largestKept} bytes, which are too many for several users at once.`,
      );
    }
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
