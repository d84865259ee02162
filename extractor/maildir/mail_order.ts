/**
 * The orders that a folder's mails are listed in.
 *
 * @module
 */

import { ExtractorFailure } from "../messages/failure.ts";
import { readHeaderInPlace } from "./compression/content.ts";
import type { Directory } from "./directory.ts";
import type { FolderScan } from "./folder_scan.ts";
import { isUnreadable } from "./storage_failure.ts";
import { sortKey } from "./mail/sort_key.ts";

/** An order. Mails that are alike in it are in the order of delivery, and then of their names. */
export interface MailOrder {
  /** By what. */
  readonly by: "date" | "sender" | "subject" | "size";
  /** Whether it is the other way round, from the last mail to the first. */
  readonly isReversed: boolean;
}

/**
 * The order that a name stands for: "date", "sender", "subject", "size", "" for "date", with "!" ahead
 * of it the other way round. Throws an `ExtractorFailure` for any other.
 */
export function parseOrder(name: string): MailOrder {
  const isReversed = name.startsWith("!");
  const by = name.slice(isReversed ? 1 : 0) || "date";
  if (by !== "date" && by !== "sender" && by !== "subject" && by !== "size") {
    throw new ExtractorFailure(
      "invalid",
      `Mails can't be sorted by ${
        JSON.stringify(name)
      }. There are "date", "sender", "subject" and ` +
        '"size", and "!" ahead of one for the other way round.',
    );
  }
  return { by, isReversed };
}

/**
 * The indexes of a scan's mails in an order, the first one first whether it is reversed or not.
 *
 * By date or size it takes what the file system knows of each mail; by sender or subject the header of
 * each is read, and one key each is in memory while they are sorted.
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
  scan.forEach(present, (index, directory, name) => {
    const header = headerOf(directory, name);
    if (header !== undefined) keys[index] = sortKey(header, by);
  });
  const readable = present.filter((index) => keys[index] !== undefined);
  return readable.sort((one, other) => compare(keys[one]!, keys[other]!) || byDelivery(one, other));
}

/** A mail's header; an empty one if this process can't read it; `undefined` if it is gone. */
function headerOf(directory: Directory, name: string): Uint8Array | undefined {
  try {
    return readHeaderInPlace(directory, name);
  } catch (error) {
    // One mail must not take the others along.
    if (isUnreadable(error)) return new Uint8Array();
    throw error;
  }
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
