/**
 * What two servers can't agree on by nature, since each makes it up: GUIDs and the time.
 *
 * @module
 */

import { decodeUtf8 } from "../../../core/mod.ts";

/** A GUID: 128 bits, or the name of a Maildir file, which is a saved mail's GUID there. */
const GUID = /^(?:[\da-f]{32}|\d+\.M\d+P\d+\.[^,]+(?:,S=\d+)?(?:,W=\d+)?)$/;

/** A time to the second, as "date.saved" has it. */
const DATE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

/** A time in seconds since 1970, as "firstsaved" and UIDVALIDITY are. */
const SECONDS = /^[12]\d{9}$/;

/** How far apart two times may be that are now, in seconds: what a slow machine may take. */
const NOW = 60;

/** Knows which values of one server stand for which of the other. */
export class Twins {
  readonly #start = Date.now() / 1000 - NOW;
  readonly #realOf = new Map<string, string>();
  readonly #embeddedOf = new Map<string, string>();

  /** Makes one that knows what both servers have had from the start. */
  constructor(known: Iterable<string>) {
    for (const guid of known) this.#learn(guid, guid);
  }

  /** Begins to compare two answers. */
  compare(): Likeness {
    return new Likeness(this, this.#start);
  }

  /** Whether two GUIDs are a pair, or were in none so far. */
  mayBePair(real: string, embedded: string): boolean {
    const [ours, theirs] = [this.#realOf.get(embedded), this.#embeddedOf.get(real)];
    return (ours === undefined && theirs === undefined) || (ours === real && theirs === embedded);
  }

  /** Learns which GUIDs are pairs. */
  learn(pairs: ReadonlyMap<string, string>): void {
    for (const [real, embedded] of pairs) this.#learn(real, embedded);
  }

  #learn(real: string, embedded: string): void {
    this.#embeddedOf.set(real, embedded);
    this.#realOf.set(embedded, real);
  }
}

/** Compares the fields of two answers. What it takes for pairs, nobody else does until it is kept. */
export class Likeness {
  readonly #twins: Twins;
  readonly #start: number;
  readonly #pairs = new Map<string, string>();

  /** Made by {@linkcode Twins.compare}. */
  constructor(twins: Twins, start: number) {
    this.#twins = twins;
    this.#start = start;
  }

  /**
   * Whether two fields are the same, or stand for the same: a GUID that is new on both sides for one
   * that is, from then on and nothing else; a time since the comparison began for about the same time.
   */
  agree(real: Uint8Array, embedded: Uint8Array): boolean {
    if (isEqual(real, embedded)) return true;
    const [ours, theirs] = [decodeUtf8(real), decodeUtf8(embedded)];
    if (GUID.test(ours) && GUID.test(theirs)) return this.#pair(ours, theirs);
    const times = [ours, theirs].map(secondsOf);
    return times.every((time) => time >= this.#start) && Math.abs(times[0] - times[1]) <= NOW;
  }

  /** Keeps the pairs: the answers are alike. */
  keep(): void {
    this.#twins.learn(this.#pairs);
  }

  #pair(real: string, embedded: string): boolean {
    if (!this.#twins.mayBePair(real, embedded)) return false;
    const isNew = !this.#pairs.has(real) && ![...this.#pairs.values()].includes(embedded);
    if (isNew) this.#pairs.set(real, embedded);
    return this.#pairs.get(real) === embedded;
  }
}

/** Whether two arrays have the same bytes. */
export function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** The time that a text tells, in seconds since 1970; NaN for none. */
function secondsOf(text: string): number {
  if (SECONDS.test(text)) return Number(text);
  return DATE.test(text) ? Date.parse(`${text.replace(" ", "T")}Z`) / 1000 : NaN;
}
