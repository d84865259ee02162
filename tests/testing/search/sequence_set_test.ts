import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSequenceSet, type SequenceSet } from "../../../testing/search/sequence_set.ts";

/** The numbers up to 9 in a set: as UIDs, and as sequence numbers of 5 mails. */
function members(text: string): [uids: number[], sequences: number[]] {
  const set = parseSequenceSet(text)!;
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  return [
    numbers.filter((number) => set.hasUid(number)),
    numbers.slice(0, 5).filter((number) => set.hasSequence(number, 5)),
  ];
}

test("sequence sets › valid texts › have their numbers", () => {
  const cases: [text: string, uids: number[], sequences: number[]][] = [
    ["3", [3], [3]],
    ["1,3:5,9", [1, 3, 4, 5, 9], [1, 3, 4, 5]],
    ["5:3", [3, 4, 5], [3, 4, 5]],
    ["4:*", [4, 5, 6, 7, 8, 9], [4, 5]],
    ["*:4", [4, 5, 6, 7, 8, 9], [4, 5]],
    ["8:*", [8, 9], [5]],
    ["*", [], [5]],
    ["1,*", [1], [1, 5]],
    ["2,", [2], [2]],
    ["", [], []],
    ["9", [9], []],
  ];
  for (const [text, uids, sequences] of cases) {
    assert.deepEqual(members(text), [uids, sequences], text);
  }
});

test("sequence sets › invalid texts › are undefined", () => {
  for (
    const text of ["0", "0:3", "3:0", "x", "1,,2", ",1", "1:2:3", "1-2", "1 2", "-1", "1:", "**"]
  ) {
    assert.equal(parseSequenceSet(text), undefined, text);
  }
});

test("sequence sets › after other mailboxes › are cut to their numbers", () => {
  const cases: [text: string, sequences: number[]][] = [
    ["2:4", [2, 3]],
    ["2:*", [2, 3]],
    ["*", []],
    ["1:*", [1, 2, 3]],
  ];
  for (const [text, sequences] of cases) {
    const set = parseSequenceSet(text)!;
    const earlier = { first: 4, smallest: 3 };
    const found = [1, 2, 3, 4, 5].filter((number) => set.hasSequence(number, 5, earlier));
    assert.deepEqual(found, sequences, text);
  }
});

test("sequence sets › complement and intersection › have the expected numbers", () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const members = (set: SequenceSet) => numbers.filter((number) => set.hasUid(number));
  const [some, others, last] = ["2,5:3,4:6,8", "4:7,9", "7:*"].map((text) =>
    parseSequenceSet(text)!
  );
  assert.deepEqual(members(some.inverted()), [1, 7, 9]);
  assert.deepEqual(members(some.inverted().inverted()), members(some));
  assert.deepEqual(members(parseSequenceSet("")!.inverted()), numbers);
  assert.deepEqual(members(some.intersection(others)), [4, 5, 6]);
  assert.deepEqual(members(some.union(others)), [2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(members(last.intersection(some)), [8]);
  assert(!last.intersection(some.inverted()).hasLast);
  assert(last.intersection(parseSequenceSet("3:*")!).hasLast);
  assert(parseSequenceSet("3,1:*")!.isAll);
  assert(last.union(last.intersection(some.inverted())).hasLast);
  assert(some.intersection(parseSequenceSet("9")!).isEmpty);
});
