import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeText } from "../../../../extractor/maildir/mail/charset.ts";
import { parseHead } from "../../../../extractor/maildir/mail/head.ts";
import { decodeUtf7 } from "../../../../extractor/maildir/mail/utf7.ts";
import { bytes, contents, mail, utf8 } from "./reading.ts";

const text = "Schöne Grüße";
const latin1 = "Sch\xf6ne Gr\xfc\xdfe";

/** Asserts that a text in a charset is decoded alike in a body and in an encoded word. */
function decoded(charset: string, content: string): string {
  const [body] = contents(mail(`Content-Type: text/plain; charset="${charset}"\n\n${content}`));
  if (!/[\s?"\\]/.test(charset) && charset.length <= 100) {
    const word = `=?${charset}?B?${btoa(content)}?=`;
    // A subject has no control characters, and no blanks at its ends.
    const shown = body.replace(/\p{Cc}/gu, " ").trim();
    assert.equal(parseHead(bytes(`Subject: ${word}\n\n`)).subject, shown, charset);
  }
  return body;
}

test("charsets › unknown, missing or UTF-8 by another name › are UTF-8, or windows-1252 if they aren't valid UTF-8", () => {
  const names = [
    "utf-8",
    "UTF8",
    "utf_8",
    "utf8mb4",
    "utf8mb3",
    "utf-8-strict",
    "unicode-1-1-utf-8",
    "cp65001",
    "utf-8; format=flowed",
    "utf-8;format=flowed",
    "utf-8 ",
    " utf-8",
    "'utf-8'",
    "utf 8",
    "utf-8, us-ascii",
    "charset=utf-8",
    "(comment)utf-8",
    "x-unknown",
    "unknown-8bit",
    "8bit",
    "none",
    "default_charset",
    "us-ascii",
    "ASCII",
    "ansi_x3.4-1968",
    "x-user-defined",
    "binary",
    "",
    "__proto__",
    "constructor",
    "x".repeat(1000),
  ];
  for (const name of names) {
    assert.equal(decoded(name, utf8(text)), text, name);
    assert.equal(decoded(name, latin1), text, name);
    assert.equal(decoded(name, "don\x92t"), "don’t", name);
  }
});

test("charsets › bytes invalid in the declared one › are UTF-8, or windows-1252 if they aren't valid UTF-8", () => {
  const cases: [charset: string, content: string, text: string][] = [
    // As declared, since nothing shows that it is wrong.
    ["iso-8859-1", latin1, text],
    ["iso-8859-1", "\xc3\xa4", "Ã¤"],
    ["windows-1252", utf8(text), "SchÃ¶ne GrÃ¼ÃŸe"],
    // Unlikely control characters, and unassigned bytes.
    ["iso-8859-1", utf8(text), text],
    ["latin1", utf8("„Tür“"), "„Tür“"],
    ["windows-1252", utf8("Á"), "Á"],
    ["iso-8859-1", "\x80 don\x92t", "€ don’t"],
    ["iso-8859-7", utf8("®"), "®"],
    ["iso-2022-jp", utf8(text), text],
    ["iso-2022-jp", latin1, text],
    ["shift_jis", latin1, text],
    ["gb2312", latin1, text],
    ["utf-7", utf8(text), text],
    ["utf-7", latin1, text],
    ["utf-16", `${utf8(text)}\n`, `${text}\n`],
    ["utf-16", `${latin1}\n`, `${text}\n`],
    ["utf-16le", `${utf8(text)} x`, `${text} x`],
    // Invalid bytes, but the declared charset fits best.
    ["utf-8", "gr\xc3\xbc\xc3\x9fe \xfc", "grüße \ufffd"],
    ["utf-8", "\xc3\xbc cut \xc3", "ü cut \ufffd"],
    ["utf-8", "cut \xe2\x82", "cut \ufffd"],
    ["", "\xc3\xbc cut \xe2\x82", "ü cut \ufffd"],
    ["gb2312", "\xc4\xe3\xc4\xe3\xff", "你你\ufffd"],
    ["utf-8", "caf\xe9", "café"],
    ["utf-8", "\xef\xbf\xbd", "\ufffd"],
    // Surrogates as UTF-8 (CESU-8).
    ["utf-8", "a\xed\xa0\xbd\xed\xb8\x80b", "a😀b"],
    ["utf-8", "a\xed\xa0\x80b", "a\ufffdb"],
  ];
  for (const [charset, content, expected] of cases) {
    assert.equal(decoded(charset, content), expected, `${charset} ${JSON.stringify(content)}`);
  }
});

test("charsets › names as programs spell them › are recognized", () => {
  const cases: [content: string, text: string, ...names: string[]][] = [
    ["\x94\x81\xe1", "öüß", "cp850", "cp-850", "CP_850", "ibm850", "x-cp850", "850"],
    ["\x84", "ä", "cp437", "ibm437", "codepage437", "cp858", "cp852"],
    ["\xa4", "€", "iso-8859-15", "ISO8859-15", "iso_8859_15", "latin9", "latin-9", "l9"],
    [
      "\xe4",
      "ä",
      "iso-8859-1",
      "ISO8859_1",
      "iso_8859-1:1987",
      "latin1",
      "l1",
      "cp819",
      "iso-ir-100",
    ],
    ["\xb1", "ą", "iso-8859-2", "iso_8859-2:1987", "latin2", "csISOLatin2"],
    ["\xfd", "ı", "iso-8859-9", "latin5", "cp1254", "windows-1254"],
    [
      "\x80",
      "€",
      "windows-1252",
      "cp1252",
      "cp-1252",
      "x-cp1252",
      "win1252",
      "ms1252",
      "mswin1252",
    ],
    ["\xcf", "П", "windows-1251", "cp1251", "win-1251", "x-cp1251", "windows 1251"],
    ["\xf0", "П", "koi8-r", "KOI8R", "koi8", "cskoi8r"],
    ["\x8a", "ä", "macintosh", "x-mac-roman", "mac"],
    ["\xa1", "ก", "tis-620", "iso-8859-11", "windows-874", "cp874"],
    ["\xe0", "א", "iso-8859-8", "iso-8859-8-i", "csISOLatinHebrew", "windows-1255"],
    [
      "\xc4\xe3",
      "你",
      "gb2312",
      "gbk",
      "x-gbk",
      "gb18030",
      "cp936",
      "ms936",
      "euc-cn",
      "GB_2312-80",
    ],
    ["\xa7A", "你", "big5", "x-x-big5", "big5-hkscs", "cp950", "cn-big5"],
    [
      "\x93\xfa",
      "日",
      "shift_jis",
      "sjis",
      "x-sjis",
      "shift-jis",
      "cp932",
      "windows-31j",
      "ms_kanji",
    ],
    ["\xc6\xfc", "日", "euc-jp", "x-euc-jp", "eucjp"],
    ["\xb0\xa1", "가", "euc-kr", "ks_c_5601-1987", "cp949", "korean", "uhc"],
    ["\x1b$BF|\x1b(B a", "日 a", "iso-2022-jp", "iso-2022-jp-1", "cp50220"],
    ["\x1b$)C\x0e0!\x0f a", "가 a", "iso-2022-kr"],
    ["a ~{Dc~} b", "a 你 b", "hz-gb-2312"],
    ["\xff\xfea\0\xe4\0", "aä", "utf-16", "utf-16be", "unicode"],
    ["\xfe\xff\0a\0\xe4", "aä", "utf-16", "utf-16le"],
    ["\0a\0\xe4", "aä", "utf-16", "utf-16be"],
    ["a\0\xe4\0", "aä", "utf-16", "utf-16le", "ucs-2"],
    ["\0\0\0a\0\0\0\xe4", "aä", "utf-32", "utf-32be"],
    ["Sch+APY-ne", "Schöne", "utf-7", "UTF7", "unicode-1-1-utf-7", "cp65000"],
  ];
  for (const [content, expected, ...names] of cases) {
    for (const name of names) assert.equal(decoded(name, content), expected, name);
  }
});

test("UTF-7 › any sequence, whole, cut or invalid › decodes to no other characters", () => {
  const cases: [content: string, text: string][] = [
    ["Sch+APY-ne Gr+APwA3w-e, 1 +- 1", "Schöne Grüße, 1 + 1"],
    ["+AOQ-", "ä"],
    ["+AOQ", "ä"],
    ["+AOQ x", "ä x"],
    ["+AOQ.", "ä."],
    ["+AOQ--", "ä-"],
    ["+AOQ-+APY-", "äö"],
    ["+2D3eAA-", "😀"],
    ["+AGEAYg-", "ab"],
    ["+/v8-a", "\ufeffa"],
    ["Gr+APw\nA3w-e", "Grü\nA3w-e"],
    // These begin no sequence.
    ["1 + 1", "1 + 1"],
    ["C++", "C++"],
    ["+", "+"],
    ["a+A", "a+A"],
    ["+AO-x", "+AO-x"],
    ["+-+-", "++"],
    // Cut within a character, and half of a surrogate pair.
    ["+AOQA", "ä\ufffd"],
    ["+2D0-x", "\ufffdx"],
    ["", ""],
  ];
  for (const [content, expected] of cases) {
    assert.equal(decodeUtf7(bytes(content)), expected, content);
  }
  assert.equal(decodeUtf7(bytes("+AOQ-\xe4")), undefined);
});

test("UTF-7 › cut at each byte › is a prefix of the text, with at most U+FFFD after it", () => {
  const whole = "+AOQA9gD8- and +2D3eAA- so on";
  const decodedWhole = decodeUtf7(bytes(whole))!;
  for (let cut = 0; cut < whole.length; cut++) {
    const found = decodeUtf7(bytes(whole.slice(0, cut)))!;
    const kept = found.replace(/\ufffd{1,2}$/, "").replace(/\+[A-Za-z0-9+/]{0,2}$/, "");
    assert.ok(decodedWhole.startsWith(kept), `${cut}: ${found}`);
  }
});

test("charsets › many names › the cache stays small", () => {
  for (let number = 0; number < 5000; number++) {
    assert.equal(decodeText(bytes(latin1), `x-none-${number}`), text);
  }
});
