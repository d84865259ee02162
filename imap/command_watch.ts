/**
 * Wakes a long-running command that sleeps.
 *
 * @module
 */

import type { ImapSession } from "../core/imap/mod.ts";
import { LocalProtocolError } from "../core/mod.ts";
import type { WatchCommand } from "./define_command.ts";

/** The watch of one command, from its start to its end, whether the command sleeps or not. */
export class CommandWatch {
  readonly #watch: WatchCommand;
  #state: "new" | "watching" | "stopped" = "new";
  #stop: (() => void) | undefined;
  #isWoken = false;
  #onWake: (() => void) | undefined;

  /** Creates one that doesn't watch yet. */
  constructor(watch: WatchCommand) {
    this.#watch = watch;
  }

  /** Starts to watch, if it hasn't. Rejects with the error of the command's function. */
  async start(session: ImapSession): Promise<void> {
    if (this.#state !== "new") return;
    this.#state = "watching";
    const stop = await this.#watch(session, () => this.#wake());
    if (typeof stop !== "function") {
      throw new LocalProtocolError(
        '"watch" of a command returned something else than a function. Return one that ends the watch.',
      );
    }
    if ((this.#state as string) === "stopped") await stop();
    else this.#stop = stop;
  }

  /** Returns whether something was to be told since the last call. */
  takeWake(): boolean {
    const isWoken = this.#isWoken;
    this.#isWoken = false;
    return isWoken;
  }

  /** Calls back each time that something is to be told, at once if something is; nobody else is called any more. */
  whenWoken(onWake: (() => void) | undefined): void {
    this.#onWake = onWake;
    if (this.#isWoken) onWake?.();
  }

  /** Ends it; `onError` gets what the command's function throws for that. */
  stop(onError: (error: unknown) => void): void {
    this.#state = "stopped";
    this.#onWake = undefined;
    const stop = this.#stop;
    this.#stop = undefined;
    if (stop !== undefined) void end(stop, onError);
  }

  #wake(): void {
    if (this.#state === "stopped") return;
    this.#isWoken = true;
    this.#onWake?.();
  }
}

/** Calls a command's function, which may also return a promise. */
async function end(stop: () => void, onError: (error: unknown) => void): Promise<void> {
  try {
    await stop();
  } catch (error) {
    onError(error);
  }
}
