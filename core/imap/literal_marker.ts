/**
 * The marker of a literal at a line's end: `{5}`, `{5+}`, `~{5}`, `~{5+}`.
 *
 * @module
 */

const CR = 0x0d;
const LF = 0x0a;
const PLUS = 0x2b;
const ZERO = 0x30;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const TILDE = 0x7e;

/** The most digits that are read; a number of 64 bits has 20. */
const mostDigits = 20;

/** How many bytes from a line's end a marker may begin, at most: `~{`, digits and one more, `+}`, CRLF. */
export const markerSpan: number = 2 + mostDigits + 1 + 2 + 2;

/** What a line's end says of a literal after it. */
export interface LiteralMarker {
  /** Where the marker begins, at the `~` if there is one; -1 for one of too many digits. */
  readonly start: number;
  /** How many bytes of data it announces; `Infinity` for a number that can't be counted with. */
  readonly size: number;
  /** Whether the sender waits for a continuation: there is no `+`. */
  readonly isSynchronizing: boolean;
  /** Whether there is a `~`. */
  readonly isBinary: boolean;
}

/** Where the content of the line `bytes[start..end)` ends: before its CRLF or LF, if it has one. */
export function contentEnd(
  bytes: Uint8Array,
  end: number = bytes.length,
  start: number = 0,
): number {
  if (end === start || bytes[end - 1] !== LF) return end;
  return end - 1 > start && bytes[end - 2] === CR ? end - 2 : end - 1;
}

/**
 * The marker that the content of a line, `bytes[start..end)`, ends in; `undefined` if there is none. It looks
 * at the last bytes only.
 */
export function markerAt(
  bytes: Uint8Array,
  end: number,
  start: number = 0,
): LiteralMarker | undefined {
  let at = end - 1;
  if (at < start || bytes[at] !== BRACE_END) return undefined;
  at--;
  const isSynchronizing = at < start || bytes[at] !== PLUS;
  if (!isSynchronizing) at--;
  let size = 0;
  let scale = 1;
  const last = at;
  for (; at >= start && isDigit(bytes[at]); at--) {
    // Nothing that is sent in earnest has so many digits, and how far to look back has a bound.
    if (last - at === mostDigits) {
      return { start: -1, size: Infinity, isSynchronizing, isBinary: false };
    }
    size += (bytes[at] - ZERO) * scale;
    scale *= 10;
  }
  if (at === last || at < start || bytes[at] !== BRACE) return undefined;
  const isBinary = at > start && bytes[at - 1] === TILDE;
  return {
    start: isBinary ? at - 1 : at,
    size: size > Number.MAX_SAFE_INTEGER ? Infinity : size,
    isSynchronizing,
    isBinary,
  };
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}
