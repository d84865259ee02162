/**
 * Ways to an extractor: a process that is started, or a transport.
 *
 * @module
 */

import { encodeCredentials, extractorArguments } from "@dovewire/dovewire/core/extractor";
import {
  ConnectError,
  DovewireError,
  type ExitStatus,
  LocalProtocolError,
  TimeoutError,
} from "@dovewire/dovewire/core";
import { spawn as spawnProcess, timerOf, type Transport } from "@dovewire/dovewire/transports";
import type { ExtractorProcessOptions, ExtractorTransportOptions } from "./options.ts";
import { LastWords } from "./last_words.ts";

/** A way to an extractor, for one conversation. */
export interface Line {
  /** Its bytes. */
  readonly transport: Transport;
  /**
   * How the process at its other end ended, once it has; neither by a code nor by a signal if it is
   * still there when {@linkcode end} gave up on it. `undefined` where there is none.
   */
  readonly exited: Promise<ExitStatus> | undefined;
  /** The user whose password is checked on the way; `undefined` where none is. */
  readonly user: string | undefined;
  /**
   * Sees that the process ends, or the transport, now that it says or takes no more: it gets a moment
   * to do so by itself.
   */
  expectExit(): void;
  /** What the process wrote to its stderr last, as the end of a message; "" for nothing. */
  lastWords(): string;
  /**
   * Closes it. A process that is still there gets a SIGTERM at once, and a SIGKILL if it doesn't care;
   * resolves when it is gone, or can't be ended.
   */
  end(): Promise<void>;
}

/** How long a process that has ended its output has to end itself, in milliseconds. */
const exitGrace = 2_000;

/**
 * How long a process is waited for that was told to end, in milliseconds: a second behind its SIGKILL.
 * One of another user, as a setuid program becomes, can't be sent any, and may never end.
 */
const endGrace = 3_500;

/** How long {@linkcode waitForLine} waits. */
export interface LinePatience {
  /** In milliseconds; 0 for ever. */
  readonly timeout: number;
  /** Gives up, with the error to give as its reason. */
  readonly signal: AbortSignal;
}

/**
 * Waits until a line is open. Rejects with a `ConnectError`, a `TimeoutError` or the signal's reason;
 * a line that opens after that is closed.
 */
export async function waitForLine(
  open: (signal: AbortSignal) => Promise<Line>,
  { timeout, signal }: LinePatience,
): Promise<Line> {
  const controller = new AbortController();
  let forget = () => {};
  const impatience = new Promise<never>((_, reject) => {
    const giveUp = (reason: unknown) => {
      reject(reason);
      controller.abort(reason);
    };
    const abort = () => giveUp(signal.reason);
    const timer = setTimeout(() => {
      const message =
        `The way to the extractor was not open within ${timeout} ms. If that may take ` +
        'longer, raise "openTimeout".';
      giveUp(new TimeoutError("connect", message));
    }, timerOf(timeout));
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    forget = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
  });
  // It rejects whether or not somebody still waits.
  impatience.catch(() => {});
  const opening = open(controller.signal);
  try {
    return await Promise.race([opening, impatience]);
  } catch (error) {
    opening.then((line) => line.end()).catch(() => {});
    if (error instanceof DovewireError) throw error;
    throw new ConnectError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  } finally {
    forget();
  }
}

/** Opens the transport of a client that was given one; once only, if it was given an open one. */
export function transportOpener(
  { transport }: ExtractorTransportOptions,
): (signal: AbortSignal) => Promise<Line> {
  let used = false;
  return async (signal) => {
    if (typeof transport === "function") return lineOf(await transport({ signal }));
    if (used) {
      throw new ConnectError(
        `The transport to ${transport.peer} has ended, and there is no other. Give "transport" a ` +
          "function that opens one, to have another opened.",
      );
    }
    used = true;
    return lineOf(transport);
  };
}

function lineOf(transport: Transport): Line {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isEnded = false;
  return {
    transport,
    exited: undefined,
    user: undefined,
    expectExit() {
      if (!isEnded) timer ??= setTimeout(() => transport.close().catch(() => {}), exitGrace);
    },
    lastWords: () => "",
    async end() {
      isEnded = true;
      clearTimeout(timer);
      // What is wrong with it has shown in the conversation.
      await transport.close().catch(() => {});
    },
  };
}

/** The method that a process is started for, in versions 1 and 2. */
export interface SingleCall {
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
   * Makes one; throws a `LocalProtocolError` for options that can't be, without the credentials in it.
   */
  constructor(options: ExtractorProcessOptions) {
    const { command, credentials, version = 3 } = options;
    if (command.length === 0) {
      throw new LocalProtocolError('"command" is empty. Name the extractor\'s program in it.');
    }
    if (version !== 1 && version !== 2 && version !== 3) {
      throw new LocalProtocolError(`There is no version ${version}. Take 1, 2 or 3.`);
    }
    this.#options = { ...options, command: [...command] };
    this.#descriptor3 = credentials && encodeCredentials(credentials);
    this.#secrets = credentials === undefined
      ? []
      : [credentials.password, credentials.challenge ?? ""];
    // What is wrong with the arguments is told now, and not with the first request.
    this.#arguments(version === 3 ? undefined : { method: "auth" });
  }

  /** Starts a process, for one request in versions 1 and 2. Rejects with a `TransportError`. */
  async start(signal: AbortSignal, call?: SingleCall): Promise<Line> {
    const { command, env, cwd, onStderr, spawn = spawnProcess, credentials } = this.#options;
    const words = new LastWords(this.#secrets, onStderr);
    const child = await spawn([...command, ...this.#arguments(call)], {
      env,
      cwd,
      descriptor3: this.#descriptor3,
      onStderr: (chunk) => words.push(chunk),
      signal,
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    let hasExited = false;
    let leave = () => {};
    const left = new Promise<ExitStatus>((resolve) => {
      leave = () => resolve({ code: undefined, signal: undefined });
    });
    const exited = Promise.race([child.exited, left]).then((status) => {
      hasExited = true;
      clearTimeout(timer);
      words.end();
      return status;
    });
    let ending: Promise<void> | undefined;
    const end = () => ending ??= endNow();
    const endNow = async () => {
      child.kill("SIGTERM");
      const patience = setTimeout(leave, endGrace);
      try {
        await Promise.race([child[Symbol.asyncDispose](), left]);
      } catch {
        // A transport that can't be closed: it is the process that counts.
        await exited;
      }
      clearTimeout(patience);
    };
    return {
      transport: child.transport,
      exited,
      user: credentials?.user,
      expectExit() {
        if (!hasExited) timer ??= setTimeout(() => void end(), exitGrace);
      },
      lastWords: () => words.text,
      end,
    };
  }

  #arguments(call: SingleCall | undefined): string[] {
    const { version = 3, maildir, systemUser, mailUser } = this.#options;
    return extractorArguments({ version, maildir, systemUser, mailUser, ...call });
  }
}
