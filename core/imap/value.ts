/**
 * Values of IMAP: what a command's arguments and a response's data are made of.
 *
 * @module
 */

import { decodeUtf8Strictly, encodeUtf8 } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";

/** A word that stands for itself: `INBOX`, `\Seen`, `1:*`, `NIL`. */
export interface ImapAtom {
  /** What kind of value it is. */
  readonly type: "atom";
  /** The word; 8-bit bytes, which only servers may send, are read as UTF-8. */
  readonly text: string;
}

/** A string of any bytes. */
export interface ImapString {
  /** What kind of value it is. */
  readonly type: "string";
  /** Its bytes, without quotes and backslashes. */
  readonly bytes: Uint8Array;
  /** How it was written: `"a"`, `{1}` and a line end and `a`, or `~{1}` and a line end and `a`. */
  readonly form: "quoted" | "literal" | "literal8";
}

/** Values in parentheses. */
export interface ImapList {
  /** What kind of value it is. */
  readonly type: "list";
  /** The values, in order. */
  readonly values: readonly ImapValue[];
}

/**
 * A value of IMAP (RFC 9051, 4).
 *
 * An atom may contain brackets, but never a space or a parenthesis: `BODY[HEADER.FIELDS (FROM)]<0>` is three
 * values, as Dovecot reads it as well: the atom `BODY[HEADER.FIELDS`, a list, and the atom `]<0>`.
 */
export type ImapValue = ImapAtom | ImapString | ImapList;

/**
 * The text of an atom or a string (RFC 9051, 9, `astring`); `undefined` for a list and for bytes that aren't
 * UTF-8. A NUL, which only a literal can contain, stays in the text.
 *
 * @example
 * ```ts
 * import { astringOf } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.equal(astringOf({ type: "atom", text: "INBOX" }), "INBOX");
 * assert.equal(astringOf({ type: "list", values: [] }), undefined);
 * ```
 */
export function astringOf(value: ImapValue | undefined): string | undefined {
  if (value === undefined || value.type === "list") return undefined;
  return value.type === "atom" ? value.text : decodeUtf8Strictly(value.bytes);
}

/**
 * A string, for an argument where an atom wouldn't do, and for a response: it is written in quotes if they can
 * contain it, else as a literal. Half a surrogate pair becomes U+FFFD, while a command refuses it in a plain text. Throws
 * a {@linkcode LocalProtocolError} for what is no text.
 *
 * @example
 * ```ts
 * import { imapString } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.equal(imapString("dovewire").form, "quoted");
 * ```
 */
export function imapString(text: string): ImapString {
  if (typeof text !== "string") {
    throw new LocalProtocolError(
      `A string of IMAP is made of a text, and this is a value of the type ${typeof text}. Give a text.`,
    );
  }
  return { type: "string", bytes: encodeUtf8(text), form: "quoted" };
}

/** Whether a value is the atom `NIL`, in any case of its letters. */
export function isNil(value: ImapValue | undefined): boolean {
  return value?.type === "atom" && /^NIL$/i.test(value.text);
}
