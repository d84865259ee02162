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

/** The arguments of ID. */
export function idArguments(
  fields: Readonly<Record<string, string>> | undefined,
): readonly ImapArgument[] {
  const entries = Object.entries(fields ?? {});
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
