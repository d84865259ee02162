/**
 * How large rows are, and may be.
 *
 * @module
 */

import { RemoteProtocolError } from "../../core/errors.ts";
import type { DoveadmClientLimits } from "../../core/doveadm/mod.ts";
import type { Row } from "./typed_call.ts";
import type { Value } from "./values.ts";

/** The limits of rows. */
export type RowLimits = Pick<DoveadmClientLimits, "reply" | "values">;

/** The memory that a row and each of its values take, besides texts and bytes. */
const rowCost = 64;
const valueCost = 16;

/** The size of a row's texts and bytes. */
export function contentSize(row: Row): number {
  let size = 0;
  for (const value of Object.values(row)) size += sizeOf(value);
  return size;
}

/** How many values a row has, with the items of its lists. */
export function countValues(row: Row): number {
  let count = 0;
  for (const value of Object.values(row)) count += 1 + (Array.isArray(value) ? value.length : 0);
  return count;
}

/** The memory that a row takes, roughly. */
export function memoryOf(row: Row): number {
  return rowCost + Object.keys(row).length * valueCost + contentSize(row);
}

function sizeOf(value: Value): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return 0;
  let size = 0;
  for (const item of value) size += typeof item === "string" ? item.length + valueCost : valueCost;
  return size;
}

/** The error for a row with more bytes than it may have. */
export function rowTooLarge(name: string, limit: number): RemoteProtocolError {
  return new RemoteProtocolError(
    `A row of "${name}" has more than ${limit} bytes. Ask for its values with stream(), or raise ` +
      '"limits.reply".',
    { limit: "reply", sent: true },
  );
}
