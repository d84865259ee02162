/**
 * Dates and sizes of search queries, in all the ways in which doveadm takes them.
 *
 * @module
 */

/** A moment that mails are compared with. */
export type SearchTime =
  /** Midnight of a day, in seconds since 1970, where the clock of whom it is about says so. */
  | { readonly type: "day"; readonly seconds: number }
  /** A moment, in seconds since 1970. */
  | { readonly type: "moment"; readonly seconds: number }
  /** A moment so many seconds ahead of the search. */
  | { readonly type: "ago"; readonly seconds: number };

/**
 * Reads "31-Jan-2026", "2026-01-31", a time in seconds since 1970, or how long ago it is: "2 days",
 * "1w", "12hours". Gives `undefined` for anything else.
 */
export function parseSearchTime(text: string): SearchTime | undefined {
  const iso = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (iso !== null) {
    // A day that isn't is one of the month behind: 2026-02-31 is the third of March.
    const [year, month, day] = iso.slice(1).map(Number);
    return { type: "day", seconds: midnight(year, month - 1, day) };
  }
  const imap = /^ ?(\d\d?)-([a-z]{3})-(\d{4})$/i.exec(text);
  const month = imap === null ? -1 : months.indexOf(imap[2].toLowerCase());
  if (imap !== null && month !== -1) {
    const [day, year] = [Number(imap[1]), Number(imap[3])];
    const seconds = midnight(year, month, day);
    const isDay = new Date(seconds * 1000).getUTCDate() === day;
    // A day that isn't is farther away than any mail can be.
    return { type: "day", seconds: isDay ? seconds : year > 2000 ? Infinity : -Infinity };
  }
  if (/^-?\d{1,18}$/.test(text)) {
    const seconds = Number(text);
    // Dovecot's sign of failure is a time as well.
    return seconds === -1 ? undefined : { type: "moment", seconds };
  }
  const seconds = parseInterval(text);
  return seconds === undefined ? undefined : { type: "ago", seconds };
}

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** What a unit's name may be cut short from, and its seconds; the first that fits counts. */
const units: readonly (readonly [names: readonly string[], seconds: number])[] = [
  [["secs", "seconds"], 1],
  [["mins", "minutes"], 60],
  [["msecs", "mseconds", "millisecs", "milliseconds"], 0.001],
  [["hours"], 3600],
  [["days"], 86_400],
  [["weeks"], 604_800],
];

/** The longest interval: what 32 bits hold. */
const longestInterval = 0xffffffff;

/** Reads how long something takes, in seconds. */
function parseInterval(text: string): number | undefined {
  const found = /^(\d{1,18}) *([a-z]*)$/i.exec(text);
  if (found === null) return undefined;
  const count = Number(found[1]);
  const unit = found[2].toLowerCase();
  if (unit === "") return count === 0 ? 0 : undefined;
  const [, length] = units.find(([names]) => names.some((name) => name.startsWith(unit))) ?? [];
  if (length === undefined) return undefined;
  const seconds = length < 1 ? count / 1000 : count * length;
  return Number.isInteger(seconds) && seconds <= longestInterval ? seconds : undefined;
}

const sizeUnits: Readonly<Record<string, number>> = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Reads a size in bytes: "1000", "10k", "2 MB", "1GiB"; gives `undefined` for anything else. */
export function parseSearchSize(text: string): number | undefined {
  const found = /^(\d+) *(?:b|([kmgt])i?b?)?$/i.exec(text);
  if (found === null) return undefined;
  const size = Number(found[1]) * (sizeUnits[found[2]?.toLowerCase()] ?? 1);
  return size < 2 ** 64 ? size : undefined;
}

function midnight(year: number, month: number, day: number): number {
  // Date.UTC() takes the years up to 99 for those of the last century.
  return new Date(0).setUTCFullYear(year, month, day) / 1000;
}
