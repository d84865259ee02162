/**
 * Commands for which the HTTP API returns an error.
 *
 * @module
 */

import { codeOfExit, exitCode } from "../../core/doveadm/exit_codes.ts";
import { CommandError } from "../client/command_error.ts";

const noLog = "HTTP returns no log lines: check Dovecot's own log.";

/** The code and note for each type of error that a server finds before it runs a command. */
const refusals: Readonly<Record<string, { readonly code: string; readonly note: string }>> = {
  unknownMethod: { code: "", note: "Check the list of commands, which differs between versions." },
  unAuthorized: { code: "NOPERM", note: "Dovecot's doveadm_allowed_commands doesn't include it." },
  invalidRequest: {
    code: "USAGE",
    note: "A parameter has a name or a value that this version of Dovecot doesn't know; HTTP " +
      "doesn't report which.",
  },
  internalError: {
    code: "TEMPFAIL",
    note: "Dovecot 2.4 also sends this if another server has the user, and names that in its " +
      "log only.",
  },
};

/**
 * The error for an answer `["error", {type, exitCode}, tag]`; `undefined` if `value` is invalid. `quote`
 * quotes a text of the server without the secrets that it may echo.
 *
 * An "exitCode" is converted to its code. Errors that Dovecot finds before it runs a command get the code
 * that the same mistake has over TCP: "" for an unknown command, "NOPERM" for one that isn't allowed,
 * "USAGE" for a bad parameter, "TEMPFAIL" for an internal error. Their "exitCode" is left over from the
 * previous command, and is ignored.
 */
export function commandError(
  command: string,
  value: unknown,
  quote: (text: string) => string,
): CommandError | undefined {
  const { type, exitCode: status } = (value ?? {}) as Record<string, unknown>;
  if (typeof type !== "string") return undefined;
  if (type === "exitCode") {
    if (typeof status !== "number") return undefined;
    return failure(command, codeOfExit(status), noLog, status);
  }
  if (Object.hasOwn(refusals, type)) {
    const { code, note } = refusals[type];
    return failure(command, code, note);
  }
  return failure(command, "UNKNOWN", `The server calls it ${quote(type)}. ${noLog}`);
}

function failure(
  command: string,
  code: string,
  note: string,
  status: number = exitCode(code),
): CommandError {
  const none = { fields: [], rawFields: [], detail: "" };
  const reply = { type: "reply", id: 0, ok: false, code, ...none } as const;
  return new CommandError(command, reply, [], { status, note });
}
