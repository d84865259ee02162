/**
 * Time limits that are tested on a machine of any speed.
 *
 * @module
 */

/** How long a limit may become, in milliseconds. */
const longest = 60_000;

/**
 * Does something with a time limit, and again with four times as much while the machine was too slow for that.
 * The last outcome is returned as it is, for the test to judge: what never happens fails it.
 */
export async function withEnoughTime<Outcome>(
  least: number,
  act: (limit: number) => Promise<Outcome>,
  isEnough: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  for (let limit = least;; limit *= 4) {
    const outcome = await act(limit);
    if (isEnough(outcome) || limit * 4 > longest) return outcome;
  }
}
