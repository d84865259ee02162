/**
 * Processes of an extractor.
 *
 * @module
 */

import { encodeCredentials, extractorArguments } from "@dovewire/dovewire/core/extractor";
import { checkOptions, type ExitStatus, LocalProtocolError } from "@dovewire/dovewire/core";
import {
  type ChildProcess,
  spawn as spawnProcess,
  startTimer,
  type Timer,
  type Transport,
} from "@dovewire/dovewire/transports";
import { endGrace, type ExtractorConnection } from "./connection.ts";
import type { ExtractorProcessOptions } from "./options.ts";
import { StderrTail } from "./stderr_tail.ts";

/**
 * How long to wait for a process that was asked to end, in milliseconds: a second after its SIGKILL.
 * One of another user, which a setuid program becomes, can't be sent any, and may never end.
 */
const killGrace = 3_500;

/** The method that a process is started for, in versions 1 and 2. */
export interface ProcessCall {
  /** Its name. */
  readonly method: string;
  /** Its arguments, in version 1. */
  readonly args?: readonly string[];
}

/** Starts the processes of a client. */
export class ProcessStarter {
  #options: ExtractorProcessOptions;
  #descriptor3: Uint8Array | undefined;
  #secrets: readonly string[];

  /**
   * Creates one. Throws a `LocalProtocolError` for invalid options, without the credentials in it.
   */
  constructor(options: ExtractorProcessOptions) {
    checkOptions(options, {
      functions: ["onStderr", "spawn"],
      objects: ["credentials", "env"],
      texts: ["cwd"],
    });
    const { command, credentials, version = 3 } = options;
    checkCommand(command);
    if (version !== 1 && version !== 2 && version !== 3) {
      throw new LocalProtocolError(`There is no version ${String(version)}: use 1, 2 or 3.`);
    }
    this.#options = { ...options, command: [...command] };
    this.#descriptor3 = credentials && encodeCredentials(credentials);
    this.#secrets = [credentials?.password ?? "", credentials?.challenge ?? ""];
    // Invalid arguments show now, and not with the first request.
    this.#arguments(version === 3 ? undefined : { method: "auth" });
  }

  /** Starts a process, for one request in versions 1 and 2. Rejects with a `TransportError`. */
  async start(signal: AbortSignal, call?: ProcessCall): Promise<ExtractorConnection> {
    const { command, env, cwd, onStderr, spawn = spawnProcess, credentials } = this.#options;
    const stderr = new StderrTail(this.#secrets, onStderr);
    const child = await spawn([...command, ...this.#arguments(call)], {
      env,
      cwd,
      descriptor3: this.#descriptor3,
      onStderr: (chunk) => stderr.push(chunk),
      signal,
    });
    checkChild(child);
    return new ProcessConnection(child, stderr, credentials?.user);
  }

  #arguments(call: ProcessCall | undefined): string[] {
    const { version = 3, maildir, systemUser, mailUser } = this.#options;
    return extractorArguments({ version, maildir, systemUser, mailUser, ...call });
  }
}

function checkCommand(command: readonly string[]): void {
  const isList = Array.isArray(command) && command.every((part) => typeof part === "string");
  if (isList && command.length > 0) return;
  throw new LocalProtocolError(
    isList
      ? '"command" is empty: put the extractor\'s program into it.'
      : '"command" is no array of strings. Set it to the program and its arguments.',
  );
}

function checkChild(child: ChildProcess): void {
  const methods = [child?.kill, child?.close, child?.exited?.then, child?.transport?.read];
  if (methods.every((method) => typeof method === "function")) return;
  throw new LocalProtocolError(
    '"spawn" returned no ChildProcess: let it return what spawn() of a runtime\'s transports does.',
  );
}

/** A process and the pipes to it. */
class ProcessConnection implements ExtractorConnection {
  readonly exited: Promise<ExitStatus>;
  readonly user: string | undefined;
  #child: ChildProcess;
  #stderr: StderrTail;
  #hasExited = false;
  #timer: Timer | undefined;
  #ending: Promise<void> | undefined;
  /** Resolved when nobody waits for the exit any more. */
  #left: Promise<ExitStatus>;
  #leave!: () => void;

  constructor(child: ChildProcess, stderr: StderrTail, user: string | undefined) {
    this.#child = child;
    this.#stderr = stderr;
    this.user = user;
    this.#left = new Promise((resolve) => {
      this.#leave = () => resolve({ code: undefined, signal: undefined });
    });
    // It rejects only where the caller's own "spawn" is wrong.
    const exited = child.exited.catch(() => ({ code: undefined, signal: undefined }));
    this.exited = Promise.race([exited, this.#left]).then((status) => {
      this.#hasExited = true;
      this.#timer?.stop();
      stderr.end();
      return status;
    });
  }

  get transport(): Transport {
    return this.#child.transport;
  }

  get stderr(): string {
    return this.#stderr.quoted;
  }

  expectEnd(): void {
    if (!this.#hasExited) this.#timer ??= startTimer(endGrace, () => void this.end());
  }

  end(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    const timer = startTimer(killGrace, this.#leave);
    try {
      this.#child.kill("SIGTERM");
      await Promise.race([this.#child.close().then(() => this.exited), this.#left]);
    } catch {
      // Its transport can't be closed. What counts is the process.
      await this.exited;
    }
    timer.stop();
  }
}
