import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../../mod.ts";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import { startDovecot } from "../../harness/dovecot/dovecot.ts";
import { asOrdinaryUser, TemporaryMaildir } from "./temporary_maildir.ts";

const bytes = (size: number) => new TextEncoder().encode(`Subject: x\n\n${"x".repeat(size - 12)}`);

function add(maildir: Maildir, size: number, folder = ""): string {
  return maildir.add({ folder, data: bytes(size), seen: true, received: undefined }).mid;
}

test("quota files › added and removed mails › are recorded", () => {
  using directory = new TemporaryMaildir(".Sent");
  const file = join(directory.path, "maildirsize");
  const maildir = Maildir.open(directory.path);
  add(maildir, 100);
  assert(!directory.files("").includes("maildirsize"), "the extractor doesn't create it");
  directory.write("cur/1:2,S", "12345");
  directory.write("cur/2,S=70:2,S", "another size than its name says");
  writeFileSync(file, "1000S,10C\n105 3\n");
  const mid = add(maildir, 200, "Sent");
  maildir.move(maildir.find(mid), "");
  maildir.remove(maildir.find(mid));
  maildir.remove(maildir.find("1"));
  maildir.remove(maildir.find("2,S=70"));
  assert.throws(() => maildir.find("1"));
  const told = "1000S,10C\n105 3\n200 1\n-200 -1\n-5 -1\n-70 -1\n";
  assert.equal(readFileSync(file, "utf8"), told);
});

test("quota files › an unwritable quota › doesn't prevent adding a mail", () => {
  using directory = new TemporaryMaildir();
  const file = join(directory.path, "maildirsize");
  const target = join(directory.path, "target");
  writeFileSync(target, "1000S\n");
  const long = `1000S\n${"1 1\n".repeat(2000)}`;
  const acts: readonly (() => unknown)[] = [
    () => mkdirSync(file),
    () => symlinkSync(target, file),
    () => symlinkSync("nowhere", file),
    () => writeFileSync(file, "1000S\n", { mode: 0o400 }),
    // No valid quota file, and one that will be recounted.
    () => writeFileSync(file, ""),
    () => writeFileSync(file, long),
  ];
  for (const act of acts) {
    act();
    asOrdinaryUser(directory.path, () => {
      const maildir = Maildir.open(directory.path);
      maildir.remove(maildir.find(add(maildir, 20)));
    });
    rmSync(file, { recursive: true });
  }
  assert.equal(readFileSync(target, "utf8"), "1000S\n");
});

test("quota files › after an extractor's changes › Dovecot's quota is right", async () => {
  const user = "joe";
  const mail = { joe: { INBOX: ["Subject: a\n\na\n", "Subject: b\n\nb\n"], Sent: [] } };
  await using dovecot = await startDovecot({ users: [user], mail });
  await using doveadm = connect(`doveadm+unix://${dovecot.socket}`);
  /** Kilobytes and mails. */
  const quota = async () => {
    const rows = await doveadm.run("quota get", { user });
    return rows.map(({ value }) => value);
  };
  await doveadm.run("mailbox status", { user, field: ["messages"], mailboxMask: ["*"] });
  assert.deepEqual(await quota(), [1, 2]);
  const path = join(dovecot.folder, "mail", user, "Maildir");
  const [kept, gone] = asOrdinaryUser(path, () => {
    const maildir = Maildir.open(path);
    return [add(maildir, 10_240), add(maildir, 20_480, "Sent")];
  });
  assert.deepEqual(await quota(), [31, 4]);
  asOrdinaryUser(path, () => {
    const maildir = Maildir.open(path);
    maildir.move(maildir.find(kept), "Sent");
  });
  assert.deepEqual(await quota(), [31, 4]);
  // Dovecot has them already, and must not count them again.
  const status = { user, field: ["messages"], mailboxMask: ["*"] } as const;
  await doveadm.run("mailbox status", status);
  asOrdinaryUser(path, () => {
    const maildir = Maildir.open(path);
    maildir.remove(maildir.find(gone));
    maildir.remove(maildir.mails("")[0]);
  });
  assert.deepEqual(await quota(), [11, 2]);
  await doveadm.run("mailbox status", status);
  assert.deepEqual(await quota(), [11, 2]);
  await doveadm.run("quota recalc", { user });
  assert.deepEqual(await quota(), [11, 2]);
  assert.doesNotMatch(await dovecot.log(), /Error|Warning|Panic/);
});
