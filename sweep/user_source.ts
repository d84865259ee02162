/**
 * The users of a sweep, one after the other.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import type { SweepUsers } from "./sweep_options.ts";

/** Throws a `LocalProtocolError` for what has no users. */
export function checkUsers(users: SweepUsers): void {
  // The letters of a text are names, too.
  const isIterable = typeof users === "object" && users !== null &&
    (Symbol.asyncIterator in users || Symbol.iterator in users);
  if (isIterable) return;
  throw new LocalProtocolError(
    `The users are ${
      users === null ? "null" : `a ${typeof users}`
    }. Pass an array of names, or another ` +
      "iterable or async iterable.",
  );
}

/** Takes users from the input. */
export class UserSource {
  readonly #users: SweepUsers;
  readonly #given: number | undefined;
  #iterator: Iterator<string> | AsyncIterator<string> | undefined;
  #state: "open" | "ended" | "closed" = "open";
  #interrupt: () => void = () => {};
  #taken = 0;

  /** `total` is how many there are, if the caller knows. */
  constructor(users: SweepUsers, total: number | undefined) {
    this.#users = users;
    this.#given = total;
  }

  /** How many users there are, as far as it is known now. */
  get total(): number | undefined {
    if (this.#state === "ended") return this.#taken;
    if (this.#given !== undefined) return this.#given;
    const { length, total } = this.#users as {
      readonly length?: unknown;
      readonly total?: unknown;
    };
    const known = Array.isArray(this.#users) ? length : total;
    return typeof known === "number" ? known : undefined;
  }

  /** Whether it was closed before its end. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * The next user, at once if the input has it; `undefined` after the last one, and when it is closed. Throws,
   * or rejects with, what the input throws, and a `LocalProtocolError` for a name that isn't a text.
   */
  next(): string | undefined | Promise<string | undefined> {
    if (this.#state !== "open") return undefined;
    this.#iterator ??= iteratorOf(this.#users);
    const step = this.#iterator.next();
    if (!isPromise(step)) return this.#take(step);
    return this.#unlessClosed(step).then((result) => this.#take(result));
  }

  #take(result: IteratorResult<unknown> | undefined): string | undefined {
    if (result === undefined) return undefined;
    if (result.done) {
      this.#state = "ended";
      return undefined;
    }
    const index = this.#taken++;
    if (typeof result.value === "string") return result.value;
    throw new LocalProtocolError(
      `User ${index} of the input (the first is 0) is of type ${typeof result
        .value}. Names are texts.`,
    );
  }

  /** Ends it, also while the next user is waited for. */
  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.#interrupt();
    try {
      // An async generator ends when what it waits for has come.
      const ended = this.#iterator?.return?.();
      if (isPromise(ended)) ended.catch(() => {});
    } catch {
      // Nobody takes anything from it any more.
    }
  }

  #unlessClosed<Result>(step: Promise<Result>): Promise<Result | undefined> {
    return new Promise((resolve, reject) => {
      this.#interrupt = () => resolve(undefined);
      step.then(resolve, reject);
      // The input itself may have closed it.
      if (this.#state === "closed") this.#interrupt();
    });
  }
}

function iteratorOf(users: SweepUsers): Iterator<string> | AsyncIterator<string> {
  return Symbol.asyncIterator in users ? users[Symbol.asyncIterator]() : users[Symbol.iterator]();
}

/** Whether it is a promise, of whatever library. */
export function isPromise<Result>(value: Result | Promise<Result>): value is Promise<Result> {
  return typeof (value as { readonly then?: unknown } | undefined)?.then === "function";
}
