import assert from "node:assert/strict";
import { test } from "node:test";
import { readSearchSize, readSearchTime } from "../../../../core/doveadm/query/search_time.ts";

test("readSearchTime › days, moments and how long ago › their type and seconds", () => {
  const day = Date.UTC(2026, 0, 31) / 1000;
  const cases: [text: string, type: string, seconds: number][] = [
    ["2026-01-31", "day", day],
    ["31-Jan-2026", "day", day],
    ["31-jan-2026", "day", day],
    [" 1-Feb-2026", "day", day + 86_400],
    ["01-Feb-2026", "day", day + 86_400],
    ["2026-02-31", "day", Date.UTC(2026, 2, 3) / 1000],
    ["31-Feb-2026", "day", Infinity],
    ["31-Feb-1999", "day", -Infinity],
    ["0001-01-01", "day", -62_135_596_800],
    ["1769817600", "moment", 1769817600],
    ["-86400", "moment", -86400],
    ["0", "moment", 0],
    ["2 days", "ago", 172_800],
    ["2d", "ago", 172_800],
    ["1W", "ago", 604_800],
    ["1 week", "ago", 604_800],
    ["3h", "ago", 10_800],
    ["5 m", "ago", 300],
    ["5min", "ago", 300],
    ["30secs", "ago", 30],
    ["5000ms", "ago", 5],
    ["0days", "ago", 0],
  ];
  for (const [text, type, seconds] of cases) {
    assert.deepEqual(readSearchTime(text, "2.3"), { type, seconds }, text);
  }
});

test("readSearchTime › other texts › undefined", () => {
  const cases = [
    "",
    "x",
    "-1",
    "1x",
    "1 month",
    "1mon",
    "5ms",
    "2026-1-31",
    "31-Jan-26",
    "31-Foo-2026",
  ];
  for (const text of [...cases, "1.5d", "-2d", "2 days ago", "99999999999w", "7102w"]) {
    assert.equal(readSearchTime(text, "2.3"), undefined, text);
  }
});

test("readSearchSize › sizes with and without units, and other texts › bytes, or undefined", () => {
  const cases: [text: string, size: number | undefined][] = [
    ["0", 0],
    ["1000", 1000],
    ["5b", 5],
    ["10k", 10_240],
    ["10 K", 10_240],
    ["1kb", 1024],
    ["1KiB", 1024],
    ["2M", 2_097_152],
    ["1g", 1_073_741_824],
    ["1Ti", 1_099_511_627_776],
    ["", undefined],
    ["k", undefined],
    ["-1", undefined],
    ["1x", undefined],
    ["1ib", undefined],
    ["1k k", undefined],
    ["1.5M", undefined],
    ["99999999999T", undefined],
  ];
  for (const [text, size] of cases) {
    assert.equal(readSearchSize(text), size === undefined ? undefined : BigInt(size), text);
  }
});
