/**
 * The text of header fields: encoded words (RFC 2047) and mailboxes (RFC 5322, 3.4).
 *
 * @module
 */

import { addressParser, decodeWords as decodePlainWords } from "postal-mime";
import { decodeBytes, decodeWords, encodeWord, pieceText, splitWords } from "./encoded_words.ts";

/** A mailbox: its name and its address; "" for a missing one. */
export interface Mailbox {
  /** The decoded name. */
  readonly name: string;
  /** The address: "joe@example.org". */
  readonly address: string;
}

/** Words as {@linkcode encodeWord} writes them. */
const plainWords = /=\?utf-8\?B\?[^?]*\?=/g;

/** Decodes an unstructured field such as a subject, of which each character is a byte. */
export function decodeField(value: string): string {
  return cleanText(decodeWords(value));
}

/**
 * The mailboxes of an address field, of which each character is a byte, at most `most` of them. Includes
 * the mailboxes of groups, without the groups' names.
 */
export function parseMailboxes(field: string, most: number): Mailbox[] {
  const limited = limitMailboxes(field, most);
  if (limited === "" || most < 1) return [];
  const { value, sources } = withPlainWords(limited);
  let mailboxes: readonly { name: string; address?: string | undefined }[];
  try {
    mailboxes = addressParser(limitGroups(value), { flatten: true });
  } catch {
    // An error in one field must not lose the others.
    mailboxes = [{ name: decodeWords(limited) }];
  }
  return mailboxes.slice(0, most).map(({ name, address = "" }) => {
    // It reads a lone name with words and other text as an address as well.
    const isName = address.replace(plainWords, "").trim() !== "" &&
      decodePlainWords(address) === name;
    return {
      name: cleanText(name),
      address: isName ? "" : cleanText(withSources(address, sources)),
    };
  });
}

/** The address as the sender wrote it: it must not contain encoded words (RFC 2047, 5). */
function withSources(address: string, sources: ReadonlyMap<string, string>): string {
  return address.replace(plainWords, (word) => sources.get(word) ?? word);
}

/**
 * A text for one line: control characters and line breaks, which encoded words may contain, become spaces;
 * blanks at its ends are removed, and lone surrogates become U+FFFD, as protobuf requires.
 */
export function cleanText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ").trim().toWellFormed();
}

/**
 * A field with its encoded words encoded again in UTF-8 and base64: postal-mime decodes them after it has
 * split the field, and then meets neither unknown charsets nor malformed words.
 */
function withPlainWords(value: string): { value: string; sources: ReadonlyMap<string, string> } {
  const sources = new Map<string, string>();
  let isQuoted = false;
  const pieces = splitWords(value).map((piece) => {
    if (piece.words.length === 0) {
      for (const character of piece.source) if (character === '"') isQuoted = !isQuoted;
      return decodeBytes(piece.source);
    }
    const text = pieceText(piece).toWellFormed();
    // The quote that ends a name may have got into the word: "Joe =?utf-8?Q?X"?= <joe@example.org>
    const hasQuote = isQuoted && text.endsWith('"');
    const word = encodeWord(hasQuote ? text.slice(0, -1) : text);
    sources.set(word, piece.source);
    if (hasQuote) isQuoted = false;
    return hasQuote ? `${word}"` : word;
  });
  return { value: pieces.join(""), sources };
}

/**
 * Cuts a field off after as many commas and semicolons as separate the maximum number of mailboxes: a
 * mailbox of two characters takes a hundred times that in memory. Names may contain some too.
 */
function limitMailboxes(value: string, most: number): string {
  let left = Math.max(most, 1) * 4;
  if (value.length <= left) return value;
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if ((unit === 0x2c || unit === 0x3b) && --left === 0) return value.slice(0, at);
  }
  return value;
}

/** The maximum length of a field with many colons, and that number of colons. */
const maxGroupsLength = 65_536;
const maxColons = 100;

/**
 * Cuts off a long field with many colons, encoded or not. postal-mime reads each as the start of a group,
 * even within another group, and reads a group within 50 others 50 times.
 */
function limitGroups(value: string): string {
  if (value.length <= maxGroupsLength) return value;
  let colons = 0;
  const decoded = decodeWords(value);
  let at = decoded.indexOf(":");
  while (at !== -1 && colons++ < maxColons) at = decoded.indexOf(":", at + 1);
  return at === -1 ? value : value.slice(0, maxGroupsLength).toWellFormed();
}
