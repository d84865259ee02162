/**
 * A request from its call to its answer.
 *
 * @module
 */

import type { DovewireError } from "@dovewire/dovewire/core";
import { Deadline, type DeadlineOptions } from "@dovewire/dovewire/transports";

/** What is asked of an extractor, in bytes. */
export interface Request {
  /** The method's name. */
  readonly method: string;
  /** The method's arguments, in version 1. */
  readonly args?: readonly string[];
  /** The message; in version 1 the mail to add, or nothing. */
  readonly input: Uint8Array;
}

/** What the extractor answered, in bytes. */
export interface Reply {
  /** The message; in version 1 the line of JSON. */
  readonly message: Uint8Array;
  /** In version 1 the bytes after that line. */
  readonly binary?: Uint8Array;
  /**
   * The error for the process's exit code, if that isn't 0. A reply that is itself a failure says more
   * and comes first.
   */
  readonly exitError?: DovewireError;
}

/** A request that waits for its answer, with its time limit and its signal. */
export class PendingRequest {
  /** How long it may take, in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
  /** When it was called, by `performance.now()`. */
  readonly calledAt: number = performance.now();
  /** Settled with the answer, or with the error in its place. */
  readonly reply: Promise<Reply>;
  #request: Request;
  #deadline: Deadline;
  #resolve!: (reply: Reply) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;

  /** Creates one; the deadline's `onEnd` has to {@linkcode reject} it. */
  constructor(request: Request, deadline: DeadlineOptions) {
    this.#request = request;
    this.timeout = deadline.timeout;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#deadline = new Deadline(deadline);
  }

  /** The method's name. */
  get method(): string {
    return this.#request.method;
  }

  /** What is asked; without the bytes once it is settled. */
  get request(): Request {
    return this.#request;
  }

  /** Whether nobody waits for it any more. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Gives the caller the answer. */
  resolve(reply: Reply): void {
    this.#settle();
    this.#resolve(reply);
  }

  /** Gives the caller an error in place of the answer. */
  reject(error: Error): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#deadline.stop();
    this.#request = { method: this.method, input: new Uint8Array(0) };
  }
}
