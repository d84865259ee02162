import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { APPENDED_TO, type Client, type Findings, SOUGHT } from "../../harness/imap/clients.ts";
import { runCurl } from "../../harness/imap/curl.ts";
import { runFetchmail } from "../../harness/imap/fetchmail.ts";
import { runImapflow } from "../../harness/imap/imapflow.ts";
import { runImaplib } from "../../harness/imap/imaplib.ts";
import { runMbsync } from "../../harness/imap/mbsync.ts";
import type { Security } from "../../harness/imap/tap.ts";
import { atFullSize, isSoak } from "../../harness/soak.ts";
import { REWRITES } from "./rewrites.ts";
import { Visits } from "./visits.ts";

/** The clients, and what each of them can't do; fetchmail knows only LOGIN. */
const CLIENTS: Readonly<Record<string, { run: Client; cannot: readonly (keyof Findings)[] }>> = {
  imapflow: { run: runImapflow, cannot: [] },
  imaplib: { run: runImaplib, cannot: [] },
  curl: { run: runCurl, cannot: ["hasIdled"] },
  mbsync: { run: runMbsync, cannot: ["found", "hasIdled"] },
  fetchmail: { run: runFetchmail, cannot: ["mailboxes", "found", "hasAppended"] },
};

const VERSIONS = ["2.3", "2.4"] as const;
const SECURITIES = ["tcp", "tls", "starttls"] as const;

/** Lines and names that look like literals, and one mail without a body. */
const MAILS = [
  `Subject: ${SOUGHT}\r\n\r\nAt noon {5}\r\n`,
  "Subject: {3}\r\n\r\n",
  "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {10+}\r\n\r\n\xc3\xa4\r\n.\r\n)\r\n",
];
const MAILBOXES = [APPENDED_TO, "INBOX", "work{3"];

/** What a client finds that can do everything. */
const EXPECTED: Required<Findings> = {
  ...{ mailboxes: MAILBOXES, mails: MAILS, found: 1, hasAppended: true, hasIdled: true },
};

const MIB = 1024 * 1024;
const LINE = `${"0123456789abcdef".repeat(4)}abcdefghijklm\r\n`;

/** What is appended: a small mail and a large one, of 20 MiB, or over TLS only at full size. */
function appendedOver(security: Security): readonly string[] {
  const size = security === "tcp" ? 20 * MIB : atFullSize(20 * MIB, MIB);
  return [1, Math.floor(size / LINE.length)].map((lines) =>
    `Subject: ${lines} lines\r\n\r\n${LINE.repeat(lines)}`
  );
}

/** This runtime's number. */
const runtime = "Deno" in globalThis ? 0 : "Bun" in globalThis ? 1 : 2;

/**
 * Whether a client, a way to secure the connection and a version are tried together: each three on one of the
 * runtimes, and on all at full size.
 */
function areTried(...numbers: readonly number[]): boolean {
  return isSoak || numbers.reduce((sum, number) => sum + number, runtime) % 3 === 0;
}

/** The names of the rewrites that were needed by any client. */
const needed = new Set<string>();

for (const [versionNumber, version] of VERSIONS.entries()) {
  describe(`a relay in front of Dovecot ${version}`, () => {
    let visits: Visits;
    before(async () => {
      const users = Object.keys(CLIENTS).flatMap((name) =>
        SECURITIES.map((security) => `${name}-${security}`)
      );
      visits = await Visits.start({ version, users, mails: MAILS, mailboxes: MAILBOXES });
    });
    after(() => visits[Symbol.asyncDispose]());

    for (const [clientNumber, [name, { run, cannot }]] of Object.entries(CLIENTS).entries()) {
      for (const [securityNumber, security] of SECURITIES.entries()) {
        if (!areTried(versionNumber, clientNumber, securityNumber)) continue;
        const isPlain = name !== "fetchmail" &&
          (security === "tls" || (security === "starttls" && version === "2.4"));
        const mechanism = isPlain ? "PLAIN" : "LOGIN";
        test(`${name} over ${security}, ${mechanism} › works, and only what is listed is rewritten`, async () => {
          const user = `${name}-${security}`;
          const appended = appendedOver(security);
          const visit = await visits.visit({ run, user, security, mechanism, appended });
          for (const rewrite of visit.rewrites) needed.add(rewrite);
          for (const key of Object.keys(EXPECTED) as (keyof Findings)[]) {
            if (!cannot.includes(key)) assert.deepEqual(visit.findings[key], EXPECTED[key], key);
          }
          if (!cannot.includes("hasAppended")) assert.ok(visit.isStored, "It stored other mails.");
        });
      }
    }
  });
}

test("the list of rewrites › each one › is needed by some client", () => {
  assert.deepEqual(REWRITES.map(({ name }) => name).filter((name) => !needed.has(name)), []);
});
