/**
 * What many measurements of one thing come to.
 *
 * @module
 */

/** The median of some values, and how far they are apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  /** The quartiles: a quarter of the values is below the first, and a quarter above the third. */
  readonly q1: number;
  readonly q3: number;
  readonly max: number;
}

/** The spread of some values, at least one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (part: number) => rounded(sorted[Math.round(part * (sorted.length - 1))]);
  return { median: at(0.5), min: at(0), q1: at(0.25), q3: at(0.75), max: at(1) };
}

/** A number with four digits that say something: what is measured is not more exact. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
