/**
 * The parameters that matter to a call.
 *
 * @module
 */

import type { CommandInfo, ParameterInfo } from "./command_info.ts";

/** Where a command's parameters are in its list. */
interface ParameterPlaces {
  readonly byName: ReadonlyMap<string, number>;
  /** Those that matter to each call: the required ones, and those that others imply. */
  readonly always: readonly number[];
}

/** Commands have up to dozens of parameters, and most calls have one or two. */
const places = new WeakMap<CommandInfo, ParameterPlaces>();

function placesOf(info: CommandInfo): ParameterPlaces {
  let found = places.get(info);
  if (found === undefined) {
    const byName = new Map<string, number>();
    const always: number[] = [];
    info.parameters.forEach(({ name, required, implied }, place) => {
      byName.set(name, place);
      if (required || implied !== undefined) always.push(place);
    });
    found = { byName, always };
    places.set(info, found);
  }
  return found;
}

/** Whether a command has a parameter. */
export function hasParameter(info: CommandInfo, name: string): boolean {
  return placesOf(info).byName.has(name);
}

/**
 * The parameters that have values, are required, or may be implied, in the order of the catalogue. Their number
 * doesn't depend on how many the command has.
 */
export function concernedParameters(info: CommandInfo, values: object): readonly ParameterInfo[] {
  const { byName, always } = placesOf(info);
  const concerned = [...always];
  for (const name of Object.keys(values)) {
    const place = byName.get(name);
    if (place !== undefined && !always.includes(place)) concerned.push(place);
  }
  if (concerned.length > 1) concerned.sort((one, other) => one - other);
  return concerned.map((place) => info.parameters[place]);
}
