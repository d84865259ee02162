/**
 * Masks of names, with `*` for any text and `?` for one character.
 *
 * @module
 */

import { LocalProtocolError, quoteText } from "../../core/mod.ts";

/** The longest mask, and the longest name that can match: together they limit the time of a match. */
const longest = 1000;

/**
 * Compiles a mask to a function that returns whether a name matches: `*` stands for any text, also none,
 * and `?` for one character; anything else stands for itself, with its case. A name of more than 1000
 * characters never matches.
 *
 * The time is at most proportional to the name's length times the mask's.
 *
 * Throws a `LocalProtocolError` for a mask that is empty, or longer than 1000 characters.
 */
export function compileMask(mask: string): (name: string) => boolean {
  if (mask === "" || mask.length > longest) {
    throw new LocalProtocolError(
      `${
        quoteText(mask, 40)
      } is not a valid mask: it has ${mask.length} characters. Use 1 to ${longest}.`,
    );
  }
  const signs = [...mask.replaceAll(/\*+/g, "*")];
  return (name) => name.length <= longest && fits(signs, [...name]);
}

/** Compares from the left; at a mismatch, the last `*` takes one more character. */
function fits(mask: readonly string[], name: readonly string[]): boolean {
  let at = 0;
  let star = -1;
  let afterStar = 0;
  for (let read = 0; read < name.length;) {
    if (mask[at] === "*") {
      star = at++;
      afterStar = read;
    } else if (mask[at] === "?" || mask[at] === name[read]) {
      at++;
      read++;
    } else if (star !== -1) {
      at = star + 1;
      read = ++afterStar;
    } else return false;
  }
  if (mask[at] === "*") at++;
  return at === mask.length;
}
