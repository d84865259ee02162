/**
 * The body of a request: commands in the API's JSON.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

/** The type of a parameter. A `bigint` is sent as a string of its digits. */
export type HttpValue = string | number | bigint | boolean | readonly string[];

/** One command of a request. */
export interface HttpCommand {
  /** Its name in the API: "mailboxStatus". */
  readonly method: string;
  /** Its parameters by their names in the API; those that are `undefined` are left out. */
  readonly parameters: Readonly<Record<string, HttpValue | undefined>>;
  /** Its name in messages: "mailbox status"; the method if left out. */
  readonly name?: string;
}

/** The tag of a command: its index in the request. */
export function tagOf(index: number): string {
  return String(index);
}

/** The index of a command with a tag; `undefined` for a tag that none of `count` commands has. */
export function indexOfTag(tag: string, count: number): number | undefined {
  const index = Number(tag);
  return tagOf(index) === tag && Number.isInteger(index) && index >= 0 && index < count
    ? index
    : undefined;
}

/** The body of a request. Throws a `LocalProtocolError` for what can't be sent. */
export function encodeCommands(commands: readonly HttpCommand[]): string {
  if (commands.length === 0) throw new LocalProtocolError("There is no command to send. Give one.");
  const request = commands.map((command, index) => [
    checkText(command.method, `the method of command ${index}`),
    encodeParameters(command),
    tagOf(index),
  ]);
  return JSON.stringify(request);
}

function encodeParameters({ method, parameters }: HttpCommand): Record<string, unknown> {
  const encoded = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const what = `the parameter "${name}" of "${method}"`;
      checkText(name, `the name of ${what}`);
      return [name, encodeValue(value as HttpValue, what)];
    });
  return Object.fromEntries(encoded);
}

function encodeValue(value: HttpValue, what: string): string | number | boolean | string[] {
  switch (typeof value) {
    case "string":
      return checkText(value, what);
    case "boolean":
      return value;
    case "bigint":
      return String(value);
    case "number":
      if (Number.isSafeInteger(value)) return value;
      throw new LocalProtocolError(`Cannot send ${value} as ${what}. Use an integer.`);
    default:
      if (Array.isArray(value)) {
        // Other than map() it reads holes.
        return Array.from(value, (item) => checkText(item, `an item of ${what}`));
      }
      throw new LocalProtocolError(
        `Cannot send ${what}: it is not a string, an integer, a boolean or a list of strings.`,
      );
  }
}

/** Checks a text for Dovecot. */
function checkText(text: unknown, what: string): string {
  if (typeof text !== "string") {
    throw new LocalProtocolError(`Cannot send ${what}: it is not a string.`);
  }
  if (text.includes("\0")) {
    throw new LocalProtocolError(`Cannot send ${what}: it has a NUL, which Dovecot refuses.`);
  }
  if (!text.isWellFormed()) {
    throw new LocalProtocolError(
      `Cannot send ${what}: it has half a surrogate pair, which UTF-8 can't carry. Check where the text was cut.`,
    );
  }
  return text;
}
