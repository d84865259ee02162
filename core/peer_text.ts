/**
 * Makes texts of a peer safe for messages: no control characters, no secrets, not too long.
 *
 * A peer may send anything, including the password that it received, and its text ends up in error
 * messages, terminals and log files.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8, quote } from "./bytes.ts";
import { decodeEscapes } from "./escapes.ts";

/** The most characters of a peer's text that a message quotes. */
const quotedLength = 200;

/**
 * Characters that messages escape: control characters (C0, DEL, C1), line and paragraph separators,
 * characters that change the text's direction, the byte order mark, and lone surrogates.
 */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}\ufeff]/gu;

const shortEscapes: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/**
 * A peer's text for messages: characters that end a line, move the cursor or change the text's direction
 * are escaped, `\n`, `\x1b` or `\u202e`. Anything else stays as it is.
 *
 * @example
 * ```ts
 * import { escapeControls } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * assert.equal(escapeControls("doveadm\x1b[2J: Käse\r\n"), "doveadm\\x1b[2J: Käse\\r\\n");
 * ```
 */
export function escapeControls(text: string): string {
  return text.replace(unsafe, (sign) => {
    if (Object.hasOwn(shortEscapes, sign)) return shortEscapes[sign];
    const hex = sign.charCodeAt(0).toString(16);
    return hex.length <= 2 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/**
 * A peer's text in quotes, for messages: as {@linkcode escapeControls} returns it, with a backslash before
 * quotes and backslashes, and "…" after the first `length` characters, 200 if left out.
 *
 * @example
 * ```ts
 * import { quoteText } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * assert.equal(quoteText('say "hi"\n'), '"say \\"hi\\"\\n"');
 * assert.equal(quoteText("abcdef", 3), '"abc…"');
 * ```
 */
export function quoteText(text: string, length: number = quotedLength): string {
  let shown = text.slice(0, length);
  // A cut doesn't separate a surrogate pair.
  if (text.length > length && /[\ud800-\udbff]$/.test(shown)) shown = shown.slice(0, -1);
  const cut = shown.length < text.length ? "…" : "";
  return `"${escapeControls(shown.replace(/["\\]/g, "\\$&"))}${cut}"`;
}

/** Replaces a secret. */
const concealed = "…";

/** How many levels of escapes are decoded in search of a secret. */
const deepestEscapes = 3;

/** The shortest piece of a secret that is concealed inside other text. */
const leastPiece = 4;

/**
 * Removes secrets from texts of a peer, which may echo them.
 *
 * It finds a secret as it is and in the usual encodings: base64 (alone or inside longer data, with either
 * alphabet), hex, percent escapes, and the escapes of JSON, {@linkcode quoteText}, HTML and Dovecot. If the
 * peer has cut it, more than half of an encoding counts as the secret. Secrets of up to three characters
 * are found only as separate words, since their letters occur in any text.
 *
 * It also finds a secret of which only some characters are escaped, by decoding all escapes.
 *
 * Conceal before any other change to a text: a secret that was cut for a message can't be found.
 *
 * @example
 * ```ts
 * import { Concealer } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const concealer = new Concealer(["zq-secret"]);
 * assert.equal(concealer.conceal("bad login: zq-secret"), "bad login: …");
 * assert.equal(concealer.conceal(`bad login: ${btoa("zq-secret")}`), "bad login: …");
 * ```
 */
export class Concealer {
  readonly #secrets: readonly string[];
  /** Encoded secrets of which pieces are concealed as well; created on first use. */
  #forms: readonly string[] | undefined;
  /** Finds short secrets, which only count as separate words. */
  #words: RegExp | undefined;

  /** Takes the secrets; empty or `undefined` ones are ignored. */
  constructor(secrets: readonly (string | undefined)[]) {
    this.#secrets = secrets.filter((secret) => secret !== undefined && secret !== "") as string[];
  }

  /**
   * The text with "…" in place of each secret, its encodings, and large pieces of these. If a secret is
   * found only after escapes in it are decoded, the returned text has its escapes decoded, too.
   */
  conceal(text: string): string {
    let shown = this.#concealForms(text);
    let plain = shown;
    for (let depth = 0; depth < deepestEscapes; depth++) {
      const decoded = decodeEscapes(plain);
      if (decoded === plain) break;
      plain = this.#concealForms(decoded);
      if (plain !== decoded) shown = plain;
    }
    return shown;
  }

  #concealForms(text: string): string {
    this.#forms ??= this.#makeForms();
    let found: Span[] | undefined;
    for (const form of this.#forms) found = findPieces(text, form, found);
    const shown = found === undefined ? text : withoutSpans(text, found);
    return this.#words === undefined ? shown : shown.replace(this.#words, concealed);
  }

  /** Whether a text contains a whole secret, or an encoding of one. */
  isIn(text: string): boolean {
    this.#forms ??= this.#makeForms();
    return this.#forms.some((form) => text.includes(form));
  }

  /** Bytes of a peer in quotes, as {@linkcode quote} shows them, without the secrets. */
  quote(bytes: Uint8Array): string {
    const text = decodeUtf8(bytes);
    const shown = this.conceal(text);
    return shown === text ? quote(bytes) : quoteText(shown);
  }

  #makeForms(): readonly string[] {
    const isLong = (form: string) => form.length >= leastPiece;
    const words = this.#secrets.filter((secret) => !isLong(secret)).map(escapeForRegExp);
    if (words.length > 0) {
      this.#words = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join("|")})(?![\\p{L}\\p{N}])`, "gu");
    }
    return [...new Set(this.#secrets.flatMap(formsOf).filter(isLong))];
  }
}

/** A range of a text. */
interface Span {
  start: number;
  end: number;
}

/**
 * Adds to `found` the ranges of a text that match more than half of `form`.
 *
 * Each piece of that size contains at least one of a few short parts of the form, so that the search looks
 * for these and extends the match around them.
 */
function findPieces(text: string, form: string, found: Span[] | undefined): Span[] | undefined {
  const least = Math.max(leastPiece, (form.length >> 1) + 1);
  const step = Math.max(2, least >> 1);
  for (let at = 0; at + step <= form.length; at += step) {
    const part = form.slice(at, at + step);
    let from = 0;
    for (let hit; (hit = text.indexOf(part, from)) !== -1;) {
      let before = 0;
      while (before < at && hit > before && text[hit - before - 1] === form[at - before - 1]) {
        before++;
      }
      let after = step;
      while (at + after < form.length && text[hit + after] === form[at + after]) after++;
      from = hit + 1;
      if (before + after < least) continue;
      (found ??= []).push({ start: hit - before, end: hit + after });
      from = hit + after;
    }
  }
  return found;
}

function withoutSpans(text: string, spans: Span[]): string {
  spans.sort((a, b) => a.start - b.start);
  let shown = "";
  let at = 0;
  for (const { start, end } of spans) {
    if (start > at || at === 0) shown += text.slice(at, start) + concealed;
    at = Math.max(at, end);
  }
  return shown + text.slice(at);
}

/** The encodings of a secret. */
function formsOf(secret: string): string[] {
  const bytes = encodeUtf8(secret);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  // Decoded again, since a lone surrogate can't be encoded.
  const percent = encodeURIComponent(decodeUtf8(bytes));
  return [
    secret,
    // UTF-8 that was read as Latin-1.
    binary,
    JSON.stringify(secret).slice(1, -1),
    quoteText(secret, Infinity).slice(1, -1),
    quote(bytes, Infinity).slice(1, -1),
    secret.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`),
    secret.replace(/[&<>"]/g, (sign) => namedEntities[sign]),
    hex.join(""),
    hex.join("").toUpperCase(),
    percent,
    percent.replace(/%../g, (escape) => escape.toLowerCase()),
    ...base64Cores(binary),
    // deno-lint-ignore no-control-regex -- these are the characters that Dovecot escapes
    secret.replace(/[\x01\t\r\n]/g, (sign) => `\x01${dovecotEscapes[sign]}`),
  ];
}

const namedEntities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

const dovecotEscapes: Readonly<Record<string, string>> = {
  "\x01": "1",
  "\t": "t",
  "\r": "r",
  "\n": "n",
};

/**
 * The base64 of a byte string inside longer data, for each of the three possible offsets: also without the
 * characters at either end that depend on the neighbouring bytes.
 */
function base64Cores(binary: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const coded = btoa("\0".repeat(offset) + binary).replace(/=+$/, "");
    const bits = (offset + binary.length) * 8;
    const core = coded.slice(Math.ceil(offset * 8 / 6), Math.floor(bits / 6));
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
