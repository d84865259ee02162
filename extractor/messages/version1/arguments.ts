/**
 * Requests in version 1: positional text arguments of the program.
 *
 * All arguments are present, even empty ones. Arguments that programs of version 1 didn't have come last,
 * and are left out if they have their default values.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { LocalProtocolError } from "@dovewire/dovewire/core";
import { ExtractorFailure } from "../failure.ts";
import {
  checkFields,
  type ExtractorMethod,
  extractorMethods,
  type ExtractorRequestInit,
  type ExtractorRequests,
} from "../methods.ts";
import { formatDate, parseDate } from "./dates.ts";

/** A request of version 1. */
export interface Version1Request {
  /** The arguments after the method's name on the command line. */
  readonly args: readonly string[];
  /** The program's standard input: the mail to add, or nothing. */
  readonly input: Uint8Array;
}

/** The arguments of a method, and the conversion from and to its message. */
interface Parameters<Method extends ExtractorMethod> {
  /** The names of the required ones. */
  readonly required: readonly string[];
  /** The names of the optional ones after them, each with its default value. */
  readonly optional?: readonly (readonly [name: string, none: string])[];
  /** Writes the values of all of them. */
  write(request: ExtractorRequests[Method]): readonly string[];
  /** Reads the values of all of them. */
  read(values: Values): ExtractorRequestInit<Method>;
}

const MAX_UINT32 = 2n ** 32n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

const parameters: { readonly [Method in ExtractorMethod]: Parameters<Method> } = {
  auth: { required: [], write: () => [], read: () => ({}) },
  list: {
    required: ["start", "end", "sort-by", "folder"],
    write: ({ start, end, sortBy, folder }) => [String(start), String(end), sortBy, folder],
    read: (values) => ({
      start: Number(values.number("start", MAX_UINT32)),
      end: Number(values.number("end", MAX_UINT32)),
      sortBy: values.text("sort-by"),
      folder: values.text("folder"),
    }),
  },
  count: {
    required: ["folder"],
    write: ({ folder }) => [folder],
    read: (values) => ({ folder: values.text("folder") }),
  },
  "read-mail": {
    required: ["mid"],
    optional: [["mark-seen", "false"]],
    write: ({ mid, markSeen }) => [mid, String(markSeen)],
    read: (values) => ({ mid: values.text("mid"), markSeen: values.boolean("mark-seen") }),
  },
  search: {
    required: ["pattern", "folder"],
    write: ({ pattern, folder }) => [pattern, folder],
    read: (values) => ({ pattern: values.text("pattern"), folder: values.text("folder") }),
  },
  folders: { required: [], write: () => [], read: () => ({}) },
  move: {
    required: ["mid", "folder"],
    write: ({ mid, folder }) => [mid, folder],
    read: (values) => ({ mid: values.text("mid"), folder: values.text("folder") }),
  },
  raw: {
    required: ["mid"],
    optional: [["offset", "0"], ["length", "0"]],
    write: ({ mid, offset, length }) => [mid, String(offset), String(length)],
    read: (values) => ({
      mid: values.text("mid"),
      offset: values.number("offset", MAX_UINT64),
      length: values.number("length", MAX_UINT64),
    }),
  },
  part: {
    required: ["mid", "path"],
    write: ({ mid, path }) => [mid, path],
    read: (values) => ({ mid: values.text("mid"), path: values.text("path") }),
  },
  add: {
    required: ["folder"],
    optional: [["seen", "false"], ["date-received", ""]],
    write: ({ folder, seen, dateReceived }) => [
      folder,
      String(seen),
      dateReceived === undefined ? "" : formatDate(dateReceived),
    ],
    read: (values) => ({
      folder: values.text("folder"),
      data: values.input,
      seen: values.boolean("seen"),
      dateReceived: values.date("date-received"),
    }),
  },
  remove: {
    required: ["mid"],
    write: ({ mid }) => [mid],
    read: (values) => ({ mid: values.text("mid") }),
  },
};

/**
 * Writes a request as arguments. Unknown fields and fractions of a second are lost; lone surrogates become
 * U+FFFD.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that is invalid as an argument.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { encodeArguments } from "./arguments.ts";
 *
 * const { args } = encodeArguments("list", { end: 50, sortBy: "!date" });
 * assert.deepEqual(args, ["0", "50", "!date", ""]);
 * ```
 */
export function encodeArguments<Method extends ExtractorMethod>(
  method: Method,
  init: ExtractorRequestInit<Method>,
): Version1Request {
  const { required, optional = [], write }: Parameters<Method> = parameters[method];
  try {
    const schema = extractorMethods[method].request;
    checkFields(schema, init);
    const request = create(schema, init);
    const all = write(request);
    const said = all.findLastIndex((value, at) => value !== optional[at - required.length]?.[1]);
    const args = all.slice(0, Math.max(required.length, said + 1)).map((it) => it.toWellFormed());
    // An argument that couldn't be read isn't written either.
    decodeArguments(method, args);
    const bad = args.findIndex((value) => value.includes("\0"));
    if (bad >= 0) throw new RangeError(`${namesOf(method)[bad]} has a NUL in it`);
    return { args, input: "data" in request ? request.data : new Uint8Array(0) };
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
    const message = `Cannot write the arguments of "${method}": ${reason}.`;
    throw new LocalProtocolError(message, { cause: error });
  }
}

/**
 * Reads a request from arguments. The input is the mail to add; other methods have none, and it is
 * ignored.
 *
 * Throws an {@linkcode ExtractorFailure} "invalid", to send as the answer, for a missing, extra or invalid
 * argument.
 */
export function decodeArguments<Method extends ExtractorMethod>(
  method: Method,
  args: readonly string[],
  input: Uint8Array = new Uint8Array(0),
): ExtractorRequests[Method] {
  const { required, optional = [], read }: Parameters<Method> = parameters[method];
  const names = namesOf(method);
  if (args.length < required.length || args.length > names.length) {
    const wanted = [...required, ...optional.map(([name]) => `[${name}]`)].join(" ") || "none";
    const message = `The arguments of "${method}" are: ${wanted}. There are ${args.length}.`;
    throw new ExtractorFailure("invalid", message);
  }
  const all = [...args, ...optional.map(([, none]) => none).slice(args.length - required.length)];
  const values = new Values(
    method,
    new Map(all.map((value, index) => [names[index], value])),
    input,
  );
  return create(extractorMethods[method].request, read(values));
}

function namesOf(method: ExtractorMethod): readonly string[] {
  const { required, optional = [] } = parameters[method];
  return [...required, ...optional.map(([name]) => name)];
}

/** The values of a method's arguments, by their names. */
class Values {
  readonly input: Uint8Array;
  readonly #method: string;
  readonly #values: ReadonlyMap<string, string>;

  constructor(method: string, values: ReadonlyMap<string, string>, input: Uint8Array) {
    this.#method = method;
    this.#values = values;
    this.input = input;
  }

  text(name: string): string {
    return this.#values.get(name)!;
  }

  number(name: string, max: bigint): bigint {
    const text = this.text(name);
    const value = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
    return value >= 0n && value <= max ? value : this.#refuse(name, `a number from 0 to ${max}`);
  }

  boolean(name: string): boolean {
    const text = this.text(name);
    return text === "true" || (text !== "false" && this.#refuse(name, '"true" or "false"'));
  }

  date(name: string): Timestamp | undefined {
    const text = this.text(name);
    if (text === "") return undefined;
    return parseDate(text) ?? this.#refuse(name, 'a time such as "2024-06-12T15:11:29Z"');
  }

  #refuse(name: string, wanted: string): never {
    const given = JSON.stringify(this.text(name).slice(0, 100));
    const message = `The argument ${name} of "${this.#method}" is ${given} and must be ${wanted}.`;
    throw new ExtractorFailure("invalid", message);
  }
}
