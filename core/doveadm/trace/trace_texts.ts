/**
 * Bytes of a peer as texts of a decoded conversation.
 *
 * @module
 */

import { decodeUtf8, decodeUtf8Strictly, encodeUtf8 } from "../../bytes.ts";
import { concealed, longestSecret, TraceSecrets } from "./secrets.ts";
import type { TraceText } from "./trace_item.ts";

/** Makes texts, of a limited length and without secrets. */
export class TraceTexts {
  /** The secrets of the conversation. */
  readonly secrets: TraceSecrets = new TraceSecrets();
  readonly #maxShown: number;

  /** Shows `maxShown` characters of each text. */
  constructor(maxShown: number) {
    this.#maxShown = maxShown;
  }

  /** How many bytes of a value have to be kept to show it: a secret that is cut can't be found. */
  get kept(): number {
    return this.#maxShown * 4 + 2 * longestSecret;
  }

  /** The text of a value of `size` bytes, of which there are the first ones. */
  of(bytes: Uint8Array, size: number = bytes.length): TraceText {
    const text = decodeUtf8(bytes);
    const shown = this.secrets.conceal(text);
    const readable = shown === text ? readableText(bytes, bytes.length < size) : shown;
    const cut = this.#cut(readable);
    return { text: cut, size, isCut: cut.length < readable.length || bytes.length < size };
  }

  /** The text of a value that is there as a text, and has no secrets in it. */
  ofText(text: string, size: number = encodeUtf8(text).length): TraceText {
    const cut = this.#cut(text);
    return { text: cut, size, isCut: cut.length < text.length };
  }

  /** A secret value. */
  hidden(size: number): TraceText {
    return { text: concealed, size, isCut: false };
  }

  /** The first word of bytes that may be a secret. */
  firstWord(bytes: Uint8Array, size: number): TraceText {
    const [word] = /^[A-Za-z/-]{0,12}(?=[\t :])/.exec(decodeUtf8(bytes.subarray(0, 16))) ?? [""];
    return { text: `${word}${concealed}`, size, isCut: false };
  }

  #cut(text: string): string {
    const cut = text.slice(0, this.#maxShown);
    // A surrogate pair isn't separated.
    const isSplit = text.length > cut.length && /[\ud800-\udbff]$/.test(cut);
    return isSplit ? cut.slice(0, -1) : cut;
  }
}

/** UTF-8 as it is; otherwise bytes above ASCII are `\x` and two digits. */
function readableText(bytes: Uint8Array, isCut: boolean): string {
  // The last character may be cut.
  for (let less = 0; less <= (isCut ? 3 : 0); less++) {
    const text = decodeUtf8Strictly(bytes.subarray(0, Math.max(0, bytes.length - less)));
    if (text !== undefined) return text;
  }
  const pieces: string[] = [];
  for (const byte of bytes) {
    pieces.push(byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`);
  }
  return pieces.join("");
}
