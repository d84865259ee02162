/**
 * Reads JSON as a tree that keeps what `JSON.parse` loses: names that occur twice, and numbers of any length.
 *
 * @module
 */

/** A JSON value. */
export type JsonNode =
  | { readonly type: "string"; readonly text: string }
  /** A number, `true`, `false` or `null`, as it stands in the text. */
  | { readonly type: "word"; readonly text: string }
  | { readonly type: "array"; readonly items: readonly JsonNode[] }
  /** The members in their order, with names that may repeat. */
  | { readonly type: "object"; readonly members: readonly (readonly [string, JsonNode])[] };

/** Limits on a JSON text. */
export interface JsonLimits {
  /** How deep arrays and objects may be nested. */
  readonly depth: number;
  /** How many values there may be. */
  readonly values: number;
  /** Whether strings may have control characters as they are, as Dovecot 2.3 takes them. False if left out. */
  readonly allowsControls?: boolean;
}

/** A text that is no JSON, or over a limit. */
export class JsonTextError extends Error {
  /** Whether the text ended too early. */
  readonly isEnd: boolean;

  /** Creates an error. */
  constructor(message: string, isEnd = false) {
    super(message);
    this.isEnd = isEnd;
  }
}

/**
 * Reads a text in linear time. Throws a {@linkcode JsonTextError}, in the words of Dovecot 2.4.
 *
 * As in Dovecot, strings have no half of a surrogate pair, which would become another character.
 */
export function readJson(text: string, limits: JsonLimits): JsonNode {
  const reader = new JsonReader(text, limits);
  return reader.whole();
}

const space = /[ \t\n\r]*/y;
const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

class JsonReader {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #depth = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  whole(): JsonNode {
    if (this.#peek() === undefined) throw new JsonTextError("JSON text has no value", true);
    const node = this.#value("value");
    if (this.#peek() !== undefined) throw new JsonTextError("Spurious data at end of JSON text");
    return node;
  }

  /** The next character after white space; `undefined` at the end. */
  #peek(): string | undefined {
    this.#skip(space);
    return this.#text[this.#at];
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found;
  }

  #value(where: string): JsonNode {
    if (++this.#values > this.#limits.values) {
      throw new JsonTextError(`There are more than ${this.#limits.values} values`);
    }
    switch (this.#peek()) {
      case "[":
        return this.#nested(() => this.#array());
      case "{":
        return this.#nested(() => this.#object());
      case '"':
        return { type: "string", text: this.#string() };
    }
    const text = this.#skip(word);
    if (text === "") throw this.#unexpected("Expected value", where);
    return { type: "word", text };
  }

  #nested(read: () => JsonNode): JsonNode {
    if (++this.#depth > this.#limits.depth) {
      throw new JsonTextError(`The nesting is deeper than ${this.#limits.depth}`);
    }
    this.#at++;
    const node = read();
    this.#depth--;
    return node;
  }

  #array(): JsonNode {
    const items: JsonNode[] = [];
    if (this.#takes("]")) return { type: "array", items };
    do items.push(this.#value("array")); while (this.#takes(","));
    if (!this.#takes("]")) throw this.#unexpected("Expected ',' or ']'", "array");
    return { type: "array", items };
  }

  #object(): JsonNode {
    const members: [string, JsonNode][] = [];
    if (this.#takes("}")) return { type: "object", members };
    do {
      if (this.#peek() !== '"') throw this.#unexpected("Expected string", "object");
      const name = this.#string();
      if (!this.#takes(":")) throw this.#unexpected("Expected ':'", "object");
      members.push([name, this.#value("object")]);
    } while (this.#takes(","));
    if (!this.#takes("}")) throw this.#unexpected("Expected ',' or '}'", "object");
    return { type: "object", members };
  }

  /** Takes a sign if it comes next. */
  #takes(sign: string): boolean {
    const isThere = this.#peek() === sign;
    if (isThere) this.#at++;
    return isThere;
  }

  /** The string that starts here. */
  #string(): string {
    const start = this.#at;
    for (let end = start;;) {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw new JsonTextError("Encountered end of input inside string", true);
      if (this.#isEscaped(end)) continue;
      this.#at = end + 1;
      return checked(this.#parsed(this.#text.slice(start, end + 1)));
    }
  }

  #parsed(literal: string): string {
    try {
      return JSON.parse(literal);
    } catch {
      if (this.#limits.allowsControls && CONTROL.test(literal)) {
        return this.#parsed(literal.replace(ESCAPE_OR_CONTROL, withoutControl));
      }
      throw new JsonTextError("String contains an invalid character or escape sequence");
    }
  }

  /** Whether a quote has an odd number of backslashes before it. */
  #isEscaped(quote: number): boolean {
    let at = quote;
    while (this.#text[at - 1] === "\\") at--;
    return (quote - at) % 2 === 1;
  }

  #unexpected(expected: string, where: string): JsonTextError {
    const found = this.#peek();
    return found === undefined
      ? new JsonTextError(`Encountered end of input inside ${where}`, true)
      : new JsonTextError(
        `${expected}, but encountered ${shown(this.#text.codePointAt(this.#at)!)}`,
      );
  }
}

/** What `JSON.parse` refuses in a string. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x1f]/;

/** A control character, or an escape sequence to pass over. */
// deno-lint-ignore no-control-regex
const ESCAPE_OR_CONTROL = /\\[^]|[\0-\x1f]/g;

/** A control character as an escape sequence; a backslash before one stays the mistake that it is. */
function withoutControl(found: string): string {
  if (!CONTROL.test(found)) return found;
  return found.length > 1 ? "\\x" : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A string that UTF-8 carries. */
function checked(text: string): string {
  const half = text.match(/\p{Surrogate}/u)?.[0].charCodeAt(0);
  if (half === undefined) return text;
  const which = half < 0xdc00 ? "high" : "low";
  const code = half.toString(16).toUpperCase();
  throw new JsonTextError(`String contains lonely Unicode ${which} surrogate '\\u${code}'`);
}

/** A character, for messages. */
function shown(code: number): string {
  return code > 0x20 && code < 0x7f
    ? `'${String.fromCodePoint(code)}'`
    : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
