/**
 * A mail client that also exchanges keys: mail by imapflow, keys by dovewire's client, each over its own
 * connection to the same relay (examples/imap_relay.ts). It lists the latest mails, and then shows each mail
 * that arrives and each change of the user's keys, until it is interrupted.
 *
 * ```sh
 * node examples/xkeysync/mail_and_keys.ts HOST PORT USER PASSWORD
 * ```
 *
 * @module
 */

import { ImapFlow } from "imapflow";
import process from "node:process";
import { ImapClient } from "../../imap/mod.ts";
import type { PublicKey } from "./public_key.ts";
import { syncKeys } from "./sync_keys.ts";

/** A user's account at a relay. */
export interface Account {
  /** The relay's host. */
  readonly hostname: string;
  /** The relay's port. */
  readonly port: number;
  /** The user's name. */
  readonly username: string;
  /** The user's password. */
  readonly password: string;
}

/** What the client shows. */
export interface MailAndKeys {
  /** Called with the subject of each mail: of the latest ones first, then of each that arrives. */
  readonly onMail: (subject: string) => void;
  /** Called with all keys of the user, at once and after each change. */
  readonly onKeys: (keys: ReadonlyMap<string, PublicKey>) => void;
}

/** How many mails are shown at first. */
const latest = 10;

/** Shows mail and keys until the signal aborts. */
export async function showMailAndKeys(
  account: Account,
  { onMail, onKeys, signal }: MailAndKeys & { readonly signal: AbortSignal },
): Promise<void> {
  await Promise.all([showMail(account, onMail, signal), showKeys(account, onKeys, signal)]);
}

/** The mail client's own part: imapflow does it as at any server. */
async function showMail(
  { hostname, port, username, password }: Account,
  onMail: MailAndKeys["onMail"],
  signal: AbortSignal,
): Promise<void> {
  const mail = new ImapFlow({
    host: hostname,
    port,
    secure: false,
    auth: { user: username, pass: password },
    logger: false,
  });
  await mail.connect();
  const { exists } = await mail.mailboxOpen("INBOX");
  let shown = Math.max(0, exists - latest);
  const showNew = async (count: number) => {
    if (count <= shown) return;
    const range = `${shown + 1}:${count}`;
    shown = count;
    for await (const { envelope } of mail.fetch(range, { envelope: true })) {
      onMail(envelope?.subject ?? "(no subject)");
    }
  };
  let count = exists;
  let wake = () => {};
  const end = () => wake();
  mail.on("exists", (news: { readonly count: number }) => {
    count = news.count;
    wake();
  });
  signal.addEventListener("abort", end);
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await showNew(count);
    if (signal.aborted) break;
    // The next command ends it.
    void mail.idle().catch(() => {});
    if (count === shown) await woken;
  }
  signal.removeEventListener("abort", end);
  await mail.logout();
}

/** The keys, by one command that lasts as long as the program. */
async function showKeys(
  { hostname, port, username, password }: Account,
  onKeys: MailAndKeys["onKeys"],
  signal: AbortSignal,
): Promise<void> {
  await using client = await ImapClient.connect({ hostname, port }, { username, password });
  // A mail client would keep them on disk, and begin with those.
  const keys = new Map<string, PublicKey>();
  for await (const all of syncKeys(client, keys, { signal })) onKeys(all);
}

if (import.meta.main) {
  const [hostname, port, username, password] = process.argv.slice(2);
  if (password === undefined) {
    console.error("Give the relay's host and port, the user's name and the password.");
    process.exit(64);
  }
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  await showMailAndKeys({ hostname, port: Number(port), username, password }, {
    onMail: (subject) => console.log("mail:", subject),
    onKeys: (keys) => console.log("keys:", [...keys.keys()].join(" ") || "none"),
    signal: stop.signal,
  });
}
