/**
 * A command and its line on the wire.
 *
 * @module
 */

import { encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { isRecord, shownValue } from "../option_checks.ts";
import { tabEscape } from "./tab_escape.ts";

/** A command for a doveadm server. */
export interface DoveadmCommand {
  /** The command's name as in doveadm's manual, words separated by one space: "mailbox list". */
  name: string;
  /** Options and arguments, as on doveadm's command line: `["-f", "uid flags", "mailbox", "INBOX"]`. */
  args?: readonly string[];
  /** The user to act on; a single name, not a mask. */
  user?: string;
  /** Requests more log lines, as `doveadm -v` and `doveadm -D` do. */
  verbosity?: "verbose" | "debug";
  /**
   * Fields that accompany the command: "proxy-ttl", "forward". They need protocol 1.3, and so can be used
   * only after "ready".
   */
  extraFields?: Readonly<Record<string, string | readonly string[]>>;
  /** Whether input follows the command, as for "save" and "sieve put". */
  input?: boolean;
  /**
   * Whether to emit the fields as they arrive, before the reply: `true` as "field" events, one or more for
   * each; "escaped" as "values" events, each with many fields as they are on the wire.
   */
  streamed?: boolean | "escaped";
}

/** The longest command line that Dovecot reads, its line feed included: MAX_INBUF_SIZE. */
const maxLineBytes = 1024 * 1024;

/** The bytes of a command's line, LF included; throws a {@linkcode LocalProtocolError} for a bad one. */
export function encodeCommand(command: DoveadmCommand): Uint8Array {
  const { name, args = [], user = "", verbosity } = command;
  if (typeof name !== "string" || name.trim() !== name || name === "") {
    throw new LocalProtocolError(
      `${
        nameForMessages(name)
      } is not a command name. Use one from doveadm's manual, like "mailbox list".`,
    );
  }
  if (name === "OPTION") {
    throw new LocalProtocolError(
      'OPTION is no command: nothing answers it. Set "logPassthrough" to ask for the log.',
    );
  }
  let text = flags(verbosity, name);
  if (command.extraFields !== undefined) {
    text += `x\t${tabEscape(encodeExtraFields(command.extraFields, name))}`;
  }
  text += `\t${field(user, "user name", name)}\t${field(name, "name", name)}`;
  for (const [at, argument] of args.entries()) {
    text += `\t${field(argument, `argument ${at + 1}`, name)}`;
  }
  const line = encodeUtf8(`${text}\n`);
  if (line.length > maxLineBytes) {
    throw new LocalProtocolError(
      `The line of ${
        nameForMessages(name)
      } would have ${line.length} bytes, and Dovecot reads ${maxLineBytes}. ` +
        "Split it into several commands.",
    );
  }
  return line;
}

/** Throws a {@linkcode LocalProtocolError} for what isn't a command; its texts are checked when they are encoded. */
export function checkCommand(command: DoveadmCommand): void {
  if (typeof command !== "object" || command === null) {
    throw new LocalProtocolError(
      `The command is ${shownValue(command)}. Pass an object with its "name".`,
    );
  }
  const { name, args, extraFields, input, streamed } = command;
  if (args !== undefined) checkArgs(args, name);
  if (extraFields !== undefined) checkExtraFields(extraFields, name);
  if (input !== undefined && typeof input !== "boolean") {
    throw new LocalProtocolError(
      `The "input" of ${nameForMessages(name)} is not a boolean. Say whether input follows.`,
    );
  }
  if (streamed !== undefined && typeof streamed !== "boolean" && streamed !== "escaped") {
    throw new LocalProtocolError(
      `${nameForMessages(name)} has "streamed" set to ${shownValue(streamed)}. ` +
        'Use true, false or "escaped".',
    );
  }
}

/** Throws a {@linkcode LocalProtocolError} for arguments that are no array. */
export function checkArgs(args: unknown, name: string): void {
  if (Array.isArray(args)) return;
  throw new LocalProtocolError(
    `The "args" of ${nameForMessages(name)} are no array. Set them to an array of strings.`,
  );
}

/** Throws a {@linkcode LocalProtocolError} for what has no extra fields by their names. */
export function checkExtraFields(extraFields: unknown, name: string): void {
  if (isRecord(extraFields)) return;
  throw new LocalProtocolError(
    `The "extraFields" of ${nameForMessages(name)} are no object of names and values. ` +
      'Pass one like { "proxy-ttl": "5" }, or leave it out.',
  );
}

/** A command's name for messages: short, on one line. */
export function nameForMessages(name: unknown): string {
  const text = shownValue(name);
  return text.length > 60 ? text.slice(0, 56) + '…"' : text;
}

function flags(verbosity: DoveadmCommand["verbosity"], name: string): string {
  switch (verbosity) {
    case undefined:
      return "";
    case "verbose":
      return "v";
    case "debug":
      return "D";
    default:
      throw new LocalProtocolError(
        `${nameForMessages(name)} has the verbosity ${
          shownValue(verbosity)
        }. Use "verbose" or "debug".`,
      );
  }
}

/** Printable ASCII: most fields are, and have nothing to check or to escape. */
const printable = /^[ -~]*$/;

/** Escapes a field; throws for characters that it can't carry. */
function field(value: string, what: string, name: string): string {
  if (typeof value === "string" && printable.test(value)) return value;
  checkText(value, what, name);
  return tabEscape(value);
}

/** Throws a {@linkcode LocalProtocolError} for what is no text; no value is shown, since it may be a secret. */
export function checkIsText(value: unknown, what: string, name: string): asserts value is string {
  if (typeof value === "string") return;
  const kind = value === null || value === undefined ? value : `of the type ${typeof value}`;
  throw new LocalProtocolError(`The ${what} of ${nameForMessages(name)} is ${kind}. Use a string.`);
}

function checkText(value: unknown, what: string, name: string): asserts value is string {
  checkIsText(value, what, name);
  if (value.includes("\0")) {
    throw new LocalProtocolError(
      `The ${what} of ${
        nameForMessages(name)
      } contains a NUL, and Dovecot would cut it there. Leave it out.`,
    );
  }
  if (/\p{Surrogate}/u.test(value)) {
    throw new LocalProtocolError(
      `The ${what} of ${
        nameForMessages(name)
      } contains half a surrogate pair, which UTF-8 can't carry. ` +
        "Check where the string was cut.",
    );
  }
}

/** The extra fields with the additional escapes that the server removes. */
function encodeExtraFields(
  extraFields: NonNullable<DoveadmCommand["extraFields"]>,
  name: string,
): string {
  const items: string[] = [];
  for (const [key, values] of Object.entries(extraFields)) {
    checkText(key, "extra field's name", name);
    // deno-lint-ignore no-control-regex -- \x01 would start an escape
    if (!/^[^\s=\x01]+$/.test(key)) {
      throw new LocalProtocolError(
        `${nameForMessages(name)} has an extra field named ${JSON.stringify(key)}. ` +
          'Use a name without white space, \\x01 and "=", like "proxy-ttl".',
      );
    }
    for (const value of Array.isArray(values) ? values : [values]) {
      checkText(value, `extra field ${key}`, name);
      if (/[\t\n]/.test(value)) {
        throw new LocalProtocolError(
          `The extra field ${key} of ${nameForMessages(name)} contains a TAB or a line end, ` +
            "and Dovecot 2.4 crashes on those. Leave them out.",
        );
      }
      items.push(`${key}=${tabEscape(value)}`);
    }
  }
  if (items.length === 0) {
    throw new LocalProtocolError(
      `${
        nameForMessages(name)
      } has "extraFields" without any field, and Dovecot 2.4 crashes on that. Leave it out.`,
    );
  }
  return items.join("\t");
}
