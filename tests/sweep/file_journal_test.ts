import assert from "node:assert/strict";
import { lstat, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import { fileJournal, JournalError, sweep, type SweepJournal } from "../../sweep/mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { all, names } from "./memory_journal.ts";

/** Saves texts in a journal, as a process does that is killed afterwards. */
async function saved(path: string, ...texts: readonly string[]): Promise<void> {
  const journal = fileJournal(path);
  await journal.load();
  for (const text of texts) await journal.save(text);
  await journal.close!();
}

/** The text in a journal. */
async function textIn(path: string): Promise<string | undefined> {
  const journal = fileJournal(path);
  const text = await journal.load();
  await journal.close!();
  return text;
}

test("file journal › texts that were saved › the last one is read, and only the owner may", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  assert.equal(await textIn(path), undefined);
  await saved(path, '{"a":1}', '{"b":"é\\n"}');
  assert.equal(await textIn(path), '{"b":"é\\n"}');
  assert.equal(await textIn(path), '{"b":"é\\n"}');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder.path), ["journal"]);
});

test("file journal › cut at any byte › has the text of the last whole line", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  await saved(path, '{"first":1}', '{"second":"é"}');
  const whole = await readFile(path);
  const end = whole.indexOf("\n") + 1;
  for (let size = 0; size <= whole.length; size++) {
    await writeFile(path, whole);
    await truncate(path, size);
    const text = size === whole.length ? '{"second":"é"}' : size >= end ? '{"first":1}' : undefined;
    assert.equal(await textIn(path), text, `${size}`);
    await saved(path, '{"third":1}');
    assert.equal(await textIn(path), '{"third":1}', `${size}`);
  }
});

test("file journal › damaged in its last line › has the text of the one before", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  await saved(path, '{"first":1}', '{"second":2}');
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"second":2', '"second":3'));
  assert.equal(await textIn(path), '{"first":1}');
});

test("file journal › a file that is something else › is left alone", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "users");
  for (
    const content of [
      "alice\nbob\n",
      "alice",
      "\n",
      "{}",
      "0123456789abcdef alice\n",
      "\0".repeat(99),
    ]
  ) {
    await writeFile(path, content);
    await assert.rejects(
      all(sweep(names(3), () => assert.fail(), { journal: path })),
      JournalError,
    );
    assert.equal(await readFile(path, "utf8"), content);
  }
});

test("file journal › two sweeps that start at the same time › what one of them has saved isn't lost", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  for (let turns = 0; turns < 20; turns++) {
    await saved(path, '{"old":1}');
    const [one, other] = [fileJournal(path), fileJournal(path)];
    const begin = async () => {
      await one.load();
      await one.save('{"new":2}');
      return true;
    };
    const loadLater = async () => {
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      return await other.load();
    };
    const refused = (error: unknown) => {
      assert(error instanceof JournalError);
      return undefined;
    };
    const [isBegun, text] = await Promise.all([begin().catch(refused), loadLater().catch(refused)]);
    // Who has the file at the end knows what the other one has begun.
    const isOwner = await other.save('{"other":3}').then(() => true, () => false);
    if (isBegun && isOwner) assert.equal(text, '{"new":2}');
    await one.close!();
    await other.close!();
    await rm(path);
  }
  assert.deepEqual(await readdir(folder.path), []);
});

test("file journal › a path that is no text › is refused, and no file is created", async () => {
  for (const path of [5, 0, null, undefined, {}, ["x"], ""]) {
    assert.throws(() => fileJournal(path as string), LocalProtocolError);
    const journal = path as unknown as SweepJournal;
    if (path !== undefined) {
      assert.throws(() => sweep(["alice"], () => {}, { journal }), LocalProtocolError);
    }
  }
  await assert.rejects(stat("5"), /ENOENT|No such file/);
});

test("file journal › invalid options › are refused by name", () => {
  for (const sync of ["yes", 1, null]) {
    assert.throws(
      () => fileJournal("journal", { sync } as unknown as { sync: boolean }),
      (error) => error instanceof LocalProtocolError && error.message.includes('"sync"'),
    );
  }
  assert.throws(() => fileJournal("journal", null as unknown as object), LocalProtocolError);
});

test("file journal › a folder, or a path in no folder › is a JournalError", async () => {
  await using folder = await temporaryFolder();
  for (const journal of [folder.path, join(folder.path, "none", "journal")]) {
    await assert.rejects(all(sweep(names(3), () => assert.fail(), { journal })), JournalError);
  }
});

test("file journal › a link › its file is used, and the link stays", async () => {
  await using folder = await temporaryFolder();
  const [path, link] = [join(folder.path, "journal"), join(folder.path, "link")];
  await saved(path, '{"first":1}');
  await symlink(path, link);
  assert.equal(await textIn(link), '{"first":1}');
  await saved(link, '{"second":2}');
  assert.equal(await textIn(path), '{"second":2}');
  assert((await lstat(link)).isSymbolicLink());
});

test("file journal › a device, or a link to nothing › is a JournalError, and stays as it is", async () => {
  await using folder = await temporaryFolder();
  const link = join(folder.path, "link");
  await symlink(join(folder.path, "none"), link);
  // A journal that replaced it would replace the link alone.
  const device = join(folder.path, "device");
  await symlink("/dev/null", device);
  for (const journal of [link, device]) {
    await assert.rejects(all(sweep(names(3), () => assert.fail(), { journal })), (error: Error) => {
      return error instanceof JournalError &&
        /is not a file, or is a link to none/.test(error.message);
    });
    assert((await lstat(journal)).isSymbolicLink());
  }
  assert.deepEqual((await readdir(folder.path)).sort(), ["device", "link"]);
});

test("file journal › many saves › the file stays small, and is never without a text", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  const journal = fileJournal(path, { sync: true });
  await journal.load();
  for (let at = 0; at < 40; at++) {
    await journal.save(JSON.stringify({ at, filling: "x".repeat(100_000) }));
    assert((await stat(path)).size < 1_200_000);
  }
  await journal.close!();
  assert.equal(JSON.parse((await textIn(path))!).at, 39);
  assert.deepEqual(await readdir(folder.path), ["journal"]);
});

test("file journal › a second sweep opens it › has all that was saved, and the first one's next save fails", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  const first = fileJournal(path);
  await first.load();
  await first.save('{"first":1}');
  const second = fileJournal(path);
  assert.equal(await second.load(), '{"first":1}');
  await assert.rejects(first.save('{"first":2}'), { name: "JournalError", message: /taken over/ });
  await second.save('{"second":1}');
  await Promise.all([first.close!(), second.close!()]);
  assert.equal(await textIn(path), '{"second":1}');
});

test("file journal › many open one at once › one of them can save", async () => {
  for (const isThere of [false, true]) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "journal");
    if (isThere) await saved(path, '{"before":1}');
    const journals = Array.from({ length: 8 }, () => fileJournal(path));
    await Promise.allSettled(journals.map((journal) => journal.load()));
    const saves = await Promise.allSettled(
      journals.map((journal, at) => journal.save(JSON.stringify({ at }))),
    );
    await Promise.all(journals.map((journal) => journal.close!()));
    assert.equal(saves.filter(({ status }) => status === "fulfilled").length, 1);
    const owner = saves.findIndex(({ status }) => status === "fulfilled");
    assert.equal(await textIn(path), JSON.stringify({ at: owner }));
  }
});

test("file journal › the longest names › are taken over like others", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["x".repeat(255), "é".repeat(127), `${"😀".repeat(63)}.j`]) {
    const path = join(folder.path, name);
    await saved(path, '{"a":1}');
    assert.equal(await textIn(path), '{"a":1}');
    assert.deepEqual(await readdir(folder.path), [name]);
    await rm(path);
  }
});

test("file journal › removed while it is used › is a JournalError", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  const journal = fileJournal(path);
  await journal.load();
  await journal.save("{}");
  await rm(path);
  await assert.rejects(journal.save("{}"), JournalError);
  await journal.close!();
});

test("file journal › two sweeps with one object › the second is refused", async () => {
  await using folder = await temporaryFolder();
  const journal = fileJournal(join(folder.path, "journal"));
  const first = sweep(names(3), () => {}, { journal });
  await first.next();
  await assert.rejects(all(sweep(names(3), () => assert.fail(), { journal })), /Another sweep/);
  assert.equal((await all(first)).length, 2);
});

test("file journal › two sweeps with one object that start at once › the second is refused, and the first goes on", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "journal");
  // Once with a file that is created, and once with one that is taken over.
  for (const count of [3, 6]) {
    const journal = fileJournal(path);
    const first = all(sweep(names(count), () => {}, { journal }));
    await assert.rejects(all(sweep(names(count), () => assert.fail(), { journal })), {
      name: "JournalError",
      message: /Another sweep uses the journal/,
    });
    assert.equal((await first).length, 3);
    assert.deepEqual(await readdir(folder.path), ["journal"]);
  }
});
