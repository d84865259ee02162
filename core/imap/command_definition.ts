/**
 * What a custom command looks like from outside.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import { type ArgumentShape, checkShape } from "./command_arguments.ts";
import { longestName } from "./command_line.ts";
import { checkText } from "./response_lines.ts";
import { isAtom } from "./syntax.ts";

/** When a command is allowed: the states of RFC 9051, section 3. Who is in "selected" is in "authenticated" as well. */
export type CommandState = "not-authenticated" | "authenticated" | "selected";

/**
 * The name and the properties of a custom command. What it does is its owner's: the protocol emits a
 * "command" event for it, and its owner answers.
 */
export interface CommandDefinition {
  /**
   * Its name in capital letters: "XKEYSYNC". It may be that of a command that the protocol answers itself,
   * IDLE say, but not of one that changes the conversation's state: LOGIN, LOGOUT and so on.
   */
  readonly name: string;
  /** When it is allowed; `["authenticated"]` if left out. */
  readonly states?: readonly CommandState[];
  /**
   * The shape of its arguments; a command with others is answered BAD. If left out, all values are taken as
   * they are.
   */
  readonly args?: ArgumentShape;
  /**
   * Whether it runs until the client sends DONE, like IDLE; `false` if left out. The lines that the client
   * sends while it runs belong to it, and it may send one continuation.
   */
  readonly isLongRunning?: boolean;
  /**
   * The untagged OK that is sent to a client whose long-running command has nothing to say for a while:
   * "Still here" if left out; `false` for none.
   */
  readonly keepalive?: string | false;
  /** A capability that tells clients of it, like "XKEY"; none if left out. */
  readonly capability?: string;
  /** When the capability is listed; "after-login" if left out. */
  readonly advertised?: "always" | "after-login";
}

/** Commands that can't be replaced. */
const fixed = new Set([
  "AUTHENTICATE",
  "CAPABILITY",
  "LOGIN",
  "LOGOUT",
  "STARTTLS",
  "UID",
  "COMPRESS",
]);

const knownStates: ReadonlySet<string> = new Set<CommandState>([
  "not-authenticated",
  "authenticated",
  "selected",
]);

/** Custom commands by their names. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function commandTable(
  definitions: readonly CommandDefinition[],
): ReadonlyMap<string, CommandDefinition> {
  const table = new Map<string, CommandDefinition>();
  for (const definition of definitions) {
    checkDefinition(definition);
    const { name } = definition;
    if (fixed.has(name) || table.has(name)) {
      throw new LocalProtocolError(
        `There is a command ${name} already, which can't be replaced. Give yours another name.`,
      );
    }
    table.set(name, definition);
  }
  return table;
}

function checkDefinition(definition: CommandDefinition): void {
  const { name, capability, args, keepalive, states, advertised, isLongRunning } = definition ?? {};
  if (!isAtom(name) || name !== name.toUpperCase() || name.length > longestName) {
    throw new LocalProtocolError(
      `${
        quoteText(String(name))
      } is no command's name. Use at most ${longestName} capital letters, as in ` +
        '"XKEYSYNC".',
    );
  }
  if (capability !== undefined && !isAtom(capability)) {
    throw new LocalProtocolError(
      `${quoteText(String(capability))} is no capability. Use one word.`,
    );
  }
  if (args !== undefined) checkShape(args, name);
  if (keepalive !== undefined && keepalive !== false) checkText(keepalive, "A keepalive", true);
  const hasStates = states === undefined ||
    Array.isArray(states) && states.length > 0 && states.every((state) => knownStates.has(state));
  if (!hasStates) {
    throw new LocalProtocolError(
      `The states of ${name} can't be ${JSON.stringify(states)}. Give a list of at least one of ` +
        `"${[...knownStates].join('", "')}".`,
    );
  }
  if (isLongRunning !== undefined && typeof isLongRunning !== "boolean") {
    throw new LocalProtocolError(
      `"isLongRunning" of ${name} is no boolean. Set it to true or false.`,
    );
  }
  if (advertised !== undefined && advertised !== "always" && advertised !== "after-login") {
    throw new LocalProtocolError(
      `"advertised" of ${name} is unknown. Set it to "always" or "after-login".`,
    );
  }
}

/** Why a command isn't allowed now, as an answer to the client; `undefined` if it is. */
export function whyNotAllowed(
  { states = ["authenticated"] }: CommandDefinition,
  session: { readonly user: string | undefined; readonly mailbox: string | undefined },
): string | undefined {
  if (session.user === undefined) {
    return states.includes("not-authenticated") ? undefined : "Not logged in";
  }
  if (states.includes("authenticated")) return undefined;
  if (!states.includes("selected")) return "Already logged in";
  return session.mailbox === undefined ? "No mailbox selected" : undefined;
}
