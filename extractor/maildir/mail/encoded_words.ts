/**
 * Encoded words (RFC 2047), well-formed or not, and the text around them.
 *
 * @module
 */

import { concat } from "@dovewire/dovewire/core";
import { fromByteText, isAscii, toByteText } from "./byte_text.ts";
import { decodeText, decodeTextStrictly, decodeUndeclared, isStateful } from "./charset.ts";
import { decodeTransfer } from "./transfer_encoding.ts";

/** An encoded word, bytes as characters. */
interface EncodedWord {
  /** The declared charset, in lower case, without a language. */
  readonly charset: string;
  readonly encoding: "B" | "Q";
  readonly text: string;
}

/** A piece of a field: plain text, or encoded words with only blanks between them. */
export interface FieldPiece {
  /** The raw piece, bytes as characters. */
  readonly source: string;
  /** The encoded words; none for plain text. */
  readonly words: readonly EncodedWord[];
}

/** The start of a word, whose charset may be missing. */
const wordStart = /=\?([^?\s]{0,128})\?([BbQq])\?/g;

/** How far to search for a later end of a word. */
const maxLookahead = 256;

/**
 * Splits a field's value, of which each character is a byte.
 *
 * Beyond RFC 2047, words may be adjacent to other text, also in quotes, and may have blanks and question
 * marks in their text. A word that doesn't end before the next one begins is text.
 */
export function splitWords(value: string): FieldPiece[] {
  const pieces: FieldPiece[] = [];
  let words: EncodedWord[] = [];
  let start = 0;
  let end = 0;
  const endRun = () => {
    if (words.length > 0) pieces.push({ source: value.slice(start, end), words });
    words = [];
  };
  let terminator = -2;
  wordStart.lastIndex = 0;
  let found = wordStart.exec(value);
  while (found !== null) {
    const [whole, charset, encoding] = found;
    const textStart = found.index + whole.length;
    if (terminator < textStart) terminator = value.indexOf("?=", textStart);
    if (terminator === -1) break;
    wordStart.lastIndex = textStart;
    const next = wordStart.exec(value);
    if (next !== null && next.index < terminator) {
      found = next;
      continue;
    }
    if (encoding.toUpperCase() === "Q") terminator = laterEnd(value, terminator);
    if (found.index > end || words.length === 0) {
      const between = value.slice(end, found.index);
      if (words.length === 0 || /[^ \t\r\n]/.test(between)) {
        endRun();
        if (between !== "") pieces.push({ source: between, words: [] });
        start = found.index;
      }
    }
    words.push({
      charset: charset.toLowerCase().split("*", 1)[0],
      encoding: encoding.toUpperCase() as "B" | "Q",
      text: value.slice(textStart, terminator),
    });
    end = terminator + 2;
    wordStart.lastIndex = end;
    found = next !== null && next.index >= end ? next : wordStart.exec(value);
    if (found !== null) wordStart.lastIndex = found.index + found[0].length;
  }
  endRun();
  if (end < value.length) pieces.push({ source: value.slice(end), words: [] });
  return pieces;
}

/** A later end of a word in Q: "?=20" may be a question mark and a blank within the word. */
function laterEnd(value: string, end: number): number {
  const rest = value.slice(end + 2, end + 2 + maxLookahead);
  if (!/^[0-9a-f]{2}/i.test(rest)) return end;
  const later = /^[^?\s]+(?=\?=)/.exec(rest);
  return later === null ? end : end + 2 + later[0].length;
}

/** Decodes a field's value, of which each character is a byte. */
export function decodeWords(value: string): string {
  return splitWords(value).map(pieceText).join("");
}

/** The text of a piece. */
export function pieceText({ source, words }: FieldPiece): string {
  if (words.length === 0) return decodeBytes(source);
  const texts: string[] = [];
  for (let at = 0; at < words.length;) {
    const { charset } = words[at];
    let end = at + 1;
    while (end < words.length && words[end].charset === charset) end++;
    texts.push(wordsText(words.slice(at, end), charset));
    at = end;
  }
  return texts.join("");
}

/** The text of bytes between encoded words. */
export function decodeBytes(bytes: string): string {
  return isAscii(bytes) ? bytes : decodeUndeclared(fromByteText(bytes));
}

/**
 * The text of words of one charset. Some programs cut words within a character, within a group of base64
 * or within the digits of a byte: these are joined first.
 */
function wordsText(words: readonly EncodedWord[], charset: string): string {
  const contents = joinCut(words).map(contentOf);
  if (contents.length > 1 && !isStateful(charset)) {
    const text = decodeTextStrictly(concat(contents), charset);
    if (text !== undefined) return text;
  }
  return contents.map((content) => decodeText(content, charset)).join("");
}

/** The words; those that were cut at a wrong place are joined. */
function joinCut(words: readonly EncodedWord[]): EncodedWord[] {
  const joined: EncodedWord[] = [];
  let texts: string[] = [];
  let digits = 0;
  words.forEach((word, at) => {
    const next = words[at + 1];
    const text = word.text;
    let isCut = false;
    if (word.encoding === "B") {
      digits += text.replace(/[^A-Za-z0-9+/]/g, "").length;
      isCut = next?.encoding === "B" && digits % 4 !== 0 && !text.includes("=");
      texts.push(text);
    } else if (next?.encoding === "Q" && text.endsWith("=")) {
      // In a multi-byte character it belongs to the next word, otherwise it is an encoder's line break.
      isCut = /=[89A-F][0-9A-F]=$/i.test(text.slice(-4)) && /^[89A-F][0-9A-F]/i.test(next.text);
      texts.push(isCut ? text : text.slice(0, -1));
    } else {
      isCut = next?.encoding === "Q" && /=[0-9A-F]$/i.test(text.slice(-2)) &&
        /^[0-9A-F]/i.test(next.text);
      texts.push(text);
    }
    if (isCut) return;
    joined.push({ ...word, text: texts.join("") });
    texts = [];
    digits = 0;
  });
  return joined;
}

/** The bytes of a word. */
function contentOf({ encoding, text }: EncodedWord): Uint8Array {
  if (encoding === "B") return decodeTransfer(fromByteText(text), "base64");
  // PHP's mail() makes two blanks of the line breaks that quoted_printable_encode() returns.
  const joined = text.replace(/(?<=[^ =])= {2}(?=[^ ])/g, "");
  const plain = joined.replace(/_/g, " ").replace(
    /=([0-9a-f]{2})/gi,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
  return fromByteText(plain);
}

/** Whether any program decodes the word to a text. */
export function encodeWord(text: string): string {
  return `=?utf-8?B?${btoa(toByteText(new TextEncoder().encode(text)))}?=`;
}
