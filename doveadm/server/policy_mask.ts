/**
 * Masks of names, with `*` for any text and `?` for one character.
 *
 * @module
 */

import { LocalProtocolError, quoteText } from "../../core/mod.ts";

/** How long a mask may be, and a name that may fit one; so that no pair of them takes long. */
const longest = 1000;

/**
 * A mask as a function that tells whether a name fits it: `*` stands for any text, also for none, and
 * `?` for one character; anything else stands for itself, in its own case. A name of more than 1000
 * characters fits no mask.
 *
 * It takes time in proportion to the name's length times the mask's, whatever they are.
 *
 * Throws a `LocalProtocolError` for a mask that is empty, or longer than 1000 characters.
 */
export function compileMask(mask: string): (name: string) => boolean {
  if (mask === "" || mask.length > longest) {
    throw new LocalProtocolError(
      `${quoteText(mask, 40)} is no mask: it has ${mask.length} characters. Use 1 to ${longest}.`,
    );
  }
  const signs = [...mask.replaceAll(/\*+/g, "*")];
  return (name) => name.length <= longest && fits(signs, [...name]);
}

/** Compares from the left; where a mismatch comes, the last `*` takes one character more. */
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
