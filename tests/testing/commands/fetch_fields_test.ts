import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8 } from "../../../core/mod.ts";
import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import { fromByteString } from "../../../core/byte_string.ts";
import { fetchFields, parseFetchFields } from "../../../testing/commands/fetch_fields.ts";
import { MailboxKeywords } from "../../../testing/mailboxes/flags.ts";
import { MailSystem } from "../../../testing/mail_system.ts";
import type { NewMail } from "../../../testing/mailbox.ts";

/** The fetched fields of a mail; the mail is a byte string, or the last of several. */
function fetch(fields: string, ...given: readonly (string | NewMail)[]): readonly string[] {
  const mails = given.map((mail) => {
    return typeof mail === "string" ? { bytes: fromByteString(mail) } : mail;
  });
  const system = new MailSystem({ users: { alice: { mailboxes: { Sent: { mails } } } } });
  const user = system.findUser("alice")!;
  const mailbox = user.open("Sent");
  const sequence = mailbox.count;
  const mail = mailbox.mails[sequence - 1];
  const keywords = MailboxKeywords.of(mailbox);
  const fetched = { system, user, mailboxName: "Sent", mailbox, keywords, sequence, mail };
  return parseFetchFields(fields, fetchFields).map((field) => {
    const value = field.read(fetched);
    return typeof value === "string" ? value : decodeUtf8(value);
  });
}

const lunch = 'From: Bob <bob@example.org>\nTo: a@b, "D, C" <c@d>\nSubject: Lunch?\n' +
  "Date: Mon, 05 Jan 2026 11:30:00 +0100\nMessage-ID: <1@x>\n\nAt noon?\n";

test("fetch › fields of a mail › have Dovecot's values", () => {
  const mail = {
    bytes: fromByteString(lunch),
    uid: 7,
    guid: "g",
    flags: ["$New", "\\Seen", "\\answered", "other"],
    received: new Date(Date.UTC(2026, 0, 5, 7, 8, 9)),
    saved: new Date(1767609001_000),
    modseq: 12,
  };
  for (
    const [field, expected] of [
      ["user", "alice"],
      ["mailbox", "Sent"],
      ["seq", "2"],
      ["uid", "7"],
      ["UID", "7"],
      ["guid", "g"],
      ["storageid", "g"],
      ["flags", "\\Answered \\Seen \\Recent old $new other"],
      ["modseq", "12"],
      ["refcount", "1"],
      ["pop3.uidl", ""],
      ["pop3.order", ""],
      ["size.physical", String(lunch.length)],
      ["size.virtual", String(lunch.length + 7)],
      ["date.received", "2026-01-05 07:08:09"],
      ["date.saved.unixtime", "1767609001"],
      ["date.sent.unixtime", "1767609000"],
      ["text", lunch],
      ["hdr", lunch.slice(0, -"At noon?\n".length)],
      ["body", "At noon?\n"],
      ["body.preview", "At noon?"],
    ]
  ) {
    const flagged = { ...mail, flags: [...mail.flags, "OLD"] };
    const first = { bytes: fromByteString("\n"), uid: 3, flags: ["old", "$new"] };
    assert.deepEqual(fetch(field, first, flagged), [expected], field);
  }
  assert.match(fetch("mailbox-guid", mail)[0], /^[0-9a-f]{32}$/);
  const [sent, received] = fetch("date.sent date.received", {
    ...mail,
    received: new Date(1767609000_000),
  });
  assert.equal(sent, `${received} (+0100)`);
});

test("fetch › several, no and unknown fields › return values or fail", () => {
  assert.deepEqual(fetch(" seq  uid seq ", lunch), ["1", "1", "1"]);
  assert.deepEqual(fetch("", lunch), []);
  for (
    const names of [
      "nosuch",
      "uid,seq",
      "uid\tseq",
      "body.x",
      "body.1.",
      "body.mime",
      "body.header.fields",
      "body.header.fields()",
      "binary..1",
    ]
  ) {
    assert.throws(
      () => parseFetchFields(`uid ${names}`, fetchFields),
      (error) => error instanceof CommandFailure && error.code === "USAGE",
      names,
    );
  }
  // Only a mail makes them an error.
  for (const names of ["hdr.from.bogus", "hdr.from."]) {
    parseFetchFields(names, fetchFields);
    assert.throws(
      () => fetch(names, lunch),
      (error) => error instanceof CommandFailure && error.code === "USAGE",
      names,
    );
  }
});

test("fetch › header fields › are decoded as asked", () => {
  const mail = "Received: one\r\nSubject:   folded\r\n\ttwice\r\n  over \r\nX-Empty:\r\n" +
    'received : two\r\nTo: =?utf-8?q?J=C3=B6?= <j@x>, g: "a b"@c (N);, bare\r\n' +
    "Subject: =?utf-8?b?w6Q=?= =?utf-8?q?=C3=B6?= a=?\r\nX-Nul: a\0b\r\n\r\n";
  for (
    const [field, expected] of [
      ["hdr.received", "one\ntwo"],
      ["hdr.subject", "folded\n\ttwice\n  over \n=?utf-8?b?w6Q=?= =?utf-8?q?=C3=B6?= a=?"],
      ["hdr.Subject.UTF8", "folded twice  over \näö a=?"],
      ["hdr.x-empty", ""],
      ["hdr.x-missing", ""],
      ["hdr.", ""],
      ["hdr.x-nul", "a\ufffdb"],
      ["hdr.to.address", "j@x\ng\na b@c\n\nbare@"],
      ["hdr.to.address_name", "=?utf-8?q?J=C3=B6?=\n\nN\n\n"],
      ["hdr.to.address_name.utf8", "Jö\n\nN\n\n"],
    ]
  ) {
    assert.deepEqual(fetch(field, mail), [expected], field);
  }
});

test("fetch › dates of sending › are read like Dovecot's", () => {
  for (
    const [date, seconds] of [
      ["Mon, 05 Jan 2026 11:30:00 -0530", "1767632400"],
      ["nonsense", "0"],
      // Dovecot keeps 32 bits of earlier and later ones.
      ["Thu, 01 Jan 1969 00:00:00 +0000", "4263431296"],
      ["Fri, 31 Dec 2199 23:59:59 +0000", "2963151103"],
    ]
  ) {
    assert.deepEqual(fetch("date.sent.unixtime", `Date: ${date}\n\n`), [seconds], date);
  }
  assert.deepEqual(fetch("date.sent.unixtime", "\n"), ["0"]);
});

const multipart = `From: a@b
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="bb"
Content-Language: en, de

preamble
--bb
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable
Content-ID: <id@x>
Content-Description: a
 text

H=C3=A4llo=
 w=6Frld
--bb
Content-Type: application/octet-stream; name="a b.bin"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=a.bin
Content-MD5: abc==

QUJD

--bb
Content-Type: message/rfc822

Subject: "inside"

text
--bb--
`;

test("fetch › envelopes and structures › are Dovecot's", () => {
  const text = (size: number, lines: number) =>
    `"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" ${size} ${lines}`;
  for (
    const [field, mail, expected] of [
      [
        "imap.envelope",
        lunch,
        '"Mon, 05 Jan 2026 11:30:00 +0100" "Lunch?" (("Bob" NIL "bob" "example.org")) ' +
        '(("Bob" NIL "bob" "example.org")) (("Bob" NIL "bob" "example.org")) ' +
        '((NIL NIL "a" "b")("D, C" NIL "c" "d")) NIL NIL NIL "<1@x>"',
      ],
      ["imap.envelope", "\n", "NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL"],
      ["imap.body", "", text(0, 0)],
      ["imap.body", lunch, text(10, 1)],
      ["imap.bodystructure", lunch, `${text(10, 1)} NIL NIL NIL NIL`],
      ["imap.body", "Content-Type: multipart/mixed\n\n", `(${text(0, 0)}) "mixed"`],
      ["imap.body", "Content-Type: a/b c\n\nx", '"" "" NIL NIL NIL "7bit" 1'],
      [
        "imap.body",
        multipart,
        '("text" "plain" ("charset" "utf-8") "<id@x>" "a text" "quoted-printable" 21 1)' +
        '("application" "octet-stream" ("name" "a b.bin") NIL NIL "base64" 6)' +
        '("message" "rfc822" NIL NIL NIL "7bit" 25 (NIL {8}\r\n"inside" NIL NIL NIL NIL NIL NIL ' +
        `NIL NIL) (${text(4, 0)}) 2) "mixed"`,
      ],
      [
        "imap.bodystructure",
        multipart,
        '("text" "plain" ("charset" "utf-8") "<id@x>" "a text" "quoted-printable" 21 1 NIL NIL NIL ' +
        'NIL)("application" "octet-stream" ("name" "a b.bin") NIL NIL "base64" 6 "abc==" ' +
        '("attachment" ("filename" "a.bin")) NIL NIL)' +
        '("message" "rfc822" NIL NIL NIL "7bit" 25 (NIL {8}\r\n"inside" NIL NIL NIL NIL NIL NIL ' +
        `NIL NIL) (${text(4, 0)} NIL NIL NIL NIL) 2 NIL NIL NIL NIL) "mixed" ` +
        '("boundary" "bb") NIL ("en" "de") NIL',
      ],
    ]
  ) {
    assert.deepEqual(fetch(field, mail), [expected], `${field} of ${mail}`);
  }
});

test("fetch › sections › return parts of the message", () => {
  const inside = 'Subject: "inside"\r\n\r\n';
  const between = (start: string, end: string) =>
    multipart.slice(multipart.indexOf(start), multipart.indexOf(end));
  for (
    const [field, expected] of [
      ["body.1", "H=C3=A4llo=\r\n w=6Frld"],
      ["body.01", "H=C3=A4llo=\r\n w=6Frld"],
      ["body.1.1", "H=C3=A4llo=\r\n w=6Frld"],
      ["body.1.1.1", ""],
      ["body.2.mime", between("Content-Type: app", "QUJD")],
      ["body.2.header", ""],
      ["body.3", `${inside}text`],
      ["body.3.header", inside],
      ["body.3.text", "text"],
      ["body.3.1", "text"],
      ["body.4", ""],
      ["body.header.fields(from,x)", "From: a@b\r\n\r\n"],
      ["body.3.header.fields.not(subject)", "\r\n"],
      ["binary.1", "Hällo world"],
      ["binary.2", "ABC"],
      ["binary.3", `${inside}text`],
      ["binary.1.mime", between("Content-Type: text", "H=C3")],
    ]
  ) {
    assert.deepEqual(fetch(field, multipart)[0], expected.replaceAll(/\r?\n/g, "\r\n"), field);
  }
  const [whole, text] = fetch("binary. binary.text", multipart);
  assert(whole.endsWith(text));
  assert.match(text, /^preamble\r\n--bb\r\n.*\r\nContent-Transfer-Encoding: binary\r\n\r\nHällo/s);
  assert(!/quoted-printable|base64/.test(whole));
  // Parts that weren't encoded aren't marked as binary.
  const empty = "Content-Transfer-Encoding: base64\r\n\r\n";
  assert.deepEqual(fetch("binary. binary.text", empty), [empty, ""]);
  const nuls = "A: b\n\na\0b\n";
  assert.deepEqual(fetch("body.text binary.text text", nuls), ["a\ufffdb\r\n", "a\0b\r\n", nuls]);
});

test("fetch › invalid encodings › fail or stay unchanged", () => {
  for (
    const [encoding, body, code] of [
      ["base64", "QUJ!", "DATAERR"],
      ["base64", "QUI", "TEMPFAIL"],
      ["quoted-printable", "=zz\n", "DATAERR"],
      ["quoted-printable", "a=4", "TEMPFAIL"],
      ["x-unknown", "a", "DATAERR"],
    ]
  ) {
    assert.throws(
      () => fetch("binary.1", `Content-Transfer-Encoding: ${encoding}\n\n${body}`),
      (error) => error instanceof CommandFailure && error.code === code,
      `${encoding} ${body}`,
    );
  }
});

test("fetch › texts › are in UTF-8", () => {
  assert.deepEqual(fetch("text.utf8", multipart), [
    'From: a@b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="bb"\n' +
    "Content-Language: en, de\n\nContent-Type: text/plain; charset=utf-8\n" +
    "Content-Transfer-Encoding: quoted-printable\nContent-ID: <id@x>\n" +
    "Content-Description: a text\n\nHällo world" +
    'Content-Type: application/octet-stream; name="a b.bin"\nContent-Transfer-Encoding: base64\n' +
    "Content-Disposition: attachment; filename=a.bin\nContent-MD5: abc==\n\nABC" +
    'Content-Type: message/rfc822\n\nSubject: "inside"\n\ntext',
  ]);
  for (
    const [mail, expected] of [
      ["Subject: =?utf-8?q?=C3=A4?=\n\nx", "Subject: ä\n\nx"],
      ["A:\tb\n\tc\nno colon\n\n", "A: b c\nno colon\n\n"],
      ["Content-Transfer-Encoding: x\n\nx", "Content-Transfer-Encoding: x\n\n"],
      [
        "Content-Type: text/plain; charset=iso-8859-1\n\n\xe9",
        "Content-Type: text/plain; charset=iso-8859-1\n\né",
      ],
      // A character that is cut off is dropped, whatever its first byte.
      ["\n\x85\xe9e", "\n\ufffd"],
    ]
  ) {
    assert.deepEqual(fetch("text.utf8", mail), [expected], mail);
  }
});

test("fetch › snippets › begin the text", () => {
  const html = (body: string) => `Content-Type: text/html\n\n${body}`;
  const alternative = (first: string, second: string) =>
    `Content-Type: multipart/alternative; boundary=b\n\n--b\n${first}\n\n1\n--b\n${second}\n\n2\n`;
  for (
    const [mail, expected] of [
      ["\n  two\n\tlines \r\n", "two lines"],
      ["\n> quoted\n> more\nown  words\n", "own words"],
      ["\n> only\n>> quoted\n", ">only > quoted"],
      [`\n${"word ".repeat(100)}`, "word ".repeat(40).slice(0, -1)],
      [`\n${"a".repeat(300)}`, "a".repeat(200)],
      ["\n\xef\xbb\xbf\0x", "x"],
      [html("<p>a</p>&lt;<b>b</b>"), "a < b"],
      [alternative("Content-Type: text/html", ""), "2"],
      [alternative("Content-Type: image/png", "Content-Type: text/html"), "2"],
      ["Content-Type: image/png\n\nx", ""],
      ["Content-Type: message/rfc822\n\n\nx", ""],
      ["Content-Type: text\n\nx", ""],
      [multipart, "Hällo world"],
    ]
  ) {
    assert.deepEqual(fetch("body.snippet", mail), [expected], mail);
  }
});
