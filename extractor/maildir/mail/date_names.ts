/**
 * The names of months and time zones in mails.
 *
 * @module
 */

const months = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

/** Names in other languages that mean the same month in all of them. */
const foreignMonths: ReadonlyMap<string, number> = new Map(
  [
    "jän jänner januar januari janvier janv ene enero gennaio",
    "febr februar februari février févr fév febrero febbraio",
    "mär märz mrz mars marzo maart mart mrt",
    "avr avril abr abril aprile",
    "mai mayo mei maj maggio",
    "juin juni junio giugno",
    "juil juillet juli julio luglio",
    "ago août aout agosto augustus augusti",
    "sept septembre septiembre settembre",
    "okt oktober octobre octubre ottobre",
    "novembre noviembre",
    "dez dezember déc décembre dic diciembre dicembre",
  ].flatMap((names, month) => names.split(" ").map((name): [string, number] => [name, month])),
);

/** The number of a month from 0 on: its English name, or three letters of it or more. */
export function monthOf(name: string): number | undefined {
  const lower = name.toLowerCase().normalize();
  if (lower.length >= 3) {
    const english = months.findIndex((month) => month.startsWith(lower));
    if (english !== -1) return english;
  }
  return foreignMonths.get(lower);
}

/** Offsets of zones from UTC, in hours: RFC 5322's, and others that have one meaning in mails. */
const zones: ReadonlyMap<string, number> = new Map(Object.entries({
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  AKST: -9,
  AKDT: -8,
  HST: -10,
  NST: -3.5,
  NDT: -2.5,
  ADT: -3,
  AST: -4,
  BRT: -3,
  WET: 0,
  WEST: 1,
  BST: 1,
  CET: 1,
  CEST: 2,
  MET: 1,
  MEST: 2,
  MEZ: 1,
  MESZ: 2,
  SAST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  PKT: 5,
  HKT: 8,
  SGT: 8,
  AWST: 8,
  JST: 9,
  KST: 9,
  ACST: 9.5,
  ACDT: 10.5,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
}));

/** Names that several zones share, none of which is UTC. */
const unclear: ReadonlySet<string> = new Set(["IST"]);

/** Windows' names of zones, up to "Standard Time" or "Daylight Time"; offsets from UTC in hours. */
const windowsZones: ReadonlyMap<string, number> = new Map(Object.entries({
  "hawaiian": -10,
  "alaskan": -9,
  "pacific": -8,
  "us mountain": -7,
  "mountain": -7,
  "central": -6,
  "eastern": -5,
  "atlantic": -4,
  "greenwich": 0,
  "gmt": 0,
  "w. europe": 1,
  "central europe": 1,
  "central european": 1,
  "romance": 1,
  "e. europe": 2,
  "fle": 2,
  "gtb": 2,
  "india": 5.5,
  "china": 8,
  "singapore": 8,
  "tokyo": 9,
  "korea": 9,
  "e. australia": 10,
  "aus eastern": 10,
  "new zealand": 12,
}));

/**
 * The offset from UTC, in seconds, of the zone that a text begins with; 0 for an unknown or missing zone
 * (RFC 5322, 4.3); `undefined` for an ambiguous one.
 */
export function zoneOffset(text: string): number | undefined {
  const numeric = /^(?:[a-z]+ ?)?([-+\u2212\u2013]) ?(\d{1,2})(?: ?: ?(\d\d)|(\d\d))?(?!\d)/i.exec(
    text,
  );
  if (numeric !== null) {
    const [, sign, hours, withColon, without] = numeric;
    const minutes = withColon ?? without ?? "0";
    if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
    const offset = Number(hours) * 3600 + Number(minutes) * 60;
    return sign === "+" ? offset : -offset;
  }
  // Such as "+01000", or "EST5EDT": that doesn't mean UTC.
  if (/^(?:[a-z]+ ?)?[-+\u2212\u2013]? ?\d/i.test(text)) return undefined;
  const windows = /^([a-z. ]+?)(?: (standard|daylight|summer))? time\b/i.exec(text);
  if (windows !== null) {
    const hours = windowsZones.get(windows[1].toLowerCase());
    const summer = /^(?:daylight|summer)$/i.test(windows[2] ?? "") ? 1 : 0;
    return hours === undefined ? undefined : (hours + summer) * 3600;
  }
  const name = (/^[a-z]+/i.exec(text)?.[0] ?? "").toUpperCase();
  return unclear.has(name) ? undefined : (zones.get(name) ?? 0) * 3600;
}
