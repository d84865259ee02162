/**
 * Calls that share a request to the HTTP API.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import type { CommandInfo } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpCommand } from "./request_body.ts";
import type { JsonRows } from "./json_rows.ts";

/** The most commands in one request: Dovecot 2.4 accepts lists of up to 1,024 items. */
const commandsPerRequest = 1000;

/** The most bytes of commands in one request: Dovecot 2.3 accepts 1 MiB in all. */
const bytesPerRequest = 768 * 1024;

/**
 * The most bytes in a string, and items in a list, that Dovecot 2.4 accepts: above, it refuses all
 * commands.
 */
const bytesPerString = 32_768;
const itemsPerList = 1024;

/** The most bytes that a user's name and a command's frame take in a request. */
const userSize = 512;

/** One of several calls. */
export interface BatchedCall {
  /** Its index among them. */
  readonly index: number;
  /** The command to send. */
  readonly command: HttpCommand;
  /** Reads its rows. */
  readonly reader: JsonRows;
}

/** Calls that share one request. */
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
   * Adds a call if there is room for it. After a command on mail Dovecot 2.3 has no permission to run other
   * kinds of commands, and loses all answers of the request. A command that may be too large for Dovecot
   * 2.4 is sent alone, since it would refuse the others with it.
   */
  add(call: BatchedCall, { alone }: CommandInfo): boolean {
    const { parameters } = call.command;
    const size = sizeOf(parameters);
    const isTooLarge = isLarge(parameters);
    const isFirst = this.#calls.length === 0;
    const fits = isFirst ||
      !this.#isFull && !isTooLarge && !(alone && this.#hasMail) &&
        this.#calls.length < commandsPerRequest && this.#size + size <= bytesPerRequest;
    if (!fits) return false;
    this.#calls.push(call);
    this.#size += size;
    this.#isFull = isTooLarge;
    this.#hasMail ||= !alone;
    return true;
  }
}

/**
 * The most commands like one, for different users, that fit in a request: one, if it is so large that
 * Dovecot 2.4 might refuse it.
 */
export function mostInOneRequest({ parameters }: HttpCommand): number {
  if (isLarge(parameters)) return 1;
  return Math.min(
    commandsPerRequest,
    Math.floor(bytesPerRequest / (sizeOf(parameters) + userSize)),
  );
}

/** Whether Dovecot 2.4 may refuse parameters, which costs all commands of their request. */
function isLarge(parameters: HttpCommand["parameters"]): boolean {
  return sizeOf(parameters) > bytesPerString ||
    Object.values(parameters).some((value) => Array.isArray(value) && value.length > itemsPerList);
}

/** The size of parameters on the wire, without their frame. */
function sizeOf(parameters: HttpCommand["parameters"]): number {
  const text = JSON.stringify(
    parameters,
    (_, value) => typeof value === "bigint" ? String(value) : value,
  );
  return encodeUtf8(text).length;
}
