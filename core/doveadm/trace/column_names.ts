/**
 * The columns of a traced command's rows.
 *
 * @module
 */

import type { ParameterValues } from "../catalogue/arguments.ts";
import { columnsOf } from "../catalogue/columns.ts";
import { findCommand, versionOf } from "../catalogue/lookup.ts";
import { decodeArguments } from "../catalogue/options.ts";

/** The names of the columns; `undefined` for a command or arguments that the catalogue doesn't know. */
export function columnNames(
  name: string,
  args: readonly string[],
  minor: number,
): readonly string[] | undefined {
  const info = findCommand(name);
  if (info === undefined || info.answer !== "rows") return undefined;
  const version = versionOf(minor);
  try {
    const values = decodeArguments(info, args, version);
    const columns = columnsOf(info.columns[version], values, version);
    // Some servers leave these out, which shows only when all values are there.
    if (columns.length === 0 || columns.some(({ optional }) => optional)) return undefined;
    const names = columns.map(({ key }) => key);
    return info.mail && hasUserColumn(values) ? ["username", ...names] : names;
  } catch {
    return undefined;
  }
}

/** Whether rows begin with the user's name. */
function hasUserColumn({ allUsers, user, userFile }: ParameterValues): boolean {
  return allUsers === true || userFile !== undefined ||
    (typeof user === "string" && /[*?]/.test(user));
}
