import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHead } from "../../../../extractor/maildir/mail/head.ts";
import { bytes, contents, mail } from "./reading.ts";

const parts = "\n--cut\nContent-Type: text/plain\n\nHello.\n--cut\n" +
  "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nAAEC\n--cut--\n";
const attachment = ["Hello.", "application/pdf a.pdf: \x00\x01\x02"];

test("content types › malformed ones of a multipart › its parts are found, and its type is multipart", () => {
  const types = [
    "multipart / mixed; boundary=cut",
    "multipart\t/\tmixed;\tboundary=cut\t",
    "multipart/(comment)mixed; boundary=cut",
    "(a) multipart/mixed (b) ; (c) boundary (d) = (e) cut (f)",
    "multipart/mixed\n ;\n boundary\n =\n cut",
    '"multipart/mixed"; boundary=cut',
    "MULTIPART/MIXED; BOUNDARY=cut",
    "multipart/mixed boundary=cut",
    "multipart/mixed, boundary=cut",
    "multipart/mixed: boundary=cut",
    "multipart/mixed;; ;boundary=cut;",
    "multipart/mixed; charset=utf-8 boundary=cut",
    'multipart/mixed; boundary="cut" charset=utf-8',
    'multipart/mixed; boundary="cut"charset=utf-8',
    "multipart/mixed; boundary=cut, charset=utf-8",
    "multipart/mixed; boundary = cut",
    'multipart/mixed; boundary= "cut"',
    "multipart/mixed; flag; boundary=cut",
    "multipart/mixed; x=(; boundary=cut",
    "multipart/mixed (x; boundary=cut",
    'multipart/mixed; type="a;b"; boundary=cut',
    "multipart/mixed; boundary=cut; boundary=other",
    "multipart/mixed/mixed; boundary=cut",
    "multipart/mixed/multipart/mixed; boundary=cut",
    "multipart//mixed; boundary=cut",
    "multipart; boundary=cut",
    "multipart/; boundary=cut",
    "Content-Type: multipart/mixed; boundary=cut",
    'multipart/mixed; boundary="cut',
    'multipart/mixed; boundary=cut"',
    'multipart/mixed; boundary=""cut""',
    'multipart/mixed; boundary="c\\ut"',
    "multipart/mixed; boundary*=us-ascii''cut",
    "multipart/mixed; boundary*0=c; boundary*1=ut",
    "multipart/mixed; boundary*1=ut; boundary*0*=''%63",
  ];
  for (const type of types) {
    const text = `Content-Type: ${type}\n${parts}`;
    assert.deepEqual(contents(mail(text)), attachment, type);
    assert.equal(mail(text).body.contentType, "multipart/mixed", type);
    assert.equal(parseHead(bytes(text)).contentType, "multipart/mixed", type);
  }
});

test("content types › doubled ones without parts › count once", () => {
  const types = [
    ["text/text/html", "text/html"],
    ["text/html/html", "text/html"],
    ["text/html/text/html", "text/html"],
    ["text /  html", "text/html"],
    ["a/b/c", "text/plain"],
    ["text", "text/plain"],
    ["multipart", "text/plain"],
    ["__proto__", "text/plain"],
    ["charset=utf-8", "text/plain"],
  ];
  for (const [type, expected] of types) {
    assert.equal(mail(`Content-Type: ${type}\n\nx`).head.contentType, expected, type);
    assert.equal(mail(`Content-Type: ${type}\n\nx`).body.contentType, expected, type);
  }
});

test("content types › a doubled multipart whose boundary never occurs › is one text", () => {
  const text =
    "Content-Type: multipart/multipart/mixed; boundary=none\n\n--cut\n\nHello.\n--cut--\n";
  assert.deepEqual(contents(mail(text)), ["--cut\n\nHello.\n--cut--\n"]);
});

test("file names › quoted, unquoted, continued and encoded › are read as the sender wrote them", () => {
  const names: [parameters: string, name: string][] = [
    ['filename="a b.pdf"', "a b.pdf"],
    ["filename=a b.pdf", "a b.pdf"],
    ["filename=a b.pdf size=3", "a b.pdf"],
    ["filename=a b.pdf; size=3", "a b.pdf"],
    ['filename="a b.pdf', "a b.pdf"],
    ["filename=Invoice(1).pdf", "Invoice(1).pdf"],
    ["filename=(1) a.pdf", "(1) a.pdf"],
    ['filename="a;b.pdf"', "a;b.pdf"],
    ['filename="a\\"b.pdf"', 'a"b.pdf'],
    ['filename=""; name=a.pdf', ""],
    ["filename==?utf-8?Q?=C3=A4_b.pdf?=", "ä b.pdf"],
    ['filename="=?utf8mb4?Q?=C3=A4?=.pdf"', "ä.pdf"],
    ['filename="=?iso-8859-1?Q?=E4?=\n =?iso-8859-1?Q?=F6?=.pdf"', "äö.pdf"],
    ['filename="\xc3\xa4.pdf"', "ä.pdf"],
    ['filename="\xe4.pdf"', "ä.pdf"],
    ["filename*=utf-8''%C3%A4.pdf; filename=a.pdf", "ä.pdf"],
    ["filename=a.pdf; filename*=utf-8''%C3%A4.pdf", "ä.pdf"],
    ["filename*=utf8mb4''%C3%A4.pdf", "ä.pdf"],
    ["filename*=utf-8''%E4.pdf", "ä.pdf"],
    ["filename*=x-none''%E4.pdf", "ä.pdf"],
    ["filename*=%C3%A4.pdf", "ä.pdf"],
    ["filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=.pdf", "ä.pdf"],
    ["filename*2=.pdf; filename*0=a; filename*1=b", "ab.pdf"],
    ["filename*=utf-8''%ZZ%", "%ZZ%"],
    ["filename*=; filename=a.pdf", "a.pdf"],
    ["FILENAME=a.pdf", "a.pdf"],
  ];
  for (const [parameters, name] of names) {
    const { part } = mail(`Content-Disposition: attachment; ${parameters}\n\nx`).part("")!;
    assert.equal(part.filename, name, parameters);
    assert.equal(part.disposition, "attachment", parameters);
  }
  for (
    const field of [
      "attachment filename=a.pdf",
      "attachment ;filename=a.pdf",
      "ATTACHMENT, filename=a.pdf",
    ]
  ) {
    const { part } = mail(`Content-Disposition: ${field}\n\nx`).part("")!;
    assert.deepEqual([part.disposition, part.filename], ["attachment", "a.pdf"], field);
  }
});

const binary = "Content-Type: application/x\nContent-Transfer-Encoding: 8bit\n\n";

/** A mail of two parts with the given delimiters. */
function delimited(
  [declared, delimiter, end]: readonly string[],
  { lineEnd = "\n", last = `${end}\nepilogue\n` } = {},
): string {
  const text =
    `Content-Type: multipart/mixed; boundary=${declared}\n\npreamble\n${delimiter}\n\nHello.\n` +
    `${delimiter}\n${binary}ABC\n${last}`;
  return text.replaceAll("\n", lineEnd);
}

test("boundaries › with blanks at their ends, anywhere › leave no bytes of delimiters in attachments", () => {
  const boundaries = [
    ["cut", "--cut", "--cut--"],
    ["cut", "--cut  ", "--cut-- \t"],
    ['"cut "', "--cut ", "--cut --"],
    ['"cut "', "--cut", "--cut--"],
    ['"cut "', "--cut", "--cut --"],
    ['"cut \t"', "--cut \t", "--cut \t--  "],
    ['"cut  "', "--cut  ", "--cut --"],
    ['"cut:x y"', "--cut:x y", "--cut:x y--"],
    ['" cut"', "-- cut", "-- cut--"],
    ['"-"', "---", "-----"],
    ['"--"', "----", "------"],
    ['"cut--"', "--cut--", "--cut----"],
    ['"cut-- "', "--cut-- ", "--cut-- --"],
    ['"=_\'()+,-./:=?"', "--=_'()+,-./:=?", "--=_'()+,-./:=?--"],
  ];
  for (const boundary of boundaries) {
    for (const lineEnd of ["\n", "\r\n", "\r", "\r\r\n"]) {
      const found = contents(mail(delimited(boundary, { lineEnd })));
      assert.deepEqual(
        found,
        ["Hello.", "application/x : ABC"],
        JSON.stringify([boundary, lineEnd]),
      );
    }
  }
});

test("boundaries › lines similar to delimiters › belong to the part", () => {
  for (
    const line of [
      "--cut --",
      "--cutter",
      "--cu",
      " --cut",
      "--CUT",
      "--cut-",
      "--cut---",
      "--cut x",
      "--cut-- x",
    ]
  ) {
    const text = delimited(["cut", "--cut"], { last: `${line}\n--cut--\n` });
    assert.deepEqual(contents(mail(text)), ["Hello.", `application/x : ABC\n${line}`], line);
  }
});

test("boundaries › unclosed, or cut off › the last part extends to the mail's end", () => {
  const open = delimited(["cut", "--cut"], { last: "" });
  assert.deepEqual(contents(mail(open)), ["Hello.", "application/x : ABC\n"]);
  const cut = delimited(["cut", "--cut"], { last: "--cut-" });
  assert.deepEqual(contents(mail(cut)), ["Hello.", "application/x : ABC\n--cut-"]);
});

/** A multipart of three parts; the first is an alternative. */
function nested([outer, inner]: readonly string[], end = `\n--${inner}--`): string {
  return `Content-Type: multipart/mixed; boundary="${outer}"\n\n--${outer}\n` +
    `Content-Type: multipart/alternative; boundary="${inner}"\n\n--${inner}\n\none\n` +
    `--${inner}\nContent-Type: text/html\n\ntwo${end}\n--${outer}\n${binary}ABC\n--${outer}--\n`;
}

test("boundaries › one that begins with another, or equals it › each part is in its multipart", () => {
  const boundaries = [
    ["cut", "cut2"],
    ["cut2", "cut"],
    ["cut", "cut--"],
    ["cut--", "cut2"],
    ["cut ", "cut2 "],
    ["cut", "cut"],
    ["cut ", "cut"],
    ["cut", "cut "],
  ];
  for (const boundary of boundaries) {
    const parsed = mail(nested(boundary));
    assert.deepEqual(contents(parsed), ["one", "two", "application/x : ABC"], String(boundary));
    assert.equal(parsed.part("1.2")?.part.contentType, "text/html", String(boundary));
  }
  // The inner one isn't closed.
  assert.deepEqual(contents(mail(nested(["cut", "in"], ""))), [
    "one",
    "two",
    "application/x : ABC",
  ]);
});

test("boundaries › a delimiter right after the header › begins the first part and its header", () => {
  const texts: [text: string, ...contents: string[]][] = [
    ['Content-Type: multipart/mixed; boundary="cut"\n--cut\n\none\n--cut--', "one"],
    ['Content-Type: multipart/mixed;\r\n boundary="cut"\r\n--cut\r\n\r\none\r\n--cut--', "one"],
    ['Content-Type: multipart/mixed; boundary="cut "\n--cut \n\none\n--cut --', "one"],
    ['Content-Type: multipart/mixed; boundary="cut:x"\n--cut:x\n\none\n--cut:x--', "one"],
    ["Content-Type: multipart / mixed boundary=cut\nX-Other: x\n--cut\n\none\n--cut--", "one"],
    ["Content-Type: multipart/mixed; boundary=cut\nA preamble.\n--cut\n\none\n--cut--", "one"],
    [
      "Content-Type: multipart/mixed; boundary=cut\n\n--cut\n" +
      "Content-Type: multipart/alternative; boundary=in\n--in\n\none\n--in\n\ntwo\n--in--\n--cut\n\nthree\n--cut--",
      "one",
      "two",
      "three",
    ],
    [
      "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=cut\n--cut\n\none\n--cut--",
      "one",
    ],
  ];
  for (const [text, ...expected] of texts) assert.deepEqual(contents(mail(text)), expected, text);
  const text = 'Subject: a\nContent-Type: multipart/mixed; boundary="cut"\n--cut\n' +
    "Subject: b\nTo: part@example.org\nDate: 4 Mar 2014 10:00 +0000\n\none\n--cut--\n";
  for (const head of [parseHead(bytes(text)), mail(text).head]) {
    assert.equal(head.subject, "a");
    assert.deepEqual(head.to, []);
    assert.equal(head.dateSent, undefined);
  }
});

test("headers › text right after the last field › belongs to the body", () => {
  const texts: [text: string, ...contents: string[]][] = [
    ["Subject: x\nHello there\nDear Joe: yes\n", "Hello there\nDear Joe: yes\n"],
    ["Subject: x\nHello there\n\nmore\n", "Hello there\n\nmore\n"],
    [
      "Content-Type: multipart/mixed; boundary=cut\n\n--cut\nContent-Type: text/html\n<p>rich\n--cut\n" +
      "Content-Type: text/plain\nplain\n\nmore\n--cut--\n",
      "<p>rich",
      "plain\n\nmore",
    ],
    // A field follows.
    ["Subject: x\nno field\nTo: a@b\n\nbody", "body"],
    // The mail was cut off.
    ["From: a@b\nSubj", ""],
  ];
  for (const [text, ...expected] of texts) assert.deepEqual(contents(mail(text)), expected, text);
});

test("base64 › text added by a mailing list › isn't decoded", () => {
  const start = "Content-Transfer-Encoding: base64\n\n";
  assert.deepEqual(contents(mail(`${start}SGVsbG8=\n`)), ["Hello"]);
  assert.deepEqual(contents(mail(`${start}SGVsbG8=\n____\nlist info, see http://x\n`)), ["Hello"]);
  assert.deepEqual(contents(mail(`${start}SGVs\nbG8=\nIHlvdQ==\n`)), ["Hello you"]);
});

test("transfer encodings › misspelt names › are recognized", () => {
  for (
    const name of ["base64", "BASE64", "base-64", "base 64", '"base64"', "base64;", "(x) base64"]
  ) {
    assert.deepEqual(
      contents(mail(`Content-Transfer-Encoding: ${name}\n\nSGVsbG8=`)),
      ["Hello"],
      name,
    );
  }
  for (
    const name of ["quoted-printable", "quoted printable", "Quoted_Printable", "quoted-printable;"]
  ) {
    assert.deepEqual(
      contents(mail(`Content-Transfer-Encoding: ${name}\n\n=C3=A4=\n.`)),
      ["ä."],
      name,
    );
  }
});
