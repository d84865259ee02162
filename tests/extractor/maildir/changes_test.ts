import assert from "node:assert/strict";
import { chmodSync, renameSync, rmSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { umask } from "node:process";
import { test } from "node:test";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import { asOrdinaryUser, later, TemporaryMaildir } from "./temporary_maildir.ts";
import { encode, mids, refused } from "./assertions.ts";

test("maildirs › unreadable mails and folders › don't fail the others", () => {
  using directory = new TemporaryMaildir(".Alien", ".Sent");
  directory.write("cur/1:2,", "Subject: x\n\n");
  directory.write("cur/2:2,", "Subject: a\n\n");
  directory.write(".Sent/cur/3:2,", "x");
  chmodSync(join(directory.path, "cur/1:2,"), 0);
  chmodSync(join(directory.path, ".Alien/cur"), 0o300);
  asOrdinaryUser(directory.path, () => {
    const maildir = Maildir.open(directory.path);
    assert.equal(maildir.find("3").folder, "Sent");
    refused("storage", () => maildir.find("4"), /read the folder "Alien": permission denied/);
    refused("storage", () => maildir.count("Alien"), /permission denied/);
    for (const sortBy of ["date", "subject", "sender", "size"]) {
      assert.deepEqual(mids(maildir.list({ folder: "", start: 0, end: 9, sortBy })), ["1", "2"]);
    }
    refused("storage", () => maildir.readHeader(maildir.find("1")), /mail "1": permission denied/);
  });
});

test("maildirs › an added mail › is listed with its data", () => {
  using directory = new TemporaryMaildir(".Sent");
  const maildir = Maildir.open(directory.path);
  const data = encode("Subject: x\r\n\r\n\0\xff");
  const before = Date.now();
  const fresh = maildir.add({ folder: "", data, seen: false, received: undefined });
  const seen = maildir.add({ folder: "Sent", data, seen: true, received: new Date(5_000_000) });
  assert.notEqual(fresh.mid, seen.mid);
  assert.deepEqual(maildir.find(fresh.mid), fresh);
  assert.deepEqual(maildir.find(seen.mid), seen);
  assert.deepEqual(directory.files("new"), [fresh.mid]);
  assert.deepEqual(directory.files(".Sent/cur"), [`${seen.mid}:2,S`]);
  assert.match(fresh.mid, /^\d{10}\.R[0-9a-f]{12}M\d+P\d+Q\d+\.[^/:]+,S=17$/);
  assert.deepEqual(maildir.read(fresh), data);
  assert.deepEqual([fresh.seen, seen.seen], [false, true]);
  assert.equal(seen.received.getTime(), 5_000_000);
  assert(Math.abs(fresh.received.getTime() - before) < 60_000);
  assert.deepEqual(directory.files("tmp").concat(directory.files(".Sent/tmp")), []);
  for (const [mode, expected] of [[0o755, 0o640], [0o700, 0o600], [0o770, 0o660]]) {
    chmodSync(join(directory.path, "cur"), mode);
    const { path } = maildir.add({ folder: "", data, seen: false, received: undefined });
    assert.equal(statSync(path).mode & 0o777, expected & ~umask());
  }
  const many = Array.from({ length: 200 }, () => {
    return maildir.add({ folder: "", data, seen: true, received: undefined }).mid;
  });
  assert.equal(new Set(many).size, 200);
  refused("invalid", () => maildir.add({ folder: "", data, seen: true, received: new Date(NaN) }));
  const old = maildir.add({ folder: "", data, seen: true, received: new Date(-1500) });
  assert.equal(old.received.getTime(), -2000);
});

test("maildirs › an add that fails › leaves no file", () => {
  using directory = new TemporaryMaildir(".Sent");
  const maildir = Maildir.open(directory.path);
  const add = () =>
    maildir.add({ folder: "", data: encode("x"), seen: false, received: undefined });
  chmodSync(join(directory.path, "new"), 0o500);
  asOrdinaryUser(directory.path, () => refused("storage", add, /Cannot .*: permission denied/));
  for (const name of ["tmp", "new"]) {
    assert.deepEqual(directory.files(name), []);
    rmSync(join(directory.path, name), { recursive: true });
    symlinkSync(".Sent/cur", join(directory.path, name));
    refused("storage", add, /put a mail into the inbox: it is not a directory/);
    rmSync(join(directory.path, name));
    directory.makeFolder("");
  }
  assert.deepEqual(directory.files("tmp"), []);
  assert.deepEqual(directory.files(".Sent/cur"), []);
  assert.deepEqual(maildir.count(""), { count: 0, size: 0, unseen: 0 });
  rmSync(join(directory.path, "cur"), { recursive: true });
  refused("storage", add, /put a mail into the inbox: the directory is missing/);
  refused("not-found", () => maildir.count(""), /There is no inbox: the maildir's "cur"/);
});

test("maildirs › a mail added without cur and new › creates them", () => {
  using directory = new TemporaryMaildir(".Sent");
  for (const folder of ["", ".Sent"]) {
    chmodSync(join(directory.path, folder, "cur"), 0o710);
    for (const name of ["tmp", "new"]) {
      rmSync(join(directory.path, folder, name), { recursive: true });
    }
  }
  const maildir = Maildir.open(directory.path);
  for (const folder of ["", "Sent"]) {
    const mail = maildir.add({ folder, data: encode("x"), seen: false, received: undefined });
    assert.deepEqual(maildir.find(mail.mid), mail);
  }
  assert.equal(statSync(join(directory.path, ".Sent/new")).mode & 0o777, 0o710 & ~umask());
});

test("maildirs › a removed mail › is gone", () => {
  using directory = new TemporaryMaildir();
  directory.write("new/1", "x");
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  renameSync(mail.path, join(directory.path, "cur/1:2,FS"));
  maildir.remove(mail);
  assert.deepEqual(directory.files("cur"), []);
  refused("not-found", () => maildir.remove(mail), /no mail "1"/);
  refused("not-found", () => maildir.read(mail));
  refused("not-found", () => maildir.readHeader(mail));
  refused("not-found", () => maildir.markSeen(mail));
  refused("not-found", () => maildir.move(mail, ""));
  refused("not-found", () => maildir.find("1"));
});

test("maildirs › a mail renamed by another program › is found", () => {
  using directory = new TemporaryMaildir(".Sent");
  const path = directory.write("new/1", "x");
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  const places = ["cur/1:2,", "cur/1:2,S", ".Sent/new/1", ".Sent/cur/1:2,F", "new/1"];
  const acts: readonly (() => unknown)[] = [
    () => maildir.read(mail),
    () => maildir.readHeader(mail),
    () => maildir.find("1"),
  ];
  for (const act of acts) {
    let here = path;
    for (const place of places) {
      renameSync(here, here = join(directory.path, place));
      act();
    }
  }
  const marked = maildir.markSeen(mail);
  renameSync(marked.path, join(directory.path, ".Sent/cur/1:2,RSa"));
  assert.equal(maildir.move(marked, "").path, join(directory.path, "cur/1:2,RSa"));
});

test("maildirs › changes within the same second › are noticed", () => {
  using directory = new TemporaryMaildir(".Sent");
  const maildir = Maildir.open(directory.path);
  const count = () => maildir.count("").count;
  for (let number = 1; number <= 50; number++) {
    directory.write(`new/${number}`, "x");
    assert.equal(count(), number);
    assert.equal(maildir.list({ folder: "", start: 0, end: 100, sortBy: "" }).length, number);
  }
  rmSync(join(directory.path, "new/1"));
  assert.equal(count(), 49);
  directory.makeFolder(".New");
  assert.deepEqual(maildir.folders(), ["New", "Sent"]);
  assert.equal(maildir.count("New").count, 0);
  renameSync(join(directory.path, ".New"), join(directory.path, ".Newer"));
  refused("not-found", () => maildir.count("New"));
  assert.equal(maildir.count("Newer").count, 0);
});

test("maildirs › an unchanged folder › is read once", async () => {
  using directory = new TemporaryMaildir();
  directory.write("cur/1:2,", "x");
  const maildir = Maildir.open(directory.path);
  // Even if some time has passed since.
  later(-60, () => {
    assert.notEqual(
      maildir.count(""),
      maildir.count(""),
      "a folder that has just changed is read again",
    );
  });
  const counted = later(10, () => maildir.count(""));
  assert.equal(counted.count, 1);
  assert.equal(maildir.count(""), counted);
  // File systems and runtimes store time in steps.
  await new Promise((resolve) => setTimeout(resolve, 50));
  directory.write("cur/2:2,", "x");
  assert.equal(maildir.count("").count, 2);
});

test("maildirs › a change with the directory's old time restored › is noticed", async () => {
  using directory = new TemporaryMaildir();
  directory.write("cur/1:2,", "x");
  const then = new Date(1_700_000_000_000);
  const cur = join(directory.path, "cur");
  utimesSync(cur, then, then);
  const maildir = Maildir.open(directory.path);
  assert.equal(later(10, () => maildir.count("")).count, 1);
  // One runtime sets such times in whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  directory.write("cur/2:2,", "x");
  utimesSync(cur, then, then);
  assert.equal(maildir.count("").count, 2);
});

test("maildirs › times in whole steps › hide no change", () => {
  using directory = new TemporaryMaildir();
  directory.write("cur/1:2,", "x");
  directory.settle("", 1);
  const maildir = Maildir.open(directory.path);
  assert.equal(maildir.count("").count, 1);
  directory.write("cur/2:2,", "x");
  directory.settle("", 1);
  assert.equal(maildir.count("").count, 2);
});

test("maildirs › a folder that isn't cached › is read again", () => {
  using directory = new TemporaryMaildir(".A", ".B");
  for (const folder of ["", ".A", ".B"]) {
    for (let number = 0; number < 5; number++) {
      directory.write(join(folder, `cur/${folder}${number}.x:2,`.replace("/.", "/")), "x");
    }
  }
  for (const maxRemembered of [0, 5, 11, 100]) {
    const maildir = Maildir.open(directory.path, { maxRemembered });
    for (let round = 0; round < 3; round++) {
      for (const folder of ["", "A", "B"]) {
        assert.equal(later(10, () => maildir.count(folder)).count, 5);
        assert.equal(later(10, () => maildir.find(`${folder}3.x`)).folder, folder);
      }
    }
  }
});

test("maildirs › an unreadable maildir › is a failure that says why", () => {
  using directory = new TemporaryMaildir(".Sent");
  refused(
    "storage",
    () => Maildir.open(join(directory.path, "nowhere")),
    /open the maildir .*missing/,
  );
  refused("storage", () => Maildir.open("/etc/passwd"), /open the maildir/);
  refused("storage", () => Maildir.open("/etc"), /open the maildir/);
  {
    using links = new TemporaryMaildir(".Sent");
    rmSync(join(links.path, "cur"), { recursive: true });
    symlinkSync(".Sent/cur", join(links.path, "cur"));
    refused("storage", () => Maildir.open(links.path), /"cur" is not a directory/);
  }
  refused("invalid", () => Maildir.open(""));
  refused("invalid", () => Maildir.open("/tmp\0"));
  const maildir = Maildir.open(directory.path);
  assert.equal(maildir.count("Sent").count, 0);
  rmSync(join(directory.path, ".Sent"), { recursive: true });
  refused("not-found", () => maildir.count("Sent"), /no folder "Sent"/);
});
