/**
 * Texts of a peer, made safe for messages: no control characters, no secrets, not too long.
 *
 * A peer may send anything, the password that it was given included, and what it sends ends up in
 * error messages, and with these in terminals and log files.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8, quote } from "./bytes.ts";
import { decodeEscapes } from "./escapes.ts";

/** How many characters of a peer's text a message quotes. */
const quotedLength = 200;

/**
 * What no message shows as it is: control characters (C0, DEL, C1), line and paragraph separators,
 * signs that change the direction of the text, the byte order mark, and lone surrogates.
 */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}\ufeff]/gu;

const shortEscapes: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/**
 * A peer's text as a message can show it: what could end a line, move the cursor or turn the text's
 * direction is shown as an escape, `\n`, `\x1b` or `\u202e`. Anything else stays as it is.
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
 * A peer's text in quotes, as a message can show it: as {@linkcode escapeControls} gives it, with a
 * backslash before quotes and backslashes, and "…" after the first `length` characters, 200 if left
 * out.
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
  // A cut doesn't part the two halves of a character.
  if (text.length > length && /[\ud800-\udbff]$/.test(shown)) shown = shown.slice(0, -1);
  const cut = shown.length < text.length ? "…" : "";
  return `"${escapeControls(shown.replace(/["\\]/g, "\\$&"))}${cut}"`;
}

/** What stands in the place of a secret. */
const concealed = "…";

/** How many times an escape within an escape is decoded in search of a secret. */
const deepestEscapes = 3;

/** The least length of a piece of a secret that is concealed where it stands among other text. */
const leastPiece = 4;

/**
 * Takes secrets out of texts of a peer, which may echo what it was sent.
 *
 * It finds a secret as it is and in the forms that programs show texts in: base64 (by itself or within
 * something longer, with either alphabet), hex, percent signs, and the escapes of JSON, of
 * {@linkcode quoteText}, HTML and Dovecot. Where the peer has cut it, more than half of a form is
 * taken for the secret. Secrets of up to three characters are found only as a word of their own, since
 * their letters stand in any text.
 *
 * It also finds a secret of which only some characters are escaped, by decoding all escapes.
 *
 * Conceal before anything else is done to a text: what has been cut to fit a message can't be found.
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
  /** Forms of secrets, of which pieces are concealed as well; made when first they are needed. */
  #forms: readonly string[] | undefined;
  /** Finds short secrets, which only count where they stand alone. */
  #words: RegExp | undefined;

  /** Takes the secrets; those that are empty or `undefined` are left out. */
  constructor(secrets: readonly (string | undefined)[]) {
    this.#secrets = secrets.filter((secret) => secret !== undefined && secret !== "") as string[];
  }

  /**
   * The text with "…" in place of each secret, of its other forms, and of large pieces of these. Where a
   * secret shows only after escapes in it are decoded, so are those of the text that is given back.
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

  /** Whether a secret, or another form of one, stands in a text as a whole. */
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
 * Adds to `found` where more than half of `form` stands in a text.
 *
 * Any piece of that size has one of a few short parts of the form in it whole, so that it is enough to
 * look for these and to see how far the text is the same around them.
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

/** The forms in which a text may be shown. */
function formsOf(secret: string): string[] {
  const bytes = encodeUtf8(secret);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  // Decoded anew, since a lone surrogate can't be encoded.
  const percent = encodeURIComponent(decodeUtf8(bytes));
  return [
    secret,
    // UTF-8 that was taken for Latin-1.
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
 * The base64 of a byte string within something longer, for each of the three places where it may
 * begin: without the characters at either end that depend on its neighbours, too.
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
