/**
 * Malformed mails, each of which must still have a head and a body. Each call yields the same ones in the
 * same order, created one by one, since some are large.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A malformed mail. */
export interface StrangeMail {
  /** Its description, which is unique. */
  readonly name: string;
  /** The mail. */
  readonly bytes: Uint8Array;
  /** The expected decoded subject, if there is only one right answer. */
  readonly subject?: string;
  /** The expected contents of its leaf parts in order, if there is only one right answer. */
  readonly leaves?: readonly string[];
}

/** All malformed mails; texts in `leaves` and `subject` are plain, but contents are strings of bytes. */
export function* strangeMails(): Generator<StrangeMail> {
  const names = new Set<string>();
  for (const mails of [headers, addresses, dates, bodies, charsets, structures, broken, large]) {
    for (const { name, text, ...expected } of mails()) {
      if (names.has(name)) throw new Error(`Two mails are called "${name}".`);
      names.add(name);
      yield { name, bytes: toBytes(text), ...expected };
    }
  }
}

/** A mail from a string whose characters are bytes. */
interface MailText {
  readonly name: string;
  readonly text: string;
  readonly subject?: string;
  readonly leaves?: readonly string[];
}

function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The UTF-8 bytes of a text, as characters. */
function utf8(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/** Base64 of a string of bytes, in lines. */
function base64(bytes: string): string {
  return btoa(bytes).replace(/.{76}/g, "$&\r\n");
}

/** All 256 bytes. */
const allBytes: string = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join(
  "",
);

const text = "Content-Type: text/plain\r\n\r\n";

function multipart(boundary: string, parts: readonly string[], type = "mixed"): string {
  const start = `Content-Type: multipart/${type}; boundary="${boundary}"\r\n\r\n`;
  return start + parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("") +
    `--${boundary}--\r\n`;
}

function* headers(): Generator<MailText> {
  const body = "\r\nbody\r\n";
  const leaves = ["body\r\n"];
  yield { name: "empty", text: "", leaves: [""], subject: "" };
  yield { name: "one line feed", text: "\n", leaves: [""], subject: "" };
  yield { name: "one carriage return", text: "\r" };
  yield { name: "one NUL", text: "\0", leaves: ["\0"] };
  yield { name: "one blank", text: " ", leaves: [" "] };
  yield { name: "one colon", text: ":", leaves: [":"] };
  yield { name: "a header alone", text: "Subject: x\r\n", leaves: [""], subject: "x" };
  yield { name: "a header without a line's end", text: "Subject: x", leaves: [""], subject: "x" };
  yield {
    name: "a header cut within a name",
    text: "From: a@b\r\nSubj",
    leaves: [""],
    subject: "",
  };
  yield { name: "a body alone", text: "\r\nbody\r\n", leaves, subject: "" };
  yield {
    name: "no header",
    text: "Hello, how are you?\r\nFine.\r\n",
    leaves: ["Hello, how are you?\r\nFine.\r\n"],
  };
  yield { name: "all bytes", text: allBytes };
  yield { name: "NULs alone", text: "\0".repeat(1000), leaves: ["\0".repeat(1000)] };
  yield { name: "line feeds alone", text: "\n".repeat(1000), leaves: ["\n".repeat(999)] };
  yield { name: "carriage returns alone", text: "\r".repeat(1000) };
  yield {
    name: "an mbox line first",
    text: `From joe@example.org Mon Jan  1 00:00:00 2024\nSubject: x\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a quoted mbox line first",
    text: `>From joe Mon Jan  1 00:00:00 2024\nSubject: x\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "an mbox line in the middle",
    text: `Subject: x\r\nFrom joe Mon Jan 1\r\nTo: a@b\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a line without a colon",
    text: `Subject: x\r\nno colon here\r\nTo: a@b\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a name with a blank before its colon",
    text: `Subject : x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a name with a tab before its colon",
    text: `Subject\t: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a name with a blank in it",
    text: `To: a@b\r\nSub ject: x\r\n${body}`,
    leaves,
    subject: "",
  };
  yield {
    name: "a name with 8-bit characters",
    text: `To: a@b\r\nS\xfcbject: x\r\n${body}`,
    leaves,
    subject: "",
  };
  yield { name: "an empty name", text: `To: a@b\r\n: x\r\n${body}`, leaves, subject: "" };
  yield { name: "an empty subject", text: `Subject:\r\n${body}`, leaves, subject: "" };
  yield { name: "a subject of blanks", text: `Subject:  \t  \r\n${body}`, leaves, subject: "" };
  yield { name: "a subject without a blank", text: `Subject:x\r\n${body}`, leaves, subject: "x" };
  yield { name: "letters of any case", text: `sUBJECT: x\r\n${body}`, leaves, subject: "x" };
  yield {
    name: "two subjects",
    text: `Subject: one\r\nSubject: two\r\n${body}`,
    leaves,
    subject: "one",
  };
  yield {
    name: "a folded subject",
    text: `Subject: one\r\n two\r\n\tthree\r\n${body}`,
    leaves,
    subject: "one two three",
  };
  yield {
    name: "a subject that begins after a fold",
    text: `Subject:\r\n one\r\n${body}`,
    leaves,
    subject: "one",
  };
  yield {
    name: "a fold of blanks alone",
    text: `Subject: one\r\n \r\n two\r\n${body}`,
    leaves,
    subject: "one  two",
  };
  yield { name: "a fold first", text: ` folded\r\nSubject: one\r\n${body}` };
  yield {
    name: "lines of LF, header",
    text: "Subject: one\n two\n\nbody\r\n",
    leaves,
    subject: "one two",
  };
  yield {
    name: "lines of CR CR LF",
    text: "Subject: one\r\r\n\r\r\nbody\r\n",
    leaves,
    subject: "one",
  };
  yield {
    name: "line ends mixed",
    text: "Subject: one\r\nTo: a@b\n\r\na\nb\rc\r\nd\n\r",
    leaves: ["a\nb\rc\r\nd\n\r"],
    subject: "one",
  };
  yield { name: "lines of CR alone", text: "Subject: one\rTo: a@b\r\rbody\r" };
  yield { name: "a NUL in a subject", text: `Subject: a\0b\r\n${body}`, leaves, subject: "a b" };
  yield {
    name: "control characters in a subject",
    text: `Subject: a\x01\x1b[31mb\x7fc\r\n${body}`,
    leaves,
    subject: "a  [31mb c",
  };
  yield {
    name: "a carriage return in a subject",
    text: `Subject: a\rb\r\n${body}`,
    leaves,
    subject: "a b",
  };
  yield {
    name: "UTF-8 in a subject",
    text: `Subject: ${utf8("Äpfel 😀")}\r\n${body}`,
    leaves,
    subject: "Äpfel 😀",
  };
  yield {
    name: "windows-1252 in a subject",
    text: `Subject: \xc4pfel \x80\r\n${body}`,
    leaves,
    subject: "Äpfel €",
  };
  yield {
    name: "a surrogate in UTF-8 in a subject",
    text: `Subject: a\xed\xa0\x80b\r\n${body}`,
    leaves,
  };
  yield { name: "a byte order mark first", text: `\xef\xbb\xbfSubject: x\r\n${body}` };
  const words: [name: string, word: string, subject?: string][] = [
    ["B", "=?utf-8?B?w4RwZmVs?=", "Äpfel"],
    ["Q", "=?utf-8?Q?=C3=84pfel_?=", "Äpfel"],
    ["q with blanks", "=?utf-8?q?a b?="],
    ["two words", "=?utf-8?Q?one?= =?utf-8?Q?two?=", "onetwo"],
    ["two words folded", "=?utf-8?Q?one?=\r\n =?utf-8?B?dHdv?=", "onetwo"],
    ["a character in two words, Q", "=?utf-8?Q?=C3?= =?utf-8?Q?=84?=", "Ä"],
    ["a character in two words, B", "=?utf-8?B?YWLD?= =?utf-8?B?hA==?=", "abÄ"],
    ["words within words", "a=?utf-8?Q?b?=c"],
    ["an unknown charset", "=?x-none?Q?abc?=", "abc"],
    ["no charset", "=??Q?abc?="],
    ["an unknown encoding", "=?utf-8?X?abc?=", "=?utf-8?X?abc?="],
    ["no end", "=?utf-8?Q?abc", "=?utf-8?Q?abc"],
    ["no content", "=?utf-8?Q??=", ""],
    ["broken digits", "=?utf-8?Q?a=ZZb=4?=", "a=ZZb=4"],
    ["broken base64", "=?utf-8?B?w4Rw*ZmV?="],
    ["one digit of base64", "=?utf-8?B?w?=", ""],
    ["a language", "=?utf-8*de?Q?=C3=84?=", "Ä"],
    ["a line's end in a word", "=?utf-8?Q?a=0D=0ABcc:_x@y?=", "a  Bcc: x@y"],
    ["a NUL in a word", "=?utf-8?Q?a=00b?=", "a b"],
    ["a line separator in a word", "=?utf-8?Q?a=E2=80=A8b?=", "a b"],
    ["half a surrogate in a word", "=?utf-16be?B?2AAAYQ==?="],
    ["ISO-2022-JP", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"],
    ["KOI8-R", "=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=", "Привет"],
    ["a word in a word", "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=", "=?utf-8?Q?x?="],
  ];
  for (const [name, word, subject] of words) {
    const expected = subject === undefined ? {} : { subject };
    yield {
      name: `encoded words: ${name}`,
      text: `Subject: ${word}\r\n${body}`,
      leaves,
      ...expected,
    };
  }
  const types = [
    "",
    "text",
    "text/",
    "/plain",
    ";",
    "text/plain;",
    "text/plain; charset",
    "text/plain; charset=",
    'text/plain; charset="',
    'text/plain; charset="utf-8',
    "text/plain; charset=utf-8; charset=latin1",
    "TEXT/PLAIN; CHARSET=UTF-8",
    "text/plain (a comment); charset=(another)utf-8",
    "text/plain charset=utf-8",
    "text / plain",
    "text/plain; __proto__=x; constructor=y",
    "text/\0plain",
    "multipart",
    "a/b/c",
    `text/plain; charset*=utf-8''utf%2D8`,
    "text/plain;;;; charset=utf-8",
    "text/plain, text/html",
  ];
  for (const type of types) {
    yield { name: `Content-Type: ${type}`, text: `Content-Type: ${type}\r\n${body}`, leaves };
  }
}

function* addresses(): Generator<MailText> {
  const fields = [
    "joe@example.org",
    "<joe@example.org>",
    "Joe <joe@example.org>",
    '"Joe, X." <joe@example.org>',
    "joe@example.org (Joe)",
    "Joe",
    '""',
    "<>",
    "<",
    ">",
    "@",
    ",",
    ",,,",
    ";",
    "a@b,",
    "undisclosed-recipients:;",
    "Group: a@b, C <c@d>;",
    "A: B: c@d;;",
    "a@b; c@d",
    "Joe <joe@example.org",
    "Joe joe@example.org>",
    '"Joe <joe@example.org>',
    "Joe (a (nested) comment) <a@b>",
    "(",
    ")",
    '"\\',
    '"a@b" <c@d>',
    "<@a,@b:c@d>",
    "a@b c@d",
    "J\xf6rg <j@x>",
    `${utf8("Jörg")} <${utf8("jörg@exämple.org")}>`,
    "=?utf-8?Q?J=C3=B6rg?= <j@x>",
    '"=?utf-8?Q?J=C3=B6rg?=" <j@x>',
    "=?utf-8?Q?a=40b?=",
    "=?utf-8?Q?x=2C_y?= <j@x>",
    "=?utf-8?B?PGFAYj4=?=",
    "a\0b@c",
    "a@b\r\n ,\r\n c@d",
    '"a\r\n b" <c@d>',
    "a@[127.0.0.1]",
    "<a@b><c@d>",
    "a@b@c@d",
  ];
  for (const field of fields) {
    yield {
      name: `From: ${field}`,
      text: `From: ${field}\r\nTo: ${field}\r\nSubject: x\r\n\r\nbody`,
      subject: "x",
      leaves: ["body"],
    };
  }
}

function* dates(): Generator<MailText> {
  const fields = [
    "Mon, 1 Jan 2024 00:00:00 +0000",
    "1 Jan 24 00:00 GMT",
    "Mon, 32 Jan 2024 00:00:00 +0000",
    "1 Jan 0000 00:00:00 +0000",
    "1 Jan 99999 00:00:00 +0000",
    "1 Jan 9999 23:59:59 -2359",
    "0",
    "now",
    "2024",
    "\0",
    "Mon, 1 Jan 2024 99:99:99 +9999",
    `Mon, 1 Jan 2024 00:00:00 ${"(".repeat(300)}`,
    "-1 Jan 2024 00:00:00 +0000",
    "29 Feb 2023 00:00:00 +0000",
  ];
  for (const field of fields) {
    yield {
      name: `Date: ${field}`,
      text: `Date: ${field}\r\nSubject: x\r\n\r\nbody`,
      subject: "x",
      leaves: ["body"],
    };
  }
}

function* bodies(): Generator<MailText> {
  const encoded: [name: string, encoding: string, body: string, leaf?: string][] = [
    ["base64 of all bytes", "base64", base64(allBytes), allBytes],
    ["base64 without line ends", "base64", btoa(allBytes), allBytes],
    ["base64 with garbage", "base64", "QU*J\0D\r\n!\xff", "ABC"],
    ["base64 with padding within", "base64", "QQ==QkM=REVG", "ABCDEF"],
    ["base64 cut off", "base64", "QUJDR", "ABC"],
    ["base64 with padding alone", "base64", "====", ""],
    ["base64 of nothing", "base64", "", ""],
    ["base64 in letters of any case", "BaSe64", "QUJD", "ABC"],
    ["base64 in quotes", '"base64"', "QUJD", "ABC"],
    ["base64 with a comment", "(x) base64", "QUJD", "ABC"],
    [
      "quoted-printable of all bytes",
      "quoted-printable",
      [...allBytes].map((byte) => `=${byte.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")
        .replace(/.{60}/g, "$&=\r\n"),
      allBytes,
    ],
    ["quoted-printable broken", "quoted-printable", "a=b=\r\nc==4", "a=bc==4"],
    ["quoted-printable cut off", "quoted-printable", "abc=", "abc"],
    ["quoted-printable cut off in digits", "quoted-printable", "abc=4", "abc=4"],
    [
      "quoted-printable with blanks at ends",
      "quoted-printable",
      "a  \r\nb= \t\r\nc=20\r\n",
      "a\r\nbc \r\n",
    ],
    ["quoted-printable with LF", "quoted-printable", "a=\nb\nc", "ab\nc"],
    ["quoted-printable with CR", "quoted-printable", "a\rb=\rc", "a\rb=\rc"],
    ["quoted-printable with 8-bit bytes", "quoted-printable", "a\xff=FF", "a\xff\xff"],
    ["quoted-printable of a long line", "quoted-printable", "a".repeat(5000), "a".repeat(5000)],
    ["an unknown encoding", "x-uuencode", "begin 644", "begin 644"],
    ["no encoding's name", "", "body", "body"],
    ["binary", "binary", `\0\r\n\r\r\n\n\0${allBytes}`, `\0\r\n\r\r\n\n\0${allBytes}`],
  ];
  for (const [name, encoding, body, leaf] of encoded) {
    const expected = leaf === undefined ? {} : { leaves: [leaf] };
    yield {
      name,
      text: `Subject: x\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`,
      subject: "x",
      ...expected,
    };
    const start =
      `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;
    yield { name: `${name}, in a part`, text: multipart("b", [start + body]), ...expected };
  }
}

function* charsets(): Generator<MailText> {
  const names = [
    "utf-8",
    "UTF8",
    "us-ascii",
    "iso-8859-1",
    "latin1",
    "windows-1252",
    "iso-8859-15",
    "koi8-r",
    "gb2312",
    "gb18030",
    "big5",
    "euc-jp",
    "shift_jis",
    "cp932",
    "iso-2022-jp",
    "iso-2022-kr",
    "euc-kr",
    "utf-16",
    "utf-16be",
    "utf-7",
    "utf-32",
    "x-unknown",
    "8bit",
    "ansi_x3.4-1968",
    "utf-8\0",
    "",
    "'utf-8'",
    "none; x=y",
    "x".repeat(1000),
    "__proto__",
  ];
  const body = `${utf8("Äpfel 😀")} \xc4pfel \xff\xfe\0\x1b$B\xa4\x81`;
  for (const name of names) {
    yield {
      name: `charset ${name}`,
      text: `Content-Type: text/plain; charset="${name}"\r\n\r\n${body}`,
      leaves: [body],
    };
  }
  yield {
    name: "UTF-8 undeclared",
    text: `Subject: x\r\n\r\n${utf8("Äpfel")}`,
    leaves: [utf8("Äpfel")],
  };
  yield {
    name: "windows-1252 undeclared",
    text: "Subject: x\r\n\r\n\xc4pfel",
    leaves: ["\xc4pfel"],
  };
}

function* structures(): Generator<MailText> {
  yield {
    name: "two parts",
    text: multipart("b", [`${text}one`, `${text}two`]),
    leaves: ["one", "two"],
  };
  yield {
    name: "lines of LF",
    text: multipart("b", [`${text}one`, `${text}two`]).replaceAll("\r\n", "\n"),
    leaves: ["one", "two"],
  };
  yield { name: "an empty part", text: multipart("b", ["\r\n", text]), leaves: ["", ""] };
  yield { name: "a part without a header", text: multipart("b", ["\r\none"]), leaves: ["one"] };
  yield {
    name: "a part without an empty line",
    text: multipart("b", ["just text, no header\r\nmore"]),
    leaves: ["just text, no header\r\nmore"],
  };
  yield {
    name: "a header without a body in a part",
    text: multipart("b", ["Content-Type: text/html", `${text}two`]),
    leaves: ["", "two"],
  };
  yield {
    name: "no boundary",
    text: "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
    leaves: ["--b\r\n\r\none\r\n--b--\r\n"],
  };
  yield {
    name: "an empty boundary",
    text: 'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\none\r\n----\r\n',
    leaves: ["--\r\n\r\none\r\n----\r\n"],
  };
  yield {
    name: "a boundary that never comes",
    text: "Content-Type: multipart/mixed; boundary=b\r\n\r\none\r\n--c\r\n",
    leaves: ["one\r\n--c\r\n"],
  };
  yield {
    name: "a multipart without a body",
    text: "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    leaves: [],
  };
  yield {
    name: "a multipart of nothing but its end",
    text: "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n",
    leaves: ["--b--\r\n"],
  };
  yield {
    name: "a multipart within its own header",
    text: "Content-Type: multipart/mixed; boundary=b\r\n--b\r\n\r\none\r\n--b--",
  };
  yield {
    name: "never closed",
    text: "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n",
    leaves: ["one", "two\r\n"],
  };
  yield {
    name: "closed at once again",
    text: `${multipart("b", [`${text}one`])}--b--\r\n--b\r\n\r\nthree`,
    leaves: ["one"],
  };
  yield {
    name: "cut within a delimiter",
    text: "Content-Type: multipart/mixed; boundary=bbbb\r\n\r\n--bbbb\r\n\r\none\r\n--bb",
    leaves: ["one\r\n--bb"],
  };
  yield {
    name: "text around the parts",
    text: multipart("b", [`${text}one`]).replace("\r\n\r\n--b", "\r\n\r\nbefore\r\n--b") +
      "after\r\n",
    leaves: ["one"],
  };
  yield {
    name: "blanks after delimiters",
    text: multipart("b", [`${text}one`]).replaceAll(/--b(--)?/g, "$& \t"),
    leaves: ["one"],
  };
  yield {
    name: "a blank before a delimiter",
    text:
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n --b\r\n\r\ntwo\r\n--b--",
    leaves: ["one\r\n --b\r\n\r\ntwo"],
  };
  yield {
    name: "a delimiter with more after it",
    text:
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--bc\r\n--b-\r\n--b---\r\n--b--",
    leaves: ["one\r\n--bc\r\n--b-\r\n--b---"],
  };
  yield {
    name: "a boundary that another begins with",
    text: multipart("b", [multipart("bb", [`${text}one`, `${text}two`]), `${text}three`]),
    leaves: ["one", "two", "three"],
  };
  yield {
    name: "a boundary that begins with another",
    text: multipart("bb", [multipart("b", [`${text}one`, `${text}two`]), `${text}three`]),
    leaves: ["one", "two", "three"],
  };
  yield {
    name: "a boundary that ends in dashes",
    text: multipart("b--", [multipart("b", [`${text}one`]), `${text}two`]),
  };
  yield {
    name: "the same boundary twice",
    text: multipart("b", [multipart("b", [`${text}one`]), `${text}two`]),
  };
  yield {
    name: "an inner one that isn't closed",
    text: multipart("b", [multipart("c", [`${text}one`]).replace("--c--\r\n", ""), `${text}two`]),
    leaves: ["one\r\n", "two"],
  };
  yield {
    name: "a boundary with a blank at its end",
    text: multipart("b ", [`${text}one`]).replaceAll("--b ", "--b"),
    leaves: ["one"],
  };
  yield {
    name: "a boundary with strange characters",
    text: multipart("=_'()+,-./:=? b", [`${text}one`]),
    leaves: ["one"],
  };
  yield {
    name: "a boundary of 8-bit characters",
    text: multipart(utf8("Ä"), [`${text}one`]),
    leaves: ["one"],
  };
  yield {
    name: "a boundary of 70 characters",
    text: multipart("b".repeat(70), [`${text}one`]),
    leaves: ["one"],
  };
  yield {
    name: "a boundary of 5,000 characters",
    text: multipart("b".repeat(5000), [`${text}one`]),
  };
  yield {
    name: "a continued boundary",
    text: multipart("bbcc", [`${text}one`]).replace(
      'boundary="bbcc"',
      "boundary*0=bb;\r\n boundary*1=cc",
    ),
    leaves: ["one"],
  };
  yield {
    name: "a multipart in base64",
    text: `Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n${
      btoa("--b\r\n\r\none\r\n--b--")
    }`,
  };
  yield {
    name: "all the same alternatives",
    text: multipart("b", [`${text}one`, "Content-Type: text/html\r\n\r\n<p>one"], "alternative"),
    leaves: ["one", "<p>one"],
  };
  yield {
    name: "a digest",
    text: multipart("b", ["\r\nSubject: inner\r\n\r\none"], "digest"),
    leaves: ["one"],
  };
  yield {
    name: "a digest of parts without headers",
    text: multipart("b", ["\r\n", "", "text"], "digest"),
  };
  const inner = `Subject: inner\r\n\r\none`;
  yield {
    name: "a mail in a mail",
    text: multipart("b", [`Content-Type: message/rfc822\r\n\r\n${inner}`]),
    leaves: ["one"],
  };
  yield {
    name: "a mail as the whole body",
    text: `Content-Type: message/rfc822\r\n\r\n${inner}`,
    leaves: ["one"],
  };
  yield {
    name: "an empty mail in a mail",
    text: multipart("b", ["Content-Type: message/rfc822\r\n\r\n"]),
    leaves: [""],
  };
  yield {
    name: "a mail in base64 in a mail",
    text: multipart("b", [
      `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(inner)}`,
    ]),
    leaves: ["one"],
  };
  yield {
    name: "a multipart mail in a mail",
    text: multipart("b", [
      `Content-Type: message/rfc822\r\n\r\n${multipart("c", [`${text}one`])}`,
      `${text}two`,
    ]),
    leaves: ["one", "two"],
  };
  let base64Mail = "Subject: x\r\n\r\none";
  for (let depth = 0; depth < 10; depth++) {
    base64Mail = `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${
      base64(base64Mail)
    }`;
  }
  yield { name: "mails in base64 in mails in base64", text: base64Mail };
  yield {
    name: "100 mails in each other",
    text: "Content-Type: message/rfc822\r\n\r\n".repeat(100) + "Subject: x\r\n\r\none",
  };
  yield {
    name: "10,000 mails in each other",
    text: "Content-Type: message/rfc822\r\n\r\n".repeat(10_000) + "Subject: x\r\n\r\none",
  };
  const filenames = [
    "filename=a.txt",
    'filename="a b.txt"',
    "filename=",
    'filename="',
    'filename="a\\"b"',
    "filename=../../etc/passwd",
    "filename=a\0b",
    `filename="${utf8("ä")}.txt"`,
    'filename="\xe4.txt"',
    'filename="=?utf-8?Q?=C3=A4?=.txt"',
    "filename*=utf-8''%C3%A4.txt",
    "filename*=x-none''%E4",
    "filename*=%E4",
    "filename*0*=utf-8''%C3; filename*1*=%A4; filename*2=.txt",
    "filename*1=b; filename*0=a",
    "filename*0=a; filename*2=c",
    "filename*99999999999=a",
    "filename*=",
    "filename*0*=utf-8'",
    "filename*=utf-8''%ZZ%",
    "filename=a; filename=b",
  ];
  for (const filename of filenames) {
    yield {
      name: `a file with ${filename}`,
      text: multipart("b", [
        `${text}one`,
        `Content-Disposition: attachment; ${filename}\r\n\r\ntwo`,
      ]),
      leaves: ["one", "two"],
    };
  }
}

function* broken(): Generator<MailText> {
  const whole =
    `Subject: =?utf-8?Q?=C3=84?=\r\nFrom: "J, X" <j@x>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0100\r\n` +
    multipart("outer", [
      multipart("inner", [
        `${text}one\r\ntwo`,
        `Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=84</p>`,
      ], "alternative"),
      `Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${
        base64(allBytes)
      }`,
      `Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nthree`,
    ]);
  for (let cut = 1; cut < 40; cut++) {
    const at = Math.floor(whole.length * cut / 40);
    yield { name: `cut off at byte ${at}`, text: whole.slice(0, at) };
  }
  // A generator of pseudo-random numbers (Park and Miller), so that they are the same each time.
  let seed = 42;
  const random = (below: number): number => (seed = seed * 48_271 % 2_147_483_647) % below;
  for (let number = 1; number <= 40; number++) {
    let mail = whole;
    for (let change = 0; change < 20; change++) {
      const at = random(mail.length);
      const byte = String.fromCharCode(random(256));
      mail = mail.slice(0, at) +
        (random(2) === 0 ? byte : whole.slice(random(whole.length)).slice(0, 40)) +
        mail.slice(at + random(3));
    }
    yield { name: `changed at random, ${number}`, text: mail };
  }
  for (let number = 1; number <= 20; number++) {
    let mail = "";
    const pieces = [
      "\r\n",
      "\n",
      "\r",
      "--b",
      "--",
      "Content-Type: multipart/mixed; boundary=b",
      "Content-Type: message/rfc822",
      ": ",
      "\0",
      " ",
      "x",
      "=",
      "Subject",
    ];
    while (mail.length < 5000) mail += pieces[random(pieces.length)];
    yield { name: `pieces at random, ${number}`, text: mail };
  }
}

/** Two megabytes each: an algorithm of quadratic time takes hours. */
const size = 2_000_000;
const tenMegabytes = 10_000_000;

function* large(): Generator<MailText> {
  const field = "X-Long: something that goes on\r\n";
  const body = "\r\nbody";
  const leaves = ["body"];
  yield {
    name: "10 MB of header",
    text: `Subject: x\r\n${field.repeat(tenMegabytes / field.length)}${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "10 MB of header before the subject",
    text: `${field.repeat(tenMegabytes / field.length)}Subject: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "2 MB in one field",
    text: `Subject: x\r\nX-Long: ${"a".repeat(size)}\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "2 MB of folds",
    text: `X-Long: a\r\n${" a\r\n".repeat(size / 4)}Subject: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "a subject of 2 MB",
    text: `Subject: ${"a ".repeat(size / 2)}\r\n${body}`,
    leaves,
  };
  yield {
    name: "a subject of 2 MB of blanks",
    text: `Subject: a${" ".repeat(size)}b\r\n${body}`,
    leaves,
  };
  yield {
    name: "a subject of 2 MB of encoded words, B",
    text: `Subject: ${"=?utf-8?B?YWFh?= ".repeat(size / 17)}\r\n${body}`,
    leaves,
  };
  yield {
    name: "a subject of 2 MB of encoded words, Q",
    text: `Subject: ${"=?utf-8?Q?=C3?=\r\n ".repeat(size / 18)}\r\n${body}`,
    leaves,
  };
  yield {
    name: "a name of 2 MB",
    text: `${"a".repeat(size)}: x\r\nSubject: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "100,000 addresses",
    text: `To: ${"Joe X <joe@example.org>,\r\n ".repeat(100_000)}joe@x\r\nSubject: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  yield {
    name: "100,000 headers To",
    text: `${"To: joe@example.org\r\n".repeat(100_000)}Subject: x\r\n${body}`,
    leaves,
    subject: "x",
  };
  for (
    const piece of ["(", '"', "<", ":", "a:", ";", "\\", "a ", "=?utf-8?B?YWFh?= ", "a@", '"a" ']
  ) {
    yield {
      name: `addresses of 500 kB of ${piece}`,
      text: `From: ${piece.repeat(500_000 / piece.length)}\r\nSubject: x\r\n${body}`,
      leaves,
      subject: "x",
    };
  }
  yield {
    name: "1 MB of parameters",
    text: `Content-Type: text/plain${"; a=b".repeat(200_000)}\r\n${body}`,
    leaves,
  };
  yield {
    name: "1 MB of continuations",
    text: `Content-Disposition: inline${
      Array.from({ length: 50_000 }, (_, at) => `; filename*${at}=a`).join("")
    }\r\n${body}`,
    leaves,
  };
  yield {
    name: "a line of 10 MB",
    text: `Subject: x\r\n\r\n${"a".repeat(tenMegabytes)}`,
    leaves: ["a".repeat(tenMegabytes)],
    subject: "x",
  };
  yield {
    name: "2 MB of empty lines",
    text: `Subject: x\r\n\r\n${"\n".repeat(size)}`,
    leaves: ["\n".repeat(size)],
    subject: "x",
  };
  yield {
    name: "2 MB of carriage returns",
    text: `Subject: x\r\n\r\n${"\r".repeat(size)}`,
    leaves: ["\r".repeat(size)],
    subject: "x",
  };
  yield {
    name: "2 MB of carriage returns, quoted-printable",
    text: `Content-Transfer-Encoding: quoted-printable\r\n\r\n${"\r".repeat(size)}`,
    leaves: ["\r".repeat(size)],
  };
  yield {
    name: "2 MB of equals signs, quoted-printable",
    text: `Content-Transfer-Encoding: quoted-printable\r\n\r\n${"=".repeat(size)}`,
  };
  yield {
    name: "2 MB of blanks, quoted-printable",
    text: `Content-Transfer-Encoding: quoted-printable\r\n\r\n${"= ".repeat(size / 2)}`,
    leaves: ["= ".repeat(size / 2 - 1)],
  };
  yield {
    name: "2 MB of padding, base64",
    text: `Content-Transfer-Encoding: base64\r\n\r\n${"QQ==".repeat(size / 4)}`,
    leaves: ["A".repeat(size / 4)],
  };
  yield {
    name: "2 MB of base64",
    text: `Content-Transfer-Encoding: base64\r\n\r\n${base64(allBytes.repeat(5400))}`,
    leaves: [allBytes.repeat(5400)],
  };
  yield {
    name: "2 MB of dashes",
    text: `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${
      "--\r\n".repeat(size / 4)
    }--b--`,
    leaves: ["--\r\n".repeat(size / 4).slice(0, -2)],
  };
  yield {
    name: "10,000 parts",
    text: multipart("b", Array.from({ length: 10_000 }, (_, at) => `${text}${at}`)),
    leaves: Array.from({ length: 10_000 }, (_, at) => String(at)),
  };
  yield {
    name: "200,000 parts",
    text: `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\n".repeat(200_000)}`,
  };
  for (const depth of [10, 47, 48, 49, 50, 100, 255]) yield nested(depth);
  for (const depth of [256, 257, 1000, 10_000]) {
    const { name, text } = nested(depth);
    yield { name, text };
  }
  let open = "";
  for (let depth = 0; depth < 10_000; depth++) {
    open += `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n`;
  }
  yield { name: "10,000 multiparts deep, none closed", text: open };
  yield {
    name: "the same boundary, 1,000 deep",
    text: "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(1000),
  };
}

/** Nested multiparts, with a text before and after each. */
function nested(depth: number): MailText {
  let start = "";
  let end = "";
  const leaves: string[] = [];
  for (let level = 1; level <= depth; level++) {
    start +=
      `Content-Type: multipart/mixed; boundary=b${level}x\r\n\r\n--b${level}x\r\n\r\nbefore ${level}\r\n--b${level}x\r\n`;
    leaves.push(`before ${level}`);
  }
  leaves.push("innermost");
  for (let level = depth; level >= 1; level--) {
    end += `\r\n--b${level}x\r\n\r\nafter ${level}\r\n--b${level}x--`;
    leaves.push(`after ${level}`);
  }
  return { name: `${depth} multiparts deep`, text: `${start}${text}innermost${end}\r\n`, leaves };
}
