/**
 * Compares what a client, a relay and a server took a conversation for.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { TappedConnection } from "../../../harness/imap/tap.ts";
import type { Outcome } from "./client.ts";
import { LEAKED, MADE, TRAP_TAG, TRAPPED } from "./generator.ts";
import { readUpstream, type UpstreamView } from "./upstream_view.ts";

/** What became of a conversation. */
export interface Result extends Outcome {
  /** Its number. */
  readonly seed: number;
  /** The id that the relay gave it; `undefined` if it didn't get as far. */
  readonly session: string | undefined;
  /** Whether the client keeps to the rules. */
  readonly isHonest: boolean;
  /** Whether it may break off. */
  readonly isBroken: boolean;
  /** What the client says, command by command. */
  readonly sent: readonly string[];
}

/** What the relay and the server know of many conversations. */
export interface Evidence {
  /** All mailboxes. */
  readonly mailboxes: ReadonlySet<string>;
  /** Who logged in, by the session's id, as the server's log says. */
  readonly logins: ReadonlyMap<string, readonly string[]>;
  /** Who logged in, by the session's id, as the relay says. */
  readonly users: ReadonlyMap<string, string>;
  /** What went wrong in the relay. */
  readonly errors: readonly string[];
  /** What the relay and the server said to each other. */
  readonly upstream: readonly TappedConnection[];
}

/** What the server was sent in a conversation. */
interface Upstream {
  readonly view: UpstreamView;
  readonly text: readonly string[];
}

/** Names of mailboxes, in a command's arguments and data. */
const NAMES = new RegExp(`(?:${MADE}|${LEAKED})\\d+x\\d+`, "g");

/** A text for each conversation in which something is wrong. */
export function check(results: readonly Result[], evidence: Evidence): readonly string[] {
  const upstreams = new Map<string | undefined, Upstream>();
  for (const connection of evidence.upstream) {
    const view = readUpstream(connection);
    const [, session] = /"x-session-id" "([^"]*)"/.exec(view.commands[0]?.text ?? "") ?? [];
    upstreams.set(session, { view, text: textOf(connection) });
  }
  const complaints = evidence.errors.map((error) => `The relay says: ${error}`);
  const created = createdBy(upstreams.values());
  for (const mailbox of evidence.mailboxes) {
    // A client that doesn't care may have spoilt the name.
    const isCreated = (mailbox.match(NAMES) ?? []).every((name) => created.has(name));
    if (!isCreated) complaints.push(`No command created ${mailbox}.`);
  }
  for (const result of results) {
    const upstream = upstreams.get(result.session);
    const faults = [
      ...result.faults,
      ...checkUser(result, evidence),
      ...(upstream === undefined ? [] : [
        ...checkCommands(result, upstream.view),
        ...checkCreated(result, upstream.view, evidence.mailboxes),
      ]),
    ];
    if (faults.length > 0) complaints.push(describe(result, upstream?.text ?? [], faults));
  }
  return complaints;
}

/** Who the relay says is logged in is who the server says is. */
function checkUser({ session = "", isHonest, isBroken }: Result, evidence: Evidence): string[] {
  const logged = evidence.logins.get(session) ?? [];
  const reported = evidence.users.get(session);
  // The server writes users in small letters.
  const users = reported === undefined ? [] : [reported.toLowerCase()];
  // A relay whose client has gone doesn't wait for the answer to a login.
  if (isBroken && users.length === 0) users.push(...logged.slice(0, 1));
  const faults: string[] = [];
  if (logged.join() !== users.join()) {
    const [one, other] = [users, logged].map((names) => names.join(" and ") || "nobody");
    faults.push(`the relay says that ${one} has logged in, Dovecot says ${other}`);
  }
  if (isHonest && logged.includes(TRAPPED)) faults.push("data logged in");
  return faults;
}

/** What the server took for commands is what the relay sent as commands, and nothing of it was data. */
function checkCommands(
  { isHonest, isBroken }: Result,
  { commands, faults, saidBye }: UpstreamView,
): string[] {
  const found = [...faults];
  for (const { tag, text, status } of commands) {
    if (isHonest && tag.startsWith(TRAP_TAG)) found.push(`data became a command: ${tag}${text}`);
    if (status === undefined && !saidBye && !isBroken && !tag.startsWith("~")) {
      found.push(`Dovecot didn't answer ${tag}${text}`);
    }
  }
  return found;
}

/** The mailboxes that commands created, as the relay understood them. */
function createdBy(upstreams: Iterable<Upstream>): ReadonlySet<string> {
  const created = new Set<string>();
  for (const { view } of upstreams) {
    for (const { name, text } of view.commands) {
      if (name !== "CREATE") continue;
      // In a quoted name any byte may be escaped.
      for (const written of [text, text.replaceAll("\\", "")]) {
        for (const [mailbox] of written.matchAll(NAMES)) created.add(mailbox);
      }
    }
  }
  return created;
}

/** The mailboxes that a conversation was told to have created. */
function checkCreated(
  { isHonest }: Result,
  { commands }: UpstreamView,
  mailboxes: ReadonlySet<string>,
): string[] {
  if (!isHonest) return [];
  return commands.filter(({ name, status }) => name === "CREATE" && status === "OK")
    .flatMap(({ text }) => text.match(NAMES) ?? [])
    .filter((mailbox) => mailbox.startsWith(MADE) && !mailboxes.has(mailbox))
    .map((mailbox) => `${mailbox} wasn't created`);
}

/** How much of a text is shown. */
const SHOWN = 2000;

function textOf({ pieces }: TappedConnection): readonly string[] {
  return pieces.map(({ from, bytes }) => {
    const text = Buffer.from(bytes).toString("latin1").slice(0, SHOWN);
    return `  ${from === "client" ? "relay" : "server"}: ${JSON.stringify(text)}`;
  });
}

/** What was said in a conversation, for people. */
function describe(
  { seed, said, sent }: Result,
  upstream: readonly string[],
  faults: readonly string[],
): string {
  return [
    `Conversation ${seed}:`,
    ...faults,
    ...sent.map((text) => `  client: ${JSON.stringify(text)}`),
    `  relay: ${JSON.stringify(said.slice(-SHOWN))}`,
    "Upstream:",
    ...upstream,
  ].join("\n");
}
