/**
 * The body of a request: commands as the API reads them.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

/** What a parameter can be. A `bigint` is sent as the text of its digits. */
export type HttpValue = string | number | bigint | boolean | readonly string[];

/** One command of a request. */
export interface HttpCommand {
  /** Its name in the API: "mailboxStatus". */
  readonly method: string;
  /** Its parameters by their names in the API; those that are `undefined` are left out. */
  readonly parameters: Readonly<Record<string, HttpValue | undefined>>;
  /** What messages call it: "mailbox status"; the method if left out. */
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
      throw new LocalProtocolError(`Cannot send ${value} as ${what}. Give a whole number.`);
    default:
      if (Array.isArray(value)) return value.map((item) => checkText(item, `an item of ${what}`));
      throw new LocalProtocolError(
        `Cannot send ${what}: it is neither a text, a whole number, a boolean, nor a list of texts.`,
      );
  }
}

/** A text as Dovecot can read it. */
function checkText(text: unknown, what: string): string {
  if (typeof text !== "string") throw new LocalProtocolError(`Cannot send ${what}: it is no text.`);
  if (text.includes("\0")) {
    throw new LocalProtocolError(`Cannot send ${what}: it has a NUL, which Dovecot refuses.`);
  }
  // Half a surrogate pair becomes U+FFFD, as over TCP; Dovecot would refuse the whole request.
  return text.toWellFormed();
}
