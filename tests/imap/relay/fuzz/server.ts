/**
 * Runs conversations through a relay in front of a real Dovecot.
 *
 * @module
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Dovecot,
  type DovecotVersion,
  startDovecot,
} from "../../../harness/dovecot/dovecot.ts";
import { Tap } from "../../../harness/imap/tap.ts";
import { Random } from "../../../harness/random.ts";
import { check, type Evidence, type Result } from "./checks.ts";
import { blast, converse, mutate } from "./client.ts";
import { flatten } from "./conversation.ts";
import { Generator, TRAPPED, USERS } from "./generator.ts";
import { type NotingRelay, startRelay } from "./relay.ts";

/** Without delays for wrong passwords and limits on connections, and with each session's id in the log. */
const SETTINGS: Readonly<Record<DovecotVersion, string>> = {
  "2.3": `
login_log_format_elements = user=<%u> session=%{session}
service imap-login {
  service_count = 0
}
service imap {
  service_count = 0
}
`,
  "2.4": `
login_log_format_elements = user=<%{user}> session=%{session}
service imap-login {
  restart_request_count = unlimited
}
service imap {
  restart_request_count = unlimited
}
`,
};

const COMMON_SETTINGS = `
auth_failure_delay = 0
mail_max_userip_connections = 0
mail_fsync = never
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`;

/** How long a login may take to be in the log, in milliseconds. */
const LOG_PATIENCE = 30_000;

/** How many conversations run at a time. */
const AT_A_TIME = 8;

/** The conversations with one server. */
export interface Batch {
  readonly version: DovecotVersion;
  /** The first one's number; each one's is its seed. */
  readonly first: number;
  readonly count: number;
}

/** A mail with things that look like literals. */
const MAIL = "From: a@example.org\nSubject: {5}\n\n{3}\n";

/** What conversations run through. */
interface Parts {
  readonly dovecot: Dovecot;
  readonly relay: NotingRelay;
}

/** Runs a batch; returns a text for each conversation in which something is wrong. */
export async function runBatch({ version, first, count }: Batch): Promise<readonly string[]> {
  const mailboxes = { INBOX: [MAIL], Archive: [], "work{3": [] };
  await using dovecot = await startDovecot({
    version,
    imap: true,
    trusted: "127.0.0.1",
    users: [...USERS, TRAPPED],
    mail: Object.fromEntries(USERS.map((user) => [user, mailboxes])),
    extraConfig: COMMON_SETTINGS + SETTINGS[version],
  });
  await using tap = await Tap.start({ port: dovecot.imapPort! });
  await using relay = await startRelay(tap.port);
  const results: Result[] = [];
  let next = first;
  const work = async () => {
    while (next < first + count) results.push(await runOne(next++, { dovecot, relay }));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  await relay[Symbol.asyncDispose]();
  await tap.ended();
  return check(results, await evidenceOf({ dovecot, relay }, tap));
}

/** Runs a conversation, made up from its number; each third one breaks the rules. */
async function runOne(seed: number, { dovecot, relay }: Parts): Promise<Result> {
  const random = new Random(seed * 7919);
  const generator = new Generator(random, { number: seed, password: dovecot.password });
  const conversation = generator.conversation();
  const { commands, end } = conversation;
  const place = { port: relay.port, random };
  const isHonest = seed % 3 !== 0;
  const bytes = isHonest ? "" : mutate(conversation, random);
  const outcome = isHonest ? await converse(conversation, place) : await blast(bytes, place);
  const sent = isHonest
    ? commands.map((command) => flatten({ commands: [command], end: "close" }))
    : [bytes];
  // Its port may soon be another one's.
  const session = relay.sessions.get(outcome.port);
  return { ...outcome, seed, session, isHonest, isBroken: !isHonest || end === "break", sent };
}

async function evidenceOf({ dovecot, relay }: Parts, tap: Tap): Promise<Evidence> {
  const mailboxes = new Set<string>();
  for (const user of dovecot.users) {
    for (const name of await readdir(join(dovecot.folder, "mail", user, "Maildir"))) {
      if (name.startsWith(".")) mailboxes.add(name.slice(1));
    }
  }
  const logins = await loginsOf({ dovecot, relay });
  return { mailboxes, logins, users: relay.users, errors: relay.errors, upstream: tap.connections };
}

/** Who logged in, by the session's id. */
async function loginsOf({ dovecot, relay }: Parts): Promise<Evidence["logins"]> {
  const deadline = Date.now() + LOG_PATIENCE;
  const line = /(?:Login|Logged in): user=<([^>]*)>,? session=(\S+)/g;
  for (;;) {
    const logins = new Map<string, string[]>();
    for (const [, user, session] of (await dovecot.log()).matchAll(line)) {
      logins.set(session, [...logins.get(session) ?? [], user]);
    }
    // Another process writes the log, in its own time.
    if ([...relay.users.keys()].every((id) => logins.has(id)) || Date.now() > deadline) {
      return logins;
    }
    await sleep(20);
  }
}
