import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHead } from "../../../../extractor/maildir/mail/head.ts";
import { sortKey } from "../../../../extractor/maildir/mail/sort_key.ts";

/** A header from a string whose characters are bytes. */
function header(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

test("heads › a full header › has all fields", () => {
  const head = parseHead(header(
    "Message-ID: <1@example.org>\r\nSubject: =?utf-8?Q?=C3=84pfel?=\r\n" +
      'From: "J, X" <j@example.org>\r\nTo: a@b, C <c@d>\r\nCc: e@f\r\nBcc: g@h\r\n' +
      'Date: Mon, 1 Jan 2024 00:00:00 +0100\r\nContent-Type: Text/HTML; charset="utf-8"\r\n\r\nbody',
  ));
  assert.deepEqual(head, {
    messageId: "<1@example.org>",
    subject: "Äpfel",
    from: [{ name: "J, X", address: "j@example.org" }],
    to: [{ name: "", address: "a@b" }, { name: "C", address: "c@d" }],
    cc: [{ name: "", address: "e@f" }],
    bcc: [{ name: "", address: "g@h" }],
    dateSent: { seconds: BigInt(Date.UTC(2023, 11, 31, 23) / 1000), nanos: 0 },
    contentType: "text/html",
  });
});

test("heads › a header without fields › has empty values", () => {
  for (const text of ["", "\r\n", "\r\nSubject: of the body", "no header at all"]) {
    assert.deepEqual(parseHead(header(text)), {
      messageId: "",
      subject: "",
      from: [],
      to: [],
      cc: [],
      bcc: [],
      dateSent: undefined,
      contentType: "text/plain",
    }, text);
  }
});

test("heads › addresses of all kinds › are names and addresses", () => {
  const cases: [field: string, ...mailboxes: [name: string, address: string][]][] = [
    ["joe@example.org", ["", "joe@example.org"]],
    ["<joe@example.org>", ["", "joe@example.org"]],
    ["joe@example.org (Joe X)", ["Joe X", "joe@example.org"]],
    ["Joe (a comment) X <joe@example.org>", ["Joe X", "joe@example.org"]],
    ["Joe", ["Joe", ""]],
    ["J\xc3\xb6rg <j@x>", ["Jörg", "j@x"]],
    ["J\xf6rg <j@x>", ["Jörg", "j@x"]],
    ["=?iso-8859-1?Q?J=F6rg?= <j@x>", ["Jörg", "j@x"]],
    ['"=?utf-8?B?SsO2cmc=?=" <j@x>', ["Jörg", "j@x"]],
    ["=?utf-8?Q?X=2C_J?= <j@x>", ["X, J", "j@x"]],
    ["=?utf-8?Q?a=00b=0D=0Ac?= <j@x>", ["a b  c", "j@x"]],
    ['"a\r\n b" <c@d>', ["a b", "c@d"]],
    ["Team: a@b, C <c@d>;, e@f", ["", "a@b"], ["C", "c@d"], ["", "e@f"]],
    ["undisclosed-recipients:;"],
    [",,"],
    [""],
  ];
  for (const [field, ...mailboxes] of cases) {
    const expected = mailboxes.map(([name, address]) => ({ name, address }));
    const head = parseHead(header(`From: ${field}\r\nTo: ${field}\r\nTo: x@y\r\n\r\n`));
    assert.deepEqual(head.from, expected, field);
    assert.deepEqual(head.to, [...expected, { name: "", address: "x@y" }], field);
  }
});

test("heads › repeated fields › the first counts", () => {
  const head = parseHead(header("Subject: a\nFrom: a@b\nSubject: c\nFrom: c@d\n\n"));
  assert.equal(head.subject, "a");
  assert.deepEqual(head.from, [{ name: "", address: "a@b" }]);
});

test("heads › invalid characters › become texts that protobuf accepts", () => {
  const head = parseHead(header("Subject: =?utf-16be?B?2AAAYQ==?= \xed\xa0\x80\n\n"));
  assert.equal(head.subject, head.subject.toWellFormed());
  assert.match(head.subject, /a/);
});

test("heads › many encoded words and many groups › are decoded and cut off", () => {
  const words = "=?utf-8?B?YWFh?= ".repeat(10_000);
  const { subject, from } = parseHead(header(`Subject: ${words} end\nFrom: ${words} <a@b>\n\n`));
  assert.equal(subject, "aaa".repeat(10_000) + "  end");
  assert.deepEqual(from, [{ name: "aaa".repeat(10_000), address: "a@b" }]);
  // Longer than the limit for a field with colons, but without any.
  const list = Array.from({ length: 20_000 }, (_, at) => `Joe <joe${at}@example.org>`);
  assert.equal(parseHead(header(`To: ${list.join(",\r\n ")}\r\n\r\n`)).to.length, 20_000);
  assert.ok(parseHead(header(`To: ${"a:".repeat(40_000)}${list}\n\n`)).to.length < 2000);
});

test("heads › too many mailboxes in a field › are left out", () => {
  const list = "a,".repeat(60_000);
  for (const field of [`To: ${list}`, "To: a\n".repeat(60_000), `To: ${"a;".repeat(60_000)}`]) {
    assert.equal(parseHead(header(`Subject: x\n${field}\n\n`)).to.length, 25_000);
    assert.equal(parseHead(header(`${field}\n\n`), { maxMailboxes: 10 }).to.length, 10);
    assert.deepEqual(parseHead(header(`${field}\n\n`), { maxMailboxes: 0 }).to, []);
  }
  const [first] = parseHead(header(`From: "${",".repeat(300)}" <a@b>, c@d\n\n`)).from;
  assert.deepEqual(first, { name: ",".repeat(300), address: "a@b" });
});

test("heads › a field over 4 MiB › is cut, but not within a character", () => {
  const { subject } = parseHead(header(`Subject:${"\xc3\xa4".repeat(3_000_000)}\n\n`));
  assert.equal(subject, "ä".repeat(2_097_152));
});

test("sort keys › by sender › are the address, or the name", () => {
  const cases: [text: string, key: string][] = [
    ["From: Joe <JOE@example.org>\n\n", "joe@example.org"],
    ["To: x@y\nfrom : a@b, c@d\n\n", "a@b"],
    ["From: Joe\n\n", "joe"],
    ["From: Team: A <a@b>;\n\n", "a@b"],
    ["From: =?utf-8?Q?J=C3=96RG?=\n\n", "jörg"],
    ["From:\n\n", ""],
    ["To: x@y\n\nFrom: of the body\n", ""],
    ["", ""],
  ];
  for (const [text, key] of cases) assert.equal(sortKey(header(text), "sender"), key, text);
});

test("sort keys › by subject › are in lower case", () => {
  const cases: [text: string, key: string][] = [
    ["Subject: RE: =?utf-8?Q?=C3=84pfel?=\n\n", "re: äpfel"],
    ["Subject:\n folded\n\tsubject\n\n", "folded\tsubject".replace("\t", " ")],
    ["Subject: \xc4pfel\n\n", "äpfel"],
    ["X-Subject: a\nSubject: b\nSubject: c\n\n", "b"],
    [`Subject: ${"x".repeat(100_000)}\n\n`, "x".repeat(256)],
    ["\n\nSubject: of the body\n", ""],
  ];
  for (const [text, key] of cases) assert.equal(sortKey(header(text), "subject"), key, text);
});
