/**
 * Dates that are written as a clock on a wall shows them.
 *
 * @module
 */

const form = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/;

/**
 * The moment when a clock showed a text like "2026-01-05 11:30:00"; `undefined` for any other text.
 *
 * The clock is in the time zone of the IANA name, or in the runtime's own. Of an hour that is there
 * twice, when summer time ends, it may be either; one that isn't there at all gives a moment around.
 */
export function wallClockTime(text: string, timeZone?: string): Date | undefined {
  const parts = form.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  if (timeZone === undefined) return new Date(year, month - 1, day, hour, minute, second);
  const shown = Date.UTC(year, month - 1, day, hour, minute, second);
  // How far the zone is from UTC depends on the moment, which is what we are looking for: a second
  // look, from nearer by, finds it also next to a change.
  let moment = shown - offsetAt(shown, timeZone);
  moment = shown - offsetAt(moment, timeZone);
  return new Date(moment);
}

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
function offsetAt(moment: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat(
    "en-US",
    {
      ...{ timeZone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit" },
      ...{ hour: "2-digit", minute: "2-digit", second: "2-digit" },
    } as const,
  ).formatToParts(moment);
  const part = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = ["year", "month", "day"].map(part);
  const [hour, minute, second] = ["hour", "minute", "second"].map(part);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(moment / 1000) * 1000;
}
