/**
 * Limits of the IMAP protocols.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { shownValue } from "../option_checks.ts";

/** Limits on what a peer may send. Each is a number above 0; `Infinity` is no limit. */
export interface ImapLimits {
  /**
   * How many bytes a client's line may have, with its end and without literals: 65,536, as Dovecot's
   * `imap_max_line_length`.
   */
  readonly line: number;
  /** How many bytes a command's tag may have: 126, as in Dovecot. */
  readonly tag: number;
  /** How deep lists may be nested: 200. */
  readonly depth: number;
  /**
   * How much memory the arguments of one command may take that are collected, in bytes: their size, and 128
   * for each value. 262,144.
   */
  readonly command: number;
  /**
   * How many bytes are read and dropped after a client's mistake, or after a literal was refused, for each
   * command: 67,108,864 (64 MiB). What has more ends the connection.
   */
  readonly swallow: number;
  /** How many bytes a server's status response may have: 65,536. */
  readonly responseLine: number;
  /** How many bytes a literal in a server's response may have that is collected: 1,048,576 (1 MiB). */
  readonly literal: number;
  /**
   * How much memory a server's response may take that is collected, in bytes: its size, and 128 for each
   * value. 16,777,216 (16 MiB).
   */
  readonly response: number;
}

/** The limits where nothing else is given. */
export const defaultImapLimits: ImapLimits = {
  line: 65_536,
  tag: 126,
  depth: 200,
  command: 262_144,
  swallow: 67_108_864,
  responseLine: 65_536,
  literal: 1_048_576,
  response: 16_777_216,
};

/** Checks that limits are an object. Throws a {@linkcode LocalProtocolError} if not. */
export function checkLimitsObject(limits: object): void {
  if (typeof limits === "object" && limits !== null && !Array.isArray(limits)) return;
  throw new LocalProtocolError(
    '"limits" is no object. Give one, as in { line: 8192 }, or leave it out.',
  );
}

/** Limits, complete and checked. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function completeImapLimits(limits: Partial<ImapLimits> = {}): ImapLimits {
  checkLimitsObject(limits);
  const complete: Record<string, number> = { ...defaultImapLimits };
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined) continue;
    if (typeof limit !== "number" || !(limit > 0)) {
      throw new LocalProtocolError(
        `"limits.${name}" is ${shownValue(limit)}. Give a number above 0.`,
      );
    }
    if (Object.hasOwn(defaultImapLimits, name)) complete[name] = limit;
  }
  return complete as unknown as ImapLimits;
}
