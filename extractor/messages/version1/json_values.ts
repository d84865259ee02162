/**
 * Values of JSON: what they are, and reading what should be of a shape.
 *
 * @module
 */

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** JSON that isn't of the shape that it has to be; the message says where, and what it has to be. */
export class WrongJson extends Error {
  /** The class's name. */
  override name = "WrongJson";
}

/** A size or a number as JSON can have it; throws a `RangeError` for one that it can't be exact about. */
export function writeSize(size: bigint): number {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${size} is too large for JSON`);
  return Number(size);
}

/** A value that should be of a shape, and where it was found. Its methods throw {@linkcode WrongJson}. */
export class JsonReader {
  /** The value; `undefined` where there is none. */
  readonly value: Json | undefined;
  readonly #place: string;

  /** Makes one of a value, and the words for its place: "[3].size". */
  constructor(value: Json | undefined, place = "") {
    this.value = value;
    this.#place = place;
  }

  /** The value of a key of an object; one of `undefined` where there is no such key. */
  get(key: string): JsonReader {
    const { value } = this;
    if (!isObject(value)) return this.refuse("an object");
    return new JsonReader(
      Object.hasOwn(value, key) ? value[key] : undefined,
      `${this.#place}.${key}`,
    );
  }

  /** Whether it is an object with such a key. */
  has(key: string): boolean {
    return isObject(this.value) && Object.hasOwn(this.value, key);
  }

  /** The keys of an object. */
  keys(): readonly string[] {
    return isObject(this.value) ? Object.keys(this.value) : this.refuse("an object");
  }

  /** Whether there is nothing: no such key, or `null`. */
  get isNone(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The items of an array; none where there is nothing. */
  items(): readonly JsonReader[] {
    if (this.isNone) return [];
    const { value } = this;
    if (!isArray(value)) return this.refuse("an array");
    return value.map((item, index) => new JsonReader(item, `${this.#place}[${index}]`));
  }

  /** A string without halves of characters; where there is nothing what stands for it, if anything. */
  text(none?: string): string {
    if (this.isNone && none !== undefined) return none;
    return typeof this.value === "string" ? this.value.toWellFormed() : this.refuse("a string");
  }

  /**
   * A number of things or bytes; where there is nothing what stands for it, if anything. Languages
   * that tell numbers from strings by their last use write either.
   */
  size(none?: bigint): bigint {
    if (this.isNone && none !== undefined) return none;
    const value = isDigits(this.value) ? Number(this.value) : this.value;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
      return BigInt(value);
    }
    return this.refuse("a whole number from 0 on");
  }

  /**
   * `true` or `false`, also as the 1, 0 or "" of languages that have no such values; where there is
   * nothing what stands for it.
   */
  boolean(none: boolean): boolean {
    if (this.isNone) return none;
    const { value } = this;
    if (value === true || value === 1 || value === "1") return true;
    if (value === false || value === 0 || value === "0" || value === "") return false;
    return this.refuse("true or false");
  }

  /** What a function makes of a string; where there is nothing or "" nothing. */
  parsed<T>(parse: (text: string) => T | undefined, wanted: string): T | undefined {
    const text = this.text("");
    return text === "" ? undefined : parse(text) ?? this.refuse(wanted);
  }

  /** Throws the error that says what the value has to be. */
  refuse(wanted: string): never {
    const found = this.value === undefined ? "nothing" : JSON.stringify(this.value).slice(0, 100);
    throw new WrongJson(`${this.#place || "it"} has to be ${wanted} and is ${found}`);
  }
}

/** Not by `Array.isArray` itself, which doesn't know of arrays that are only read. */
function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isDigits(value: Json | undefined): boolean {
  return typeof value === "string" && /^\d{1,16}$/.test(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isArray(value);
}
