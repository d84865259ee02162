/**
 * Fields such as Content-Type, with parameters after a value (RFC 2045, 5.1; RFC 2231).
 *
 * @module
 */

import { fromByteText, trimAscii } from "./byte_text.ts";
import { decodeText } from "./charset.ts";
import { cleanText, decodeField } from "./words.ts";

/** The maximum length of such a field; the rest isn't read. */
const maxLength = 65_536;

/**
 * A field with parameters, of which each character is a byte. It accepts the errors of real mails: blanks
 * and comments between any two tokens, no semicolons, unclosed quotes.
 *
 * @example
 * ```ts
 * import { StructuredField } from "./structured_field.ts";
 * import assert from "node:assert/strict";
 *
 * const field = new StructuredField("Multipart /mixed boundary=cut charset=utf-8");
 * assert.equal(field.value, "multipart/mixed");
 * assert.equal(field.parameter("boundary"), "cut");
 * ```
 */
export class StructuredField {
  /** The value before the parameters, in lower case, without blanks and comments; "" for none. */
  readonly value: string;
  /** The parameters in their order, their names in lower case. */
  readonly #parameters: readonly (readonly [name: string, value: string])[];

  /** Reads a field. */
  constructor(field: string) {
    const reader = new FieldReader(field.slice(0, maxLength));
    this.value = reader.readValue().toLowerCase();
    this.#parameters = reader.readParameters();
  }

  /** The bytes of a parameter, its continuations joined; "" for none. The first of a name counts. */
  parameter(name: string): string {
    return this.#find(name).bytes;
  }

  /** The decoded text of a parameter, on one line; "" for none. */
  text(name: string): string {
    const { bytes, charset } = this.#find(name);
    if (charset === undefined) return decodeField(bytes);
    return cleanText(decodeText(fromByteText(bytes), charset));
  }

  #find(name: string): { bytes: string; charset?: string } {
    const sections: { number: number; isEncoded: boolean; value: string }[] = [];
    let plain = "";
    let extended: string | undefined;
    for (const [full, value] of this.#parameters) {
      if (!full.startsWith(name)) continue;
      const rest = full.slice(name.length);
      const section = /^\*(\d+)(\*?)$/.exec(rest);
      if (rest === "") plain ||= value;
      else if (rest === "*") extended ??= value;
      else if (section !== null) {
        sections.push({ number: Number(section[1]), isEncoded: section[2] !== "", value });
      }
    }
    if (extended) return decodeSections([{ isEncoded: true, value: extended }]);
    if (sections.length === 0) return { bytes: plain };
    const joined = decodeSections(sections.sort((one, other) => one.number - other.number));
    return joined.bytes === "" ? { bytes: plain } : joined;
  }
}

/** Joins the sections of a parameter (RFC 2231, 3 and 4). */
function decodeSections(
  sections: readonly { readonly isEncoded: boolean; readonly value: string }[],
): { bytes: string; charset?: string } {
  const [first] = sections;
  const declared = first.isEncoded ? /^([^']*)'[^']*'/.exec(first.value) : null;
  const bytes = sections.map(({ isEncoded, value }, at) => {
    const text = at === 0 && declared !== null ? value.slice(declared[0].length) : value;
    return isEncoded ? decodePercent(text) : text;
  }).join("");
  return sections.some(({ isEncoded }) => isEncoded)
    ? { bytes, charset: declared?.[1] ?? "" }
    : { bytes };
}

/** A "%" without two digits is itself. */
function decodePercent(text: string): string {
  return text.replace(
    /%([0-9a-f]{2})/gi,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
}

/** Parameters after an unquoted file name with blanks in it. */
const afterFilename =
  /[ \t\r\n](?:filename|name|size|charset|boundary|format|delsp|type|[a-z]+-date|x-[a-z-]+)[*\d]*[ \t]{0,8}=/i;

function isFilename(name: string): boolean {
  return /^(?:file)?name(?![a-z])/.test(name);
}

/** Reads a field from its start to its end. */
class FieldReader {
  readonly #text: string;
  #at = 0;
  /** Whether there is an unclosed comment: then "(" is a plain character. */
  #hasOpenComment = false;
  #semicolon = -2;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads the value: one token, or several with slashes between them. */
  readValue(): string {
    // Some programs write the field's name twice.
    const name = /^[ \t\r\n]*content-(?:type|disposition)[ \t]*:/i.exec(this.#text);
    this.#at = name?.[0].length ?? 0;
    let value = "";
    for (;;) {
      this.#skipBlanks();
      value += this.#next() === '"' ? this.#readQuoted("") : this.#readToken(/[^ \t\r\n;:,("/=]*/y);
      this.#skipBlanks();
      if (this.#next() === "/") {
        value += "/";
        this.#at++;
        continue;
      }
      if (this.#next() !== "=" || value.includes("/")) return trimAscii(value);
      // There is no value, and this is a parameter.
      this.#at = name?.[0].length ?? 0;
      return "";
    }
  }

  /** Reads all parameters. */
  readParameters(): [name: string, value: string][] {
    const parameters: [name: string, value: string][] = [];
    while (this.#at < this.#text.length) {
      this.#skipBlanks();
      const name = this.#readToken(/[^ \t\r\n;:,("=]*/y).toLowerCase();
      if (name === "") {
        this.#at++;
        continue;
      }
      this.#skipBlanks();
      if (this.#next() !== "=") continue;
      this.#at++;
      // A file name may begin with a parenthesis.
      if (isFilename(name)) this.#readToken(/[ \t\r\n]*/y);
      else this.#skipBlanks();
      const value = this.#next() === '"' ? this.#readQuoted(name) : this.#readUnquoted(name);
      parameters.push([name, value]);
    }
    return parameters;
  }

  #next(): string {
    return this.#text[this.#at] ?? "";
  }

  /** Reads a match of a sticky pattern here, possibly nothing. */
  #readToken(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [token] = pattern.exec(this.#text) ?? [""];
    this.#at += token.length;
    return token;
  }

  /** Skips blanks and comments, which may be nested. */
  #skipBlanks(): void {
    for (;;) {
      this.#readToken(/[ \t\r\n]*/y);
      if (this.#next() !== "(" || this.#hasOpenComment) return;
      const end = this.#endOfComment();
      if (end === undefined) {
        this.#hasOpenComment = true;
        return;
      }
      this.#at = end;
    }
  }

  #endOfComment(): number | undefined {
    let depth = 0;
    for (let at = this.#at; at < this.#text.length; at++) {
      const character = this.#text[at];
      if (character === "\\") at++;
      else if (character === "(") depth++;
      else if (character === ")" && --depth === 0) return at + 1;
    }
    return undefined;
  }

  /** Reads a quoted string; returns nothing for an unclosed one, or an empty one with text right after it. */
  #readQuoted(name: string): string {
    const text = this.#text;
    const start = ++this.#at;
    let end = start;
    while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
    const isEmpty = end === start && /[^ \t\r\n;,]/.test(text[end + 1] ?? "");
    if (end >= text.length || isEmpty) return this.#readUnquoted(name).replaceAll('"', "");
    this.#at = end + 1;
    return text.slice(start, end).replace(/\\(.)/gs, "$1");
  }

  /**
   * Reads a value without quotes. It ends at a blank, as in Dovecot; only file names may contain blanks,
   * since they often do.
   */
  #readUnquoted(name: string): string {
    if (!isFilename(name)) {
      const value = this.#readToken(/[^ \t\r\n;]*/y).replaceAll('"', "");
      return value.endsWith(",") ? value.slice(0, -1) : value;
    }
    if (this.#semicolon < this.#at && this.#semicolon !== -1) {
      this.#semicolon = this.#text.indexOf(";", this.#at);
    }
    const rest = this.#text.slice(this.#at, this.#semicolon === -1 ? undefined : this.#semicolon);
    const value = rest.slice(0, afterFilename.exec(rest)?.index);
    this.#at += value.length;
    return trimAscii(value);
  }
}
