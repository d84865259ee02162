/**
 * A program that runs for a client, and ends in time.
 *
 * @module
 */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import process from "node:process";
import type { Readable } from "node:stream";
import { concat } from "../../core/mod.ts";
import { startTimer } from "../../transports/timers.ts";

/** Limits on one run of a program. */
export interface RunLimits {
  /** How long it may run, in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
  /** How many bytes it may print. */
  readonly maxOutput: number;
}

/**
 * How a run ended: with an exit code, by a signal of somebody else's, or killed since it took too long, printed
 * too much, or was cancelled.
 */
export type RunEnd =
  | { readonly type: "exit"; readonly code: number }
  | { readonly type: "signal"; readonly signal: string }
  | { readonly type: "timeout" | "output" | "cancelled" };

/** The longest line that is passed on in one piece, in bytes. */
const longestLine = 8192;

const lineFeed = 0x0a;

/**
 * A program that runs in a process group of its own, without a shell, with an empty environment and no standard
 * input, in the root folder. What it prints on standard error is thrown away.
 *
 * The group is killed when the program ends, or has to end. A process that leaves the group isn't; of what it prints
 * nothing is read after that time.
 */
export class RunningProgram {
  /** Resolves when the program is gone. */
  readonly ended: Promise<RunEnd>;
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #maxOutput: number;
  #killed: "timeout" | "output" | "cancelled" | undefined;
  /** Whether the group is gone, so that another one may have its number. */
  #isOver = false;

  /** Starts a program; rejects if that is impossible. */
  static async start(argv: readonly string[], limits: RunLimits): Promise<RunningProgram> {
    const program = new RunningProgram(argv, limits);
    // Without a process there is an error.
    if (program.#child.pid === undefined) await program.ended;
    return program;
  }

  private constructor([path, ...args]: readonly string[], { timeout, maxOutput }: RunLimits) {
    this.#maxOutput = maxOutput;
    this.#child = spawn(path, args, {
      cwd: "/",
      env: {},
      // It gets a process group of its own.
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    // When a process ends, Node throws away what it has printed unless somebody waits for it.
    this.#child.stdout.on("readable", () => {});
    const timer = startTimer(timeout, () => this.kill("timeout"));
    this.ended = new Promise<RunEnd>((resolve, reject) => {
      this.#child.on("error", (error) => {
        timer.stop();
        reject(error);
      });
      this.#child.on("exit", (code, signal) => {
        // What it has started may hold its output open.
        this.#killGroup();
        this.#isOver = true;
        if (this.#killed !== undefined) {
          this.#child.stdout.destroy();
          resolve({ type: this.#killed });
        } else if (code === null) resolve({ type: "signal", signal: String(signal) });
        else resolve({ type: "exit", code });
      });
      // So may what has left the group.
      this.#child.on("close", () => timer.stop());
    });
    this.ended.catch(() => {});
  }

  /** Kills the program and all that it has started; if it has ended, only ends the reading of what it has printed. */
  kill(why: "timeout" | "output" | "cancelled"): void {
    if (this.#isOver) this.#child.stdout.destroy();
    else this.#killed ??= why;
    this.#killGroup();
  }

  /** What it prints, line by line, without their ends; a very long line comes in pieces. */
  async *lines(): AsyncGenerator<Uint8Array, void, void> {
    let size = 0;
    let rest: Uint8Array = new Uint8Array(0);
    for await (const chunk of this.#chunks()) {
      if (this.#killed !== undefined) break;
      const room = this.#maxOutput - size;
      size += chunk.length;
      const { lines, rest: newRest } = split(concat([rest, chunk.subarray(0, room)]));
      rest = newRest;
      yield* lines;
      if (size > this.#maxOutput) this.kill("output");
    }
    if (rest.length > 0) yield rest;
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#child.stdout as AsyncIterable<Uint8Array>;
    } catch (error) {
      // It ends so where nothing is read any more.
      if (!this.#isOver) throw error;
    }
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#isOver) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nobody is left.
    }
  }
}

/** The whole lines in some bytes, and what follows them; lines that are too long are cut. */
function split(bytes: Uint8Array): { readonly lines: Uint8Array[]; readonly rest: Uint8Array } {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (;;) {
    const found = bytes.indexOf(lineFeed, from);
    const end = found === -1 ? bytes.length : found;
    for (; end - from > longestLine; from += longestLine) {
      lines.push(bytes.subarray(from, from + longestLine));
    }
    if (found === -1) return { lines, rest: bytes.slice(from) };
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
}
