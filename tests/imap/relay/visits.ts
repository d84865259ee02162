/**
 * Visits of IMAP clients to a real Dovecot through a relay, with what is said at both sides of the relay compared.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineCommand, ok } from "../../../imap/mod.ts";
import { type ImapRelay, serveRelay } from "../../../imap/relay/mod.ts";
import { connect, listen } from "../../../transports/mod.ts";
import { certificates } from "../../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import {
  APPENDED_TO,
  type Client,
  DELIVERED,
  type Findings,
  type Mechanism,
} from "../../harness/imap/clients.ts";
import { type Security, Tap } from "../../harness/imap/tap.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { CUSTOM, REWRITES, talkOf } from "./rewrites.ts";

/** A client that comes, and how. */
export interface Visitor {
  readonly run: Client;
  readonly user: string;
  /** At both sides of the relay. */
  readonly security: Security;
  readonly mechanism: Mechanism;
  /** The mails that it appends, in Latin-1. */
  readonly appended: readonly string[];
}

/** What came of a visit. */
export interface Visit {
  readonly findings: Findings;
  /** The names of the rewrites that explain what differs at the relay's sides. */
  readonly rewrites: readonly string[];
  /** Whether Dovecot has stored exactly the mails that were appended. */
  readonly isStored: boolean;
}

const hostname = "127.0.0.1";

/** A Dovecot, with a user for each visit. */
export class Visits implements AsyncDisposable {
  #dovecot: Dovecot;

  private constructor(dovecot: Dovecot) {
    this.#dovecot = dovecot;
  }

  /** Starts a server whose users all have the same mails in INBOX, in Latin-1, and the same mailboxes. */
  static async start({ version, users, mails, mailboxes }: {
    readonly version: DovecotVersion;
    readonly users: readonly string[];
    readonly mails: readonly string[];
    readonly mailboxes: readonly string[];
  }): Promise<Visits> {
    const { good } = await certificates();
    const boxes = mailboxes.map((name) => {
      return [name, name === "INBOX" ? mails.map((mail) => Buffer.from(mail, "latin1")) : []];
    });
    const dovecot = await startDovecot({
      version,
      ...{ imap: true, trusted: hostname, tls: good, users },
      mail: Object.fromEntries(users.map((user) => [user, Object.fromEntries(boxes)])),
    });
    return new Visits(dovecot);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dovecot.stop();
  }

  /** Lets a client in through a relay, and compares what was said at both of its sides. */
  async visit({ run, user, security, mechanism, appended }: Visitor): Promise<Visit> {
    const { ca, good } = await certificates();
    const tls = { ...good, ca };
    const { imapPort, imapTlsPort, password } = this.#dovecot;
    const port = security === "tls" ? imapTlsPort! : imapPort!;
    await using folder = await temporaryFolder();
    const caFile = join(folder.path, "ca.pem");
    await writeFile(caFile, ca);
    const home = join(folder.path, "home");
    await mkdir(home);
    await using far = await Tap.start({ port, security, tls });
    await using relay = await startRelay(far.port, security);
    await using near = await Tap.start({ port: portOf(relay), security, tls });
    const findings = await run({
      ...{ port: near.port, security, mechanism, user, password, ca: caFile },
      ...{ folder: home, custom: CUSTOM },
      mails: appended.map((mail) => Buffer.from(mail, "latin1")),
      idled: async (times) => await (await near.connection(0)).said("server", /^\+ idling/m, times),
      deliver: () => this.#deliver(user),
    });
    await near.ended();
    await relay.close();
    await far.ended();
    const rewrites = compare(near, far);
    const stored = await this.#stored(user);
    // Large mails add up. A server that still closes a mailbox may put a file into a folder that is being removed.
    await rm(this.#maildir(user), { recursive: true }).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    });
    const isStored = stored.length === appended.length &&
      stored.every((mail) => appended.includes(mail));
    return { findings, rewrites, isStored };
  }

  #maildir(user: string): string {
    return join(this.#dovecot.folder, "mail", user, "Maildir");
  }

  /** Delivers as a mail server does: the file appears whole. */
  async #deliver(user: string): Promise<void> {
    const maildir = this.#maildir(user);
    const file = "2000000000.M1P1.example";
    const { uid, gid } = await stat(maildir);
    await writeFile(join(maildir, "tmp", file), `Subject: ${DELIVERED}\n\nNow.\n`);
    await chown(join(maildir, "tmp", file), uid, gid);
    await rename(join(maildir, "tmp", file), join(maildir, "new", file));
  }

  /** The appended mails, with CRLF. */
  async #stored(user: string): Promise<readonly string[]> {
    const mailbox = join(this.#maildir(user), `.${APPENDED_TO}`);
    const mails: string[] = [];
    for (const part of ["cur", "new"]) {
      for (const file of await readdir(join(mailbox, part))) {
        const mail = await readFile(join(mailbox, part, file), "latin1");
        // mbsync adds a header line.
        mails.push(mail.replace(/^X-TUID: .*\n/m, "").replaceAll("\n", "\r\n"));
      }
    }
    return mails;
  }
}

async function startRelay(port: number, security: Security): Promise<ImapRelay> {
  const { ca, good } = await certificates();
  const server = { caCerts: [ca], serverName: "localhost" };
  const isTls = security === "tls";
  const address = { transport: "tcp", hostname, port: 0 } as const;
  const listener = await listen(address, isTls ? { tls: good } : {});
  return serveRelay(listener, {
    connect: ({ signal }) =>
      connect({ ...address, port }, isTls ? { signal, tls: server } : { signal }),
    ...(isTls ? { isSecure: true } : {}),
    ...(security === "starttls" ? { startTls: good, upstreamStartTls: server } : {}),
    commands: [defineCommand({ name: CUSTOM, capability: CUSTOM }, () => ok("Done."))],
    onError: (error) => console.error(error),
  });
}

function portOf({ address }: ImapRelay): number {
  return address.transport === "tcp" ? address.port : assert.fail("The relay has no port.");
}

/** Compares what was said at both sides of a relay; returns the names of the rewrites. */
function compare(near: Tap, far: Tap): readonly string[] {
  assert.equal(near.connections.length, far.connections.length);
  const needed: string[] = [];
  for (const [index, connection] of near.connections.entries()) {
    const talks = { near: talkOf(connection), far: talkOf(far.connections[index]) };
    for (const { name, undo } of REWRITES) if (undo(talks)) needed.push(name);
    assertSame(talks.near.client, talks.far.client);
    assertSame(talks.near.server, talks.far.server);
  }
  return needed;
}

/** Not deepEqual(): what differs may have 20 MiB. */
function assertSame(near: readonly string[], far: readonly string[]): void {
  const shown = (unit: string | undefined) => unit?.slice(0, 1000);
  const at = near.findIndex((unit, at) => unit !== far[at]);
  assert.equal(shown(near[at]), shown(far[at]));
  assert.equal(shown(far[near.length]), undefined);
  assert.equal(at, -1);
}
