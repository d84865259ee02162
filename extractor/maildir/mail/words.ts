/**
 * What header fields say in clear: encoded words (RFC 2047) and addresses (RFC 5322, 3.4).
 *
 * @module
 */

import { addressParser, decodeWords } from "postal-mime";

/** A mailbox: its name and its address; "" for what it lacks. */
export interface Mailbox {
  /** The name in clear. */
  readonly name: string;
  /** The address: "joe@example.org". */
  readonly address: string;
}

/**
 * How many encoded words may stand side by side. postal-mime joins them, and looks at what it has
 * joined with each more of them: a header of megabytes of them would take it hours.
 */
const maxAdjacentWords = 256;

/** Decodes an unstructured field such as a subject. */
export function decodeField(value: string): string {
  return cleanText(attempt(() => decodeWords(limitWords(value)), value));
}

/**
 * The mailboxes of an address field, as many as are wanted at most; those of groups among them, without
 * the groups' names.
 */
export function parseMailboxes(field: string, most: number): Mailbox[] {
  const value = limitMailboxes(field, most);
  if (value === "" || most < 1) return [];
  const mailboxes = attempt<readonly { name: string; address?: string | undefined }[]>(
    () => addressParser(limitGroups(limitWords(value)), { flatten: true }),
    [{ name: value }],
  );
  return mailboxes.slice(0, most).map(({ name, address }) => ({
    name: cleanText(name),
    address: cleanText(address ?? ""),
  }));
}

/**
 * What `decode` gives. A mail must not be lost because postal-mime, or the runtime's regular
 * expressions under it, doesn't cope with a field: then it is `raw`.
 */
export function attempt<Value>(decode: () => Value, raw: Value): Value {
  try {
    return decode();
  } catch {
    return raw;
  }
}

/**
 * A text as it can be shown in a line: each control character and each other line end in it becomes
 * a space, since encoded words may have them in them; blanks at its ends go, and halves of surrogate
 * pairs become U+FFFD, which the messages' encoding asks for.
 */
export function cleanText(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ").trim().toWellFormed();
}

/** Leaves out encoded words behind more than {@linkcode maxAdjacentWords} others. */
function limitWords(value: string): string {
  // So many don't fit into less.
  if (value.length < maxAdjacentWords * "=?x?B??=".length || !value.includes("=?")) return value;
  const pieces: string[] = [];
  let at = 0;
  let behindWord = -1;
  let count = 0;
  for (const found of value.matchAll(/=\?[^?\s]+\?[BbQq]\?[^?]*\?=[ \t\r\n]*/g)) {
    count = found.index === behindWord ? count + 1 : 1;
    behindWord = found.index + found[0].length;
    if (count <= maxAdjacentWords) continue;
    pieces.push(value.slice(at, found.index));
    at = behindWord;
  }
  return pieces.length === 0 ? value : pieces.join("") + value.slice(at);
}

/**
 * Cuts off what is behind as many commas and semicolons as mailboxes may have between them: a mailbox of
 * two characters takes a hundred times that in memory. Names may have some in them.
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

/** How long a field may be that has many colons in it, and how many those are. */
const maxGroupsLength = 65_536;
const maxColons = 100;

/**
 * Cuts off a long field with many colons, encoded or not. postal-mime takes each for the start of a
 * group, groups within groups as well, and reads a group within 50 others 50 times.
 */
function limitGroups(value: string): string {
  if (value.length <= maxGroupsLength) return value;
  let colons = 0;
  const decoded = decodeWords(value);
  let at = decoded.indexOf(":");
  while (at !== -1 && colons++ < maxColons) at = decoded.indexOf(":", at + 1);
  return at === -1 ? value : value.slice(0, maxGroupsLength).toWellFormed();
}
