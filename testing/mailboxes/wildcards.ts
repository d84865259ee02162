/**
 * Masks for users.
 *
 * @module
 */

/** Whether a mask for users has wildcards, `*` or `?`. */
export function hasWildcards(mask: string): boolean {
  return /[*?]/.test(mask);
}

/**
 * Whether a mask matches a user's name, in any case: `*` matches any text, `?` any character, any other
 * character itself.
 */
export function fitsWildcards(mask: string, name: string): boolean {
  const wanted = mask.toUpperCase();
  const text = name.toUpperCase();
  // The position of the last `*` and the end of its match: the only point to backtrack to.
  let star = -1;
  let starEnd = 0;
  let place = 0;
  let at = 0;
  while (at < text.length) {
    if (wanted[place] === "*") {
      star = place++;
      starEnd = at;
    } else if (place < wanted.length && (wanted[place] === "?" || wanted[place] === text[at])) {
      place++;
      at++;
    } else if (star !== -1) {
      place = star + 1;
      at = ++starEnd;
    } else {
      return false;
    }
  }
  return /^\**$/.test(wanted.slice(place));
}
