/**
 * Strange mails: the structures of their parts.
 *
 * @module
 */

import { base64, type MailText, multipart, text, utf8 } from "./strange_text.ts";

export function* structures(): Generator<MailText> {
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
