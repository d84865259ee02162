/**
 * Child processes over `node:child_process`, which Deno and Bun have as well; `Deno.Command` has no file
 * descriptors after stderr.
 *
 * Differences on Deno: a process with a file descriptor 3 gets a variable DENO_EXTRA_STDIO_FDS in its
 * environment, and a process that can't be started leaks a file descriptor. If the program or an argument
 * is the path of Deno itself, later arguments in Node's form are translated to Deno's or left out; those of
 * `deno run` stay as they are.
 *
 * @module
 */

import type {
  ChildProcess as NodeChildProcess,
  SpawnOptions as StartOptions,
} from "node:child_process";
import { statSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import { plainBytes } from "../../core/bytes.ts";
import { LocalProtocolError } from "../../core/errors.ts";
import { checkOptions, isRecord } from "../../core/option_checks.ts";
import type { ExitStatus } from "../../core/exit_status.ts";
import { PipeTransport } from "./pipe_transport.ts";
import {
  type ChildProcess,
  codeOfSystemError,
  spawnError,
  type SpawnOptions,
  type Transport,
} from "../transport.ts";

/** How long a process may take to end by itself after its pipes are closed, in milliseconds. */
const grace = 500;

/** The time between SIGTERM and SIGKILL, in milliseconds. */
const lastGrace = 2000;

/** How long other processes may hold its stderr open after it has ended and is closed, in milliseconds. */
const stderrGrace = 200;

/**
 * Starts a child process. Rejects with a `TransportError`.
 *
 * @example
 * ```ts ignore
 * import { spawn } from "@dovewire/dovewire/transports/node";
 *
 * await using child = await spawn(["/bin/cat"]);
 * await child.transport.write(Uint8Array.of(1, 2));
 * console.log(await child.transport.read());
 * ```
 */
export async function spawn(
  command: readonly string[],
  options: SpawnOptions = {},
): Promise<ChildProcess> {
  checkOptions(options, { functions: ["onStderr"], objects: ["env"], texts: ["cwd"] });
  if (!Array.isArray(command) || typeof (command[0] ?? "") !== "string") {
    throw new LocalProtocolError(
      "The command is no array of strings. Pass the program and its arguments.",
    );
  }
  const [program = "", ...args] = command;
  check(command, options);
  const { signal, descriptor3, onStderr } = options;
  // A copy, which is cleared at the end; the slice() of Node's Buffer would be the caller's own bytes.
  const secret = descriptor3 === undefined ? undefined : plainBytes(descriptor3).slice();
  const { cwd } = options;
  const env = options.env === undefined ? undefined : exactly(options.env);
  // Loaded only now: most programs that use an adapter start no process.
  const { spawn: start } = await import("node:child_process");
  if (signal?.aborted) {
    throw spawnError("aborted", program, "it was aborted.", signal.reason);
  }
  const child = await started(start, [program, ...args], {
    ...{ cwd, env },
    stdio: [
      "pipe",
      "pipe",
      onStderr === undefined ? "ignore" : "pipe",
      ...(secret === undefined ? [] : ["pipe" as const]),
    ],
  });
  return new Child(child, { program, secret, onStderr, signal });
}

function check([program, ...args]: readonly string[], { cwd, env }: SpawnOptions): void {
  if (program === undefined || program === "") {
    throw spawnError(
      "invalid",
      "a process",
      "there is no program. Set it as the command's first item.",
    );
  }
  const refuse = (what: string): never => {
    throw spawnError("invalid", program.replaceAll("\0", "?"), what);
  };
  const checkText = (where: string, value: string): void => {
    if (value.includes("\0")) refuse(`there is a NUL in ${where}. Remove it.`);
    if (value.isWellFormed()) return;
    // It would become U+FFFD, which is another name.
    refuse(`there is half a surrogate pair in ${where}. Check where the string was cut.`);
  };
  checkText("the program's name", program);
  args.forEach((arg, i) => {
    if (typeof arg !== "string") refuse(`argument ${i + 1} is no string.`);
    checkText(`argument ${i + 1}`, arg);
  });
  if (cwd !== undefined) checkText('"cwd"', cwd);
  if (env !== undefined && !isRecord(env)) {
    refuse('"env" is no object of names and values. Object.fromEntries() makes one of a Map.');
  }
  for (const [name, value] of Object.entries<unknown>(env ?? {})) {
    const shown = JSON.stringify(name);
    if (name === "" || /[=\0]/.test(name)) refuse(`"env" has a variable of the name ${shown}.`);
    checkText('a name of "env"', name);
    if (typeof value !== "string") {
      refuse(`"env" has no string for ${shown}. Leave it out if it isn't set.`);
    } else {
      checkText(`${shown} of "env"`, value);
    }
  }
}

/** The variables without the one that Node and Deno would add themselves. */
function exactly(env: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { NODE_V8_COVERAGE: undefined, ...env };
}

function started(
  start: typeof import("node:child_process").spawn,
  [program, ...args]: readonly [string, ...string[]],
  options: StartOptions,
): Promise<NodeChildProcess> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(whyNot(error, program, options));
    try {
      const child = start(program, args, options);
      child.on("error", fail);
      if (child.pid !== undefined) resolve(child);
    } catch (error) {
      fail(error);
    }
  });
}

/** The error for a program that couldn't be started; the system's error doesn't name what is missing. */
function whyNot(error: unknown, program: string, { cwd, env }: StartOptions): Error {
  if (error instanceof Error && error.name === "NotCapable") {
    const flags = `--allow-run=${program} and --allow-env${env ? "=NODE_V8_COVERAGE" : ""}`;
    return spawnError("denied", program, `Deno doesn't permit this. Add ${flags}.`, error);
  }
  const code = codeOfSystemError(error);
  const folder = cwd === undefined ? undefined : whyNotIn(cwd.toString());
  if (folder !== undefined && (code === "not-found" || code === "denied")) {
    return spawnError(code, program, folder, error);
  }
  const why = code === "not-found"
    ? `there is no such program${program.includes("/") ? "" : " in PATH"}. Check the spelling.`
    : code === "denied"
    ? "that is not permitted. Check the mode of the program and of its folders, and whether it is a program."
    : error instanceof Error
    ? error.message
    : String(error);
  return spawnError(code, program, why, error);
}

/** Why no process can start in a folder; `undefined` if one can. */
function whyNotIn(cwd: string): string | undefined {
  try {
    if (statSync(cwd).isDirectory()) return undefined;
    return `its folder ${cwd} isn't a folder.`;
  } catch (error) {
    // Deno needs read permission for this check.
    return error instanceof Error && error.name === "NotCapable"
      ? `there is no such program, or no folder ${cwd} to start it in.`
      : `there is no folder ${cwd} to start it in.`;
  }
}

/** Options for a {@linkcode Child}. */
interface ChildOptions {
  readonly program: string;
  readonly secret: Uint8Array | undefined;
  readonly onStderr: ((chunk: Uint8Array) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

class Child implements ChildProcess {
  readonly transport: Transport;
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  #process: NodeChildProcess;
  #state: "running" | "ended" = "running";
  #closed: Promise<void>;
  #onClosed: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(process: NodeChildProcess, { program, secret, onStderr, signal }: ChildOptions) {
    this.#process = process;
    this.pid = process.pid!;
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    const transport = new PipeTransport(process.stdout!, process.stdin!, {
      peer: `process ${program} (pid ${this.pid})`,
      onClose: () => this.#hurry(),
    });
    this.transport = transport;
    const stderr = passOn(process.stderr, onStderr);
    const descriptor3 = process.stdio[3] as Duplex | undefined;
    if (secret !== undefined && descriptor3) hand(secret, descriptor3);

    const killNow = () => this.kill("SIGKILL");
    signal?.addEventListener("abort", killNow);
    if (signal?.aborted) killNow();
    const ended = new Promise<ExitStatus>((resolve) => {
      process.once("exit", (code, signal) => {
        this.#state = "ended";
        resolve({ code: code ?? undefined, signal: signal ?? undefined });
      });
    }).then((status) => {
      signal?.removeEventListener("abort", killNow);
      clearTimeout(this.#timer);
      descriptor3?.destroy();
      return status;
    });
    this.exited = this.#allDone(ended, transport.readToEnd, stderr);
  }

  kill(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): void {
    if (this.#state === "ended") return;
    // Deno doesn't send a second signal to the same process.
    (this.#process as { killed: boolean }).killed = false;
    try {
      this.#process.kill(signal);
    } catch {
      // It has just ended, or now belongs to another user and will end by itself.
    }
  }

  async close(): Promise<void> {
    await this.transport.close();
    await this.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the process has ended and all of its output has arrived. */
  async #allDone(
    ended: Promise<ExitStatus>,
    readToEnd: Promise<void>,
    stderr: Promise<void>,
  ): Promise<ExitStatus> {
    const status = await ended;
    await readToEnd;
    const { stderr: stream } = this.#process;
    // Other processes may have inherited it, and hold it open as long as they live.
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.#closed.then(() => {
      if (!isOver) timer = setTimeout(() => stream?.destroy(), stderrGrace);
    });
    await stderr;
    isOver = true;
    clearTimeout(timer);
    return status;
  }

  /** Makes sure that the process ends. */
  #hurry(): void {
    this.#onClosed();
    if (this.#state === "ended") return;
    this.#timer = setTimeout(() => {
      this.kill("SIGTERM");
      this.#timer = setTimeout(() => this.kill("SIGKILL"), lastGrace);
    }, grace);
  }
}

/** Passes on what a process writes to its stderr; resolves after the last chunk. */
function passOn(
  stderr: Readable | null,
  onStderr: ((chunk: Uint8Array) => void) | undefined,
): Promise<void> {
  if (stderr === null || onStderr === undefined) return Promise.resolve();
  stderr.on("data", (chunk: Uint8Array) => {
    try {
      onStderr(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    } catch {
      // The caller's mistake; the process's stderr has to be read all the same.
    }
  });
  return new Promise((resolve) => {
    stderr.on("end", resolve);
    stderr.on("error", () => {});
    stderr.on("close", resolve);
  });
}

/** Writes to a file descriptor of the process, and closes it; the process need not read it. */
function hand(secret: Uint8Array, descriptor: Duplex): void {
  descriptor.on("error", () => {});
  // No input is expected from there.
  descriptor.resume();
  descriptor.once("close", () => secret.fill(0));
  descriptor.end(secret, () => descriptor.destroy());
}
