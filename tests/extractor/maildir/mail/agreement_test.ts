import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseHead } from "../../../../extractor/maildir/mail/head.ts";
import { parseMail } from "../../../../extractor/maildir/mail/mail.ts";
import { sortKey } from "../../../../extractor/maildir/mail/sort_key.ts";
import { Maildir } from "../../../../extractor/maildir/maildir.ts";
import { strangeMails } from "../strange_mails.ts";
import { TemporaryMaildir } from "../temporary_maildir.ts";

/** For a list, no more of a header is read. */
const largestHeader = 256 * 1024;

const folder = new URL("cases/", import.meta.url);

test("strange mails › listed and read › have the same head and sort key", () => {
  using directory = new TemporaryMaildir("");
  const mails = new Map<string, Uint8Array>();
  const put = (bytes: Uint8Array) => {
    const mid = `${1_767_614_400 + mails.size}.strange.host`;
    mails.set(mid, bytes);
    writeFileSync(join(directory.path, "new", mid), bytes);
  };
  for (const { bytes } of strangeMails()) if (bytes.length <= largestHeader) put(bytes);
  for (const name of readdirSync(folder)) put(new Uint8Array(readFileSync(new URL(name, folder))));
  assert.ok(mails.size > 200);
  const maildir = Maildir.open(directory.path);
  for (const file of maildir.mails("")) {
    const bytes = mails.get(file.mid)!;
    const header = maildir.readHeader(file);
    const { head } = parseMail(bytes);
    assert.deepEqual(parseHead(header), head, file.mid);
    const subject = head.subject.slice(0, 256).toWellFormed().toLowerCase();
    assert.equal(sortKey(header, "subject"), subject, file.mid);
    assert.equal(sortKey(bytes, "subject"), subject, file.mid);
  }
});
