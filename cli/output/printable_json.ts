/**
 * JSON for terminals.
 *
 * @module
 */

/** What JSON leaves as it is, and a terminal may act on. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

/** A value as JSON in which nothing controls a terminal; it is parsed to the same value. */
export function printableJson(value: object): string {
  return JSON.stringify(value).replace(
    unsafe,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
