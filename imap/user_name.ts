/**
 * Users' names that a program returns.
 *
 * @module
 */

import { LocalProtocolError } from "../core/mod.ts";

/** Checks what an option's function returned. Throws a `LocalProtocolError` for what is no user's name. */
export function checkUserName(name: unknown, option: string): asserts name is string {
  if (typeof name === "string" && name !== "") return;
  const given = name === ""
    ? "an empty text"
    : name === null
    ? "null"
    : `a value of type ${typeof name}`;
  throw new LocalProtocolError(`"${option}" returned ${given}. Return the user's name.`);
}
