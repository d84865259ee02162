/**
 * Runs several ways of doing the same in turns, so that whatever else the machine does meets all of them.
 *
 * @module
 */

import { type Lap, Stopwatch } from "./stopwatch.ts";

/** A way to do something; the watch measures all of it unless it is told otherwise. */
export type Way = (watch: Stopwatch) => unknown;

/** How long to go on. */
export interface Rounds {
  /** How many rounds are measured at most. */
  readonly rounds: number;
  /** After how many milliseconds no further round begins. */
  readonly budget: number;
  /** The part of these for rounds that aren't measured, 0 for none: the runtimes compile what runs often. */
  readonly warmUp: number;
  /** How many rounds are measured at least, however long they take. */
  readonly least: number;
}

/** Puts ways into a random order: what one leaves to do, to the system or to a server, must not meet always the same. */
function shuffle(list: unknown[]): void {
  for (let left = list.length; left > 1; left--) {
    const other = Math.floor(Math.random() * left);
    [list[left - 1], list[other]] = [list[other], list[left - 1]];
  }
}

/** Measures all ways in turns; returns the laps of each, round after round. */
export async function inTurns<Name extends string>(
  ways: Readonly<Record<Name, Way>>,
  { rounds, budget, warmUp, least }: Rounds,
): Promise<Record<Name, Lap[]>> {
  const order = Object.entries(ways) as [Name, Way][];
  const laps = Object.fromEntries(order.map(([name]) => [name, [] as Lap[]]));
  const begun = performance.now();
  let isWarm = warmUp === 0;
  for (let round = 0; round < rounds;) {
    for (const [name, way] of order) {
      const watch = new Stopwatch();
      await way(watch);
      const lap = watch.end();
      if (isWarm) laps[name].push(lap);
    }
    shuffle(order);
    const elapsed = performance.now() - begun;
    if (isWarm) round++;
    if (round >= least && elapsed >= budget) break;
    isWarm ||= elapsed >= warmUp * budget;
  }
  return laps as Record<Name, Lap[]>;
}
