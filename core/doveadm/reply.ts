/**
 * Replies and their fields.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import { splitInPlace, tabUnescape } from "./tab_escape.ts";

const TAB = 0x09;

/** What every reply has, whether the command went well or not. */
export interface DoveadmReplyBase {
  /** What kind of event it is. */
  readonly type: "reply";
  /** The request's id. */
  readonly id: number;
  /**
   * The values, row behind row: who asked knows how many columns a row has. Decoded as UTF-8 when
   * they are first asked for; a byte that isn't UTF-8 becomes U+FFFD.
   */
  readonly fields: readonly string[];
  /** The same values as the bytes that the server has, for mail that isn't UTF-8. */
  readonly rawFields: readonly Uint8Array[];
  /** What stood behind the code, or behind the "+"; mostly nothing. */
  readonly detail: string;
}

/** The reply to a command that went well. */
export interface DoveadmSuccess extends DoveadmReplyBase {
  /** It went well. */
  readonly ok: true;
}

/** The reply to a command that failed. Fields that came ahead of the failure are real ones. */
export interface DoveadmFailure extends DoveadmReplyBase {
  /** It failed. */
  readonly ok: false;
  /**
   * Why: "USAGE", "NOUSER", "NOTFOUND", "DATAERR", "TEMPFAIL", "NOPERM", "REFERRAL" (then `detail`
   * is `user@host`) or another word; "" for a command that the server doesn't know.
   */
  readonly code: string;
}

/** What a server answers to a command. */
export type DoveadmReply = DoveadmSuccess | DoveadmFailure;

/** A chunk that arrived, and its text, which many replies share. */
export class Chunk {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** Whether the bytes are one reply's alone, so that they may be unescaped where they are. */
  readonly isOwn: boolean;
  #text: string | undefined;
  #textStart = 0;

  /** Makes one. */
  constructor(bytes: Uint8Array, isOwn = false) {
    this.bytes = bytes;
    this.isOwn = isOwn;
  }

  /**
   * The text of `bytes[start..end)`.
   *
   * Decoding a chunk at once and cutting the text is several times faster than decoding each reply.
   * It works where every byte is one character of the text, so wherever the chunk is ASCII. What is
   * ahead of the first reply, a multiplex header mostly, isn't, and is left out.
   */
  text(start: number, end: number): string {
    if (this.#text === undefined) {
      this.#textStart = start;
      this.#text = decodeUtf8(this.bytes.subarray(start));
    }
    const from = this.#textStart;
    return start >= from && this.#text.length === this.bytes.length - from
      ? this.#text.slice(start - from, end - from)
      : decodeUtf8(this.bytes.subarray(start, end));
  }
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

/** Up to what size replies are unescaped as text; longer ones as bytes, which takes less memory. */
const textUpTo = 4096;

/** A reply whose fields are in `chunk[start..end)`, and decoded when they are first asked for. */
abstract class LazyReply implements DoveadmReplyBase {
  readonly type = "reply";
  readonly id: number;
  readonly detail: string;
  #chunk: Chunk;
  #start: number;
  #end: number;
  #fields: readonly string[] | undefined;
  #rawFields: readonly Uint8Array[] | undefined;

  constructor(id: number, detail: string, { chunk, start, end }: Range) {
    this.id = id;
    this.detail = detail;
    this.#chunk = chunk;
    this.#start = start;
    this.#end = end;
  }

  get fields(): readonly string[] {
    return this.#fields ??= this.#decode();
  }

  get rawFields(): readonly Uint8Array[] {
    return this.#rawFields ??= this.#split();
  }

  #decode(): readonly string[] {
    if (this.#start === this.#end) return [];
    if (this.#rawFields !== undefined || this.#end - this.#start > textUpTo) {
      return this.rawFields.map(decodeUtf8);
    }
    // Every value ends in a TAB, but for the one JSON text that `user` answers with.
    const end = this.#chunk.bytes[this.#end - 1] === TAB ? this.#end - 1 : this.#end;
    const text = this.#chunk.text(this.#start, end);
    const fields = text.split("\t");
    return text.includes("\x01") ? fields.map(tabUnescape) : fields;
  }

  #split(): readonly Uint8Array[] {
    const bytes = this.#chunk.bytes.subarray(this.#start, this.#end);
    return splitInPlace(this.#chunk.isOwn ? bytes : new Uint8Array(bytes));
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

/** The reply that a status line ends: `+ text`, `-`, `-CODE` or `-CODE text`, without its LF. */
export function makeReply(id: number, status: string, fields: Range): DoveadmReply {
  if (status === "+") return new LazySuccess(id, "", fields);
  if (status.startsWith("+")) return new LazySuccess(id, status.slice(1).trimStart(), fields);
  const space = status.indexOf(" ");
  if (space === -1) return new LazyFailure(id, status.slice(1), "", fields);
  return new LazyFailure(id, status.slice(1, space), status.slice(space + 1), fields);
}
