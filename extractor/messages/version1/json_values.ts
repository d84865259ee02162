/**
 * JSON values: their types, and reading values of an expected shape.
 *
 * @module
 */

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** JSON of a wrong shape; the message says where, and what is expected. */
export class WrongJson extends Error {
  /** The class's name. */
  override name = "WrongJson";
}

/** A size or a number for JSON; throws a `RangeError` if JSON can't hold it exactly. */
export function writeSize(size: bigint): number {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${size} is too large for JSON`);
  return Number(size);
}

/** A value of an expected shape, and its place. Its methods throw {@linkcode WrongJson}. */
export class JsonReader {
  /** The value; `undefined` where there is none. */
  readonly value: Json | undefined;
  readonly #place: string;

  /** Takes a value, and its place for errors: "[3].size". */
  constructor(value: Json | undefined, place = "") {
    this.value = value;
    this.#place = place;
  }

  /** The value of a key of an object; `undefined` within if there is no such key. */
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

  /** Whether it is missing: no such key, or `null`. */
  get isNone(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The items of an array; none if it is missing. */
  items(): readonly JsonReader[] {
    if (this.isNone) return [];
    const { value } = this;
    if (!isArray(value)) return this.refuse("an array");
    return value.map((item, index) => new JsonReader(item, `${this.#place}[${index}]`));
  }

  /** A string without lone surrogates; the default, if given, if it is missing. */
  text(none?: string): string {
    if (this.isNone && none !== undefined) return none;
    return typeof this.value === "string" ? this.value.toWellFormed() : this.refuse("a string");
  }

  /**
   * A number of things or bytes; the default, if given, if it is missing. Also accepts strings, since some
   * languages don't tell them from numbers.
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
   * `true` or `false`, also as 1, 0 or "" from languages without booleans; the default if it is missing.
   */
  boolean(none: boolean): boolean {
    if (this.isNone) return none;
    const { value } = this;
    if (value === true || value === 1 || value === "1") return true;
    if (value === false || value === 0 || value === "0" || value === "") return false;
    return this.refuse("true or false");
  }

  /** Converts a string with a function; returns nothing if it is missing or "". */
  parsed<T>(parse: (text: string) => T | undefined, wanted: string): T | undefined {
    const text = this.text("");
    return text === "" ? undefined : parse(text) ?? this.refuse(wanted);
  }

  /** Throws the error that names the expected value. */
  refuse(wanted: string): never {
    const found = this.value === undefined ? "nothing" : JSON.stringify(this.value).slice(0, 100);
    throw new WrongJson(`${this.#place || "it"} must be ${wanted}, but is ${found}`);
  }
}

/** `Array.isArray` doesn't narrow readonly arrays. */
function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isDigits(value: Json | undefined): boolean {
  return typeof value === "string" && /^\d{1,16}$/.test(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isArray(value);
}
