/**
 * Tables of recordings: some of them, by their names, and why they are some.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Recording } from "./recordings.ts";

/** Some recordings, by their names, and why they are some. */
export type Row<Why extends string = string> = readonly [why: Why, names: RegExp];

/** The first row that a recording is in. */
export function rowOf<R extends Row>(rows: readonly R[], { name }: Recording): R | undefined {
  return rows.find(([, names]) => names.test(name));
}

/** Checks that every recording is in one row at most, and that every row has recordings. */
export function checkRows(rows: readonly Row[], recordings: readonly Recording[]): void {
  for (const { name } of recordings) {
    assert(rows.filter(([, pattern]) => pattern.test(name)).length <= 1, name);
  }
  for (const [, pattern] of rows) {
    assert(recordings.some(({ name }) => pattern.test(name)), `${pattern} is nobody's name`);
  }
}

/** Checks recordings and names all those with which something is wrong. */
export function checkEach(
  recordings: readonly Recording[],
  check: (one: Recording) => void,
): void {
  const failures: string[] = [];
  for (const one of recordings) {
    try {
      check(one);
    } catch (error) {
      failures.push(`${one.name}: ${error}`);
    }
  }
  assert(failures.length === 0, failures.join("\n"));
}

/** Words and how often each is there, a line for each. */
export function countedLines(words: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const word of [...words].sort()) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${String(count).padStart(7)} ${word}`);
}
