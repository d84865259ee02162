/**
 * Times ways to the quotas of very many users of a real Dovecot.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type Dovecot,
  type DovecotVersion,
  startDovecot,
} from "../tests/harness/dovecot/dovecot.ts";
import { median } from "./dovecot_program.ts";

/** A way: gets the quotas of all users, and returns how many lines or rows there are, two for each user. */
export type Way = () => Promise<number>;

/** Starts a Dovecot with that many users, and stops it in the end. */
export async function withUsers(
  version: DovecotVersion,
  count: number,
  run: (dovecot: Dovecot) => Promise<void>,
): Promise<void> {
  const users = Array.from({ length: count }, (_, at) => `user${at}`);
  const dovecot = await startDovecot({ version, users, mail: {} });
  try {
    await run(dovecot);
  } finally {
    // Removing so many users' folders may take longer than the harness waits; its watchdog goes on with it.
    await dovecot.stop().catch((error: Error) => console.error(error.message));
  }
}

/**
 * Times all ways in turns; returns the medians by name, in milliseconds. The first way runs once before: each
 * user's first quota takes longer, since the server writes a file for it.
 */
export async function timeInTurns(
  ways: Readonly<Record<string, Way>>,
  { count, rounds }: { readonly count: number; readonly rounds: number },
): Promise<Readonly<Record<string, number>>> {
  const names = Object.keys(ways);
  await ways[names[0]]();
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const start = performance.now();
      const found = await ways[name]();
      times[name].push(performance.now() - start);
      assert.equal(found, 2 * count, name);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}
