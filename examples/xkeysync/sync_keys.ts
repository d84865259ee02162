/**
 * The client's side of XKEYSYNC.
 *
 * @module
 */

import { astringOf, type ImapClient, type LongResponse } from "../../imap/mod.ts";
import { type PublicKey, readPublicKey } from "./public_key.ts";

/**
 * Keeps a user's keys as the server has them, by their fingerprints: yields each time that they are complete, at
 * once and then after each change. Give it the keys that are known from before, or an empty map.
 *
 * Leaving the loop, or the signal, ends the command with DONE. Throws what the client throws, and an error for a
 * key that can't be read.
 *
 * @example
 * ```ts ignore
 * const keys = new Map<string, PublicKey>();
 * for await (const { size } of syncKeys(client, keys)) console.log(`${size} keys`);
 * ```
 */
export async function* syncKeys(
  client: ImapClient,
  keys: Map<string, PublicKey>,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<ReadonlyMap<string, PublicKey>, void, void> {
  let hasBegun = false;
  for await (const response of client.longCommand("XKEYSYNC", [...keys.keys()], { signal })) {
    const isContinuation = response.type === "continuation";
    hasBegun ||= isContinuation;
    // Before the continuation a group isn't all that there is.
    if (isContinuation || (await takeChange(response, keys) && hasBegun)) yield keys;
  }
}

/** Takes a response; resolves to whether it ends a group of changes. */
async function takeChange(
  response: LongResponse,
  keys: Map<string, PublicKey>,
): Promise<boolean> {
  // Other responses may come in between, keepalives for instance.
  if (response.type !== "untagged" || response.name !== "XKEYSYNC") return false;
  const [what, value = ""] = response.values.map((item) => astringOf(item));
  if (what === "DELETED") keys.delete(value);
  if (what === "CREATED") {
    const key = await readPublicKey(value);
    if (key === undefined) throw new Error("The server sent a key that can't be read.");
    keys.set(key.fingerprint, key);
  }
  return what === "OK";
}
