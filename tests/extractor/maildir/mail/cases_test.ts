import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parseMail } from "../../../../extractor/maildir/mail/mail.ts";
import { TextSearch } from "../../../../extractor/maildir/mail/search.ts";
import { contents } from "./reading.ts";

const folder = new URL("cases/", import.meta.url);

/** The expected content of a mail. */
interface Expected {
  readonly subject?: string;
  readonly date?: string;
  readonly contents?: readonly string[];
  /** A pattern that matches the mail. */
  readonly found?: string;
}

const umlauts = "Schöne Grüße\n";
const attachment = ["Hello.", "application/pdf a.pdf: \x00\x01\x02"];

const cases: Record<string, Expected> = {
  "type-space-before-slash.eml": { contents: attachment, found: "^Hello\\.$" },
  "type-space-after-slash.eml": { contents: attachment, found: "^Hello\\.$" },
  "type-no-semicolon.eml": { contents: attachment, found: "^Hello\\.$" },
  "type-doubled.eml": { contents: attachment, found: "^Hello\\.$" },
  "no-blank-line-before-first-part.eml": {
    contents: ["The plain one.", "<p>The rich one."],
    found: "plain one",
  },
  "charset-x-unknown.eml": { contents: [umlauts], found: "Grüße" },
  "charset-utf8mb4.eml": { contents: [umlauts], found: "Grüße" },
  "charset-utf-7.eml": { contents: ["Schöne Grüße, 1 + 1\n"], found: "Grüße, 1 \\+ 1" },
  "date-month-first.eml": { date: "2014-03-04T13:39:52Z" },
  "date-comma-after-day.eml": { date: "2014-03-04T08:35:19Z" },
  "date-dotted-weekday.eml": { date: "2014-03-04T05:52:44Z" },
  "date-offset-with-colon.eml": { date: "2014-03-04T10:00:00Z" },
  "word-with-soft-break.eml": { subject: "Alle Mitglieder sind da", found: "Mitglieder" },
};

test("broken mails › read and searched › have the content that the sender meant", async () => {
  assert.deepEqual(readdirSync(folder).sort(), Object.keys(cases).sort());
  for (const [name, expected] of Object.entries(cases)) {
    const bytes = new Uint8Array(readFileSync(new URL(name, folder)));
    const parsed = parseMail(bytes);
    const { subject, dateSent } = parsed.head;
    if (expected.subject !== undefined) assert.equal(subject, expected.subject, name);
    if (expected.contents !== undefined) {
      assert.deepEqual(contents(parsed), expected.contents, name);
    }
    if (expected.date !== undefined) {
      assert.equal(Number(dateSent?.seconds), Date.parse(expected.date) / 1000, name);
    }
    const pattern = expected.found ?? "Hello\\.";
    assert.equal(await new TextSearch(pattern).matches(bytes), true, name);
  }
});
