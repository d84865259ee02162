/**
 * All users of a server, for a sweep.
 *
 * @module
 */

import { AbortError, LocalProtocolError, RemoteProtocolError } from "../core/errors.ts";
import { checkFunction, checkOptions, shownValue } from "../core/option_checks.ts";
import { timeLimit } from "../core/time_limit.ts";
import type { DoveadmClient } from "../doveadm/client/doveadm_client.ts";
import { isMask } from "../doveadm/chosen_users.ts";
import { NameStore } from "./name_store.ts";
import { UserListReader } from "./user_list_reader.ts";

/** Options for {@linkcode everybody}. */
export interface EverybodyOptions {
  /** Which users: "*" if left out, for all; "*@example.org" for those of a domain. */
  mask?: string;
  /**
   * How long the server may be silent while it lists its users, in milliseconds; the client's `timeout` if
   * left out, 0 or `Infinity` for no limit.
   */
  timeout?: number;
  /** How many bytes all names together may have; 256 MiB if left out. */
  maxBytes?: number;
}

/** The users of a server. */
export interface UserListing extends AsyncIterable<string> {
  /** How many users there are; `undefined` until the server has listed the last one. */
  readonly total: number | undefined;
}

/** How many bytes all names may have, if nothing is said. */
const defaultMaxBytes = 256 * 1_048_576;

/** How many they may have in any case. */
const mostBytes = 2 ** 31;

/**
 * The users that a server's user database lists, each once, in its order; each loop asks anew. The answer is
 * one JSON text, which is read as it arrives, and without a break: Dovecot cuts off an answer of which
 * nothing is read for a minute. What is read before the loop asks for it is kept as bytes, some 35 MiB for a million names.
 *
 * (Over HTTP the text is parsed as a whole, with the client's limits.) The loop throws what `stream()` of the
 * client throws, after the names that came before; and a `RemoteProtocolError` for another answer than a list.
 *
 * A sweep with a journal needs the same order when it goes on. If your user database has none, or users come
 * and go meanwhile, write the names to a file first, and have the sweep read that.
 */
export function everybody(
  doveadm: Pick<DoveadmClient, "stream">,
  options: EverybodyOptions = {},
): UserListing {
  checkOptions(options);
  checkFunction('The client\'s "stream"', doveadm?.stream);
  const { mask = "*", timeout, maxBytes = defaultMaxBytes } = options;
  if (typeof mask !== "string" || !isMask(mask) || mask.startsWith("-")) {
    throw new LocalProtocolError(
      `"mask" is ${shownValue(mask)}. Set it to one with "*" or "?", such as "*@example.org".`,
    );
  }
  if (!(typeof maxBytes === "number" && maxBytes > 0)) {
    throw new LocalProtocolError(
      `"maxBytes" is ${shownValue(maxBytes)}. Set it to a number of bytes, or to Infinity.`,
    );
  }
  const limit = timeout === undefined ? {} : { timeout: timeLimit("timeout", timeout) };
  const list = (signal: AbortSignal) =>
    doveadm.stream({ name: "user", args: [mask] }, { signal, ...limit });
  return new ServersUsers(list, Math.min(maxBytes, mostBytes));
}

/** What is streamed: the chunks of one value. */
type Fields = AsyncIterable<AsyncIterable<Uint8Array>>;

class ServersUsers implements UserListing {
  readonly #list: (signal: AbortSignal) => Fields;
  readonly #maxBytes: number;
  #latest: ListingRun | undefined;

  constructor(list: (signal: AbortSignal) => Fields, maxBytes: number) {
    this.#list = list;
    this.#maxBytes = maxBytes;
  }

  get total(): number | undefined {
    return this.#latest?.total;
  }

  [Symbol.asyncIterator](): AsyncIterator<string, void, void> {
    return this.#latest = new ListingRun(this.#list, this.#maxBytes);
  }
}

/** One listing: reads as fast as the server sends, and yields as fast as the loop takes. */
class ListingRun implements AsyncIterator<string, void, void> {
  readonly #list: (signal: AbortSignal) => Fields;
  readonly #maxBytes: number;
  readonly #leaving = new AbortController();
  // The highest bit is left out, so that it is a small integer in every engine.
  readonly #names = new NameStore(Math.floor(Math.random() * 2 ** 30));
  #state: "new" | "reading" | "complete" | "failed" | "left" = "new";
  #error: unknown;
  #wake: () => void = () => {};

  constructor(list: (signal: AbortSignal) => Fields, maxBytes: number) {
    this.#list = list;
    this.#maxBytes = maxBytes;
  }

  get total(): number | undefined {
    return this.#state === "complete" ? this.#names.count : undefined;
  }

  async next(): Promise<IteratorResult<string, void>> {
    if (this.#state === "new") void this.#read();
    for (;;) {
      if (this.#state === "left") return { done: true, value: undefined };
      const name = this.#names.take();
      if (name !== undefined) return { done: false, value: name };
      if (this.#state === "failed") throw this.#error;
      if (this.#state === "complete") return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        const wakeOthers = this.#wake;
        this.#wake = () => {
          this.#wake = () => {};
          wakeOthers();
          resolve();
        };
      });
    }
  }

  return(): Promise<IteratorResult<string, void>> {
    this.#state = "left";
    this.#leaving.abort(new AbortError("The users were not taken to their end.", { sent: true }));
    this.#wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  async #read(): Promise<void> {
    this.#state = "reading";
    try {
      const reader = new UserListReader();
      for await (const field of this.#list(this.#leaving.signal)) {
        for await (const chunk of field) {
          for (const name of reader.push(chunk)) this.#add(name);
          this.#wake();
        }
      }
      reader.end();
      this.#end("complete");
    } catch (error) {
      this.#error = error;
      this.#end("failed");
    }
  }

  #add(name: string): void {
    this.#names.add(name);
    if (this.#names.size <= this.#maxBytes) return;
    throw new RemoteProtocolError(
      `The server has users whose names have more than ${this.#maxBytes} bytes. Raise "maxBytes", or list ` +
        "fewer of them by a mask.",
      { limit: "maxBytes", sent: true },
    );
  }

  #end(state: "complete" | "failed"): void {
    if (this.#state === "reading") this.#state = state;
    this.#names.finish();
    this.#wake();
  }
}
