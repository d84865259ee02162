import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMutf7 } from "../../../core/imap/mutf7.ts";
import { folderNames, isInbox } from "../../../extractor/maildir/folder_names.ts";

const one = (directory: string) => folderNames([directory]).get(directory);

test("a folder is called what its directory's name says", () => {
  assert.equal(one(".Sent"), "Sent");
  assert.equal(one(".Archive.2024"), "Archive.2024");
  assert.equal(one(".Entw&APw-rfe"), "Entwürfe");
  assert.equal(one(".Jack &- Jill"), "Jack & Jill");
  assert.equal(one(".&U,BTFw-.&2D3eAA-"), "台北.😀");
  assert.equal(one(".INBOX.Sent"), "INBOX.Sent");
});

test("what isn't modified UTF-7 stands for itself", () => {
  for (
    const name of [
      "Entwürfe",
      "台北",
      "Jack & Jill",
      "&",
      "&AAA",
      "a&b-c",
      // Encoded without need: dots, slashes, ampersands, letters in disguise.
      "&AC4-",
      "&AC4ALgAv-x",
      "&AC8-etc&AC8-passwd",
      "&ACY-",
      "&AGE-",
      // Padding bits, control characters, halves of characters.
      "&APx-",
      encodeMutf7("a\0b"),
      encodeMutf7("a\nb"),
      encodeMutf7("\ud800"),
    ]
  ) assert.equal(one(`.${name}`), name);
});

test("what is no folder isn't one", () => {
  for (
    const name of [
      ...["cur", "new", "tmp", "Sent", "dovecot-uidlist", "maildirfolder", "", "~"],
      ...[".", "..", "...", "..Sent", ".Sent.", ".a..b", "..DOVECOT-TRASHED"],
      ...[".INBOX", ".inbox", ".Inbox"],
    ]
  ) assert.equal(one(name), undefined, name);
});

test("no two folders have one name", () => {
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

test("folders come in order, each ahead of those within it", () => {
  const names = folderNames([".b", ".a-b", ".a.c", ".a", ".a.b.c", ".a.b"]);
  assert.deepEqual([...names.values()], ["a", "a.b", "a.b.c", "a.c", "a-b", "b"]);
});

test("the inbox has two names", () => {
  for (const name of ["", "INBOX", "inbox", "InBoX"]) assert(isInbox(name), name);
  for (const name of ["INBOX.", "INBOX\n", " INBOX", ".", "İNBOX"]) assert(!isInbox(name), name);
});
