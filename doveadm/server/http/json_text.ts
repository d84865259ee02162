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

/** Reads a text in linear time. Throws a {@linkcode JsonTextError}, in the words of Dovecot 2.4. */
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
      try {
        return JSON.parse(this.#text.slice(start, end + 1));
      } catch {
        throw new JsonTextError("String contains an invalid character or escape sequence");
      }
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

/** A character, for messages. */
function shown(code: number): string {
  return code > 0x20 && code < 0x7f
    ? `'${String.fromCodePoint(code)}'`
    : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
