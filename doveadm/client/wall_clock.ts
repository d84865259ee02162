/**
 * Dates in local time, without an offset from UTC.
 *
 * @module
 */

const form = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/;

/**
 * The moment of a local time like "2026-01-05 11:30:00"; `undefined` for any other text.
 *
 * The time zone is the given IANA name, or the runtime's own. When summer time ends, one hour occurs twice,
 * and the result may be either; for a time in the hour that is skipped, the result is close to it.
 */
export function wallClockTime(text: string, timeZone?: string): Date | undefined {
  const parts = form.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  if (timeZone === undefined) return new Date(year, month - 1, day, hour, minute, second);
  const shown = Date.UTC(year, month - 1, day, hour, minute, second);
  // The zone's offset from UTC depends on the moment, which isn't known yet: a second iteration, from a
  // closer guess, is correct near a change, too.
  let moment = shown - offsetAt(shown, timeZone);
  moment = shown - offsetAt(moment, timeZone);
  return new Date(moment);
}

/** The offset of a zone's local time from UTC at a moment, in milliseconds. */
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
