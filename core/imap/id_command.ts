/**
 * The ID command (RFC 2971).
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import type { ClientFields } from "./session.ts";
import { quoted } from "./syntax.ts";
import { astringOf, type ImapValue, isNil } from "./value.ts";

/** The most that a client may say, by RFC 2971, 3.3. */
const most = { fields: 30, name: 30, value: 1024 };

/** What a client says by ID: `fields` is `undefined` for NIL. Returns `undefined` where it is wrong. */
export function readClientId(
  args: readonly ImapValue[],
): { readonly fields: ClientFields | undefined } | undefined {
  const [list] = args;
  if (args.length > 1) return undefined;
  if (list === undefined || isNil(list)) return { fields: undefined };
  if (list.type !== "list" || list.values.length > 2 * most.fields) return undefined;
  const fields = new Map<string, string | undefined>();
  for (let at = 0; at < list.values.length; at += 2) {
    const name = astringOf(list.values[at]);
    const value = list.values[at + 1];
    const text = astringOf(value);
    if (name === undefined || name.length > most.name) return undefined;
    // Some clients leave the last value out, and servers let them.
    if (value !== undefined && text === undefined) return undefined;
    if (text !== undefined && text.length > most.value) return undefined;
    fields.set(name.toLowerCase(), isNil(value) ? undefined : text);
  }
  return { fields };
}

/** What a server says by ID, as it is written. Throws a {@linkcode LocalProtocolError} for what can't be said so. */
export function writeServerId(fields: Readonly<Record<string, string>>): string {
  const words = Object.entries(fields ?? {}).flat().map((text: unknown) => {
    const word = typeof text === "string" ? quoted(text) : undefined;
    if (word !== undefined) return word;
    throw new LocalProtocolError(
      `"id" can't contain ${quoteText(String(text))}: only ASCII without line ends can be sent.`,
    );
  });
  return words.length === 0 ? "NIL" : `(${words.join(" ")})`;
}
