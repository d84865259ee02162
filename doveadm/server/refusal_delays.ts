/**
 * The delays of refused logins.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";

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
          String(first)
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
    const address = this.#first > 0 ? addressOf(peer) : undefined;
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

/** The address of a TCP peer, for IPv6 its first 64 bits; `undefined` for a peer of another kind. */
function addressOf(peer: string): string | undefined {
  const found = /^(?:a client of )?tcp (?:\[(.*)\]|(.*)):\d+$/.exec(peer);
  if (found === null) return undefined;
  const [, ipv6, other] = found;
  return ipv6 === undefined ? other : networkOf(ipv6);
}

/** The first 64 bits of an IPv6 address; for an IPv4-mapped address, the IPv4 address. */
function networkOf(address: string): string {
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (ipv4 !== null) return ipv4[1];
  const [head, tail] = address.toLowerCase().split("%")[0].split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
