/**
 * The delays of refused logins.
 *
 * @module
 */

import { LocalProtocolError } from "../core/errors.ts";
import { shownValue } from "../core/option_checks.ts";
import { networkAddress } from "./network_address.ts";

/** The longest delay, as a multiple of the first. */
const most = 16;

/** How long a refused login counts, in milliseconds: 10 minutes. */
const memory = 600_000;

/** The number of addresses that are always remembered; at most twice as many are. */
const fewestRemembered = 5_000;

/** The refused logins of an address. */
interface Refusals {
  readonly count: number;
  /** The time of the last one, by `performance.now()`. */
  readonly lastAt: number;
}

/**
 * Delays for refused logins, which grow with each one from the same address: the first delay, twice as much
 * for the second, up to sixteen times as much.
 *
 * This slows down password guessing, also over many connections at once: each wrong guess counts when it is
 * made, not when its delay is over. Accepted logins are neither counted nor delayed, so that an attacker
 * locks nobody out, not even other clients at the same address. IPv6 addresses count by their first 64
 * bits, since one subscriber has all addresses of such a prefix. A refused login counts for 10 minutes
 * after the last one, and at most 10,000 addresses are remembered.
 */
export class RefusalDelays {
  #first: number;
  /** By address; each operation takes constant time. */
  #recent = new Map<string, Refusals>();
  /** The previous generation, until `#recent` is full, or 10 minutes old. */
  #older = new Map<string, Refusals>();
  /** When `#recent` was empty. */
  #recentSince = 0;

  /**
   * Takes the first delay in milliseconds, 0 for none. Throws a `LocalProtocolError` if it is not a finite
   * number from 0 on.
   */
  constructor(first: number) {
    if (typeof first !== "number" || !(first >= 0 && first < Infinity)) {
      throw new LocalProtocolError(
        `"refusalDelay" is ${
          shownValue(first)
        }: set it to a number of milliseconds, or to 0 for no delay.`,
      );
    }
    this.#first = first;
  }

  /** How many addresses are remembered; one in both generations counts twice. */
  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /**
   * Counts a refused login of a peer, by its transport's name for it; returns the delay in milliseconds: 0
   * for a peer that isn't connected over TCP.
   */
  next(peer: string, now: number = performance.now()): number {
    const address = this.#first > 0 ? networkAddress(peer) : undefined;
    if (address === undefined) return 0;
    if (this.#recent.size >= fewestRemembered || now - this.#recentSince >= memory) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentSince = now;
    }
    const known = this.#recent.get(address) ?? this.#older.get(address);
    const before = known !== undefined && now - known.lastAt < memory ? known.count : 0;
    this.#recent.set(address, { count: before + 1, lastAt: now });
    return this.#first * Math.min(2 ** before, most);
  }
}
