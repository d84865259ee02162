/**
 * Reads arguments and values on one line, between literals.
 *
 * @module
 */

import { decodeUtf8 } from "../bytes.ts";
import type { StateArchive } from "../state_archive.ts";
import { argumentByte, quotedByte, skipBytes } from "./syntax.ts";
import type { ImapList, ImapString, ImapValue } from "./value.ts";

const SPACE = 0x20;
const CR = 0x0d;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const BACKSLASH = 0x5c;
const BRACKET_END = 0x5d;
const BRACE = 0x7b;

/** What a value takes in memory besides its bytes, about. */
const valueCost = 128;

/** Puts values together that come one after the other; lists may be nested. */
export class ValueBuilder {
  readonly #limit: number;
  #cost = 0;
  /** The open lists, outermost first. The first one is no list of the wire. */
  #open: ImapValue[][] = [[]];

  /** Creates a builder; `limit` is how much memory the values may take, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The values so far, without those of lists that aren't closed. */
  get values(): readonly ImapValue[] {
    return this.#open[0];
  }

  /** Whether the values take more memory than they may, or would with `more` bytes. */
  isOver(more: number = 0): boolean {
    return this.#cost + more > this.#limit;
  }

  /** Begins a list. */
  open(): void {
    const values: ImapValue[] = [];
    this.#add({ type: "list", values }, 0);
    this.#open.push(values);
  }

  /** Ends the innermost list. */
  close(): void {
    this.#open.pop();
  }

  /** Adds an atom. */
  atom(text: string): void {
    this.#add({ type: "atom", text }, text.length);
  }

  /** Adds a string. */
  string(bytes: Uint8Array, form: ImapString["form"]): void {
    this.#add({ type: "string", bytes, form }, bytes.length);
  }

  /** Passes the values through an archive. */
  archive(state: StateArchive): void {
    this.#cost = state.value(this.#cost);
    const depth = state.value(this.#open.length);
    let values = state.value(this.#open[0]);
    this.#open = [values];
    // An open list is the last value of the one around it.
    while (this.#open.length < depth) {
      const last = values[values.length - 1] as ImapList;
      values = last.values as ImapValue[];
      this.#open.push(values);
    }
  }

  #add(value: ImapValue, size: number): void {
    this.#cost += valueCost + size;
    this.#open[this.#open.length - 1].push(value);
  }
}

/** Options for an {@linkcode ArgumentScanner}. */
export interface ScannerOptions {
  /** How deep lists may be nested. */
  readonly depth: number;
  /**
   * Whether it reads what servers send: 8-bit in atoms, and values without a space between them. A client's
   * arguments are read strictly, so that there is one way only to read a line that passes: what looks like a
   * literal's marker is one at its end, or is inside quotes that end on the line.
   */
  readonly isLenient?: boolean;
}

/** Reads arguments: what was open at the end of a line is open at the start of the next one. */
export class ArgumentScanner {
  readonly #mostDepth: number;
  readonly #isLenient: boolean;
  #depth = 0;
  /** Whether a space has to come before the next argument. */
  #needsSpace = true;

  /** Creates a scanner for what follows a command's name. */
  constructor({ depth, isLenient = false }: ScannerOptions) {
    this.#mostDepth = depth;
    this.#isLenient = isLenient;
  }

  /** Whether a list is open. */
  get isWithinList(): boolean {
    return this.#depth > 0;
  }

  /** What is wrong with a literal here; `undefined` if there may be one. It counts as read. */
  literal(): string | undefined {
    const isRight = this.#isLenient || !this.#needsSpace;
    this.#needsSpace = true;
    return isRight ? undefined : "Missing space before literal";
  }

  /**
   * Reads `bytes[start..end)`, which is a whole line or all of one before a literal's marker. Returns what is
   * wrong with it, or `undefined`.
   */
  scan(bytes: Uint8Array, start: number, end: number, builder?: ValueBuilder): string | undefined {
    let at = start;
    let wasClosed = false;
    while (at < end) {
      const byte = bytes[at];
      if (byte === SPACE) {
        this.#needsSpace = false;
        at++;
      } else if (byte === CLOSE) {
        if (this.#depth === 0) return "Unexpected ')'";
        this.#depth--;
        builder?.close();
        this.#needsSpace = true;
        wasClosed = true;
        at++;
        continue;
      } else if (this.#needsSpace && !this.#isLenient && !(wasClosed && byte === BRACKET_END)) {
        return nameOf(byte) ?? "Missing space between arguments";
      } else if (byte === OPEN) {
        if (++this.#depth > this.#mostDepth) return "Too deeply nested lists";
        builder?.open();
        this.#needsSpace = false;
        at++;
      } else {
        const stop = byte === QUOTE ? quotedEnd(bytes, at, end) : this.#atomEnd(bytes, at, end);
        if (typeof stop === "string") return stop;
        if (byte === QUOTE) builder?.string(unquoted(bytes, at + 1, stop - 1), "quoted");
        else builder?.atom(decodeUtf8(bytes.subarray(at, stop)));
        this.#needsSpace = true;
        at = stop;
      }
      wasClosed = false;
      if (builder?.isOver()) return "Too many arguments";
    }
  }

  /** Passes what is open through an archive. */
  archive(state: StateArchive): void {
    this.#depth = state.value(this.#depth);
    this.#needsSpace = state.value(this.#needsSpace);
  }

  /** The end of an atom, or what is wrong with it. */
  #atomEnd(bytes: Uint8Array, start: number, end: number): number | string {
    let at = skipBytes(bytes, { start, end, kind: argumentByte });
    while (this.#isLenient && at < end && (bytes[at] >= 0x80 || bytes[at] === BRACE)) {
      at = skipBytes(bytes, { start: at + 1, end, kind: argumentByte });
    }
    if (at === end || bytes[at] === SPACE || bytes[at] === CLOSE) return at;
    if (this.#isLenient && at > start && (bytes[at] === OPEN || bytes[at] === QUOTE)) return at;
    return nameOf(bytes[at]) ?? "Invalid characters in atom";
  }
}

/** What is wrong with a byte that is nowhere right outside of quotes; `undefined` for others. */
function nameOf(byte: number): string | undefined {
  if (byte === CR) return "CR sent without LF";
  if (byte >= 0x80) return "8bit data in atom";
  return byte < SPACE || byte === 0x7f ? "Invalid characters in atom" : undefined;
}

/** The place after a quoted string's end, or what is wrong with it. */
function quotedEnd(bytes: Uint8Array, start: number, end: number): number | string {
  for (let at = start + 1;; at++) {
    at = skipBytes(bytes, { start: at, end, kind: quotedByte });
    if (bytes[at] === QUOTE && at < end) return at + 1;
    // Any byte may follow a backslash, as in Dovecot, but for those that are nowhere right.
    if (bytes[at] === BACKSLASH) at++;
    if (at >= end) return "Missing '\"'";
    if (bytes[at] === 0) return "NULs not allowed in strings";
    if (bytes[at] === CR) return "CR sent without LF";
  }
}

/** A quoted string's bytes, in a buffer of their own. */
function unquoted(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const text = new Uint8Array(end - start);
  let size = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    text[size++] = bytes[at];
  }
  return size === text.length ? text : text.slice(0, size);
}
