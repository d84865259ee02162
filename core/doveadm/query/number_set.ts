/**
 * Sets of sequence numbers and UIDs (RFC 3501's sequence-set), as Dovecot reads them.
 *
 * @module
 */

/** The numbers from the first to the last, both included; `Infinity` stands for "*". */
export interface NumberRange {
  /** The lowest number. */
  readonly first: number;
  /** The highest number. */
  readonly last: number;
}

/** The highest number: Dovecot stores "*" as the number above it. */
const highest = 2 ** 32 - 2;

/**
 * Reads a set, like "1,3:5,10:*"; returns `undefined` for an invalid one. The ranges are in the order of
 * the text. The empty text is the empty set, and a comma at the end is allowed.
 *
 * A number of more than 32 bits loses its upper bits, as in Dovecot up to 2.4.1; later versions refuse it.
 *
 * Source: Dovecot's src/lib-imap/imap-seqset.c.
 */
export function readNumberSet(text: string): NumberRange[] | undefined {
  const ranges: NumberRange[] = [];
  const parts = text.split(",");
  if (parts.at(-1) === "") parts.pop();
  for (const part of parts) {
    const found = /^(\*|\d+)(?::(\*|\d+))?$/.exec(part);
    if (found === null) return undefined;
    const from = readNumber(found[1]);
    const to = found[2] === undefined ? from : readNumber(found[2]);
    if (from === 0 || to === 0) return undefined;
    ranges.push({ first: Math.min(from, to), last: Math.max(from, to) });
  }
  return ranges;
}

function readNumber(digits: string): number {
  if (digits === "*") return Infinity;
  let number = 0;
  for (let at = 0; at < digits.length; at++) {
    number = (number * 10 + digits.charCodeAt(at) - 0x30) % 2 ** 32;
  }
  return Math.min(number, highest);
}
