import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import {
  AuthenticationError,
  type Extractor,
  ExtractorFailure,
  type MailHead,
  type MailPart,
  openExtractor,
} from "../../extractor/client/extractor.ts";
import { type Dovecot, startDovecot } from "../harness/dovecot/dovecot.ts";
import { deliver, ImapSession } from "../harness/dovecot/imap.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { onThisRuntime, pathOf, versionsForManyCalls } from "./harness/programs.ts";
import { unlessRoot } from "./harness/users.ts";

/** The user of the system that owns all mail in the harness. */
const systemUser = "nobody";

const password = "gr33n";

const attachment = Uint8Array.from({ length: 3000 }, (_, at) => at * 7);

const multipart = [
  "From: =?UTF-8?Q?J=C3=B6rg?= <joerg@example.org>",
  "To: Alice <alice@example.org>, bob@example.org",
  "Cc: Team: carol@example.org, Dave <dave@example.org>;",
  "Subject: =?ISO-8859-1?B?TfxsbGVyJ3M=?= report",
  "Date: Tue, 06 Jan 2026 16:05:00 +0100",
  "Message-ID: <report@example.org>",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="outer"',
  "",
  "--outer",
  'Content-Type: multipart/alternative; boundary="inner"',
  "",
  "--inner",
  "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "Viele Gr=FC=DFe",
  "--inner",
  "Content-Type: text/html; charset=utf-8",
  "",
  "<p>Viele <b>Grüße</b></p>",
  "--inner--",
  "--outer",
  "Content-Type: application/octet-stream",
  "Content-Disposition: attachment; filename*=UTF-8''%E2%82%AC.bin",
  "Content-Transfer-Encoding: base64",
  "",
  ...Buffer.from(attachment).toString("base64").match(/.{1,76}/g)!,
  "--outer--",
  "",
].join("\n");

/** The mails in the order of delivery; no two are equal in any of the four sort orders. */
const mails: readonly { readonly subject: string; readonly mail: string }[] = [
  plain("zoe@example.org", "apples", 900),
  plain("bob@example.org", "cherries", 100),
  { subject: "Müller's report", mail: multipart },
  plain("yan@example.org", "dates", 2000),
  plain("carol@example.org", "bananas", 1500),
];

function plain(from: string, subject: string, size: number): { subject: string; mail: string } {
  const head = `From: ${from}\nTo: alice@example.org\nSubject: ${subject}\n` +
    "Date: Mon, 05 Jan 2026 11:30:00 +0000\n";
  return { subject, mail: `${head}\n${"All about them.\n".repeat(size / 10)}` };
}

const versions = versionsForManyCalls();

let dovecot: Dovecot;
/** The program's folder, with a maildir for each user. */
let boxes: string;

before(async () => {
  if (unlessRoot.skip) return;
  dovecot = await startDovecot({
    mail: {},
    users: versions.map(userOf),
    extraConfig: (folder) => `mail_location = maildir:${folder}/mail/boxes/%u`,
  });
  boxes = join(dovecot.folder, "mail", "boxes");
  const passwords = versions.map((version) => `${userOf(version)}@example.org:${password}\n`);
  await writeFile(join(dovecot.folder, "authuser"), passwords.join(""));
});

after(async () => await dovecot?.stop());

function userOf(version: number): string {
  return `reader${version}`;
}

/** A webmail's client of the program, which runs after the password check. */
function open(version: 1 | 2 | 3, given = password): Extractor {
  const user = userOf(version);
  return openExtractor({
    command: [
      ...["perl", pathOf("tests/extractor/harness/authuser.pl")],
      ...onThisRuntime(pathOf("extractor/program/extractor.ts")),
    ],
    maildir: boxes,
    systemUser,
    mailUser: user,
    credentials: { user: `${user}@example.org`, password: given },
    version,
    env: { PATH: process.env.PATH ?? "", AUTHUSER_FILE: join(dovecot.folder, "authuser") },
  });
}

/** Has Dovecot deliver all mails, an hour apart. */
async function deliverAll(user: string): Promise<void> {
  const known = new Set<string>();
  const arrivals = join(boxes, user, "new");
  for (const [hour, { mail }] of mails.entries()) {
    await deliver(dovecot, { user, mail });
    const file = (await readdir(arrivals)).find((name) => !known.has(name))!;
    known.add(file);
    const time = new Date(Date.UTC(2026, 0, 10, 12 + hour));
    await utimes(join(arrivals, file), time, time);
  }
}

/** The mails' numbers in one of Dovecot's orders. */
async function sorted(imap: ImapSession, order: string): Promise<string[]> {
  const answer = await imap.command(`SORT (${order}) UTF-8 ALL`);
  const numbers = /^\* SORT (.*)\r$/m.exec(answer)![1].split(" ");
  return numbers.map((number) => mails[Number(number) - 1].subject);
}

function subjects(heads: readonly MailHead[]): string[] {
  return heads.map(({ subject }) => subject);
}

/** Dovecot's orders and the webmail's. */
const orders = [
  ["ARRIVAL", "date"],
  ["REVERSE ARRIVAL", "!date"],
  ["REVERSE SUBJECT", "!subject"],
  ["FROM", "sender"],
  ["SIZE", "size"],
] as const;

for (const version of versions) {
  test(
    `extractor program › version ${version}, the same maildir in Dovecot › both see all changes`,
    unlessRoot,
    async () => {
      const user = userOf(version);
      await deliverAll(user);
      await using imap = new ImapSession(dovecot, user);
      for (const folder of ["Archive", "Archive/2024", "Entw&APw-rfe"]) {
        await imap.command(`CREATE ${folder}`);
      }
      await imap.command("SELECT INBOX");

      await leavingNothing(async () => {
        {
          await using stranger = open(version, "wrong");
          await assert.rejects(stranger.auth(), AuthenticationError);
        }
        await using webmail = open(version);
        await webmail.auth();

        assert.deepEqual(await webmail.folders(), ["Archive", "Archive.2024", "Entwürfe"]);

        const sizes = await imap.command("FETCH 1:* (RFC822.SIZE)");
        assert.equal(sizes.match(/FETCH/g)?.length, mails.length, sizes);
        const { count, size, unseen } = await webmail.count("");
        assert.deepEqual([count, unseen], [mails.length, mails.length]);
        assert.equal(size, mails.reduce((sum, { mail }) => sum + Buffer.byteLength(mail), 0));
        await assert.rejects(webmail.count("Nowhere"), {
          name: "ExtractorFailure",
          code: "not-found",
        });

        // In the older versions each page starts a process.
        for (const [order, sortBy] of version === 3 ? orders : orders.slice(1, 3)) {
          const expected = await sorted(imap, order);
          const pages = [
            await webmail.list({ start: 0, end: 2, sortBy }),
            await webmail.list({ start: 2, end: 4, sortBy }),
            await webmail.list({ start: 4, end: 100, sortBy }),
            await webmail.list({ start: 100, end: 120, sortBy }),
          ];
          assert.deepEqual(pages.map(subjects), [
            ...[expected.slice(0, 2), expected.slice(2, 4), expected.slice(4), []],
          ], sortBy);
        }

        const heads = await webmail.list({ start: 0, end: 100, sortBy: "date" });
        const [apples, cherries, report] = heads;
        assert.deepEqual(report, {
          mid: report.mid,
          messageId: "<report@example.org>",
          size: Buffer.byteLength(multipart),
          seen: false,
          subject: "Müller's report",
          from: [{ name: "Jörg", address: "joerg@example.org" }],
          to: [
            { name: "Alice", address: "alice@example.org" },
            { name: "", address: "bob@example.org" },
          ],
          cc: [
            { name: "", address: "carol@example.org" },
            { name: "Dave", address: "dave@example.org" },
          ],
          bcc: [],
          dateReceived: new Date(Date.UTC(2026, 0, 10, 14)),
          dateSent: new Date(Date.UTC(2026, 0, 6, 15, 5)),
          contentType: "multipart/mixed",
          folder: "",
        });

        // A plain mail, and the \Seen flag: set by Dovecot first, then by the webmail.
        await imap.command("STORE 1 +FLAGS (\\Seen \\Flagged)");
        const [again] = await webmail.list({ start: 0, end: 1, sortBy: "date" });
        assert.deepEqual([again.mid, again.seen], [apples.mid, true]);
        const read = await webmail.readMail(cherries.mid, { markSeen: true });
        assert.equal(read.body.contentType, "text/plain");
        assert.match(read.body.text!, /^All about them\.\n/);
        await imap.command("NOOP");
        assert.match(await imap.command("FETCH 2 (FLAGS)"), /FLAGS \([^)]*\\Seen/);
        assert.equal((await webmail.count("")).unseen, mails.length - 2);

        // One in parts.
        const { body } = await webmail.readMail(report.mid);
        assert.equal(textIn(body, "text/plain")?.trim(), "Viele Grüße");
        assert.equal(textIn(body, "text/html")?.trim(), "<p>Viele <b>Grüße</b></p>");
        assert.match(await imap.command("FETCH 3 (FLAGS)"), /FLAGS \((?!.*Seen)/);
        assert.deepEqual(await webmail.raw(report.mid), new Uint8Array(Buffer.from(multipart)));
        assert.deepEqual((await webmail.part(report.mid, "2")).data, attachment);

        assert.deepEqual(
          subjects(await webmail.search({ pattern: "^(?:apple|date)s$", folder: "" })),
          [
            ...["dates", "apples"],
          ],
        );
        assert.deepEqual(subjects(await webmail.search({ pattern: "(?i)viele grü(ß|ss)e" })), [
          "Müller's report",
        ]);
        await assert.rejects(webmail.search({ pattern: "(" }), ExtractorFailure);

        // Dovecot is in IDLE and reports the move at once; the flags are moved with the mail.
        await imap.idle();
        await webmail.move(apples.mid, "Entwürfe");
        await imap.until(/^\* 1 EXPUNGE\r\n/m);
        await imap.done();
        await imap.command("SELECT Entw&APw-rfe");
        assert.match(await imap.command("FETCH 1:* (FLAGS)"), /^\* 1 FETCH .*\\Flagged \\Seen/m);
        const [moved] = await webmail.list({
          start: 0,
          end: 9,
          sortBy: "date",
          folder: "Entwürfe",
        });
        assert.deepEqual(moved, { ...again, folder: "Entwürfe" });
        await imap.idle();
        await webmail.move(apples.mid, "");
        await imap.until(/^\* 1 EXPUNGE\r\n/m);
        await imap.done();

        // It also reports new and removed mails.
        await imap.command("SELECT Archive/2024");
        await imap.idle();
        const mid = await webmail.add({
          folder: "Archive.2024",
          data: new TextEncoder().encode("Subject: kept\n\nFor later.\n"),
          seen: true,
          dateReceived: new Date(Date.UTC(2024, 5, 1)),
        });
        await imap.until(/^\* 1 EXISTS\r\n/m);
        await imap.done();
        assert.match(
          await imap.command("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])"),
          /\\Seen.* INTERNALDATE "01-Jun-2024 [\s\S]*Subject: kept\r\n\r\nFor later\./,
        );
        await imap.idle();
        await webmail.remove(mid);
        await imap.until(/^\* 1 EXPUNGE\r\n/m);
        await imap.done();
        await assert.rejects(webmail.readMail(mid), {
          name: "ExtractorFailure",
          code: "not-found",
        });

        await imap.command("SELECT INBOX");
        const all = await imap.command("SORT (SUBJECT) UTF-8 ALL");
        assert.equal(/^\* SORT (.*)\r$/m.exec(all)![1].split(" ").length, mails.length);
        assert.doesNotMatch(await dovecot.log(), /Error|Warning|Panic/);
      });
    },
  );
}

/** The text of the first part of a type. */
function textIn(part: MailPart, contentType: string): string | undefined {
  if (part.contentType === contentType && part.text !== undefined) return part.text;
  for (const inner of part.parts ?? []) {
    const text = textIn(inner, contentType);
    if (text !== undefined) return text;
  }
  return undefined;
}
