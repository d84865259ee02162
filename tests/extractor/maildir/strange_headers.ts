/**
 * Strange mails: headers, addresses and dates.
 *
 * @module
 */

import { allBytes, type MailText, utf8 } from "./strange_text.ts";

export function* headers(): Generator<MailText> {
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

export function* addresses(): Generator<MailText> {
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

export function* dates(): Generator<MailText> {
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
