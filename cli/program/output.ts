/**
 * The program's standard output.
 *
 * @module
 */

import { messageOf } from "@dovewire/dovewire/core";
import process from "node:process";
import { exitCodes } from "../output/exit_codes.ts";
import type { Output } from "../output/printer.ts";

/** The most bytes that are gathered before they are written. */
const gathered = 65_536;

/** Writes to standard output, many rows at a time. */
export class StandardOutput implements Output {
  readonly isTerminal: boolean = process.stdout.isTTY === true;
  #waiting: Uint8Array[] = [];
  #size = 0;

  /** The terminal's width. */
  get width(): number {
    return this.isTerminal ? process.stdout.columns || 80 : Infinity;
  }

  write(bytes: Uint8Array): Promise<void> | void {
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    if (this.isTerminal || this.#size >= gathered) return this.flush();
  }

  /** Writes what was gathered; resolves when there is room for more. */
  async flush(): Promise<void> {
    const chunks = this.#waiting;
    this.#waiting = [];
    this.#size = 0;
    if (chunks.length === 0) return;
    const whole = new Uint8Array(chunks.reduce((size, { length }) => size + length, 0));
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    // After a failure nothing may go on as if it were written.
    await new Promise<void>((resolve) => {
      try {
        process.stdout.write(whole, (error) => error ? endWithoutOutput(error) : resolve());
      } catch (error) {
        // Deno throws what the others pass on.
        endWithoutOutput(error);
      }
    });
  }
}

/** Ends the program after its output has failed: quietly if nobody reads it any more. */
export function endWithoutOutput(error: unknown): never {
  const { code } = error as { readonly code?: unknown };
  if (code === "EPIPE" || code === "EOF") process.exit(exitCodes.pipe);
  writeError(`dovewire: The output can't be written: ${messageOf(error)}\n`);
  process.exit(exitCodes.temporary);
}

/** Writes to standard error; what can't be written is lost. */
export function writeError(text: string): void {
  try {
    process.stderr.write(text);
  } catch {
    // Deno throws where the others emit an event.
  }
}
