/**
 * Requests on their way, and how long they may be.
 *
 * @module
 */

import type { DovewireError } from "@dovewire/dovewire/core";
import { timerOf } from "@dovewire/dovewire/transports";

/** What is asked of an extractor, in bytes. */
export interface Question {
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
  /** In version 1 what came behind that line. */
  readonly binary?: Uint8Array;
  /** What is to be said of it if it isn't a failure after all, though the exit code said so. */
  readonly complaint?: DovewireError;
}

/** What an {@linkcode Errand} is made of. */
export interface ErrandOptions {
  /** In milliseconds; 0 for ever. */
  readonly timeout: number;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Called when the signal aborts before the errand is settled. */
  readonly onAbort: (errand: Errand) => void;
}

/** A request from its call to its answer. */
export class Errand {
  /** What is asked; without the bytes once it is settled. */
  question: Question;
  /** How long it may take, in milliseconds; 0 for ever. */
  readonly timeout: number;
  /** When it was called, by `performance.now()`. */
  readonly calledAt: number = performance.now();
  /** When it will have taken too long. */
  readonly deadline: number;
  /** What becomes of it. */
  readonly reply: Promise<Reply>;
  #resolve!: (reply: Reply) => void;
  #reject!: (error: unknown) => void;
  #forgetSignal = () => {};
  #isSettled = false;

  /** Makes one. */
  constructor(question: Question, { timeout, signal, onAbort }: ErrandOptions) {
    this.question = question;
    this.timeout = timeout;
    this.deadline = timeout > 0 ? this.calledAt + timeout : Infinity;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal !== undefined) {
      const abort = () => onAbort(this);
      signal.addEventListener("abort", abort);
      this.#forgetSignal = () => signal.removeEventListener("abort", abort);
    }
  }

  /** The method's name. */
  get method(): string {
    return this.question.method;
  }

  /** Whether nobody waits for it any more. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Gives the answer to the caller. */
  resolve(reply: Reply): void {
    this.#settle();
    this.#resolve(reply);
  }

  /** Gives the caller an error in place of the answer. */
  reject(error: DovewireError): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#forgetSignal();
    this.question = { method: this.method, input: new Uint8Array(0) };
  }
}

/** One timer for any number of deadlines. */
export class Deadlines {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at = Infinity;
  #onTime: (now: number) => number;

  /** Makes one; `onTime` deals with the deadlines that are over, and gives the next one. */
  constructor(onTime: (now: number) => number) {
    this.#onTime = onTime;
  }

  /** Sets the timer for a deadline, unless it is set for an earlier one. */
  watch(deadline: number): void {
    if (deadline >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = deadline;
    const wait = Math.max(1, Math.ceil(deadline - performance.now()));
    this.#timer = setTimeout(() => {
      this.#at = Infinity;
      this.watch(this.#onTime(performance.now()));
    }, timerOf(wait));
  }

  /** Forgets them all. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }
}
