/**
 * The names of mails' files: `unique:2,flags`.
 *
 * The unique part stays as long as the mail exists. After it, once a program has seen the mail, come flags
 * in ASCII order (https://cr.yp.to/proto/maildir.html). Dovecot adds its keywords there as "a" to "z", and
 * the mail's size to the unique part as ",S=1234". As with Dovecot, the unique part ends at the first
 * colon and the flags come after the last one.
 *
 * @module
 */

/** The unique part of a file's name. */
export function uniqueName(fileName: string): string {
  const colon = fileName.indexOf(":");
  return colon < 0 ? fileName : fileName.slice(0, colon);
}

/** Whether a file's name has the flag S. */
export function isMarkedSeen(fileName: string): boolean {
  const colon = fileName.lastIndexOf(":");
  if (colon < 0 || !fileName.startsWith("2,", colon + 1)) return false;
  const seen = fileName.indexOf("S", colon + 3);
  if (seen < 0) return false;
  // Text after another comma isn't flags.
  const comma = fileName.indexOf(",", colon + 3);
  return comma < 0 || seen < comma;
}

/** The file's name with the flag S among its flags; the rest is kept. */
export function markedSeen(fileName: string): string {
  const colon = fileName.lastIndexOf(":");
  if (colon < 0 || !fileName.startsWith("2,", colon + 1)) return `${fileName}:2,S`;
  const start = colon + 3;
  const comma = fileName.indexOf(",", start);
  const end = comma < 0 ? fileName.length : comma;
  const flags = [...new Set([...fileName.slice(start, end), "S"])].sort().join("");
  return fileName.slice(0, start) + flags + fileName.slice(end);
}

/** The file's name in `cur`: ":2," is added if it has no flags. */
export function nameInCur(fileName: string): string {
  return fileName.includes(":") ? fileName : `${fileName}:2,`;
}

/** The mail's size in bytes, if the file's name has it: `,S=1234`. */
export function sizeInName(fileName: string): number | undefined {
  const at = fileName.indexOf(",S=");
  if (at < 0) return undefined;
  let size = 0;
  let end = at + 3;
  for (; end < fileName.length; end++) {
    const digit = fileName.charCodeAt(end) - 48;
    if (digit < 0 || digit > 9) break;
    size = size * 10 + digit;
  }
  const isWhole = end === fileName.length || fileName[end] === "," || fileName[end] === ":";
  return isWhole && end > at + 3 && Number.isSafeInteger(size) ? size : undefined;
}
