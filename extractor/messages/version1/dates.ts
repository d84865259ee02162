/**
 * Times as version 1 writes them: "2024-06-12T15:11:29Z".
 *
 * @module
 */

import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";

const FORM = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Writes a time of the years 1 to 9999 in UTC, in whole seconds; throws a `RangeError` for another. */
export function formatDate(time: Timestamp): string {
  const text = new Date(Math.floor(timestampMs(time) / 1000) * 1000).toISOString();
  if (!/^\d{4}-/.test(text)) throw new RangeError(`${text} is not in the years 1 to 9999`);
  return text.replace(".000Z", "Z");
}

/** Reads a time, in UTC or with an offset, to the second; `undefined` for an invalid one. */
export function parseDate(text: string): Timestamp | undefined {
  const [, fields, sign, hours, minutes] = FORM.exec(text) ?? [];
  if (fields === undefined) return undefined;
  const time = Date.parse(`${fields}Z`);
  // Some runtimes read the 30th of February as the 1st of March.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(fields)) return undefined;
  const offset = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * 60_000;
  return timestampFromMs(sign === "-" ? time + offset : time - offset);
}
