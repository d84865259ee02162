import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMessageDate } from "../../../testing/dovecot_message/message_date.ts";

test("message dates › valid ones › time and zone", () => {
  const cases: [text: string, iso: string, offset: number][] = [
    ["Tue, 06 Jan 2026 10:30:00 +0000", "2026-01-06T10:30:00Z", 0],
    ["6 Jan 2026 10:30 +0200", "2026-01-06T08:30:00Z", 120],
    ["Tue, 6 January 2026 1:30:15 -0930", "2026-01-06T11:00:15Z", -570],
    ["6 Jan 70 0:30:60 EST", "1970-01-06T05:30:59Z", -300],
    ["6 Jan 69 0:30 EDT", "2069-01-06T04:30:00Z", -240],
    ["Tue,6 jan 2026 10.30.00 PDT", "2026-01-06T17:30:00Z", -420],
    ["(a) Tue (b), (c) 06 Jan 2026 10 : 30 : 00 (d) GMT (e)", "2026-01-06T10:30:00Z", 0],
    ["6 Jan\n 2026\r\n\t10:30:00 A", "2026-01-06T09:30:00Z", 60],
    ["6 Jan 2026 10:30:00 M", "2026-01-05T22:30:00Z", 720],
    ["6 Jan 2026 10:30:00 N", "2026-01-06T11:30:00Z", -60],
    ["6 Jan 2026 10:30:00 Y", "2026-01-06T22:30:00Z", -720],
    ["6 Jan 2026 10:30:00 Z", "2026-01-06T10:30:00Z", 0],
    ["6 Jan 2026 10:30:00 CET", "2026-01-06T10:30:00Z", 0],
    ["6 Jan 2026 10:30:00", "2026-01-06T10:30:00Z", 0],
    ["29 Feb 2028 00:00 -0000", "2028-02-29T00:00:00Z", 0],
  ];
  for (const [text, iso, offset] of cases) {
    assert.deepEqual(parseMessageDate(text), { seconds: Date.parse(iso) / 1000, offset }, text);
  }
});

test("message dates › invalid ones › undefined", () => {
  const cases = [
    "",
    "yesterday",
    "2026-01-06",
    "Tuesday, 6 Jan 2026 10:30",
    "Tue 6 Jan 2026 10:30",
    "31 Feb 2026 10:30",
    "29 Feb 2026 10:30",
    "0 Jan 2026 10:30",
    "6 Jan 1899 10:30",
    "6 Jan 026 10:30",
    "6 Foo 2026 10:30",
    "6 Jan 2026",
    "6 Jan 2026 10",
    "6 Jan 2026 10:3",
    "6 Jan 2026 24:00",
    "6 Jan 2026 10:60",
    "6 Jan 2026 10:30:61",
    '6 Jan 2026 10:30 "x"',
  ];
  for (const text of cases) assert.equal(parseMessageDate(text), undefined, text);
});
