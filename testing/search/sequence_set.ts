/**
 * Sets of sequence numbers and UIDs (RFC 3501's sequence-set).
 *
 * @module
 */

import { type NumberRange, readNumberSet } from "../../core/doveadm/query/number_set.ts";

/** A set of mail numbers: "1,3:5,10:*". */
export class SequenceSet {
  /** The ranges as they were written, the lower number first. */
  readonly ranges: readonly NumberRange[];

  /** Creates a set from ranges; see {@linkcode parseSequenceSet}. */
  constructor(ranges: readonly NumberRange[]) {
    this.ranges = ranges;
  }

  /** Whether a UID is in the set. As in doveadm's queries, "*" is no mail: "7:*" is 7 and all above. */
  hasUid(uid: number): boolean {
    return this.ranges.some(({ first, last }) => first <= uid && uid <= last);
  }

  /** Whether the set is empty. */
  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** Whether all numbers are in it. */
  get isAll(): boolean {
    return this.#merged().some(({ first, last }) => first === 1 && last >= highest);
  }

  /** Whether "*" is in it. */
  get hasLast(): boolean {
    return this.ranges.some(({ last }) => last === Infinity);
  }

  /**
   * Whether a sequence number is in the set, where "*" is the last mail, `count`.
   *
   * A query over several mailboxes has one set for all of them. Dovecot cuts it to the numbers of each
   * mailbox, and keeps it cut: for "5:*" the second mailbox gets the numbers that the first one had.
   */
  hasSequence(sequence: number, count: number, earlier?: EarlierMailboxes): boolean {
    const last = earlier?.first ?? count;
    return sequence <= Math.min(count, earlier?.smallest ?? count) &&
      (this.hasUid(sequence) || (this.hasLast && sequence === last));
  }

  /** The numbers that aren't in the set, which must not contain "*". */
  inverted(): SequenceSet {
    const rest: NumberRange[] = [];
    let first = 1;
    for (const range of this.#merged()) {
      if (first < range.first) rest.push({ first, last: range.first - 1 });
      first = range.last + 1;
    }
    if (first <= highest) rest.push({ first, last: highest });
    return new SequenceSet(rest);
  }

  /** The numbers that are in both sets; "*" is one of them if it is in both. */
  intersection(other: SequenceSet): SequenceSet {
    const both: NumberRange[] = [];
    const [ours, theirs] = [this.#merged(), other.#merged()];
    for (let at = 0, theirsAt = 0; at < ours.length && theirsAt < theirs.length;) {
      const first = Math.max(ours[at].first, theirs[theirsAt].first);
      const last = Math.min(ours[at].last, theirs[theirsAt].last);
      if (first <= last) both.push({ first, last });
      if (ours[at].last === last) at++;
      else theirsAt++;
    }
    return new SequenceSet(both);
  }

  /** The numbers that are in one of the sets. */
  union(other: SequenceSet): SequenceSet {
    return new SequenceSet(new SequenceSet([...this.ranges, ...other.ranges]).#merged());
  }

  /** The same numbers in rising order, with as few ranges as possible. */
  #merged(): readonly NumberRange[] {
    const merged: NumberRange[] = [];
    // Not by their difference: that of two "*" is NaN.
    const rising = [...this.ranges].sort((a, b) =>
      Number(a.first > b.first) - Number(a.first < b.first)
    );
    for (const range of rising) {
      const previous = merged.at(-1);
      if (previous === undefined || previous.last + 1 < range.first) merged.push(range);
      else merged.push({ ...merged.pop()!, last: Math.max(previous.last, range.last) });
    }
    return merged;
  }
}

/** The highest number that isn't "*". */
const highest = 2 ** 32 - 2;

/** The numbers of mails in the mailboxes visited so far, except empty ones. */
export interface EarlierMailboxes {
  /** That of the first one. */
  readonly first: number;
  /** That of the smallest one. */
  readonly smallest: number;
}

/** Parses a set; returns `undefined` for an invalid one. The empty text is the empty set. */
export function parseSequenceSet(text: string): SequenceSet | undefined {
  const ranges = readNumberSet(text);
  return ranges && new SequenceSet(ranges);
}
