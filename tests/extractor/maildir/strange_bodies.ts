/**
 * Strange mails: bodies, charsets, broken and large ones.
 *
 * @module
 */

import { allBytes, base64, type MailText, multipart, text, utf8 } from "./strange_text.ts";

export function* bodies(): Generator<MailText> {
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

export function* charsets(): Generator<MailText> {
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

export function* broken(): Generator<MailText> {
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

export function* large(): Generator<MailText> {
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
export function nested(depth: number): MailText {
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
