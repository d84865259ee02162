/**
 * XKEYSYNC and XKEYADD: IMAP commands by which the mail clients of a user learn each other's public keys, and
 * announce their own. They are those of Splintermail's server, as its client uses them.
 *
 * A client sends the fingerprints of the keys that it knows, and gets what has changed, at once and then
 * whenever the keys change, until it sends DONE:
 *
 * ```text
 * C: a XKEYSYNC 1d0c…07 e8a7…1d
 * S: * XKEYSYNC DELETED 1d0c…07
 * S: * XKEYSYNC CREATED {272}
 * S: -----BEGIN PUBLIC KEY-----
 * S: …
 * S: * XKEYSYNC OK
 * S: + OK
 * S: * OK still syncing
 * C: DONE
 * S: a OK xkeysync complete
 * ```
 *
 * `* XKEYSYNC OK` ends each group of changes, and the continuation says that the client knows all keys now.
 *
 * @module
 */

import {
  bad,
  type CommandOutput,
  continuation,
  defineCommand,
  type ImapCommand,
  no,
  ok,
  sleep,
  untagged,
} from "../../imap/mod.ts";
import { encodeUtf8 } from "../../core/mod.ts";
import { type KeyChange, keyChanges } from "./key_changes.ts";
import type { AddOutcome, KeyStore } from "./key_store.ts";
import { isFingerprint, maxKeySize, type PublicKey, readPublicKey } from "./public_key.ts";
import { watchPatiently } from "./watch_patiently.ts";

/** The capability that tells clients of the commands, after the login. */
const capability = "XKEY";

/** Both commands, for keys in that store. */
export function xkeyCommands(store: KeyStore): readonly ImapCommand[] {
  return [xkeysync(store), xkeyadd(store)];
}

/**
 * `TAG XKEYSYNC [FINGERPRINT …]`: tells all changes to the keys of the user that is logged in. Between two groups it
 * sleeps, so that its connection can be frozen, and move to another process.
 */
export function xkeysync(store: KeyStore): ImapCommand {
  return defineCommand({
    name: "XKEYSYNC",
    args: ["astring*"],
    isLongRunning: true,
    keepalive: "still syncing",
    capability,
    watch: ({ user }, wake) => watchPatiently(store, user!, wake),
  }, async function* ([fingerprints], { user }, { signal, state }) {
    // They are sent back, so that they must be nothing else.
    if (!fingerprints.every(isFingerprint)) return bad("invalid fingerprint");
    const isBeginning = state === undefined;
    const { known, failingSince }: Waiting = isBeginning
      ? { known: fingerprints }
      : state as unknown as Waiting;
    const isUpToDate = !isBeginning && failingSince === undefined;
    if (isUpToDate && signal.aborted) return ok("xkeysync complete");
    let keys: readonly PublicKey[];
    try {
      keys = await store.list(user!);
    } catch (error) {
      const now = Date.now();
      const since = failingSince ?? now;
      if (isBeginning || signal.aborted || now - since > patience) throw error;
      return sleep({ known, failingSince: since }, { wakeAfter: pause });
    }
    yield* groupOf(keyChanges(new Set(known), keys));
    if (isBeginning) yield continuation("OK");
    if (signal.aborted) return ok("xkeysync complete");
    return sleep({ known: keys.map(({ fingerprint }) => fingerprint) });
  });
}

/** What a client's XKEYSYNC keeps while it waits for changes. */
interface Waiting {
  /** The keys that the client knows. */
  readonly known: readonly string[];
  /** Since when the store has failed to tell its keys, by `Date.now()`: another process may go on. */
  readonly failingSince?: number;
}

/**
 * How long a store may fail while a client waits for changes, and the pause between two tries, in milliseconds: an
 * outage shouldn't end all clients' commands.
 */
const [patience, pause] = [60_000, 500];

/** A group of changes; nothing if there are none. */
function* groupOf(changes: readonly KeyChange[]): Generator<CommandOutput> {
  for (const change of changes) {
    yield change.type === "deleted"
      ? untagged(`XKEYSYNC DELETED ${change.fingerprint}`)
      : untagged("XKEYSYNC CREATED ", encodeUtf8(change.key.pem));
  }
  if (changes.length > 0) yield untagged("XKEYSYNC OK");
}

/**
 * `TAG XKEYADD KEY`: adds a key, given as PEM, to those of the user that is logged in. The answer's code has its
 * fingerprint: `TAG OK [XKEYADD FINGERPRINT] key added`.
 */
export function xkeyadd(store: KeyStore): ImapCommand {
  return defineCommand({
    name: "XKEYADD",
    args: ["astring"],
    capability,
  }, async ([text], { user }) => {
    if (text.length > maxKeySize) return bad("invalid key; too long");
    const key = await readPublicKey(text);
    if (key === undefined) return no("invalid public key");
    const outcome = await store.add(user!, key);
    return outcome === "added"
      ? ok("key added", `XKEYADD ${key.fingerprint}`)
      : no(refusals[outcome]);
  });
}

const refusals: Readonly<Record<Exclude<AddOutcome, "added">, string>> = {
  duplicate: "duplicate public key",
  full: "max devices already reached",
};
