/**
 * What became of the users of a call.
 *
 * @module
 */

import { AuthenticationError, DovewireError } from "../../core/errors.ts";
import { LocalProtocolError, messageOf } from "../../core/mod.ts";
import { shownValue } from "../../core/option_checks.ts";
import { CommandError } from "./command_error.ts";
import { PartialFailure } from "./partial_failure.ts";
import type { RunOptions } from "./run_options.ts";
import type { Row } from "./typed_call.ts";

/** Options for {@linkcode UserOutcomes}. */
export interface UserOutcomesOptions {
  /** The command's name. */
  readonly command: string;
  /** Whether the server listed the users, so that one that is missing was removed meanwhile. */
  readonly isListed: boolean;
  /** After how many users in a row to whom nothing could be sent the server counts as unreachable. */
  readonly patience: number;
  /** The caller's decision. */
  readonly onUserError: RunOptions["onUserError"];
}

/** How a call ended, for {@linkcode UserOutcomes.check}. */
export interface UsersEnd {
  /** The rows that would be lost otherwise. */
  readonly rows: readonly Row[];
  /** The users that were not asked. */
  readonly unasked: readonly string[];
}

/** The most errors that are kept: each takes two kilobytes or more. */
const errorsKept = 10_000;

/** Counts who answered, and keeps the errors of those that failed. */
export class UserOutcomes {
  readonly #options: UserOutcomesOptions;
  readonly #failures = new Map<string, Error>();
  /** The error of all users whose own is not kept. */
  #notKept: Error | undefined;
  #answered = 0;
  /** Whether something was sent to any user. */
  #hasSent = false;
  #unsentInARow = 0;
  /** Why no more users are asked, where it is not the caller's decision. */
  #cause: Error | undefined;

  /** Nobody has answered yet. */
  constructor(options: UserOutcomesOptions) {
    this.#options = options;
  }

  /**
   * Takes the outcome for a user; `error` says why the command failed, if it did. Returns whether more
   * users are to be asked. Throws what `onUserError` throws, and a `LocalProtocolError` for what it mustn't
   * return.
   */
  ended(user: string, error?: unknown): boolean {
    if (error === undefined || this.#options.isListed && isMissing(error)) {
      this.#answered++;
      this.#sent();
      return true;
    }
    const failure = error instanceof Error ? error : new Error(messageOf(error));
    const isReachable = this.#isReachable(failure);
    const decision = this.#options.onUserError?.(user, failure);
    if (decision !== undefined && decision !== "ignore" && decision !== "stop") {
      // What it rejects with is told below; nobody else would wait for it.
      Promise.resolve(decision).catch(() => {});
      throw new LocalProtocolError(
        `"onUserError" returned ${shownValue(decision)}. Return "ignore", "stop" or undefined.`,
      );
    }
    if (decision !== "ignore") this.#keep(user, failure);
    return isReachable && decision !== "stop";
  }

  /** Takes the error for users that were being asked when the time was over. */
  expired(users: readonly string[], error: Error): void {
    this.#cause = error;
    for (const user of users) this.#keep(user, error);
  }

  /**
   * Throws the error for the outcome, if there is one: a {@linkcode PartialFailure}, or, where nothing was
   * sent or nobody answered in time, the error that all users have in common.
   */
  check({ rows, unasked }: UsersEnd): void {
    if (this.#failures.size === 0 && unasked.length === 0) return;
    const [first] = this.#failures.values();
    if (!this.#hasSent) throw this.#cause ?? first;
    throw new PartialFailure(this.#options.command, {
      ...{ rows, unasked, failures: this.#failures },
      ...{ answered: this.#answered, cause: this.#cause },
    });
  }

  #keep(user: string, error: Error): void {
    const isKept = this.#failures.size < errorsKept;
    this.#failures.set(user, isKept ? error : this.#notKept ??= notKeptError());
  }

  #sent(): void {
    this.#hasSent = true;
    this.#unsentInARow = 0;
  }

  /** Whether the server can be reached, as far as a failure shows. */
  #isReachable(error: Error): boolean {
    if (error instanceof DovewireError && error.sent) {
      this.#sent();
      return true;
    }
    this.#unsentInARow++;
    const isReachable = this.#unsentInARow < this.#options.patience &&
      !(error instanceof AuthenticationError);
    if (!isReachable) this.#cause ??= error;
    return isReachable;
  }
}

function notKeptError(): DovewireError {
  return new DovewireError(
    `This user's error was not kept, since more than ${errorsKept} users failed. Set "onUserError" to get ` +
      "each user's.",
    { sent: true },
  );
}

/** Whether a command failed since there is no such user. */
function isMissing(error: unknown): boolean {
  return error instanceof CommandError && error.code === "NOUSER";
}
