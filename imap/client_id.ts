/**
 * The command ID (RFC 2971), as a client uses it.
 *
 * @module
 */

import {
  astringOf,
  atom,
  type ClientFields,
  type ImapArgument,
  imapString,
  type ImapUntagged,
  isNil,
} from "../core/imap/mod.ts";
import { LocalProtocolError } from "../core/mod.ts";
import { isRecord } from "../core/option_checks.ts";

/** The arguments of ID. Throws a {@linkcode LocalProtocolError} for what aren't names and texts. */
export function idArguments(
  fields: Readonly<Record<string, string>> = {},
): readonly ImapArgument[] {
  if (!isRecord(fields) || !Object.values(fields).every((value) => typeof value === "string")) {
    throw new LocalProtocolError(
      "The fields of ID are no object of texts. Give one, or leave them out.",
    );
  }
  const entries = Object.entries(fields);
  return entries.length === 0 ? [atom("NIL")] : [entries.flat().map(imapString)];
}

/** What a server says of itself among its responses to ID. */
export function idFieldsIn(responses: readonly ImapUntagged[]): ClientFields | undefined {
  const response = responses.find(({ name }) => name === "ID");
  const list = response?.type === "untagged" ? response.values[0] : undefined;
  if (list?.type !== "list") return undefined;
  const fields = new Map<string, string | undefined>();
  for (let at = 0; at + 1 < list.values.length; at += 2) {
    const name = astringOf(list.values[at]);
    const value = list.values[at + 1];
    if (name !== undefined) fields.set(name, isNil(value) ? undefined : astringOf(value));
  }
  return fields;
}
