/**
 * Writes a recording of live conversations, which `dovewire trace FILE` reads again.
 *
 * @module
 */

import { encodeUtf8, messageOf } from "@dovewire/dovewire/core";
import { type FileHandle, open } from "node:fs/promises";
import { UsageError } from "../command_line/usage_error.ts";
import type { Step } from "./step.ts";

/** How many bytes are encoded at a time; a multiple of three, so that the pieces fit together. */
const encoded = 3 * 8192;

/** Writes steps to a file, one after the other. */
export class Recorder implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /**
   * Creates the file, which only its owner can read, since it has passwords. Rejects with a `UsageError` if
   * it exists.
   */
  static async create(path: string): Promise<Recorder> {
    try {
      return new Recorder(await open(path, "wx", 0o600), path);
    } catch (error) {
      const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
      throw new UsageError(
        exists
          ? `${path} exists already. Name a file for --record that doesn't.`
          : `The recording can't be written: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Writes a step; rejects with a `UsageError` if it, or an earlier one, can't be written. */
  write(step: Step): Promise<void> {
    return this.#last = this.#last.then(() => this.#write(step));
  }

  async #write(step: Step): Promise<void> {
    try {
      await this.#file.writeFile(encodeUtf8(`${lineOf(step)}\n`));
    } catch (error) {
      throw new UsageError(`${this.#path} can't be written: ${messageOf(error)}`, {
        cause: error,
        exitCode: 75,
      });
    }
  }

  /** Closes the file, after what is being written. */
  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file.close();
  }

  /** Closes the file. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A step as a line, without its end. */
function lineOf(step: Step): string {
  const { connection, time } = step;
  const base = { connection, ...(time === undefined ? {} : { time: time.toISOString() }) };
  switch (step.type) {
    case "open":
      return JSON.stringify({ ...base, open: step.name });
    case "bytes":
      return JSON.stringify({ ...base, from: step.from, bytes: base64(step.bytes) });
    case "end":
      return JSON.stringify({ ...base, from: step.from, end: true });
    case "close":
      return JSON.stringify({ ...base, close: step.problem ?? "" });
  }
}

function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += encoded) {
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + encoded))));
  }
  return pieces.join("");
}
