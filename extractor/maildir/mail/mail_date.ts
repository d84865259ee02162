/**
 * Dates as mails have them (RFC 5322, 3.3 and 4.3). The same on each runtime, unlike `Date.parse()`.
 *
 * @module
 */

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** How far the zones with names are ahead of UTC, in hours. */
const zones: ReadonlyMap<string, number> = new Map([
  ["EST", -5],
  ["EDT", -4],
  ["CST", -6],
  ["CDT", -5],
  ["MST", -7],
  ["MDT", -6],
  ["PST", -8],
  ["PDT", -7],
  ["CET", 1],
  ["CEST", 2],
]);

const mailDate =
  /^(?:[a-z]+ ?,? ?)?(\d{1,2})[ -]+([a-z]{3})[a-z]*\.?[ -]+(\d{2,4}),? +(\d{1,2}) ?[:.] ?(\d\d)(?: ?[:.] ?(\d\d)(?:\.\d+)?)?(?: ?([+-]\d{4}|[a-z]+))?/i;
/** What C's asctime() writes. */
const systemDate =
  /^[a-z]{3},? +([a-z]{3}) +(\d{1,2}) +(\d{1,2}):(\d\d):(\d\d) +(?:[a-z]+ +)?(\d{4})(?: +([+-]\d{4}))?/i;
const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)/i;

/**
 * When it was, in seconds since 1970; `undefined` for what is no date, or one that is not within
 * the years 1 to 9999 in UTC.
 *
 * Years of two digits are of 1950 to 2049, and of three count from 1900 (RFC 5322, 4.3). Zones that
 * aren't known, those of one letter among them, are UTC, as it says there. The day of the week
 * doesn't matter. Dates of ISO 8601 and of C's asctime() are understood as well.
 */
export function parseMailDate(value: string): number | undefined {
  const text = withoutComments(value.slice(0, 512)).replace(/\s+/g, " ").trim();
  const seconds = secondsOf(text);
  if (seconds === undefined || !(seconds >= -62_135_596_800)) return undefined;
  return seconds <= 253_402_300_799 ? seconds : undefined;
}

function secondsOf(text: string): number | undefined {
  const mail = mailDate.exec(text);
  if (mail !== null) {
    const [, day, month, year, hour, minute, second, zone] = mail;
    return toSeconds(fullYear(year), month, [day, hour, minute, second ?? "0"], zone);
  }
  const system = systemDate.exec(text);
  if (system !== null) {
    const [, month, day, hour, minute, second, year, zone] = system;
    return toSeconds(Number(year), month, [day, hour, minute, second], zone);
  }
  const iso = isoDate.exec(text)?.[0].toUpperCase().replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
  const time = iso === undefined ? NaN : Date.parse(iso);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}

function fullYear(year: string): number {
  const number = Number(year);
  if (year.length === 4) return number;
  return number + (year.length === 2 && number < 50 ? 2000 : 1900);
}

function toSeconds(
  year: number,
  monthName: string,
  numbers: readonly string[],
  zone: string | undefined,
): number | undefined {
  const [day, hour, minute, second] = numbers.map(Number);
  const month = months.indexOf(monthName.toLowerCase());
  if (month === -1 || hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(0);
  // Unlike Date.UTC(), this takes the years below 100 for what they are.
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second - zoneOffset(zone);
}

/** How far a zone is ahead of UTC, in seconds. */
function zoneOffset(zone: string | undefined): number {
  const found = /^([+-])(\d\d)(\d\d)$/.exec(zone ?? "");
  if (found === null) return (zones.get(zone?.toUpperCase() ?? "") ?? 0) * 3600;
  const offset = Number(found[2]) * 3600 + Number(found[3]) * 60;
  return found[1] === "-" ? -offset : offset;
}

/** The text without what is in parentheses, which may have others in them. */
function withoutComments(text: string): string {
  let depth = 0;
  let rest = "";
  for (const character of text) {
    if (character === "(") depth++;
    else if (character === ")" && depth > 0) depth--;
    else if (depth === 0) rest += character;
  }
  return rest;
}
