import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMutf7 } from "../../../core/imap/mutf7.ts";
import { folderNames, isInbox } from "../../../extractor/maildir/folder_names.ts";

const one = (directory: string) => folderNames([directory]).get(directory);

test("folder names › a directory's name in modified UTF-7 › is decoded", () => {
  assert.equal(one(".Sent"), "Sent");
  assert.equal(one(".Archive.2024"), "Archive.2024");
  assert.equal(one(".Entw&APw-rfe"), "Entwürfe");
  assert.equal(one(".Jack &- Jill"), "Jack & Jill");
  assert.equal(one(".&U,BTFw-.&2D3eAA-"), "台北.😀");
  assert.equal(one(".INBOX.Sent"), "INBOX.Sent");
});

test("folder names › invalid modified UTF-7 › is used unchanged", () => {
  for (
    const name of [
      "Entwürfe",
      "台北",
      "Jack & Jill",
      "&",
      "&AAA",
      "a&b-c",
      // Encoded without need: hidden dots, slashes, ampersands, letters.
      "&AC4-",
      "&AC4ALgAv-x",
      "&AC8-etc&AC8-passwd",
      "&ACY-",
      "&AGE-",
      // Padding bits, control characters, lone surrogates.
      "&APx-",
      encodeMutf7("a\0b"),
      encodeMutf7("a\nb"),
      encodeMutf7("\ud800"),
    ]
  ) assert.equal(one(`.${name}`), name);
});

test("folder names › directories that are no folders › are left out", () => {
  for (
    const name of [
      ...["cur", "new", "tmp", "Sent", "dovecot-uidlist", "maildirfolder", "", "~"],
      ...[".", "..", "...", "..Sent", ".Sent.", ".a..b", "..DOVECOT-TRASHED"],
      ...[".INBOX", ".inbox", ".Inbox"],
    ]
  ) assert.equal(one(name), undefined, name);
});

test("folder names › names that would be equal › stay different", () => {
  const directories = [".Entw&APw-rfe", ".Entwürfe", ".Entw&-APw-rfe", ".A&-B", ".A&B", ".Sent"];
  const names = folderNames(directories);
  assert.deepEqual(Object.fromEntries(names), {
    ".A&-B": "A&-B",
    ".A&B": "A&B",
    ".Entw&APw-rfe": "Entw&APw-rfe",
    ".Entw&-APw-rfe": "Entw&-APw-rfe",
    ".Entwürfe": "Entwürfe",
    ".Sent": "Sent",
  });
});

test("folder names › several folders › are sorted, each before those within it", () => {
  const names = folderNames([".b", ".a-b", ".a.c", ".a", ".a.b.c", ".a.b"]);
  assert.deepEqual([...names.values()], ["a", "a.b", "a.b.c", "a.c", "a-b", "b"]);
});

test("folder names › the inbox › has an empty name or INBOX", () => {
  for (const name of ["", "INBOX", "inbox", "InBoX"]) assert(isInbox(name), name);
  for (const name of ["INBOX.", "INBOX\n", " INBOX", ".", "İNBOX"]) assert(!isInbox(name), name);
});
