/**
 * Converts positional arguments to the named parameters of the API.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import { checkIsText, nameForMessages } from "../../core/doveadm/command.ts";
import {
  type CommandInfo,
  decodeArguments,
  type DovecotVersion,
  findCommand,
  type ParameterValues,
} from "../../core/doveadm/catalogue/mod.ts";
import type { DoveadmRequest } from "../client/request.ts";
import { isMask } from "../chosen_users.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { inputParameter } from "./input_parameter.ts";
import type { HttpCommand } from "./request_body.ts";
import type { ServerVersion } from "./server_version.ts";

/**
 * Converts a request for HTTP; looks up the server's version if versions read the arguments differently.
 * Rejects with a `LocalProtocolError` for a request that HTTP can't carry.
 */
export async function commandOfRequest(
  { name, user, args = [], input, verbosity, extraFields }: DoveadmRequest,
  version: ServerVersion,
  deadline: CallDeadline,
): Promise<HttpCommand> {
  const info = findCommand(name);
  if (info === undefined) {
    throw new LocalProtocolError(
      `The catalogue has no command ${
        nameForMessages(name)
      }, and over HTTP arguments need names. ` +
        "Use call() for it.",
    );
  }
  if (verbosity !== undefined || extraFields !== undefined) {
    const what = verbosity === undefined ? "extraFields" : "verbosity";
    throw new LocalProtocolError(`HTTP can't carry "${what}". Leave it out, or use TCP.`);
  }
  checkTexts(name, user, args);
  const whose = userOf(info, user);
  const parameters = alikeInAll(info, args) ??
    parametersOf(info, args, await version.get(name, deadline));
  return {
    ...{ name, method: info.method },
    parameters: { ...parameters, ...whose, ...await inputParameter(info, input, deadline) },
  };
}

/** Throws a `LocalProtocolError` for a user or arguments that are no texts: JSON would carry them as they are. */
function checkTexts(name: string, user: string | undefined, args: readonly string[]): void {
  if (user !== undefined) checkIsText(user, "user name", name);
  for (const [at, argument] of args.entries()) checkIsText(argument, `argument ${at + 1}`, name);
}

/** The parameters, if all versions read the arguments alike. */
function alikeInAll(info: CommandInfo, args: readonly string[]): ParameterValues | undefined {
  try {
    const newest = parametersOf(info, args, "2.4");
    return textOf(newest) === textOf(parametersOf(info, args, "2.3")) ? newest : undefined;
  } catch {
    // Another version may accept them, and the error has to name the server's version.
    return undefined;
  }
}

function textOf(values: ParameterValues): string {
  return JSON.stringify(values, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

function parametersOf(
  info: CommandInfo,
  args: readonly string[],
  version: DovecotVersion,
): ParameterValues {
  try {
    return decodeArguments(info, args, version);
  } catch (error) {
    if (!(error instanceof LocalProtocolError)) throw error;
    throw new LocalProtocolError(
      `The arguments of "${info.name}" are not accepted by Dovecot ${version}: ` +
        `${error.message}.`,
      { cause: error },
    );
  }
}

/** Checks the user of a command on mail: a server closes the connection if there is none. */
function userOf(
  { name, mail }: CommandInfo,
  user: string | undefined,
): Readonly<Record<string, string>> {
  if (!mail) return {};
  if (user === undefined || user === "") {
    throw new LocalProtocolError(`"${name}" acts on a user's mail. Set "user".`);
  }
  if (isMask(user)) {
    throw new LocalProtocolError(
      `send() is for one user, and ${
        JSON.stringify(user)
      } is a mask over HTTP. Use run() for many.`,
    );
  }
  return { user };
}
