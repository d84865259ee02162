/**
 * Masks for users.
 *
 * @module
 */

/** Whether a mask for users is one, and not just a name: it has `*` or `?`. */
export function hasWildcards(mask: string): boolean {
  return /[*?]/.test(mask);
}

/**
 * Whether a mask fits a user's name, in any case: `*` stands for any text, `?` for any character,
 * anything else for itself.
 */
export function fitsWildcards(mask: string, name: string): boolean {
  const wanted = mask.toUpperCase();
  const text = name.toUpperCase();
  // Where the last `*` is, and up to where it reaches: that is all there is to take back.
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
