/**
 * The input of a command, from standard input or from a file of this machine.
 *
 * @module
 */

import { LocalProtocolError, messageOf } from "@dovewire/dovewire/core";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";

/** The most bytes of an input that are kept, to be sent for several users. */
const largestKept = 128 * 1024 * 1024;

/** An input in pieces, for one user. Rejects with a `UsageError` if the file can't be read. */
export async function streamedInput(path: string): Promise<AsyncIterable<Uint8Array>> {
  if (path === "-") return process.stdin;
  try {
    // Opened before anything is sent: otherwise an empty message would be saved.
    await (await open(path)).close();
  } catch (error) {
    throw new UsageError(`The input can't be read: ${messageOf(error)}`, { cause: error });
  }
  return createReadStream(path);
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
