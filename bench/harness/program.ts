/**
 * Programs beside a bench: peers, clients and parts of it in processes of their own.
 *
 * @module
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuTimeOf } from "./stopwatch.ts";

/** A runtime and its arguments before the path of a program. */
export type RuntimeCommand = readonly string[];

/** How each runtime runs a program that may collect garbage. */
export const runtimeCommands = {
  deno: (path: string): RuntimeCommand => [
    ...[path, "run", "--allow-all", "--no-check", "--quiet", "--v8-flags=--expose-gc"],
  ],
  node: (path: string): RuntimeCommand => [path, "--expose-gc"],
  bun: (path: string): RuntimeCommand => [path],
};

/** The runtime of this process. */
export const ownCommand: RuntimeCommand = "Deno" in globalThis
  ? runtimeCommands.deno(process.execPath)
  : "Bun" in globalThis
  ? runtimeCommands.bun(process.execPath)
  : runtimeCommands.node(process.execPath);

/**
 * A program that answers each line of its input by one line of JSON, after those that it prints by itself. It ends
 * with its input.
 */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts one of the project's modules. */
  constructor(module: URL, { runtime = ownCommand, args = [] }: {
    readonly runtime?: RuntimeCommand;
    readonly args?: readonly unknown[];
  } = {}) {
    const [command, ...words] = runtime;
    const texts = args.map((value) => JSON.stringify(value));
    this.#child = spawn(command, [...words, fileURLToPath(module), ...texts], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** The next value that it prints. */
  // deno-lint-ignore no-explicit-any
  async next(): Promise<any> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("The program has ended. Its messages say why.");
    return JSON.parse(value);
  }

  /** Gives it a task, and returns its answer. */
  // deno-lint-ignore no-explicit-any
  async ask(task: unknown): Promise<any> {
    this.#child.stdin!.write(`${JSON.stringify(task)}\n`);
    return await this.next();
  }

  /** The CPU time that it has taken so far, in milliseconds; 0 where Linux doesn't tell. */
  get cpuTime(): number {
    return cpuTimeOf(this.#child.pid!) ?? 0;
  }

  /** Ends its input, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    const end = exitCode === null && signalCode === null ? once(this.#child, "exit") : undefined;
    this.#child.stdin!.end();
    await end;
  }
}

/** In a program: answers each line of the input, until it ends. */
export async function answerTasks<Task>(answer: (task: Task) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    tell(await answer(JSON.parse(line)) ?? null);
  }
}

/** In a program: prints a value for the one who started it. */
export function tell(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Runs any program to its end; returns what it printed, and rejects if it fails. */
export function output([command, ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 2 ** 30 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}
