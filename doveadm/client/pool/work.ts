/**
 * A command and what it needs, for the pool.
 *
 * @module
 */

import {
  type ConnectionKind,
  connectionKindOf,
  type DovecotVersion,
} from "../../../core/doveadm/catalogue/mod.ts";
import { type HopOptions, userAtHop } from "../cluster/hop.ts";
import { type Input, isWhole } from "../input.ts";
import type { DoveadmRequest, SendOptions } from "../request.ts";

/**
 * How a command may wait for its caller while it runs: a "stream" is read as fast as the caller takes it, an
 * "input" in pieces is sent as fast as the caller gives it. Either may make the caller use the same client
 * meanwhile.
 */
export type Attendance = "stream" | "input";

/** A command and what it needs. */
export interface Work {
  /** The command's name. */
  readonly name: string;
  /** The user whose order of commands it keeps; `undefined` if it acts on no single user's mail. */
  readonly user: string | undefined;
  /** The kind of connection that it needs at a server of a version. */
  readonly kindIn: (version: DovecotVersion) => ConnectionKind;
  /** Whether any kind of connection will do, used or not. */
  readonly isEasy?: boolean;
  /** How it waits for its caller; `undefined` if it doesn't. */
  readonly attendance: Attendance | undefined;
  /** The caller's signal and time limit, counted from the call, and whether it may be repeated. */
  readonly options: SendOptions;
}

/** What a request needs. */
export function workOf(
  { name, user, args = [], input }: DoveadmRequest,
  options: HopOptions,
  isStream = false,
): Work {
  return {
    name,
    user: userAtHop(user, options),
    options,
    attendance: attendanceOf(input, isStream),
    kindIn: (version) => connectionKindOf(name, args, version),
  };
}

/** How a command with that input, or none, waits for its caller. */
export function attendanceOf(input: Input | undefined, isStream: boolean): Attendance | undefined {
  if (isStream) return "stream";
  return input !== undefined && !isWhole(input) ? "input" : undefined;
}
