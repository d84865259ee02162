import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../../core/mod.ts";
import { fromByteString } from "../../../core/byte_string.ts";
import { MailSystem } from "../../../testing/mail_system.ts";
import { Mailbox, type NewMail } from "../../../testing/mailbox.ts";
import { findMails, mailboxesOf } from "../../../testing/search/match.ts";
import { parseSearchQuery } from "../../../testing/search/query.ts";

/** The UIDs of the mails that match a query. */
function find(args: string | readonly string[], mails: readonly (string | NewMail)[]): number[] {
  const query = parseSearchQuery(typeof args === "string" ? args.split(" ") : args, "2.3");
  const mailbox = new Mailbox({
    guid: "00000000000000000000000000000001",
    firstRecentUid: 3,
    mails: mails.map((mail) => typeof mail === "string" ? { bytes: encodeUtf8(mail) } : mail),
  });
  const searched = { name: "INBOX", mailbox, now: new Date("2026-01-10T12:00:00Z") };
  return [...findMails(query, searched)].map(({ mail, sequence }) => {
    assert.equal(mailbox.mails[sequence - 1], mail);
    return mail.uid;
  });
}

/** Whether a query matches a message. */
function finds(args: readonly string[], message: string | Uint8Array): boolean {
  const bytes = typeof message === "string" ? encodeUtf8(message) : message;
  return find(args, [{ bytes }]).length === 1;
}

test("searches › numbers, flags, keywords and identifiers › match", () => {
  const bytes = encodeUtf8("x");
  const mails: NewMail[] = [
    { uid: 2, bytes, flags: ["\\Seen", "Work"], guid: "a", modseq: 5 },
    { uid: 3, bytes, flags: ["\\Flagged"], guid: "b", modseq: 7 },
    { uid: 7, bytes, flags: ["\\Seen", "\\Deleted"], guid: "c", modseq: 9 },
  ];
  const cases: [args: string, uids: number[]][] = [
    ["all", [2, 3, 7]],
    ["2", [3]],
    ["*", [7]],
    ["9:*", [7]],
    ["not 1:2", [7]],
    ["uid 2:3", [2, 3]],
    ["uid 7:*", [7]],
    ["uid *", []],
    ["uid 8:*", []],
    ["uid $", []],
    ["seen", [2, 7]],
    ["unseen", [3]],
    ["seen deleted", [7]],
    ["flagged or deleted", [3, 7]],
    ["not ( seen deleted )", [2, 3]],
    ["recent", [3, 7]],
    ["old", [2]],
    ["new", [3]],
    ["keyword work", [2]],
    ["unkeyword Work", [3, 7]],
    ["keyword \\Seen", []],
    ["guid b", [3]],
    ["guid B", []],
    ["modseq 7", [3, 7]],
    ["mailbox INBOX", [2, 3, 7]],
    ["mailbox inbox", [2, 3, 7]],
    ["mailbox In%", [2, 3, 7]],
    ["mailbox Sent", []],
    ["not mailbox Sent*", [2, 3, 7]],
    ["mailbox-guid 00000000000000000000000000000001", [2, 3, 7]],
    ["mailbox-guid 1", []],
    ["guid a oldestonly", [2]],
    ["guid b oldestonly", []],
    ["not guid c oldestonly", [2, 3]],
    // Mails excluded by the index are skipped.
    ["seen oldestonly", [2, 7]],
    ["uid 3:7 not guid c oldestonly", [3]],
    ["( deleted or guid a ) oldestonly", [2]],
  ];
  for (const [args, uids] of cases) assert.deepEqual(find(args, mails), uids, args);
});

test("searches › dates › match by day or moment", () => {
  const received = new Date("2026-01-08T23:30:00Z");
  const saved = new Date("2026-01-09T00:00:00Z");
  const mails: NewMail[] = [
    { bytes: encodeUtf8("Date: Wed, 07 Jan 2026 23:30:00 -0500\n\n"), received, saved },
    { bytes: encodeUtf8("Subject: no date\n\n"), received: new Date("2026-01-10"), saved },
  ];
  const cases: [args: string[], uids: number[]][] = [
    [["on", "2026-01-08"], [1]],
    [["before", "2026-01-08"], []],
    [["before", "2026-01-09"], [1]],
    [["since", "8-Jan-2026"], [1, 2]],
    [["since", "9-Jan-2026"], [2]],
    [["since", "1 day"], [2]],
    [["since", "2 days"], [1, 2]],
    [["before", "12 hours"], [1]],
    [["older", "43200"], [1, 2]],
    [["older", "43201"], [1]],
    [["younger", "43200"], [2]],
    [["savedon", "2026-01-09"], [1, 2]],
    [["savedbefore", "1767916800"], []],
    [["savedbefore", "1767916801"], [1, 2]],
    // The day in the sender's time zone; but a moment is the same everywhere.
    [["senton", "2026-01-07"], [1]],
    [["senton", "2026-01-08"], []],
    [["sentsince", "1767844800"], [1]],
    [["sentbefore", "1767844800"], [2]],
    // A mail without a date is earlier than all others.
    [["senton", "1970-01-01"], [2]],
    [["before", "31-Feb-2026"], [1, 2]],
    [["since", "31-Feb-1999"], [1, 2]],
  ];
  for (const [args, uids] of cases) assert.deepEqual(find(args, mails), uids, args.join(" "));
});

test("searches › sizes › count each line end as CRLF", () => {
  const mails = ["a\nb\n", "a\r\nb\r\n", ""];
  const cases: [args: string, uids: number[]][] = [
    ["larger 5", [1, 2]],
    ["larger 6", []],
    ["smaller 6", [3]],
    ["smaller 7", [1, 2, 3]],
  ];
  for (const [args, uids] of cases) assert.deepEqual(find(args, mails), uids, args);
});

test("searches › header fields › match their decoded values", () => {
  const message = [
    "From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <j@example.org>, nobody",
    'To: a@x.org, "Quoted, Name" <q@x.org>',
    "Cc: Group: one@x.org;",
    "Subject: A long\r\n\tfolded   subject \uff41\r",
    "X-Multi: one",
    "X-Multi: two",
    "X-Empty:",
    "",
    "body",
  ].join("\n");
  const cases: [args: string[], found: boolean][] = [
    [["from", "jürgen"], true],
    [["from", "JÜRGEN MÜLLER"], true],
    [["from", "jurgen"], false],
    [["from", "Jürgen Müller <j@example.org>"], true],
    [["from", "MISSING_DOMAIN"], true],
    [["from", "=?utf-8"], false],
    [["to", '<a@x.org>, "Quoted, Name" <q@'], true],
    [["to", "a@x.org,"], false],
    [["cc", "group: <one@x.org>;"], true],
    [["header", "cc", "Group: one@x.org;"], true],
    [["bcc", ""], false],
    [["subject", "a long folded subject"], true],
    [["subject", "folded   subject"], false],
    [["header", "SUBJECT", "long folded   subject"], true],
    [["subject", "ａ"], true],
    [["header", "x-multi", "two"], true],
    [["header", "x-multi", "one\r\ntwo"], true],
    [["header", "x-empty", ""], true],
    [["header", "x-missing", ""], false],
    [["subject", "body"], false],
  ];
  for (const [args, found] of cases) assert.equal(finds(args, message), found, args.join(" "));
});

test("searches › text in any case › matches", () => {
  const cases: [text: string, wanted: string, found: boolean][] = [
    ["café", "CAFÉ", true],
    ["café", "cafe", true],
    ["cafés", "cafes", false],
    ["cafe", "café", false],
    ["STRAßE", "straße", true],
    ["straße", "strasse", false],
    ["한글", "하", true],
    ["①", "1", true],
    ["ﬁne", "fine", false],
    ["ở", "ơ", false],
    ["Ünïcödé", "ünÏcÖdÉ", true],
    ["ΣΊΣΥΦΟΣ", "σίσυφοσ", true],
    ["𐐨", "𐐀", true],
  ];
  for (const [text, wanted, found] of cases) {
    assert.equal(finds(["body", wanted], `\n${text}`), found, `${wanted} in ${text}`);
    assert.equal(finds(["subject", wanted], `Subject: ${text}\n\n`), found, `${wanted} in ${text}`);
  }
});

test("searches › bodies › match their decoded text", () => {
  const multipart = [
    "Subject: outer",
    "Content-Type: multipart/mixed; boundary=x",
    "",
    "preamble",
    "--x",
    "Content-Type: text/plain; charset=utf-8; name=named",
    "Content-Transfer-Encoding: base64",
    "",
    "SGVsbG8gd8O2cmxk",
    "--x",
    "Content-Type: text/html; charset=iso-8859-1",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "<b>na=EFve</b> soft=",
    "break",
    "--x",
    "Content-Type: application/octet-stream",
    "",
    "binary",
    "--x",
    "Content-Transfer-Encoding: x-unknown",
    "",
    "unknown",
    "--x",
    "Content-Type: message/rfc822",
    "",
    "Subject: inner",
    "",
    "inmost",
    "--x--",
    "epilogue",
  ].join("\n");
  const cases: [wanted: string, body: boolean, text: boolean][] = [
    ["hello wörld", true, true],
    ["SGVsbG8", false, false],
    ["naïve</b> softbreak", true, true],
    ["binary", false, false],
    ["unknown", false, true],
    ["inmost", true, true],
    ["subject: inner", false, true],
    ["inner\r\n\r\ninmost", false, true],
    ["named", false, true],
    ["outer", false, true],
    ["preamble", false, false],
    ["epilogue", false, false],
    ["", true, true],
  ];
  for (const [wanted, body, text] of cases) {
    assert.equal(finds(["body", wanted], multipart), body, `body ${wanted}`);
    assert.equal(finds(["text", wanted], multipart), text, `text ${wanted}`);
    assert.equal(finds(["not", "text", wanted], multipart), !text, `not text ${wanted}`);
  }
});

test("searches › malformed messages › match without an error", () => {
  assert(finds(["body", "needle"], "\nneedle"));
  assert(!finds(["body", "needle"], "needle"));
  assert(finds(["text", "needle"], "needle"));
  assert(!finds(["text", "x"], ""));
  assert(finds(["text", "caf\ufffd latte"], fromByteString("A: b\n\ncaf\xe9 latte")));
  assert(
    finds(["body", "été"], fromByteString("Content-Type: text/x; charset=latin1\n\n\xc9t\xe9")),
  );
});

const system = new MailSystem({
  namespaces: [{ prefix: "", inbox: true }, { prefix: "Archive/" }],
  users: {
    alice: { mailboxes: { INBOX: [], Sent: [], "Sent/2026": [], "Archive/Sent": [], Übung: [] } },
  },
});
const user = system.users.get("alice")!;

test("searches › mailboxes of a query › are visited", () => {
  const others = ["Archive/Sent", "Sent", "Sent/2026", "Übung"];
  const cases: [args: string, names: string[]][] = [
    ["all", ["INBOX", ...others]],
    ["mailbox %", ["INBOX", "Sent", "Übung"]],
    ["mailbox S*", ["Sent", "Sent/2026"]],
    ["mailbox Archive/*", ["Archive/Sent"]],
    ["mailbox inb*", ["INBOX"]],
    ["not mailbox INBOX", others],
    ["not mailbox S*", ["INBOX", "Archive/Sent", "Übung"]],
    ["not ( mailbox INBOX or mailbox Sent )", ["Archive/Sent", "Sent/2026", "Übung"]],
    ["mailbox INBOX or mailbox Sent", ["INBOX", "Sent"]],
    ["( mailbox INBOX seen ) or ( mailbox Sent unseen )", ["INBOX", "Sent"]],
    ["mailbox INBOX or seen", ["INBOX", ...others]],
    ["mailbox inbox or mailbox Sent", ["Sent"]],
    ["mailbox missing or mailbox Sent", ["Sent"]],
    ["( mailbox INBOX or mailbox Sent ) mailbox S*", ["Sent"]],
    ["mailbox Sent not mailbox INBOX", ["Sent"]],
    ["x-mailbox &ANw-bung", ["Übung"]],
    ["mailbox-guid x", ["INBOX", ...others]],
    ["mailbox missing*", []],
  ];
  for (const [args, names] of cases) {
    const visited = mailboxesOf(parseSearchQuery(args.split(" "), "2.3"), user);
    assert.deepEqual([...visited].sort(), [...names].sort(), args);
  }
});

test("searches › names in a query › are kept as written, except INBOX", () => {
  const cases: [args: string, names: string[]][] = [
    ["mailbox inbox", ["INBOX"]],
    ["mailbox missing seen", ["missing"]],
    ["mailbox Sent mailbox INBOX", ["Sent", "INBOX"]],
    ["mailbox Sent ( mailbox Sent )", ["Sent", "Sent"]],
    // As in Dovecot.
    ["not ( mailbox INBOX seen )", ["INBOX"]],
  ];
  for (const [args, names] of cases) {
    assert.deepEqual(mailboxesOf(parseSearchQuery(args.split(" "), "2.3"), user), names, args);
  }
});

test("searches › mailboxes › are visited in the order of the list", () => {
  const listed = [...user.names()].filter(({ exists }) => exists).map(({ name }) => name);
  assert.deepEqual(mailboxesOf(parseSearchQuery(["all"], "2.3"), user), listed);
});
