/**
 * Commands that the HTTP API answers with an error.
 *
 * @module
 */

import { codeOfExit, exitCode } from "../../core/doveadm/exit_codes.ts";
import { CommandError } from "../client/command_error.ts";

const noLog = "HTTP tells no log lines: Dovecot's own log says why.";

/** What stands for each type of error that a server finds before it runs a command. */
const refusals: Readonly<Record<string, { readonly code: string; readonly note: string }>> = {
  unknownMethod: { code: "", note: "Ask for the list of commands: other versions have others." },
  unAuthorized: { code: "NOPERM", note: "Dovecot's doveadm_allowed_commands lacks it." },
  invalidRequest: {
    code: "USAGE",
    note: "A parameter has a name or a value that this version of Dovecot doesn't know; HTTP " +
      "doesn't tell which.",
  },
  internalError: {
    code: "TEMPFAIL",
    note: "Dovecot 2.4 says so, too, where another server has the user, and tells which in its " +
      "log only.",
  },
};

/**
 * The error for a command that was answered with `["error", {type, exitCode}, tag]`, or `undefined`
 * if `value` is no such thing. `quote` shows a text of the server without the secrets that it may echo.
 *
 * An "exitCode" becomes its code. What Dovecot finds before it runs a command has the code that the
 * same mistake would have: "" for an unknown command, as over TCP, "NOPERM" for one that isn't allowed,
 * "USAGE" for a bad parameter, "TEMPFAIL" for an internal error. Its "exitCode" is left over from the
 * command before, and means nothing.
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
