import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHead } from "../../../../extractor/maildir/mail/head.ts";
import { bytes } from "./reading.ts";

test("encoded words › malformed in subjects and names › have the text that the sender wrote", () => {
  const cases: [word: string, text: string][] = [
    // Unknown or wrong charsets.
    ["=?utf8mb4?Q?=C3=A4?=", "ä"],
    ["=?x-unknown?Q?=C3=A4?=", "ä"],
    ["=?x-unknown?Q?=E4?=", "ä"],
    ["=?us-ascii?Q?=C3=A4?=", "ä"],
    ["=?utf-8?Q?=E4?=", "ä"],
    ["=?utf-8?Q?caf=E9?=", "café"],
    ["=?iso-8859-1?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"],
    ["=?cp-850?Q?Sch=94n?=", "Schön"],
    ["=??Q?=C3=A4?=", "ä"],
    ["=?utf-8*de?Q?=C3=A4?=", "ä"],
    // UTF-7, whose words are decoded separately.
    ["=?utf-7?Q?Sch+APY-n?=", "Schön"],
    ["=?utf-7?Q?a+APY?= =?utf-7?Q?bc?=", "aöbc"],
    ["=?utf-7?B?U2NoK0FQWS1u?=", "Schön"],
    ["=?utf-7?Q?1 +?=", "1 +"],
    // Soft line breaks, and other "=" that encode no bytes.
    ["=?iso-8859-1?Q?Alle Mitgli=  eder sind da?=", "Alle Mitglieder sind da"],
    ["=?utf-8?Q?Caf=C3=A9=  bar?=", "Cafébar"],
    ["=?utf-8?Q?abc=?= =?utf-8?Q?def?=", "abcdef"],
    ["=?utf-8?Q?abc=?=", "abc="],
    ["=?utf-8?Q?a = b?=", "a = b"],
    ["=?utf-8?Q?a= de?=", "a= de"],
    ["=?utf-8?Q?a=ZZb=4?=", "a=ZZb=4"],
    ["=?utf-8?Q?=?=", "="],
    ["=?utf-8?Q?=c3=a4?=", "ä"],
    // Cut within a character, the digits of a byte, or a group of base64.
    ["=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "ä"],
    ["=?utf-8?Q?=C3=?= =?utf-8?Q?A4?=", "ä"],
    ["=?utf-8?Q?=C?= =?utf-8?Q?3=A4?=", "ä"],
    ["=?utf-8?B?w6R?= =?utf-8?B?iYw==?=", "äbc"],
    ["=?utf-8?B?w?= =?utf-8?B?6?= =?utf-8?B?Q=?=", "ä"],
    ["=?UTF-8?Q?=F0=9F=98?=\n =?UTF-8?Q?=80?=", "😀"],
    ["=?gb2312?B?xA==?= =?GB2312?B?4w==?=", "你"],
    ["=?iso-2022-jp?B?GyRCRnwbKEI=?= =?iso-2022-jp?B?GyRCRnwbKEI=?=", "日日"],
    ["=?utf-8?Q?=E4?= =?utf-8?Q?=C3=A4?=", "ää"],
    // The start and end of words.
    ["=?utf-8?Q?Who are you??=", "Who are you?"],
    ["=?utf-8?Q?What?=20now?=", "What? now"],
    ["=?utf-8?Q?a?b?c?=", "a?b?c"],
    ["=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"],
    ["=?utf-8?Q?a?=be happy", "abe happy"],
    ["[x]=?utf-8?B?w6Q=?=y", "[x]äy"],
    ["=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"],
    ["=?utf-8?Q?a?=\t\n =?iso-8859-1?Q?=E4?=", "aä"],
    ["=?utf-8?Q?abc", "=?utf-8?Q?abc"],
    ["=?utf-8?Q?abc =?utf-8?Q?def?=", "=?utf-8?Q?abc def"],
    ["=?utf-8?X?abc?=", "=?utf-8?X?abc?="],
    ['=?utf-8?Q?Joe, "X"?=', 'Joe, "X"'],
    ["=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=", "=?utf-8?Q?x?="],
    // Bytes that should have been encoded.
    ["=?utf-8?Q?a\xc3\xa4b?=", "aäb"],
    ["=?iso-8859-1?Q?a\xe4b?=", "aäb"],
    ["=?koi8-r?Q?\xf0?= \xc3\xa4", "П ä"],
    ["=?utf-8?B? w6Q ?=", "ä"],
    ["=?utf-8?Q?=EF=BB=BFa?=", "a"],
  ];
  for (const [word, text] of cases) {
    const { subject, from } = parseHead(bytes(`Subject: ${word}\nFrom: ${word} <j@x>\n\n`));
    assert.equal(subject, text, word);
    assert.deepEqual(from, [{ name: text, address: "j@x" }], word);
  }
});

test("encoded words › in address fields › are names, and never addresses", () => {
  const cases: [field: string, ...mailboxes: [name: string, address: string][]][] = [
    ['"Caf=?utf-8?Q?=C3=A9"?= <a@b>', ["Café", "a@b"]],
    ['"Joe =?utf-8?Q?x?=", "y" <a@b>', ["Joe x", ""], ["y", "a@b"]],
    ["=?utf-8?Q?a?= <a@b>, =?x-none?Q?=E4?= <c@d>", ["a", "a@b"], ["ä", "c@d"]],
    ["a@b (=?utf8mb4?Q?=C3=A4?=)", ["ä", "a@b"]],
    ["<=?utf-8?Q?a=40b?=>", ["a@b", "=?utf-8?Q?a=40b?="]],
    ["=?utf-8?Q?a=40b?=", ["a@b", ""]],
    ["=?utf-8?Q?Team?=: =?utf-8?Q?=C3=A4?= <a@b>;", ["ä", "a@b"]],
    ["=?utf-8?Q?a=3A=3Bb?= <a@b>", ["a:;b", "a@b"]],
  ];
  for (const [field, ...mailboxes] of cases) {
    const expected = mailboxes.map(([name, address]) => ({ name, address }));
    assert.deepEqual(parseHead(bytes(`From: ${field}\n\n`)).from, expected, field);
  }
});

test("encoded words › cut anywhere › are text, without an error", () => {
  const words = "=?utf-8?Q?=C3=A4_b?= =?iso-2022-jp?B?GyRCRnwbKEI=?= =?utf-7?Q?+AOQ-?= \xc3\xa4";
  for (let cut = 0; cut < words.length; cut++) {
    const field = words.slice(0, cut);
    const { subject } = parseHead(bytes(`Subject: ${field}\n\n`));
    assert.match(subject, /^(?:$|=|ä b|\ufffd)/u, field);
  }
});
