/**
 * The relay of the example as a program, on the runtime that runs the test.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { argumentsToRun } from "../../harness/this_runtime.ts";

const file = fileURLToPath(new URL("../../../examples/imap_relay.ts", import.meta.url));

/** A program that runs. */
export class RelayProgram {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<readonly [number | null, string | null]>;
  #said = "";
  errors = "";

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [...argumentsToRun(file), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout.setEncoding("utf8").on("data", (chunk) => this.#said += chunk);
    this.#child.stderr.setEncoding("utf8").on("data", (chunk) => this.errors += chunk);
    this.#ended = once(this.#child, "close") as Promise<[number | null, string | null]>;
  }

  /** Resolves to the port that it listens at. */
  async port(): Promise<number> {
    for (;;) {
      const [, port] = /port: (\d+)/.exec(this.#said) ?? [];
      if (port !== undefined) return Number(port);
      const heard = once(this.#child.stdout, "data");
      const ended = this.#ended.then(() => assert.fail(`it ended: ${this.errors}`));
      await Promise.race([heard, ended]);
    }
  }

  /** Asks it to stop. Deno would take the child's own kill() for the reason of its end. */
  terminate(): void {
    process.kill(this.#child.pid!, "SIGTERM");
  }

  /** Ends it, if it hasn't ended. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves to its exit code, or the signal that killed it. */
  async exit(): Promise<number | string | null> {
    const [code, signal] = await this.#ended;
    return code ?? signal;
  }
}
