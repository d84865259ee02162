/**
 * The orders in which a folder's mails are listed.
 *
 * @module
 */

import { ExtractorFailure } from "../messages/failure.ts";
import { headerBudget, readHeaderInPlace, type UnpackingBudget } from "./compression/content.ts";
import type { Directory } from "./directory.ts";
import type { FolderScan } from "./folder_scan.ts";
import { isUnreadable, quotedName } from "./storage_failure.ts";
import { sortKey } from "./mail/sort_key.ts";

/** An order. Equal mails are ordered by delivery, then by name. */
export interface MailOrder {
  /** The sort key. */
  readonly by: "date" | "sender" | "subject" | "size";
  /** Whether it is reversed, from the last mail to the first. */
  readonly isReversed: boolean;
}

/**
 * Parses an order: "date", "sender", "subject", "size", "" for "date"; a "!" before it reverses it. Throws
 * an `ExtractorFailure` for any other.
 */
export function parseOrder(name: string): MailOrder {
  const isReversed = name.startsWith("!");
  const by = name.slice(isReversed ? 1 : 0) || "date";
  if (by !== "date" && by !== "sender" && by !== "subject" && by !== "size") {
    throw new ExtractorFailure(
      "invalid",
      `Mails can't be sorted by ${quotedName(name)}. There are "date", "sender", "subject" and ` +
        '"size", and "!" before one for the reverse order.',
    );
  }
  return { by, isReversed };
}

/**
 * The indexes of a scan's mails in an order, not reversed even if the order is.
 *
 * By date or size it uses the file system's data; by sender or subject it reads each mail's header, and
 * keeps one key per mail in memory while sorting.
 */
export function sortedIndexes(scan: FolderScan, by: MailOrder["by"]): Uint32Array {
  return scan.ordered(by, () => sort(scan, by));
}

function sort(scan: FolderScan, by: MailOrder["by"]): Uint32Array {
  const { received, present } = scan.numbers();
  const byDelivery = (one: number, other: number) =>
    received[one] - received[other] || compare(scan.mid(one), scan.mid(other));
  if (by === "date") return present.slice().sort(byDelivery);
  if (by === "size") {
    const sizes = scan.sizes();
    return present.slice().sort((one, other) =>
      sizes[one] - sizes[other] || byDelivery(one, other)
    );
  }
  const keys: (string | undefined)[] = [];
  const budget = headerBudget(scan.length);
  scan.forEach(present, (index, directory, name) => {
    const header = headerOf(directory, name, budget);
    if (header !== undefined) keys[index] = sortKey(header, by);
  });
  const readable = present.filter((index) => keys[index] !== undefined);
  return readable.sort((one, other) => compare(keys[one]!, keys[other]!) || byDelivery(one, other));
}

/** A mail's header; empty if this process can't read it; `undefined` if it is gone. */
function headerOf(
  directory: Directory,
  name: string,
  budget: UnpackingBudget,
): Uint8Array | undefined {
  try {
    return readHeaderInPlace(directory, name, budget);
  } catch (error) {
    // One bad mail must not fail the whole list.
    if (isUnreadable(error)) return new Uint8Array();
    throw error;
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
