/**
 * Calls that share a request to the HTTP API, and how their answers are read.
 *
 * @module
 */

import {
  concat,
  decodeUtf8Strictly,
  DovewireError,
  encodeUtf8,
  LocalProtocolError,
} from "../../core/mod.ts";
import type { CommandInfo, DovecotVersion } from "../../core/doveadm/catalogue/mod.ts";
import { AbortError } from "../../core/errors.ts";
import type { HttpCommand, HttpEvent } from "./exchange.ts";
import { type Input, piecesOf } from "../client/input.ts";
import type { Row, TypedCall } from "../client/typed_call.ts";

/** How many commands go in one request at most: Dovecot 2.4 takes lists of up to 1,024 items. */
export const commandsPerRequest = 1000;

/** How many bytes the commands of one request have at most: Dovecot 2.3 takes 1 MiB in all. */
const bytesPerRequest = 768 * 1024;

/** What Dovecot 2.4 takes in a string, in bytes, and in a list: beyond, it refuses all commands. */
const bytesPerString = 32_768;
const itemsPerList = 1024;

/** A call among several. */
interface BatchedCall {
  /** Its place among them. */
  readonly index: number;
  /** What to send. */
  readonly command: HttpCommand;
  /** How to read what comes. */
  readonly answer: CallAnswer;
}

/** Calls that go in one request. */
export class Batch {
  readonly #calls: BatchedCall[] = [];
  #size = 0;
  #isFull = false;
  #hasMail = false;

  /** The calls so far. */
  get calls(): readonly BatchedCall[] {
    return this.#calls;
  }

  /**
   * Adds a call if there is room for it. Behind a command on mail Dovecot 2.3 has lost the right to run
   * others, and takes all answers of the request along; and what may be too large for Dovecot 2.4 goes
   * alone, since it would refuse the others with it.
   */
  add(call: BatchedCall, { alone }: CommandInfo): boolean {
    const { parameters } = call.command;
    const size = sizeOf(parameters);
    const isLarge = size > bytesPerString ||
      Object.values(parameters).some((value) =>
        Array.isArray(value) && value.length > itemsPerList
      );
    const isFirst = this.#calls.length === 0;
    const fits = isFirst ||
      !this.#isFull && !isLarge && !(alone && this.#hasMail) &&
        this.#calls.length < commandsPerRequest && this.#size + size <= bytesPerRequest;
    if (!fits) return false;
    this.#calls.push(call);
    this.#size += size;
    this.#isFull = isLarge;
    this.#hasMail ||= !alone;
    return true;
  }
}

/** How many bytes parameters have on the wire, but for those of their frame. */
function sizeOf(parameters: HttpCommand["parameters"]): number {
  const text = JSON.stringify(
    parameters,
    (_, value) => typeof value === "bigint" ? String(value) : value,
  );
  return encodeUtf8(text).length;
}

/** Reads a call's answer. */
export class CallAnswer {
  readonly #call: TypedCall;
  readonly #version: DovecotVersion;

  /** Makes one for a call and the version that it was made for. */
  constructor(call: TypedCall, version: DovecotVersion) {
    this.#call = call;
    this.#version = version;
  }

  /** The rows that an event brings. */
  rowsOf(event: HttpEvent & { type: "row" | "end" }): Row[] {
    if (event.type === "row") return [this.#call.rowOfObject(event.row, this.#version)];
    return event.value === undefined ? [] : this.#call.rowsOfObject(event.value);
  }
}

/** The users of a call that has a list of them. */
export function namesOf({ users }: TypedCall): readonly string[] | undefined {
  return users !== undefined && "names" in users ? users.names : undefined;
}

/** A call as it goes over HTTP. Rejects for what can't. */
export async function commandOf(call: TypedCall, version: DovecotVersion): Promise<HttpCommand> {
  const { name, method } = call.info;
  const parameters = call.parametersFor(version);
  return {
    ...{ name, method },
    parameters: { ...parameters, ...await inputParameter(call.info, call.input) },
  };
}

/**
 * A command's input as the parameter that it is over HTTP.
 *
 * Rejects with an `AbortError` where the input fails, and with a `LocalProtocolError` for one that
 * HTTP can't carry.
 */
export async function inputParameter(
  { name, input: parameter }: CommandInfo,
  input: Input | undefined,
): Promise<Readonly<Record<string, string>>> {
  if (input === undefined) return {};
  if (parameter === undefined) {
    throw new LocalProtocolError(`"${name}" takes no input. Leave it out.`);
  }
  const text = typeof input === "string" ? input : decodeUtf8Strictly(await bytesOf(name, input));
  if (text === undefined) {
    throw new LocalProtocolError(
      `The input of "${name}" isn't UTF-8, and HTTP carries text alone. Use TCP for it.`,
    );
  }
  if (text.includes("\0")) {
    throw new LocalProtocolError(
      `The input of "${name}" has a NUL, which Dovecot refuses over HTTP. Use TCP for it.`,
    );
  }
  return { [parameter]: text };
}

async function bytesOf(name: string, input: Input): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of piecesOf(input)) pieces.push(piece);
  } catch (error) {
    if (error instanceof DovewireError) throw error;
    throw new AbortError(`The input of "${name}" failed, so that the command was given up.`, {
      cause: error,
    });
  }
  return concat(pieces);
}
