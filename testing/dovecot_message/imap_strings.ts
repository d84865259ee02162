/**
 * Strings as IMAP writes them (RFC 3501, 4.3), in and out of byte strings.
 *
 * @module
 */

/** A quoted string with more quotes and backslashes than this is written as a literal. */
const mostEscapes = 4;

/** A string as a quoted one, as a literal where it can't be quoted, or NIL for none. */
export function imapString(text: string | undefined): string {
  if (text === undefined) return "NIL";
  const escapes = text.match(/["\\]/g)?.length ?? 0;
  if (escapes > mostEscapes || /[\r\n\x80-\xff]/.test(text)) return literal(text);
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** A string whose line ends are taken out, or become a space where no other blank follows. */
export function imapLine(text: string | undefined): string {
  return imapString(text?.replaceAll(/[\r\n](?![ \t\r\n]|$)/g, " ").replaceAll(/[\r\n]/g, ""));
}

/** A string for people to read: white space in it shrinks to one space, and goes at its ends. */
export function imapReadable(text: string): string {
  // What is as it should be isn't touched; anything else is a literal, if it is anything at all.
  const shrunk = text.replaceAll(/[ \t\r\n]+/g, " ").replaceAll(/^ | $/g, "");
  if (shrunk === "") return '""';
  return shrunk === text && !/["\\\0\x80-\xff]/.test(text)
    ? `"${text}"`
    : literal(shrunk.replaceAll("\0", "\x80"));
}

function literal(text: string): string {
  return `{${text.length}}\r\n${text}`;
}
