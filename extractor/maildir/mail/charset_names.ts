/**
 * The names of charsets, as programs spell them.
 *
 * @module
 */

import {
  type Charset,
  codePage,
  decoderCharset,
  latin1,
  shifted,
  utf16,
  utf32,
  utf7,
  utf8,
  windowsLatin1,
} from "./charset_decoders.ts";
import { codePages } from "./code_pages.ts";

/** The runtime's label for each name, without characters other than letters and digits. */
const aliases: ReadonlyMap<string, string> = new Map(
  [
    "ibm866 866 cp866 dos866",
    "iso-8859-5 cyrillic isolatincyrillic",
    "iso-8859-6 arabic isolatinarabic asmo708 ecma114 iso88596e iso88596i",
    "iso-8859-7 greek isolatingreek greek8 ecma118 elot928 suneugreek",
    "iso-8859-8 hebrew isolatinhebrew visual iso88598e",
    "iso-8859-8-i logical iso88598i",
    "iso-8859-10 l6",
    "iso-8859-15 l9",
    "koi8-r koi koi8 koi8r",
    "koi8-u koi8u koi8ru",
    "macintosh mac macintosh macroman",
    "x-mac-cyrillic maccyrillic macukrainian macukraine",
    "windows-874 tis620 tis62025331 iso885911 dos874 874",
    "gbk chinese gb2312 gb231280 gbk iso58gb231280 isoir58 euccn 936",
    "gb18030 gb18030 gb180302000 gb180302005 54936",
    "big5 big5 big5hkscs cnbig5 xbig5 big5eten 950",
    "euc-jp eucjp eucpkdfmtjapanese ujis eucjpms 51932",
    "iso-2022-jp iso2022jp iso2022jp1 iso2022jp2 iso2022jp3 iso2022jpms junet 50220 50221 50222",
    "shift_jis shiftjis sjis mskanji windows31j cp943 932",
    "euc-kr euckr korean ksc5601 ksc56011987 ksc56011989 isoir149 uhc 949 51949",
  ].flatMap((line) => {
    const [label, ...names] = line.split(" ");
    return names.map((name): [string, string] => [name, label]);
  }),
);

/** The parts of ISO 8859 by the numbers of their Latin alphabets, and of ISO-IR. */
const latinAlphabets = [0, 1, 2, 3, 4, 9, 10, 13, 14, 15, 16];
const registered: ReadonlyMap<string, number> = new Map([
  ["100", 1],
  ["101", 2],
  ["109", 3],
  ["110", 4],
  ["144", 5],
  ["127", 6],
  ["126", 7],
  ["138", 8],
  ["148", 9],
  ["157", 10],
]);

/** The part of ISO 8859 for a name; `undefined` for another. */
function isoPart(name: string): number | undefined {
  const part = /^(?:iso)?8859(1[0-6]|[1-9])(?:(?:19|20)\d\d)?$/.exec(name);
  if (part !== null) return Number(part[1]);
  const alphabet = /^(?:isolatin|latin|l)(10|[1-9])$/.exec(name);
  if (alphabet !== null) return latinAlphabets[Number(alphabet[1])];
  const number = /^isoir(\d+)$/.exec(name);
  return number === null ? undefined : registered.get(number[1]);
}

/** The charset of a name in lower case, reduced to letters and digits. */
function namedCharset(name: string): Charset | undefined {
  if (/^(?:unicode\d\d)?utf8/.test(name) || /^(?:cp|windows)?65001$/.test(name)) return utf8;
  if (/^(?:unicode\d\d)?utf7$/.test(name) || /^(?:cp|windows)?65000$/.test(name)) return utf7;
  if (/^(?:utf16|unicode|ucs2|iso10646ucs2)$/.test(name)) return utf16(undefined);
  if (/^(?:utf16le|unicodefeff|ucs2le|(?:cp|windows)?1200)$/.test(name)) return utf16("le");
  if (/^(?:utf16be|unicodefffe|ucs2be|(?:cp|windows)?1201)$/.test(name)) return utf16("be");
  if (/^(?:utf32|utf32be|ucs4|ucs4be)$/.test(name)) return utf32("be");
  if (/^(?:utf32le|ucs4le)$/.test(name)) return utf32("le");
  if (/^(?:cp|ibm)?819$/.test(name)) return latin1;
  if (/^hz(?:gb2312)?$/.test(name)) {
    return shifted("gbk", { from: "~{", to: "~}", header: "~\n" });
  }
  if (name === "iso2022kr") {
    return shifted("euc-kr", { from: "\x0e", to: "\x0f", header: "\x1b$)C" });
  }
  const part = isoPart(name);
  if (part === 1) return latin1;
  // As the web standard does: they differ only in control characters.
  if (part === 9) return decoderCharset("windows-1254");
  if (part === 11) return decoderCharset("windows-874");
  if (part !== undefined) return decoderCharset(`iso-8859-${part}`);
  const number = /^(?:cp|ibm|ms|mswin|windows|win|dos|codepage|oem|pc)?(\d+)$/.exec(name)?.[1];
  if (number === "1252") return windowsLatin1;
  if (number !== undefined && /^125\d$/.test(number)) return decoderCharset(`windows-${number}`);
  const page = number === undefined ? undefined : codePages.get(number);
  if (page !== undefined) return codePage(page);
  const label = aliases.get(name) ?? aliases.get(number ?? "");
  return label === undefined ? undefined : decoderCharset(label, label === "iso-2022-jp");
}

/** A cache of known names, with a maximum size. */
const known = new Map<string, Charset | undefined>();
const maxKnown = 1024;

/** The charset of a declared name, with any text around it; `undefined` if it is unknown. */
export function charsetOf(declared: string): Charset | undefined {
  const key = declared.slice(0, 128);
  const found = known.get(key);
  if (found !== undefined || known.has(key)) return found;
  const charset = findCharset(key.toLowerCase());
  if (known.size >= maxKnown) known.clear();
  known.set(key, charset);
  return charset;
}

function findCharset(declared: string): Charset | undefined {
  const name = declared.replace(/\([^()]*\)/g, " ").replace(/^["'\s]*charset\s*=/, "");
  // There may be other parameters, or a language after an asterisk (RFC 2231, 5).
  const [whole] = name.split(/[;,*?]/, 1);
  const [first] = whole.replace(/^["'\s]+/, "").split(/["'\s]/, 1);
  for (const candidate of [whole, first]) {
    const letters = candidate.replace(/[^a-z0-9]/g, "");
    const charset = namedCharset(letters) ?? namedCharset(letters.replace(/^(?:xms|x|cs)/, ""));
    if (charset !== undefined) return charset;
  }
  return undefined;
}
