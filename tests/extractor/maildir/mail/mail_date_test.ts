import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMailDate } from "../../../../extractor/maildir/mail/mail_date.ts";

test("mail dates › valid dates › are times in UTC", () => {
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

test("mail dates › invalid dates › are undefined", () => {
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

test("mail dates › one time in many malformed forms › is the same time", () => {
  const forms = [
    // Offsets.
    "Tue, 4 Mar 2014 12:00:00 +02:00",
    "Tue, 4 Mar 2014 12:00:00 GMT+0200",
    "Tue, 4 Mar 2014 12:00:00 GMT+02:00",
    "Tue, 4 Mar 2014 12:00:00 UTC+2",
    "Tue, 4 Mar 2014 12:00:00 GMT +0200",
    "Tue, 4 Mar 2014 12:00:00 + 0200",
    "Tue, 4 Mar 2014 12:00:00 +2",
    "Tue, 4 Mar 2014 12:00:00+0200",
    'Tue, 4 Mar 2014 12:00:00 "+0200"',
    "Tue, 4 Mar 2014 08:00:00 \u22120200",
    "Tue, 4 Mar 2014 12:00:00 +0200 (EET)",
    "Tue, 4 Mar 2014 12:00:00 (EET) +0200",
    "Tue Mar 04 2014 12:00:00 GMT+0200 (Eastern European Time)",
    // Zones.
    "Tue, 4 Mar 2014 11:00:00 MEZ",
    "Tue, 4 Mar 2014 12:00:00 EET",
    "Tue, 4 Mar 2014 19:00:00 JST",
    "Tue, 4 Mar 2014 05:00:00 Eastern Standard Time",
    "Tue, 4 Mar 2014 03:00:00 Pacific Daylight Time",
    "Tue, 4 Mar 2014 11:00:00 W. Europe Standard Time",
    // Days and months in another order, and other signs between them.
    "Tue, Mar 04 2014 12:00:00 +0200",
    "March 4, 2014 12:00:00 +0200",
    "Tue, March 4th, 2014 at 12:00 PM +0200",
    "Tue, 4, Mar, 2014, 12:00:00 +0200",
    "Tue,4Mar2014 12:00:00 +0200",
    "04-Mar-14 12:00:00 +0200",
    "04/Mar/2014:12:00:00 +0200",
    "04.03.2014 12:00:00 +0200",
    "2014 Mar 4 12:00:00 +0200",
    "Tue Mar  4 12:00:00 EET 2014",
    "Tue Mar  4 12:00:00 +0200 2014",
    // Days and months in other languages.
    "Di., 4 Mar. 2014 12:00:00 +0200 (MEZ)",
    "Dienstag, 4. M\u00e4rz 2014 12:00:00 +0200",
    "mar., 4 mar 2014 12:00:00 +0200",
    "\u706b, 4 Mar 2014 12:00:00 +0200",
    "\u0412\u0442, 04 Mar 2014 12:00:00 +0200",
    "ter\u00e7a-feira, 4 Mar 2014 12:00:00 +0200",
    // Times.
    "Tue, 4 Mar 2014 12:00 +0200",
    "Tue, 4 Mar 2014 12.00.00 +0200",
    "Tue, 4 Mar 2014 12:00:00.123 +0200",
    "Tue, 4 Mar 2014 12:00:00 AM -1000",
    // ISO 8601.
    "2014-03-04T12:00:00+02:00",
    "2014-03-04T12:00:00+02",
    "2014-03-04 12:00:00 +0200",
    "2014-03-04T10:00Z",
    "2014/03/04 10:00:00",
    "20140304T100000Z",
    "Tue, 2014-03-04 12:00:00 +0200",
  ];
  for (const form of forms) {
    assert.equal(parseMailDate(form), Date.UTC(2014, 2, 4, 10) / 1000, form);
  }
});

test("mail dates › ambiguous dates › are undefined rather than wrong", () => {
  const forms = [
    "Tue, 4 Mar 2014",
    "2014-03-04",
    "03/04/2014 12:00:00",
    "4.3.14 12:00",
    "04.13.2014 12:00",
    "2014-02-30T00:00Z",
    "Mar 2014 12:00",
    "12:00:00",
    "4 Marraskuu 2014 12:00:00",
    "Tue, 4 Mar 20145 12:00",
    "Tue, 4 Mar 2014 12:00:00:00",
    "Tue, 4 Mar 2014 13:00:00 PM",
    "Tue, 4 Mar 2014 0:00:00 AM",
    "Tue, 4 Mar 2014 12:00:00 +02000",
    "Tue, 4 Mar 2014 12:00:00 +9999",
    "Tue, 4 Mar 2014 12:00:00 +0260",
    "Tue, 4 Mar 2014 12:00:00 IST",
    "Tue, 4 Mar 2014 12:00:00 EST5EDT",
    "Tue, 4 Mar 2014 12:00:00 Moon Time",
  ];
  for (const form of forms) assert.equal(parseMailDate(form), undefined, form);
});
