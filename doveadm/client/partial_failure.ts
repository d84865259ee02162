/**
 * A call on several users that failed for some of them.
 *
 * @module
 */

import { DovewireError } from "../../core/errors.ts";
import { quoteText } from "../../core/peer_text.ts";
import type { Value } from "./values.ts";

/** The outcome of a call on several users, for a {@linkcode PartialFailure}. */
export interface PartialOutcome {
  /** The rows that would be lost otherwise. */
  readonly rows: readonly Readonly<Record<string, Value>>[];
  /** The errors by the names of their users. */
  readonly failures: ReadonlyMap<string, Error>;
  /** How many users answered. */
  readonly answered: number;
  /** The users that were not asked, since the call ended before. */
  readonly unasked: readonly string[];
  /** Why the call ended before the last user, if it did. */
  readonly cause?: unknown;
}

/**
 * A command ran for several users and failed for some of them, or it ended before all had been asked.
 *
 * The other users' rows are not lost: `run()` has them in `rows`, and `rows()` has yielded them. To ask the
 * remaining users again, call it with the names of `failures` and `unasked` as `userFile`.
 *
 * @example
 * ```ts
 * import { connect, PartialFailure } from "@dovewire/dovewire";
 * import { startMailServer } from "@dovewire/dovewire/testing";
 * import assert from "node:assert/strict";
 *
 * await using server = await startMailServer({ users: { alice: {}, bob: {} } });
 * await using doveadm = connect(server.url, { password: server.password });
 * try {
 *   await doveadm.run("quota get", { userFile: "alice\nnobody\nbob" });
 * } catch (error) {
 *   assert(error instanceof PartialFailure);
 *   console.log(error.rows.length, "rows;", [...error.failures.keys()], "failed");
 * }
 * ```
 */
export class PartialFailure extends DovewireError {
  /** The class's name. */
  override name = "PartialFailure";
  /** "partial-failure". */
  override readonly code: string = "partial-failure";
  /** The command's name. */
  readonly command: string;
  /**
   * The rows of the users for whom the command succeeded, in the order of the users; empty if `rows()` has
   * yielded them.
   */
  readonly rows: readonly Readonly<Record<string, Value>>[];
  /**
   * The errors by the names of their users, in no particular order. After 10,000 failures, users share an
   * error that says so.
   */
  readonly failures: ReadonlyMap<string, Error>;
  /** How many users answered. */
  readonly answered: number;
  /**
   * The users that were not asked, since `onUserError` said "stop", the time was over, or the server could
   * not be reached any more; `cause` has the reason. Empty if all were asked.
   */
  readonly unasked: readonly string[];

  /** Creates an error for the outcome of a command. */
  constructor(command: string, outcome: PartialOutcome) {
    const { rows, failures, answered, unasked } = outcome;
    const [firstFailure] = failures.values();
    super(messageOf(command, outcome), { cause: outcome.cause ?? firstFailure, sent: true });
    this.command = command;
    this.rows = rows;
    this.failures = failures;
    this.answered = answered;
    this.unasked = unasked;
  }
}

/** How many users a message names. */
const usersNamed = 3;

function messageOf(
  command: string,
  { failures, answered, unasked, cause }: PartialOutcome,
): string {
  const failed = failures.size;
  const all = failed + answered + unasked.length;
  const told: string[] = [];
  if (failed > 0) {
    const named = [...failures].slice(0, usersNamed)
      .map(([user, error]) => `${quoteText(user, 100)} (${kindOf(error)})`);
    const more = failed - named.length;
    if (more > 0) named.push(`${more} more`);
    told.push(`"${command}" failed for ${failed} of ${all} users: ${named.join(", ")}.`);
  }
  if (unasked.length > 0) {
    const why = cause instanceof Error ? `: ${cause.message}` : ".";
    told.push(`"${command}" ended before ${unasked.length} of ${all} users were asked${why}`);
  }
  told.push('The rows of the others are in "rows", unless rows() has yielded them.');
  return told.join(" ");
}

/** An error in a word: its code, which is "" for a command that the server doesn't know. */
function kindOf(error: Error): string {
  const code = error instanceof DovewireError ? error.code : "";
  return code === "" ? error.name : code;
}
