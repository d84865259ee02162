/**
 * Files as chunks, and as what is written at once.
 *
 * @module
 */

import { messageOf } from "@dovewire/dovewire/core";
import { onAbort } from "@dovewire/dovewire/transports";
import { constants, createReadStream } from "node:fs";
import { access, open, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { UsageError } from "../command_line/usage_error.ts";

/** A file's chunks; "-" is standard input. Throws a `UsageError` if it can't be read; ends if the signal aborts. */
export async function* chunksOf(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (path !== "-") await checkReadable(path);
  const stream = path === "-" ? process.stdin : createReadStream(path);
  const forget = onAbort(signal, () => void stream.destroy());
  try {
    for await (const chunk of stream) {
      // Not Node's Buffer, whose slice() doesn't copy.
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    if (!signal.aborted) throw unreadable(path, error);
  } finally {
    forget();
  }
}

/** Whether a file is there, before anything is printed. */
async function checkReadable(path: string): Promise<void> {
  try {
    const file = await open(path);
    const stat = await file.stat();
    await file.close();
    if (!stat.isDirectory()) return;
  } catch (error) {
    throw unreadable(path, error);
  }
  throw new UsageError(`${path} is a folder. Name a file.`);
}

/**
 * Checks that a file can be written later, when it would be too late to name another one. Rejects with a
 * `UsageError`.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) throw new Error(`${path} is a folder`);
    await access(found === undefined ? dirname(path) : path, constants.W_OK);
  } catch (error) {
    throw cannotWrite(error);
  }
}

/** Writes a file; rejects with a `UsageError` if that fails. */
export async function writeWhole(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw cannotWrite(error);
  }
}

function cannotWrite(cause: unknown): UsageError {
  return new UsageError(`The page can't be written: ${messageOf(cause)}`, { cause });
}

function unreadable(path: string, cause: unknown): UsageError {
  return new UsageError(
    `${path === "-" ? "Standard input" : path} can't be read: ${messageOf(cause)}`,
    {
      cause,
    },
  );
}
