/**
 * Strings as IMAP writes them (RFC 3501, 4.3), in and out of byte strings.
 *
 * @module
 */

/** A quoted string with more quotes and backslashes than this is written as a literal. */
const mostEscapes = 4;

/** A quoted string, a literal if it can't be quoted, or NIL for `undefined`. */
export function imapString(text: string | undefined): string {
  if (text === undefined) return "NIL";
  const escapes = text.match(/["\\]/g)?.length ?? 0;
  if (escapes > mostEscapes || /[\r\n\x80-\xff]/.test(text)) return literal(text);
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** A string without its line ends; one that no blank follows becomes a space. */
export function imapLine(text: string | undefined): string {
  return imapString(text?.replaceAll(/[\r\n](?![ \t\r\n]|$)/g, " ").replaceAll(/[\r\n]/g, ""));
}

/** A string for people to read: trimmed, with one space in place of each run of white space. */
export function imapReadable(text: string): string {
  // A string that needs no change is quoted; any other is a literal, unless it is empty.
  const shrunk = text.replaceAll(/[ \t\r\n]+/g, " ").replaceAll(/^ | $/g, "");
  if (shrunk === "") return '""';
  return shrunk === text && !/["\\\0\x80-\xff]/.test(text)
    ? `"${text}"`
    : literal(shrunk.replaceAll("\0", "\x80"));
}

function literal(text: string): string {
  return `{${text.length}}\r\n${text}`;
}
