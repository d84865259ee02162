/**
 * Compares values that each server generates itself: GUIDs and times.
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

/** Records which values of the two servers correspond. */
export class Twins {
  readonly #start: number;
  readonly #realOf = new Map<string, string>();
  readonly #embeddedOf = new Map<string, string>();

  /**
   * Creates one with the GUIDs that both servers have from the start, and the time before that, in
   * milliseconds.
   */
  constructor(known: Iterable<string>, start: number) {
    this.#start = Math.floor(start / 1000);
    for (const guid of known) this.#learn(guid, guid);
  }

  /** Begins to compare two answers. */
  compare(): Likeness {
    return new Likeness(this, this.#start);
  }

  /** Whether two GUIDs are a pair, or are both in none. */
  mayBePair(real: string, embedded: string): boolean {
    const [ours, theirs] = [this.#realOf.get(embedded), this.#embeddedOf.get(real)];
    return (ours === undefined && theirs === undefined) || (ours === real && theirs === embedded);
  }

  /** Adds pairs of GUIDs. */
  learn(pairs: ReadonlyMap<string, string>): void {
    for (const [real, embedded] of pairs) this.#learn(real, embedded);
  }

  #learn(real: string, embedded: string): void {
    this.#embeddedOf.set(real, embedded);
    this.#realOf.set(embedded, real);
  }
}

/** Compares the fields of two answers. Its new pairs count only here until {@linkcode keep} is called. */
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
   * Whether two fields are equal or correspond: two GUIDs that are new on both servers become a pair; any
   * two times since the start do: a real server counts a new mailbox's UIDVALIDITY on from the time of its
   * first one.
   */
  agree(real: Uint8Array, embedded: Uint8Array): boolean {
    if (isEqual(real, embedded)) return true;
    const [ours, theirs] = [decodeUtf8(real), decodeUtf8(embedded)];
    if (GUID.test(ours) && GUID.test(theirs)) return this.#pair(ours, theirs);
    const times = [ours, theirs].map(secondsOf);
    return times.every((time) => time >= this.#start);
  }

  /** Keeps the new pairs: the answers are equal. */
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

/** Parses a time to seconds since 1970; returns NaN for other text. */
function secondsOf(text: string): number {
  if (SECONDS.test(text)) return Number(text);
  return DATE.test(text) ? Date.parse(`${text.replace(" ", "T")}Z`) / 1000 : NaN;
}
