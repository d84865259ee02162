/**
 * The mail of both servers: messages of many kinds, in mailboxes with names of many kinds.
 *
 * @module
 */

import { encodeUtf8 } from "../../../core/mod.ts";
import type { Mail } from "../../harness/dovecot/dovecot.ts";
import type { Question } from "./question.ts";

/** The users, in the order of the user database. */
export const users: readonly string[] = ["alice", "bob", "carol", "dora@example.org"];

/** The quota of each user, in Dovecot's notation. */
export const quota = "120k";

/** A message of lines, some not ASCII: each character is one byte. */
function latin1(...lines: readonly string[]): Uint8Array {
  return Uint8Array.from(lines.join("\n"), (character) => character.charCodeAt(0));
}

/** A message of lines that end in LF, in UTF-8. */
function lf(...lines: readonly string[]): string {
  return lines.join("\n");
}

/** A message of lines that end in CRLF, in UTF-8. */
function crlf(...lines: readonly string[]): string {
  return lines.join("\r\n");
}

const plain = lf(
  "From: Bob Example <bob@example.org>",
  "To: Alice <alice@example.org>",
  "Subject: Lunch?",
  "Date: Mon, 05 Jan 2026 11:30:00 +0000",
  "Message-ID: <lunch-1@example.org>",
  "",
  "At noon?",
  "",
  "-- ",
  "Bob",
  "",
);

const reply = crlf(
  "From: alice@example.org (Alice in a comment)",
  'To: "Example, Bob" <bob@example.org>',
  "Cc: carol@example.org, Dora <dora@example.org>",
  "Subject: Re: Lunch?",
  "Date: Mon, 5 Jan 2026 06:45:10 -0500 (EST)",
  "Message-ID: <lunch-2@example.org>",
  "In-Reply-To: <lunch-1@example.org>",
  "References: <lunch-1@example.org>",
  "",
  "> At noon?",
  "Yes.",
  ".",
  "..two dots",
  "",
);

const alternative = lf(
  "Return-Path: <news@shop.example>",
  "Received: from a.example by b.example;",
  "\tTue, 06 Jan 2026 16:05:00 +0100",
  "Received: from b.example by c.example; Tue, 06 Jan 2026 16:05:02 +0100",
  "From: =?UTF-8?Q?Caf=C3=A9_M=C3=BCller?= <news@shop.example>",
  "Reply-To: no-reply@shop.example",
  "To: undisclosed-recipients:;",
  "Subject: =?utf-8?B?w4RwZmVsIGbDvHI=?= =?ISO-8859-1?Q?_alle=2C_g=FCnstig?=",
  "Date: Tue, 06 Jan 2026 16:05:00 +0100",
  "Message-Id: <20260106.1@shop.example>",
  "MIME-Version: 1.0",
  'Content-Type: multipart/alternative; boundary="=_alt"',
  "",
  "This is a message in MIME format.",
  "--=_alt",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "=C3=84pfel f=C3=BCr 3 =E2=82=AC, nur heu=",
  "te.",
  "",
  "--=_alt",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: base64",
  "",
  "PGh0bWw+PGJvZHk+PHA+w4RwZmVsICZhbXA7IEJpcm5lbjwvcD48L2JvZHk+PC9odG1sPg==",
  "--=_alt--",
  "An epilogue.",
  "",
);

const mixed = crlf(
  "From: Carol <carol@example.org>",
  "Sender: Secretary <office@example.org>",
  "To: Team: alice@example.org, Bob <bob@example.org>;, dora@example.org",
  "Bcc: hidden@example.org",
  "Subject: The minutes, with what was",
  " forwarded and\tattached",
  "Date: Wed, 07 Jan 2026 09:15:00 GMT",
  "Message-ID: <minutes@example.org>",
  "X-Priority: 1",
  "MIME-Version: 1.0",
  "Content-Type: multipart/mixed;",
  " boundary=outer",
  "",
  "--outer",
  "Content-Type: text/plain; charset=us-ascii; format=flowed",
  "Content-Language: en, de",
  "",
  "See below.",
  "",
  "--outer",
  "Content-Type: message/rfc822",
  "Content-Description: =?utf-8?q?Weitergeleitet?=",
  "",
  "From: Dora <dora@example.org>",
  "To: carol@example.org",
  "Subject: Inner message",
  "Date: Sun, 04 Jan 2026 23:59:59 +0000",
  "Content-Type: multipart/mixed; boundary=inner",
  "",
  "--inner",
  "",
  "The inner text with a needle in it.",
  "--inner",
  "Content-Type: application/octet-stream; name=inner.bin",
  "Content-Transfer-Encoding: base64",
  "",
  "AAECAwQFBgcICQ==",
  "--inner--",
  "--outer",
  'Content-Type: application/pdf; name="Protokoll.pdf"',
  "Content-Disposition: attachment; size=10;",
  " filename*=utf-8''Protokoll%20%C3%A4.pdf",
  "Content-Transfer-Encoding: BASE64",
  "Content-ID: <pdf@example.org>",
  "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
  "Content-Location: http://example.org/protokoll.pdf",
  "",
  "JVBERi0xLjQKJQ==",
  "--outer--",
  "",
);

const utf8 = lf(
  "From: Zoë <zoe@example.org>",
  "To: Αλίκη <alice@example.org>",
  "Subject: Grüße aus Köln – 日本",
  "Date: Thu, 8 Jan 2026 10:00 +0900",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: 8bit",
  "",
  "Grüße! Größe, STRASSE, straße. ΑΒΓ αβγ. 日本語 🎉",
  "",
);

const western = latin1(
  "From: J\xfcrgen <juergen@example.org>",
  "To: alice@example.org",
  "Subject: Gr\xfc\xdfe ohne Kodierung",
  "Date: 8 Jan 2026 10:01:02 MET",
  "Content-Type: text/plain; charset=iso-8859-1",
  "Content-Transfer-Encoding: 8bit",
  "",
  "Sch\xf6ne Gr\xfc\xdfe\xa0aus K\xf6ln, 5 \xa4.",
  "",
);

const russian = latin1(
  "From: =?koi8-r?B?6dfBzg==?= <ivan@example.ru>",
  "Subject: =?KOI8-R?Q?=F0=D2=C9=D7=C5=D4?=",
  "Date: Fri, 09 Jan 2026 12:00:00 +0300",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=koi8-r",
  "Content-Transfer-Encoding: 8bit",
  "",
  "\xf0\xd2\xc9\xd7\xc5\xd4, \xcd\xc9\xd2!",
  "",
);

const unknownCharset = lf(
  "From: =?x-nowhere?Q?abc?= <x@example.org>",
  "Subject: =?utf-8?Q?broken=ZZ?= and =?utf-8?B?w4TDlg=?= end",
  "Date: not a date",
  "Content-Type: text/plain; charset=x-nowhere",
  "",
  "Some text.",
);

const noHeader = lf("", "Only a body,", "in two lines.", "");

const noBody = lf("From: bob@example.org", "Subject: Nothing follows", "X-Empty:", "");

const emptyBody = crlf(
  "From: bob@example.org",
  "Subject: An empty line follows",
  "Date: Sat, 10 Jan 2026 08:00:00 +0530",
  "",
  "",
);

const controls = lf(
  "From: robot@example.org",
  "Subject: tab\there, \x01 there",
  "Date: Sat, 10 Jan 2026 25:61:00 +0000",
  "",
  "A NUL \0, a TAB \t, \x011 and \x01, a CR\r in the middle.",
  "\x00\x01\x02\x03",
);

const folded = lf(
  "Message-ID:",
  " <folded@example.org>",
  "References: <a@example.org>",
  " <b@example.org>",
  "\t<c@example.org>",
  " <lunch-2@example.org>",
  "From:",
  ' "A \\"quoted\\" name"',
  "  <quoted@example.org>",
  "To: a@example.org,",
  ...Array.from({ length: 30 }, (_, at) => ` user${at}@example.org,`),
  " z@example.org",
  "Subject:   spaces   within  ",
  "   and  around   ",
  `X-Long: ${"0123456789 ".repeat(200)}`,
  "X-Same: one",
  "x-same: two",
  "X-SAME: three",
  "Date: Sun, 11 Jan 2026 00:00:00 -1200",
  "",
  `${"word ".repeat(500)}`,
  "",
);

const html = crlf(
  "From: <only-address@example.org>",
  "Subject: =?utf-8?q?a?= =?utf-8?q?b?= c =?utf-8?q?=20d?=",
  "Date: Mon, 12 Jan 2026 13:14:15 -0800",
  "Mime-Version: 1.0",
  'Content-Type: text/html; charset="windows-1252"',
  "Content-Transfer-Encoding: quoted-printable",
  "Content-Disposition: inline",
  "",
  "<!DOCTYPE html><html><head><title>Title</title><style>p { color: red }</style></head>",
  "<body><p>Price: 5 =80</p><blockquote>quoted text</blockquote><script>evil()</script>",
  "&lt;tag&gt; &nbsp;&eacute; end=",
  "ing</body></html>",
);

const broken = lf(
  "From: Broken <broken@",
  "To: @@@, <>, a b c <d@e",
  "Subject: An unclosed multipart",
  "Date: Tue, 13 Jan 2026 00:00:00",
  "Content-Type: multipart/mixed; boundary=never",
  "",
  "--never",
  "Content-Type: text/plain; charset",
  "not a header line",
  "",
  "text of the first part",
  "--never",
  "--never",
  "Content-Type: multipart/digest; boundary=digest",
  "",
  "--digest",
  "",
  "From: d1@example.org",
  "Subject: Digest one",
  "",
  "one",
  "--digest",
  "",
  "Subject: Digest two",
  "",
  "two",
  "",
);

const mixedEnds = "From: ends@example.org\r\nSubject: Mixed\nTo: a@example.org\r\n\n" +
  "one\r\ntwo\nthree\r\r\nfour";

const related = lf(
  "From: bob@example.org, carol@example.org",
  "To: alice@example.org",
  "Subject: Picture",
  "Date: Wed, 14 Jan 2026 18:00:00 +0000",
  "Message-ID: <picture@example.org>",
  "In-Reply-To: <minutes@example.org>",
  "MIME-Version: 1.0",
  'Content-Type: multipart/related; type="text/html"; start="<p@x>"; boundary="a b"',
  "",
  "--a b",
  "Content-ID: <p@x>",
  "Content-Type: text/html",
  "",
  '<p>Hello <img src="cid:i@x"></p>',
  "--a b",
  "Content-Type: image/png",
  "Content-Transfer-Encoding: base64",
  'Content-Disposition: inline; filename="a\\"b.png"',
  "Content-ID: <i@x>",
  "",
  ...Array.from(
    { length: 40 },
    () => "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA",
  ),
  "--a b--",
  "",
);

const large = lf(
  "From: big@example.org",
  "To: alice@example.org",
  "Subject: Large",
  "Date: Thu, 15 Jan 2026 18:00:00 +0000",
  "",
  ...Array.from({ length: 400 }, (_, at) => `Line ${at} of a message that is somewhat larger.`),
  "",
);

/** Small messages that differ in the properties that searches use. */
function series(count: number): string[] {
  return Array.from({ length: count }, (_, at) =>
    lf(
      `From: Sender ${at % 3} <sender${at % 3}@list.example>`,
      `To: list${at % 2}@list.example`,
      `Subject: [list] ${at % 5 === 0 ? "Announcement" : "Re: Discussion"} ${at}`,
      `Date: ${["Mon", "Tue", "Wed"][at % 3]}, ${1 + at % 28} Dec 2025 ${at % 24}:00:00 +0000`,
      `Message-ID: <list-${at}@list.example>`,
      ...(at % 4 === 0 ? [] : [`References: <list-${at - at % 4}@list.example>`]),
      "",
      "x".repeat(at * 37 % 300),
      "",
    ));
}

/** The mails in each mailbox at the start. */
export const mail: Mail = {
  alice: {
    INBOX: [
      plain,
      reply,
      alternative,
      mixed,
      utf8,
      western,
      russian,
      unknownCharset,
      noHeader,
      noBody,
      emptyBody,
      controls,
      folded,
      html,
      broken,
      mixedEnds,
      related,
      "",
    ],
    "Sent Items": [reply, utf8, related],
    Archive: [plain, mixed],
    "Archive/2024": [large, folded],
    "Archive/2024/Q1": [western],
    "Entwürfe": [noBody, utf8],
    "日本語/受信": [plain],
    "R&D": [html, broken],
    Lists: series(24),
    Empty: [],
    Trash: [emptyBody, noHeader, controls],
  },
  bob: {
    INBOX: [reply, mixed, plain],
    Archive: [alternative],
    "Sent Items": [],
  },
  "dora@example.org": { INBOX: [related] },
};

/** When the n-th message of a mailbox was received: days apart, and some on the same day. */
export function receivedAt(index: number): Date {
  return new Date(Date.UTC(2026, 0, 1 + index * 3 % 40, index * 5 % 24, index * 7 % 60, index));
}

/** Commands before the comparison: they set flags, subscribe, and leave gaps in the UIDs. */
export const preparation: readonly Question[] = [
  ...["alice", "bob", "carol", "dora@example.org"].map((user) => ({
    name: "mailbox status",
    user,
    args: ["all", "*"],
  })),
  flags("alice", "\\Seen", "mailbox", "INBOX", "1:6"),
  flags("alice", "\\Answered \\Flagged", "mailbox", "INBOX", "2,4,9"),
  flags("alice", "$Label1 Work", "mailbox", "INBOX", "3:5"),
  flags("alice", "\\Deleted", "mailbox", "INBOX", "7"),
  flags("alice", "\\Draft \\Seen", "mailbox", "Entwürfe", "all"),
  flags("alice", "\\Seen $Forwarded", "mailbox", "Lists", "1:10"),
  flags("alice", "NonJunk Work", "mailbox", "Lists", "8:14"),
  flags("bob", "\\Seen", "mailbox", "INBOX", "all"),
  { name: "expunge", user: "alice", args: ["mailbox", "Lists", "3,20:21"] },
  {
    name: "mailbox subscribe",
    user: "alice",
    args: ["INBOX", "Archive/2024", "Entwürfe", "Lists"],
  },
  { name: "mailbox subscribe", user: "alice", args: ["Gone"] },
  { name: "mailbox subscribe", user: "bob", args: ["Sent Items"] },
];

function flags(user: string, flags: string, ...query: readonly string[]): Question {
  return { name: "flags add", user, args: [flags, ...query] };
}

/** Messages for `save`; the last one is larger than the quota. */
export const saved: readonly Uint8Array[] = [
  encodeUtf8(plain),
  encodeUtf8(reply),
  encodeUtf8(mixed),
  encodeUtf8(alternative),
  western,
  encodeUtf8(noHeader),
  encodeUtf8(noBody),
  encodeUtf8(controls),
  encodeUtf8(mixedEnds),
  encodeUtf8(folded),
  encodeUtf8(""),
  encodeUtf8("Subject: one line"),
  encodeUtf8("x".repeat(20_000)),
  encodeUtf8(`Subject: too large\n\n${"0123456789abcdef\n".repeat(8_000)}`),
];
