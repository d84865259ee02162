/**
 * Replies and their fields.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import { splitInPlace, splitText, tabUnescape } from "./tab_escape.ts";

const TAB = 0x09;

/** The common fields of all replies, successful or not. */
export interface DoveadmReplyBase {
  /** What kind of event it is. */
  readonly type: "reply";
  /** The request's id. */
  readonly id: number;
  /**
   * The values, row after row: the caller knows how many columns a row has. Decoded as UTF-8 on first use;
   * a byte that isn't UTF-8 becomes U+FFFD.
   */
  readonly fields: readonly string[];
  /**
   * The same values as bytes, for mail that isn't UTF-8. They may share memory: copy one (`slice()`) before you
   * transfer it.
   */
  readonly rawFields: readonly Uint8Array[];
  /** The text after the code, or after the "+"; mostly empty. */
  readonly detail: string;
}

/** The reply to a command that succeeded. */
export interface DoveadmSuccess extends DoveadmReplyBase {
  /** The command succeeded. */
  readonly ok: true;
}

/** The reply to a command that failed. Fields that came before the failure are valid. */
export interface DoveadmFailure extends DoveadmReplyBase {
  /** The command failed. */
  readonly ok: false;
  /**
   * The reason: "USAGE", "NOUSER", "NOTFOUND", "DATAERR", "TEMPFAIL", "NOPERM", "REFERRAL" (then `detail`
   * is `user@host`) or another word; "" for a command that the server doesn't know.
   */
  readonly code: string;
}

/** A server's reply to a command. */
export type DoveadmReply = DoveadmSuccess | DoveadmFailure;

/** A chunk that arrived, and its decoded text, which many replies share. */
export class Chunk {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Whether only one reply uses the bytes, so that they can be unescaped in place. */
  readonly isOwn: boolean;
  #text: string | undefined;
  #textStart = 0;
  /** Whether each byte from there on is one character of the text. */
  #isEven = false;
  #mayHaveEscapes = false;

  /** Creates a chunk. */
  constructor(bytes: Uint8Array, isOwn = false) {
    this.bytes = bytes;
    this.isOwn = isOwn;
  }

  /**
   * The values in `bytes[start..end)`, each of which has a TAB after it.
   *
   * Decoding a whole chunk and slicing the text is several times faster than decoding each reply. It works
   * if every byte is one character of the text, so for ASCII chunks. The bytes before the first reply,
   * mostly a multiplex header, aren't ASCII, and are left out.
   */
  values(start: number, end: number): string[] {
    this.#text ??= this.#decodeFrom(start);
    const from = this.#textStart;
    if (!this.#isEven || start < from) {
      return splitText(this.bytes.subarray(start, end));
    }
    const values = valuesIn(this.#text, start - from, end - from);
    return this.#mayHaveEscapes ? values.map(tabUnescape) : values;
  }

  #decodeFrom(start: number): string {
    const bytes = this.bytes.subarray(start);
    const text = decodeUtf8(bytes);
    this.#textStart = start;
    this.#isEven = text.length === bytes.length;
    this.#mayHaveEscapes = text.includes("\x01");
    return text;
  }
}

/** The values in `text[start..end)`, each of which has a TAB after it. For few, this is faster than `split()`. */
function valuesIn(text: string, start: number, end: number): string[] {
  const values: string[] = [];
  for (let at = start; at < end;) {
    const stop = text.indexOf("\t", at);
    values.push(text.substring(at, stop));
    at = stop + 1;
  }
  return values;
}

/** A part of a chunk. */
export interface Range {
  /** The chunk. */
  readonly chunk: Chunk;
  /** Where the part begins. */
  readonly start: number;
  /** Where it ends. */
  readonly end: number;
}

/** Up to this size replies share the decoded text of their chunk; longer ones are decoded by themselves. */
const textUpTo = 4096;

/** From this size on a value is large. */
const largeFrom = 65_536;

/** What the runtimes' `console.log` calls for an object, for one with getters that are to be shown. */
export const nodeInspect: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** A reply whose fields are in a range and are decoded on first use. JSON and `console.log` show them as texts. */
export abstract class LazyReply implements DoveadmReplyBase {
  readonly type = "reply";
  readonly id: number;
  readonly detail: string;
  readonly #range: Range;
  #fields: readonly string[] | undefined;
  #rawFields: readonly Uint8Array[] | undefined;

  constructor(id: number, detail: string, range: Range) {
    this.id = id;
    this.detail = detail;
    this.#range = range;
  }

  get fields(): readonly string[] {
    return this.#fields ??= this.#decode();
  }

  get rawFields(): readonly Uint8Array[] {
    return this.#rawFields ??= this.#split();
  }

  toJSON(): object {
    return { ...this, fields: this.fields };
  }

  [nodeInspect](): object {
    return this.toJSON();
  }

  /** The fields as on the wire. To be taken before {@linkcode rawFields}, which may unescape them in place. */
  get escapedFields(): Uint8Array {
    const { chunk, start, end } = this.#range;
    return chunk.bytes.subarray(start, end);
  }

  #decode(): readonly string[] {
    if (this.#rawFields !== undefined) return this.#rawFields.map(decodeUtf8);
    const { chunk, start, end } = this.#range;
    if (end - start > textUpTo) {
      // Of a large value no text is made before it is unescaped; of several a text is split faster.
      const isLarge = !this.escapedFields.subarray(0, largeFrom).includes(TAB);
      return isLarge ? this.rawFields.map(decodeUtf8) : splitText(this.escapedFields);
    }
    if (start === end) return [];
    // Every value ends in a TAB, except the single JSON text that `user` answers with.
    return chunk.bytes[end - 1] === TAB ? chunk.values(start, end) : splitText(this.escapedFields);
  }

  #split(): readonly Uint8Array[] {
    const bytes = this.escapedFields;
    return splitInPlace(this.#range.chunk.isOwn ? bytes : new Uint8Array(bytes));
  }
}

class LazySuccess extends LazyReply implements DoveadmSuccess {
  readonly ok = true;
}

class LazyFailure extends LazyReply implements DoveadmFailure {
  readonly ok = false;
  readonly code: string;

  constructor(id: number, code: string, detail: string, fields: Range) {
    super(id, detail, fields);
    this.code = code;
  }
}

/** The reply for a status line: `+ text`, `-`, `-CODE` or `-CODE text`, without its LF. */
export function makeReply(id: number, status: string, fields: Range): DoveadmReply {
  if (status === "+") return new LazySuccess(id, "", fields);
  if (status.startsWith("+")) return new LazySuccess(id, status.slice(1).trimStart(), fields);
  const space = status.indexOf(" ");
  if (space === -1) return new LazyFailure(id, status.slice(1), "", fields);
  return new LazyFailure(id, status.slice(1, space), status.slice(space + 1), fields);
}
