/**
 * Plain data as bytes.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8, plainBytes } from "./bytes.ts";
import { LocalProtocolError } from "./errors.ts";

/** Data without functions, classes or circles. */
export type PlainData =
  | undefined
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly PlainData[]
  | ReadonlyMap<string, PlainData>
  | { readonly [name: string]: PlainData };

/** The kinds of values, as their first byte says. */
const kinds = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** A whole number from 0 on. */
  whole: 4,
  /** Any other number. */
  float: 5,
  string: 6,
  /** A string with lone surrogates, which UTF-8 can't contain. */
  utf16: 7,
  bytes: 8,
  list: 9,
  object: 10,
  map: 11,
} as const;

/** How deep lists and objects may be nested. */
const mostDepth = 1000;

/**
 * Texts of fewer characters are written one by one, and ones of fewer bytes read so: most are names and tags. Longer
 * ones would be kept in pieces by V8, which joins them when they are looked at.
 */
const shortText = 64;
const shorterText = 13;

/** Writes plain data, value by value. */
export class PlainDataWriter {
  readonly #pieces: Uint8Array[] = [];
  #tail = new Uint8Array(256);
  #size = 0;

  /** Appends a value. Throws a {@linkcode LocalProtocolError} for one that is no plain data. */
  write(value: unknown): void {
    this.#write(value, 0);
  }

  /** Returns all bytes, in a buffer of their own. */
  take(): Uint8Array {
    const taken = concat([...this.#pieces, this.#tail.subarray(0, this.#size)]);
    return new Uint8Array(taken);
  }

  #write(value: unknown, depth: number): void {
    if (value === undefined) this.#byte(kinds.undefined);
    else if (value === null) this.#byte(kinds.null);
    else if (typeof value === "boolean") this.#byte(value ? kinds.true : kinds.false);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Uint8Array) this.#bytes(kinds.bytes, plainBytes(value));
    else if (depth === mostDepth) throw notPlain("lists or objects that are nested too deeply");
    else if (Array.isArray(value)) {
      this.#byte(kinds.list);
      this.#whole(value.length);
      for (let at = 0; at < value.length; at++) this.#write(value[at], depth + 1);
    } else if (value instanceof Map) this.#entries(kinds.map, [...value], depth);
    else if (isPlainObject(value)) this.#entries(kinds.object, Object.entries(value), depth);
    else throw notPlain(`a ${typeof value}, or an object of a class`);
  }

  #entries(kind: number, entries: readonly [unknown, unknown][], depth: number): void {
    this.#byte(kind);
    this.#whole(entries.length);
    for (const [name, value] of entries) {
      if (typeof name !== "string") throw notPlain("a Map whose keys are no strings");
      this.#string(name);
      this.#write(value, depth + 1);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)) {
      this.#byte(kinds.whole);
      this.#whole(value);
      return;
    }
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    this.#byte(kinds.float);
    this.#push(bytes);
  }

  #string(text: string): void {
    if (text.length < shortText && this.#shortAscii(text)) return;
    if (!/\p{Cs}/u.test(text)) return this.#bytes(kinds.string, encodeUtf8(text));
    const bytes = new Uint8Array(text.length * 2);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < text.length; at++) view.setUint16(at * 2, text.charCodeAt(at));
    this.#bytes(kinds.utf16, bytes);
  }

  /** Writes a short text if it is ASCII, without a call into the runtime; returns whether it is. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    // The kind and the length take a byte each.
    if (this.#size + 2 + length > this.#tail.length) this.#endTail();
    const start = this.#size + 2;
    for (let at = 0; at < length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > 0x7f) return false;
      this.#tail[start + at] = unit;
    }
    this.#byte(kinds.string);
    this.#byte(length);
    this.#size += length;
    return true;
  }

  #bytes(kind: number, bytes: Uint8Array): void {
    this.#byte(kind);
    this.#whole(bytes.length);
    this.#push(bytes);
  }

  /** A whole number: seven bits a byte, the lowest first. */
  #whole(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#byte(rest % 0x80 + 0x80);
    this.#byte(rest);
  }

  #byte(byte: number): void {
    if (this.#size === this.#tail.length) this.#endTail();
    this.#tail[this.#size++] = byte;
  }

  #push(bytes: Uint8Array): void {
    if (this.#size + bytes.length <= this.#tail.length) {
      this.#tail.set(bytes, this.#size);
      this.#size += bytes.length;
      return;
    }
    this.#endTail();
    this.#pieces.push(bytes);
  }

  #endTail(): void {
    this.#pieces.push(this.#tail.subarray(0, this.#size));
    this.#tail = new Uint8Array(256);
    this.#size = 0;
  }
}

/** Reads what a {@linkcode PlainDataWriter} has written, value by value. */
export class PlainDataReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** Takes the bytes; what is read of them is copied. */
  constructor(bytes: Uint8Array) {
    this.#bytes = plainBytes(bytes);
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value. Throws a {@linkcode LocalProtocolError} for bytes that weren't written so. */
  read(depth: number = 0): unknown {
    if (depth > mostDepth) throw damaged();
    switch (this.#byte()) {
      case kinds.undefined:
        return undefined;
      case kinds.null:
        return null;
      case kinds.false:
        return false;
      case kinds.true:
        return true;
      case kinds.whole:
        return this.#whole();
      case kinds.float: {
        const { buffer, byteOffset } = this.#take(8);
        return new DataView(buffer, byteOffset, 8).getFloat64(0);
      }
      case kinds.string:
        return this.#string();
      case kinds.utf16:
        return this.#utf16();
      case kinds.bytes:
        return this.#take(this.#whole()).slice();
      case kinds.list:
        return this.#items(() => this.read(depth + 1));
      case kinds.object:
        return Object.fromEntries(this.#entries(depth));
      case kinds.map:
        return new Map(this.#entries(depth));
      default:
        throw damaged();
    }
  }

  #entries(depth: number): [string, unknown][] {
    return this.#items(() => [String(this.read(mostDepth)), this.read(depth + 1)]);
  }

  #items<Item>(read: () => Item): Item[] {
    const count = this.#whole();
    // Each item takes a byte at least.
    if (count > this.#bytes.length - this.#at) throw damaged();
    return Array.from({ length: count }, read);
  }

  #string(): string {
    const size = this.#whole();
    const text = size < shorterText ? this.#shortAscii(size) : undefined;
    return text ?? decodeUtf8(this.#take(size));
  }

  /** Reads a short text if it is ASCII, without a call into the runtime; `undefined` if it isn't, or isn't there. */
  #shortAscii(size: number): string | undefined {
    const start = this.#at;
    if (size > this.#bytes.length - start) return undefined;
    let text = "";
    for (let at = start; at < start + size; at++) {
      const byte = this.#bytes[at];
      if (byte > 0x7f) return undefined;
      text += String.fromCharCode(byte);
    }
    this.#at = start + size;
    return text;
  }

  #utf16(): string {
    const { buffer, byteOffset, length } = this.#take(this.#whole());
    const view = new DataView(buffer, byteOffset, length);
    let text = "";
    for (let at = 0; at + 1 < length; at += 2) text += String.fromCharCode(view.getUint16(at));
    return text;
  }

  #whole(): number {
    let value = 0;
    for (let scale = 1;; scale *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw damaged();
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    if (this.#at === this.#bytes.length) throw damaged();
    return this.#bytes[this.#at++];
  }

  #take(size: number): Uint8Array {
    const start = this.#at;
    if (size > this.#bytes.length - start) throw damaged();
    this.#at += size;
    return this.#bytes.subarray(start, this.#at);
  }
}

/** The bytes of one value. Throws a {@linkcode LocalProtocolError} for what is no plain data. */
export function encodePlainData(value: unknown): Uint8Array {
  const writer = new PlainDataWriter();
  writer.write(value);
  return writer.take();
}

/** The value of such bytes. Throws a {@linkcode LocalProtocolError} for others. */
export function decodePlainData(bytes: Uint8Array): unknown {
  const reader = new PlainDataReader(bytes);
  const value = reader.read();
  if (!reader.isAtEnd) throw damaged();
  return value;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function notPlain(what: string): LocalProtocolError {
  return new LocalProtocolError(
    `${what} can't be frozen. Use plain objects, arrays, Maps with strings as keys, strings, numbers, booleans ` +
      "and Uint8Arrays, without circles.",
  );
}

function damaged(): LocalProtocolError {
  return new LocalProtocolError("The frozen bytes are damaged. Pass them on as they are.");
}
