/**
 * The program's exit codes: doveadm's.
 *
 * @module
 */

import {
  AbortError,
  AuthenticationError,
  CommandError,
  LocalProtocolError,
  RemoteProtocolError,
} from "@dovewire/dovewire";
import { UsageError } from "../command_line/usage_error.ts";

/** The exit codes that the program has names for; others are a command's own. */
export const exitCodes = {
  ok: 0,
  usage: 64,
  noUser: 67,
  temporary: 75,
  protocol: 76,
  permission: 77,
  /** After Ctrl-C: 128 and the signal's number, as shells have it. */
  interrupted: 130,
  /** When nobody reads the output any more. */
  pipe: 141,
} as const;

/** What each exit code means, for the man page. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [0, "The command succeeded for all users."],
  [2, "Something changed meanwhile."],
  [64, "The command line is wrong, or the server refused the options."],
  [65, "What the command was given can't be used."],
  [67, "There is no such user."],
  [68, "What the command asks for isn't there."],
  [73, "The user's quota is full."],
  [
    75,
    "The server can't be reached, has no answer, or failed; or a search query or a field is unknown. Of several " +
    "users' failures this one counts, otherwise the first.",
  ],
  [76, "The server's answer is no valid one."],
  [77, "The password was refused or is missing, or the server doesn't permit the command."],
  [130, "Ctrl-C ended it: standard error says what may have run."],
  [141, "Nobody reads the output any more."],
];

/** The exit code for an error; 75 for an unexpected one. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return error.exitCode;
  // Codes above 255 can't be exit codes, and -1 is none of doveadm's.
  if (error instanceof CommandError) {
    return error.code === ""
      ? exitCodes.usage
      : error.exitCode > 0 && error.exitCode < 256
      ? error.exitCode
      : exitCodes.temporary;
  }
  if (error instanceof LocalProtocolError) return exitCodes.usage;
  if (error instanceof RemoteProtocolError) return exitCodes.protocol;
  if (error instanceof AuthenticationError) return exitCodes.permission;
  if (error instanceof AbortError) return exitCodes.interrupted;
  return exitCodes.temporary;
}

/** The exit code of several failures: that of a temporary one, or else of the first, as doveadm's. */
export function combineExitCodes(before: number, next: number): number {
  return before === exitCodes.ok || next === exitCodes.temporary || next === exitCodes.interrupted
    ? next
    : before;
}
