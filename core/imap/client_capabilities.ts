/**
 * What a client knows of its server's capabilities.
 *
 * @module
 */

import { RemoteProtocolError } from "../errors.ts";
import { capabilitiesIn } from "./capability.ts";
import type { ResponseCode } from "./response_code.ts";
import { astringOf, type ImapValue } from "./value.ts";

/** The largest literal that LITERAL- allows to be sent at once (RFC 7888, 5). */
const largestAtOnce = 4096;

/** The capabilities that a server listed last: in a response of its own, or in a response code. */
export class KnownCapabilities {
  readonly #limit: number;
  #list: string[] | undefined;
  #upperCase = new Set<string>();
  #size = 0;
  /** The command that ran when the list came. */
  #command: number | undefined;

  /** Creates it without a list; `limit` is how many bytes a list may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The list; `undefined` if there is none. */
  get list(): readonly string[] | undefined {
    return this.#list;
  }

  /** Whether a capability is known. */
  has(name: string): boolean {
    return this.#upperCase.has(name.toUpperCase());
  }

  /** Whether a literal of that size may be sent without waiting for the server. */
  allowsAtOnce(size: number): boolean {
    return this.has("LITERAL+") || (this.has("LITERAL-") && size <= largestAtOnce);
  }

  /** Forgets the list: it was for another state of the connection. */
  forget(): void {
    this.#replace([], undefined);
    this.#list = undefined;
  }

  /** Forgets the list unless it came with that command. */
  keepOnlyOf(command: number): void {
    if (this.#command !== command) this.forget();
  }

  /** Takes the list of a response code, if it is one. */
  readCode(code: ResponseCode | undefined, command?: number): void {
    if (code?.name === "CAPABILITY") this.#replace(capabilitiesIn(code.text), command);
  }

  /** Takes a list of a response. Some servers send several for one command, which belong together. */
  readResponse(values: readonly ImapValue[], command: number | undefined): void {
    const names = values.map((value) => astringOf(value) ?? "");
    const isMore = command !== undefined && command === this.#command;
    if (isMore) this.#add(names);
    else this.#replace(names, command);
  }

  #replace(names: readonly string[], command: number | undefined): void {
    this.#list = [];
    this.#upperCase.clear();
    this.#size = 0;
    this.#command = command;
    this.#add(names);
  }

  #add(names: readonly string[]): void {
    for (const name of names) {
      if (name === "" || this.has(name)) continue;
      this.#size += name.length + 1;
      if (this.#size > this.#limit) {
        throw new RemoteProtocolError(
          `The server listed more capabilities than the ${this.#limit} bytes of "limits.responseLine".`,
          { limit: "responseLine" },
        );
      }
      this.#list!.push(name);
      this.#upperCase.add(name.toUpperCase());
    }
  }
}
