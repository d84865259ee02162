/**
 * Calls that share a request to the HTTP API.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import type { CommandInfo } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpCommand } from "./request_body.ts";
import type { JsonRows } from "./json_rows.ts";

/** How many commands go in one request at most: Dovecot 2.4 takes lists of up to 1,024 items. */
export const commandsPerRequest = 1000;

/** How many bytes the commands of one request have at most: Dovecot 2.3 takes 1 MiB in all. */
const bytesPerRequest = 768 * 1024;

/** What Dovecot 2.4 takes in a string, in bytes, and in a list: beyond, it refuses all commands. */
const bytesPerString = 32_768;
const itemsPerList = 1024;

/** A call among several. */
export interface BatchedCall {
  /** Its place among them. */
  readonly index: number;
  /** What to send. */
  readonly command: HttpCommand;
  /** How to read what comes. */
  readonly reader: JsonRows;
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
   * Adds a call if there is room for it. After a command on mail Dovecot 2.3 has lost the right to run
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
