/**
 * Options for typed calls.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/errors.ts";
import { checkOptions, shownValue } from "../../core/option_checks.ts";
import { timeLimit } from "../../transports/timers.ts";
import type { SendOptions } from "./request.ts";

/**
 * What to do about a user for whom a command failed.
 *
 * - "ignore": as if there were no such user.
 * - "stop": ask no more users; those that are being asked end first.
 */
export type UserErrorDecision = "ignore" | "stop";

/**
 * Options for a typed call. All but `signal` and `timeout` are for calls on several users: with `allUsers`,
 * `userFile`, or a mask as `user`.
 */
export interface RunOptions extends SendOptions {
  /**
   * How long the call may take, in milliseconds; 0 or `Infinity` for no limit.
   *
   * With one user, or without users: from the call to the reply; for `rows()`, between one row and the
   * next; the client's `timeout` if left out. With several users: for all of them together, without the
   * time that the caller of `rows()` spends on a row; no limit if left out. (If the server goes through
   * them, it is for the one command, and for `rows()` between one row and the next.)
   */
  timeout?: number;
  /**
   * How long the command may take for one of several users, in milliseconds: for `rows()`, between one row
   * of the user and the next. The client's `timeout` if left out; 0 or `Infinity` for no limit.
   */
  userTimeout?: number;
  /**
   * Called for each user for whom the command failed, as soon as that is known; decides what to do. Without
   * it, or if it returns `undefined`, the other users are asked all the same, and the failure becomes part
   * of the `PartialFailure` at the end. If it throws, the call ends with what it threw.
   */
  onUserError?: (user: string, error: Error) => UserErrorDecision | undefined | void;
  /**
   * The order of the rows that `rows()` yields.
   *
   * - "arrival", if left out: as they arrive. A user's rows keep their order, and other users' rows may come
   *   between them.
   * - "users": user after user, in the order of the list or of the server's user database. The answers of
   *   later users are kept in memory, up to some 256 KiB, and wait beyond that: use it for small answers,
   *   since Dovecot cuts off an answer of which nothing is read for a minute.
   *
   * `run()` returns rows in the order of the users in any case.
   */
  order?: "arrival" | "users";
  /**
   * Who goes through the users.
   *
   * - "client", if left out: the client lists the users and sends a command for each, several at a time, so
   *   that one user's failure is known as that user's and costs nobody else's rows.
   * - "server": one command for all of them, `doveadm -A`, which takes the server less time. Dovecot says
   *   only in its log for which users it failed. It may return the failure of one as that of all, and so it
   *   does with a referral to another server; over HTTP that costs all rows. Not for `userFile`; over
   *   doveadm's own protocol only for all users, and from 2.4 on.
   */
  iterate?: "client" | "server";
}

const orders = ["arrival", "users"] as const;
const iterators = ["client", "server"] as const;

/** The types of the options that are no numbers and no choices. */
const runOptionTypes = { functions: ["onUserError"], booleans: ["idempotent"] };

/** Throws a `LocalProtocolError` for options that are invalid. */
export function checkRunOptions(options: RunOptions): void {
  checkOptions(options, runOptionTypes);
  const { timeout, userTimeout, order, iterate } = options;
  if (timeout !== undefined) timeLimit("timeout", timeout);
  if (userTimeout !== undefined) timeLimit("userTimeout", userTimeout);
  checkChoice("order", order, orders);
  checkChoice("iterate", iterate, iterators);
}

function checkChoice(
  option: string,
  value: string | undefined,
  choices: readonly string[],
): void {
  if (value === undefined || choices.includes(value)) return;
  throw new LocalProtocolError(
    `"${option}" is ${shownValue(value)}. Set it to "${choices.join('" or "')}".`,
  );
}
