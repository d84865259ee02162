/**
 * One JSON value that arrives in chunks: finds its end and its size, and parses it.
 *
 * @module
 */

import { decodeUtf8, GatheredBytes } from "../../core/bytes.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The deepest nesting that is accepted: Dovecot's own values reach 3. */
export const deepestNesting = 64;

/**
 * Finds the end of a value in one pass over its bytes, and keeps them until then. `JSON.parse` parses the
 * value: it is exact and many times faster than building it from tokens.
 */
export class JsonValue {
  /** The bytes so far, if they are not all in one chunk. */
  #gathered: GatheredBytes | undefined;
  #size = 0;
  #values = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #text: string | undefined;

  /** Whether it is complete. */
  get isWhole(): boolean {
    return this.#text !== undefined;
  }

  /** Its number of bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** How many values it contains so far, without itself, counted by its commas and brackets. */
  get values(): number {
    return this.#values;
  }

  /** Whether it is nested deeper than {@linkcode deepestNesting}; such a value must not be parsed. */
  get isTooDeep(): boolean {
    return this.#depth > deepestNesting;
  }

  /** Its first bytes, for messages. */
  get beginning(): string {
    return this.#text ?? "";
  }

  /** Takes `chunk` from `start` on, up to the end of the value or the chunk, and returns that position. */
  read(chunk: Uint8Array, start: number): number {
    const { at, isWhole } = this.#scan(chunk, start);
    this.#size += at - start;
    if (isWhole && this.#gathered === undefined) {
      this.#text = decodeUtf8(chunk.subarray(start, at));
    } else {
      this.#gathered ??= new GatheredBytes();
      this.#gathered.push(chunk, start, at);
      if (isWhole) this.#text = decodeUtf8(this.#gathered.take());
    }
    return at;
  }

  /** Parses the value. Throws a `SyntaxError` for invalid JSON. */
  parse(): unknown {
    return parseJson(this.#text ?? "");
  }

  #scan(chunk: Uint8Array, start: number): { at: number; isWhole: boolean } {
    const end = chunk.length;
    for (let at = start; at < end; at++) {
      if (this.#inString) {
        at = this.#skipString(chunk, at);
        // The end of a string that is the whole value.
        if (at < end && this.#depth === 0) return { at: at + 1, isWhole: true };
        continue;
      }
      switch (chunk[at]) {
        case QUOTE:
          this.#inString = true;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#values++;
          if (++this.#depth > deepestNesting) return { at, isWhole: false };
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          // The end of a number or a word; the byte isn't part of it.
          if (this.#depth === 0) return { at, isWhole: true };
          if (--this.#depth === 0) return { at: at + 1, isWhole: true };
          break;
        case COMMA:
          if (this.#depth === 0) return { at, isWhole: true };
          this.#values++;
      }
    }
    return { at: end, isWhole: false };
  }

  /** The position of the closing quote of the current string, or the chunk's length. */
  #skipString(chunk: Uint8Array, start: number): number {
    let at = start;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
      if (byte === BACKSLASH && ++at === chunk.length) this.#escaped = true;
    }
    return chunk.length;
  }
}

/**
 * Parses a JSON text. Throws a `SyntaxError` for invalid JSON.
 *
 * An integer beyond 2^53 becomes a string of its digits, the form in which Dovecot sends most numbers: only
 * `stats dump` prints JSON numbers, among them 64-bit sums.
 */
export function parseJson(text: string): unknown {
  const value = JSON.parse(text);
  return longNumber.test(text) ? JSON.parse(quoteLongNumbers(text)) : value;
}

/** The number of digits up to which all integers are exact. */
const safeDigits = String(Number.MAX_SAFE_INTEGER).length;

/**
 * Finds a number of many digits after a ":", "[" or ",", or at the start. A match may also be inside a
 * string: then the text is scanned once more without a change.
 */
const longNumber = new RegExp(String.raw`(?:^|[:\[,])\s*-?\d{${safeDigits}}`);

/** Quotes integers that are not safe. */
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

/** The end of the string that starts at a quote, in valid JSON. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1;; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
}
