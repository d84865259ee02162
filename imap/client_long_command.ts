/**
 * A long-running command of a client: its responses, and its time limits.
 *
 * @module
 */

import { AsyncQueue } from "../transports/async_queue.ts";
import { Deadline } from "../transports/timers.ts";
import type { LongResponse } from "./client_options.ts";
import { sizeOf } from "./response_size.ts";

/** Options for a {@linkcode LongCommand}. The time limits are as `timeLimit()` returns them. */
export interface LongCommandOptions {
  /** How long it may take to begin, and how long to end after DONE. */
  readonly timeout: number;
  /** How long the server may send nothing in between. */
  readonly silenceTimeout: number;
  /** Called once when one of them is over. */
  readonly onTimeout: (limit: "timeout" | "silenceTimeout") => void;
}

/** The responses of a long-running command, between the connection, which adds them, and the caller. */
export class LongCommand {
  readonly #options: LongCommandOptions;
  readonly #queue = new AsyncQueue<LongResponse>({ sizeOf });
  #phase: "beginning" | "running" | "ending" | "over" = "beginning";
  /** The time limit of the phase. */
  #deadline: Deadline;
  /** Whether the caller has to take responses before more are read. */
  #isFull = false;

  /** Starts the time for its begin. */
  constructor(options: LongCommandOptions) {
    this.#options = options;
    this.#deadline = this.#startTime("timeout");
  }

  /** The responses, as they come. */
  async *responses(): AsyncGenerator<LongResponse, void, void> {
    for (let response; (response = await this.#queue.take()) !== undefined;) yield response;
  }

  /** Adds a response; if there are too many, resolves when some were taken. */
  add(response: LongResponse): void | Promise<void> {
    if (response.type === "continuation" && this.#phase === "beginning") {
      this.#enter("running", "silenceTimeout");
    } else if (this.#phase === "running") this.#deadline.restart();
    const taken = this.#queue.push(response);
    if (taken === undefined) return;
    // The time runs while the server is awaited, not while the caller is.
    this.#isFull = true;
    this.#deadline.pause();
    return taken.then(() => {
      this.#isFull = false;
      this.#deadline.resume();
    });
  }

  /** Starts the time for its end: this side ends it. */
  startEnding(): void {
    if (this.#phase !== "over") this.#enter("ending", "timeout");
  }

  /** Drops what the caller hasn't taken, and all that still comes. */
  discard(): void {
    this.#queue.discard();
  }

  /** Ends the responses: the command has its answer, or gets none. */
  stop(): void {
    this.#phase = "over";
    this.#deadline.stop();
    this.#queue.end({});
  }

  #enter(phase: "running" | "ending", limit: "timeout" | "silenceTimeout"): void {
    this.#phase = phase;
    this.#deadline.stop();
    this.#deadline = this.#startTime(limit);
  }

  #startTime(limit: "timeout" | "silenceTimeout"): Deadline {
    const deadline = new Deadline({
      timeout: this.#options[limit],
      // The owner of the command knows what to say.
      errorOf: () => new Error(limit),
      onEnd: () => this.#options.onTimeout(limit),
    });
    if (this.#isFull) deadline.pause();
    return deadline;
  }
}
