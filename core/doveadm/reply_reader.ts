/**
 * Reads the conversation's channel: `(value TAB)* LF status LF`, reply after reply.
 *
 * @module
 */

import { decodeUtf8, GatheredBytes, indexOfLineFeed } from "../bytes.ts";
import { RemoteProtocolError } from "../errors.ts";
import type { Concealer } from "../peer_text.ts";
import { ControlSearch } from "./control_search.ts";
import { Chunk, type DoveadmReply, makeReply, type Range } from "./reply.ts";
import { UnescapingInPlace } from "./tab_escape.ts";

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const PLUS = 0x2b;
const MINUS = 0x2d;

/** A piece of a streamed command's value. */
export interface DoveadmField {
  /** What kind of event it is. */
  readonly type: "field";
  /** The request's id. */
  readonly id: number;
  /** The next bytes of the value, unescaped; may be empty. Pieces may be cut anywhere. */
  readonly chunk: Uint8Array;
  /** Whether the value ends with this piece. */
  readonly final: boolean;
}

/** A piece of the values of a command that is streamed "escaped". */
export interface DoveadmValues {
  /** What kind of event it is. */
  readonly type: "values";
  /** The request's id. */
  readonly id: number;
  /**
   * The next bytes of the values as they are on the wire: tab-escaped, and each value with a TAB after it.
   * Not empty; pieces may be cut anywhere.
   */
  readonly chunk: Uint8Array;
}

/** Whether and how a command's values are given before its reply; see `DoveadmCommand.streamed`. */
export type Streaming = boolean | "escaped";

/** Limits on the length of a reply. */
export interface ReplyLimits {
  /** All fields of a reply that isn't streamed, in bytes of the wire; in a stream, a value that is collected. */
  reply: number;
  /** How many fields a reply that isn't streamed may have. */
  values: number;
  /** The status line after the fields. */
  statusLine: number;
}

const nothing: Range = { chunk: new Chunk(new Uint8Array(0)), start: 0, end: 0 };
const noControls = new ControlSearch(nothing.chunk.bytes);

/** Reads replies, one at a time. */
export class ReplyReader {
  /** The start of the bytes that {@linkcode read} has not used. */
  at = 0;
  #limits: ReplyLimits;
  #concealer: Concealer;
  #state: "fields" | "status" = "fields";
  #chunk = nothing.chunk;
  /** The fields so far, if they are in one chunk; otherwise they are copied. */
  #fields = nothing;
  /** The incomplete fields, or the incomplete status line. */
  #gathered = new GatheredBytes();
  /** How many fields have come; `undefined` until the reply is long enough to reach the limit. */
  #values: number | undefined;
  /** Whether the field's last byte was the start of an escape. */
  #isEscaping = false;
  /** Finds the ends of fields in the chunk. */
  #controls = noControls;
  #withinField = false;

  /** Creates a reader at the start of a reply. */
  constructor(limits: ReplyLimits, concealer: Concealer) {
    this.#limits = limits;
    this.#concealer = concealer;
  }

  /** Whether it refers to bytes that it has read, or may do so. */
  get holdsInput(): boolean {
    return this.#fields !== nothing || this.#gathered.size > 0;
  }

  /** To be called when all bytes so far were read: those of the next chunk may be in the same memory. */
  forgetChunk(): void {
    this.#chunk = nothing.chunk;
    this.#controls = noControls;
  }

  /**
   * Reads `bytes[at..end)` up to the next event and moves `at` there; `undefined` if the bytes are used up.
   * After a reply the next one starts. Up to `clearTo` there is known to be no byte below 0x0b.
   *
   * Throws a {@linkcode RemoteProtocolError} for an invalid status line and for an exceeded limit.
   */
  read(
    bytes: Uint8Array,
    end: number,
    request: { readonly id: number; readonly streamed: Streaming },
    clearTo: number = 0,
  ): DoveadmField | DoveadmValues | DoveadmReply | undefined {
    if (this.#chunk.bytes !== bytes) this.#chunk = new Chunk(bytes);
    if (this.#state === "fields") {
      const { id, streamed } = request;
      if (!streamed) this.#readFields(bytes, end);
      else {
        const event = streamed === "escaped"
          ? this.#readValues(bytes, end, id)
          : this.#readField(bytes, end, { id, clearTo });
        if (event !== undefined) return event;
      }
    }
    // That call may have changed the state, which the compiler doesn't see.
    return (this.#state as string) === "status" && this.at < end
      ? this.#readStatus(bytes, end, request.id)
      : undefined;
  }

  /** All fields at once, undecoded. */
  #readFields(bytes: Uint8Array, end: number): void {
    const start = this.at;
    const found = indexOfLineFeed(bytes, start, end);
    const stop = found === -1 ? end : found;
    const soFar = this.#fields.end - this.#fields.start + this.#gathered.size;
    const size = soFar + stop - start;
    if (size > this.#limits.reply) {
      throw new RemoteProtocolError(
        `The server's reply has more than ${this.#limits.reply} bytes. ` +
          'Ask for it as a stream, or raise "limits.reply".',
        { limit: "reply" },
      );
    }
    // Counting takes time, and most replies are too short to reach the limit.
    if (size > this.#limits.values) this.#countFields(bytes, start, stop);
    this.at = stop;
    if (soFar === 0) this.#fields = { chunk: this.#chunk, start, end: stop };
    else if (stop > start) {
      if (this.#gathered.size === 0) {
        const first = this.#fields;
        this.#gathered.push(first.chunk.bytes, first.start, first.end);
        this.#fields = nothing;
      }
      this.#gathered.push(bytes, start, stop);
    }
    if (found === -1) return;
    if (this.#gathered.size > 0) {
      const chunk = new Chunk(this.#gathered.take(), true);
      this.#fields = { chunk, start: 0, end: chunk.bytes.length };
    }
    this.#beginStatus(found + 1);
  }

  /** Counts the fields that end in a range, and once those before it. */
  #countFields(bytes: Uint8Array, start: number, end: number): void {
    if (this.#values === undefined) {
      const { chunk, start, end } = this.#fields;
      this.#values = countTabs(chunk.bytes, start, end);
      for (const piece of this.#gathered.pieces()) {
        this.#values += countTabs(piece, 0, piece.length);
      }
    }
    this.#values += countTabs(bytes, start, end);
    if (this.#values > this.#limits.values) {
      throw new RemoteProtocolError(
        `The server's reply has more than ${this.#limits.values} values. ` +
          'Ask for it as a stream, or raise "limits.values".',
        { limit: "values" },
      );
    }
  }

  /** A piece of one field, unescaped in the chunk itself. */
  #readField(
    bytes: Uint8Array,
    end: number,
    { id, clearTo }: { readonly id: number; readonly clearTo: number },
  ): DoveadmField | undefined {
    const start = this.at;
    if (this.#controls.bytes !== bytes) this.#controls = new ControlSearch(bytes);
    const place = new UnescapingInPlace(this.#controls, start, this.#isEscaping);
    place.skipTo(clearTo);
    const isWhole = place.run(end);
    const stop = place.from;
    const chunk = bytes.subarray(start, place.to);
    this.#isEscaping = place.isEscaping;
    if (stop > start) this.#withinField = true;
    if (!isWhole) {
      this.at = end;
      return chunk.length === 0 ? undefined : { type: "field", id, chunk, final: false };
    }
    // Every value ends in a TAB, except the single JSON text that `user` answers with.
    const isValue = bytes[stop] === TAB || this.#withinField;
    this.#withinField = false;
    if (bytes[stop] === LF) this.#beginStatus(stop + 1);
    else this.at = stop + 1;
    return isValue ? { type: "field", id, chunk, final: true } : undefined;
  }

  /** Values as they are on the wire. */
  #readValues(bytes: Uint8Array, end: number, id: number): DoveadmValues | undefined {
    const start = this.at;
    const found = indexOfLineFeed(bytes, start, end);
    const stop = found === -1 ? end : found;
    if (found === -1) this.at = end;
    else this.#beginStatus(found + 1);
    return stop === start ? undefined : { type: "values", id, chunk: bytes.subarray(start, stop) };
  }

  #beginStatus(at: number): void {
    this.at = at;
    this.#state = "status";
  }

  #readStatus(bytes: Uint8Array, end: number, id: number): DoveadmReply | undefined {
    const start = this.at;
    if (this.#gathered.size === 0) {
      if (bytes[start] !== PLUS && bytes[start] !== MINUS) {
        throw new RemoteProtocolError(
          `The server sent ${
            this.#concealer.quote(bytes.subarray(start, end))
          } instead of a "+" or ` +
            `"-" at the end of a reply. The connection can't be used any more.`,
        );
      }
      if (start + 1 < end && bytes[start] === PLUS && bytes[start + 1] === LF) {
        this.at = start + 2;
        return this.#end(id, "+");
      }
    }
    const found = indexOfLineFeed(bytes, start, end);
    const stop = found === -1 ? end : found;
    if (this.#gathered.size + stop - start > this.#limits.statusLine) {
      throw new RemoteProtocolError(
        `The server's status line has more than ${this.#limits.statusLine} bytes. ` +
          'If that is what it answers, raise "limits.statusLine".',
        { limit: "statusLine" },
      );
    }
    this.#gathered.push(bytes, start, stop);
    this.at = found === -1 ? end : found + 1;
    if (found === -1) return undefined;
    const line = this.#gathered.take();
    const status = decodeUtf8(line.at(-1) === CR ? line.subarray(0, -1) : line);
    // A referral is needed as it is: a match of the password in a host's name is a coincidence.
    const isReferral = /^-REFERRAL \S+@\S+$/.test(status) && !this.#concealer.isIn(status);
    return this.#end(id, isReferral ? status : this.#concealer.conceal(status));
  }

  #end(id: number, status: string): DoveadmReply {
    const reply = makeReply(id, status, this.#fields);
    this.#fields = nothing;
    this.#values = undefined;
    this.#state = "fields";
    return reply;
  }
}

/** The number of TABs in `bytes[start..end)`. */
function countTabs(bytes: Uint8Array, start: number, end: number): number {
  let tabs = 0;
  for (let at = start; at < end; at++) if (bytes[at] === TAB) tabs++;
  return tabs;
}
