import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMailDate } from "../../../../extractor/maildir/mail/mail_date.ts";

test("mail dates: what is one, in UTC", () => {
  const cases: [text: string, iso: string][] = [
    ["Tue, 06 Jan 2026 10:30:00 +0000", "2026-01-06T10:30:00Z"],
    ["6 Jan 2026 10:30 +0200", "2026-01-06T08:30:00Z"],
    ["Tue, 6 January 2026 1:30:15 -0930", "2026-01-06T11:00:15Z"],
    ["6 Jan 70 0:30:00 EST", "1970-01-06T05:30:00Z"],
    ["6 Jan 49 0:30 EDT", "2049-01-06T04:30:00Z"],
    ["6 Jan 50 0:30 EDT", "1950-01-06T04:30:00Z"],
    ["6 Jan 126 0:30 GMT", "2026-01-06T00:30:00Z"],
    ["Tue,6 jan 2026 10.30.00 PDT", "2026-01-06T17:30:00Z"],
    ["(a) Tue (b), (c) 06 Jan 2026 10 : 30 : 00 (d) GMT (e)", "2026-01-06T10:30:00Z"],
    ["6 Jan\n 2026\r\n\t10:30:00 (nested (comments)) +0100 (CET)", "2026-01-06T09:30:00Z"],
    ["6 Jan 2026 10:30:00 A", "2026-01-06T10:30:00Z"],
    ["6 Jan 2026 10:30:00 XYZ", "2026-01-06T10:30:00Z"],
    ["6 Jan 2026 10:30:00 CET", "2026-01-06T09:30:00Z"],
    ["6 Jan 2026 10:30:00", "2026-01-06T10:30:00Z"],
    ["6-Jan-2026 10:30:00 -0000", "2026-01-06T10:30:00Z"],
    ["31 Dec 2026 23:59:60 +0000", "2027-01-01T00:00:00Z"],
    ["Tue Jan  6 10:30:00 2026", "2026-01-06T10:30:00Z"],
    ["Tue Jan  6 10:30:00 2026 +0100", "2026-01-06T09:30:00Z"],
    ["2026-01-06T10:30:00Z", "2026-01-06T10:30:00Z"],
    ["2026-01-06T10:30:00.9+0100", "2026-01-06T09:30:00Z"],
    ["1 Jan 0001 00:00:00 +0000", "0001-01-01T00:00:00Z"],
    ["31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59Z"],
  ];
  for (const [text, iso] of cases) {
    assert.equal(parseMailDate(text), Date.parse(iso) / 1000, text);
  }
});

test("mail dates: what is none", () => {
  const cases = [
    "",
    "yesterday",
    "2026-01-06",
    "31 Feb 2026 10:30",
    "29 Feb 2026 10:30",
    "0 Jan 2026 10:30",
    "6 Foo 2026 10:30",
    "6 Jan 2026",
    "6 Jan 2026 24:00",
    "6 Jan 2026 10:60",
    "6 Jan 2026 10:30:61",
    "6 Jan 12026 10:30",
    "1 Jan 0000 00:00:00 +0000",
    "1 Jan 0001 00:00:00 +0100",
    "31 Dec 9999 23:59:59 -0100",
    "\0",
  ];
  for (const text of cases) assert.equal(parseMailDate(text), undefined, text);
});
