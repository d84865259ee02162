/**
 * JSON as `JSON.parse` reads it, but for whole numbers that JavaScript's can't hold.
 *
 * @module
 */

/**
 * The value of a JSON text. Throws a `SyntaxError` for what is no JSON.
 *
 * A whole number beyond 2^53 comes as the text of its digits, which is how Dovecot gives most of its
 * numbers anyway: `stats dump` alone prints real ones, and sums of 64 bits are among them.
 */
export function parseJson(text: string): unknown {
  const value = JSON.parse(text);
  return hasLongNumber(text) ? JSON.parse(quoteLongNumbers(text)) : value;
}

/** The digits of the largest number up to which all whole ones are exact. */
const safeDigits = String(Number.MAX_SAFE_INTEGER).length;

/**
 * Whether a number of many digits may be behind a ":", "[" or ",", or begin the text. It may also be
 * inside a string: then the text is read once more for nothing.
 */
function hasLongNumber(text: string): boolean {
  return longNumber.test(text);
}

const longNumber = new RegExp(String.raw`(?:^|[:\[,])\s*-?\d{${safeDigits}}`);

/** Puts quotes around whole numbers that are not safe. */
function quoteLongNumbers(text: string): string {
  let quoted = "";
  let from = 0;
  for (let at = 0; at < text.length;) {
    const letter = text[at];
    if (letter === '"') {
      at = endOfString(text, at);
    } else if (letter === "-" || isDigit(letter)) {
      const start = at++;
      while (at < text.length && /[\d.eE+-]/.test(text[at])) at++;
      const number = text.slice(start, at);
      if (/^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number))) {
        quoted += `${text.slice(from, start)}"${number}"`;
        from = at;
      }
    } else {
      at++;
    }
  }
  return quoted + text.slice(from);
}

function isDigit(letter: string): boolean {
  return letter >= "0" && letter <= "9";
}

/** Where the string that begins at a quote ends. The text is known to be JSON. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1;; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
}
