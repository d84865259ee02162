/** The ready-made sweeps on real servers, whose mail is in sdbox. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { expungeOld } from "../../../examples/sweeps/expunge_old.ts";
import { exportMbox } from "../../../examples/sweeps/export_mbox.ts";
import { moveMail } from "../../../examples/sweeps/move_mail.ts";
import { quotaReport } from "../../../examples/sweeps/quota_report.ts";
import { resyncFromLog, usersToResync } from "../../../examples/sweeps/resync_from_log.ts";
import { connect, type DoveadmClient } from "../../../mod.ts";
import type { SweepResult } from "../../../sweep/mod.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { all } from "../../sweep/memory_journal.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";

const versions = ["2.3", "2.4"] satisfies DovecotVersion[];

async function start(version: DovecotVersion): Promise<Dovecot> {
  return await startDovecot({
    ...{ version, users: ["alice", "bob", "carol", "-1+1"], mail: {} },
    extraConfig: version === "2.4"
      ? "mail_driver = sdbox\nmail_path = ~/sdbox\n"
      : "mail_location = sdbox:~/sdbox\n",
  });
}

/** Saves mails whose subjects are their numbers. */
async function save(
  doveadm: DoveadmClient,
  place: { readonly user: string; readonly mailbox: string },
  count: number,
): Promise<void> {
  if (place.mailbox !== "INBOX") {
    await doveadm.run("mailbox create", { user: place.user, mailbox: [place.mailbox] });
  }
  for (let at = 0; at < count; at++) {
    await doveadm.run("save", { ...place, file: `From: a@example.org\nSubject: ${at}\n\nText.\n` });
  }
}

async function countOf(doveadm: DoveadmClient, user: string): Promise<Record<string, number>> {
  const rows = await doveadm.run("mailbox status", {
    ...{ user, field: ["messages"], mailboxMask: ["*"] },
  });
  const counts = rows.map(({ mailbox, messages }) => [mailbox, messages] as const);
  return Object.fromEntries(counts.filter(([, messages]) => messages > 0).sort());
}

function valuesOf<Value>(results: readonly SweepResult<Value>[]): Record<string, Value | string> {
  return Object.fromEntries(
    results.map((result) => [result.user, result.ok ? result.value : result.error.message]),
  );
}

for (const version of versions) {
  test(`sweeps, Dovecot ${version} › old mail in some folders › is counted, then expunged, and no other`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    await save(doveadm, { user: "alice", mailbox: "Trash" }, 3);
    await save(doveadm, { user: "alice", mailbox: "Trash/Sub" }, 1);
    await save(doveadm, { user: "alice", mailbox: "INBOX" }, 2);
    await save(doveadm, { user: "bob", mailbox: "Junk" }, 1);
    const what = { folders: ["Trash", "Junk"], before: "2099-01-01" };
    const expected = { alice: 3, bob: 1, carol: 0, "-1+1": 0 };
    assert.deepEqual(
      valuesOf(await all(expungeOld(doveadm, { ...what, isDryRun: true }))),
      expected,
    );
    assert.deepEqual(await countOf(doveadm, "alice"), { INBOX: 2, Trash: 3, "Trash/Sub": 1 });
    const young = { ...what, before: "2020-01-01", isDryRun: false };
    const none = { alice: 0, bob: 0, carol: 0, "-1+1": 0 };
    assert.deepEqual(valuesOf(await all(expungeOld(doveadm, young))), none);
    assert.deepEqual(
      valuesOf(await all(expungeOld(doveadm, { ...what, isDryRun: false }))),
      expected,
    );
    assert.deepEqual(await countOf(doveadm, "alice"), { INBOX: 2, "Trash/Sub": 1 });
    assert.deepEqual(await countOf(doveadm, "bob"), {});
  });

  test(`sweeps, Dovecot ${version} › mail moved to another user › is there with its flags, and gone here`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    await save(doveadm, { user: "alice", mailbox: "INBOX" }, 3);
    await save(doveadm, { user: "alice", mailbox: "Work/2025" }, 2);
    await save(doveadm, { user: "bob", mailbox: "Work/2025" }, 1);
    const query = ["mailbox", "INBOX", "subject", "1"];
    await doveadm.run("flags add", { user: "alice", flag: ["\\Flagged"], query });
    const moved = valuesOf(await all(moveMail(doveadm, { from: "alice", to: "bob" })));
    assert.equal(moved.INBOX, 3);
    assert.equal(moved["Work/2025"], 2);
    assert.deepEqual(await countOf(doveadm, "alice"), {});
    assert.deepEqual(await countOf(doveadm, "bob"), { INBOX: 3, "Work/2025": 3 });
    const flagged = {
      user: "bob",
      field: ["hdr.subject"],
      query: ["mailbox", "INBOX", "flagged"],
    } as const;
    assert.deepEqual((await doveadm.run("fetch", flagged)).map((row) => row["hdr.subject"]), ["1"]);
    const again = valuesOf(
      await all(moveMail(doveadm, { from: "bob", to: "carol", below: "bob" })),
    );
    assert.equal(again.INBOX, 3);
    assert.deepEqual(await countOf(doveadm, "carol"), { "bob/INBOX": 3, "bob/Work/2025": 3 });
  });

  test(`sweeps, Dovecot ${version} › mail exported to mbox files › has all mails, with their lines quoted`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    await using folder = await temporaryFolder();
    const place = { user: "alice", mailbox: "INBOX" };
    await save(doveadm, { user: "alice", mailbox: "Käse/100% & ..." }, 1);
    await doveadm.run("save", {
      ...place,
      file: "Subject: a\r\n\r\nFrom here\r\n>From there\r\nFro",
    });
    await doveadm.run("save", { ...place, file: `Subject: b\n\n${"x".repeat(200_000)}\nFrom\n` });
    const options = { users: ["alice", "bob"], folder: folder.path };
    const results = await all(exportMbox(doveadm, options));
    assert(results.every(({ ok }) => ok), JSON.stringify(valuesOf(results)));
    const files = await readdir(join(folder.path, "alice"));
    assert(files.includes("K%C3%A4se%2F100%25%20%26%20....mbox"), `${files}`);
    const text = await readFile(join(folder.path, "alice", "INBOX.mbox"), "utf8");
    const dates = /^From MAILER-DAEMON \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/gm;
    assert.equal([...text.matchAll(dates)].length, 2);
    assert.equal(
      text.replaceAll(dates, "From"),
      `From\nSubject: a\n\n>From here\n>>From there\nFro\n\n` +
        `From\nSubject: b\n\n${"x".repeat(200_000)}\nFrom\n\n`,
    );
  });

  test(`sweeps, Dovecot ${version} › old mail in one folder that some users lack › is no failure for them`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    await save(doveadm, { user: "alice", mailbox: "Trash" }, 2);
    const what = { folders: ["Trash"], before: "2099-01-01", isDryRun: false };
    const expected = { alice: 2, bob: 0, carol: 0, "-1+1": 0 };
    assert.deepEqual(valuesOf(await all(expungeOld(doveadm, what))), expected);
    assert.deepEqual(await countOf(doveadm, "alice"), {});
  });

  test(`sweeps, Dovecot ${version} › a mailbox whose name has a wildcard › is exported and moved without others`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    const counts = { "100%": 1, "100x": 2, "a*": 3, "ab/c": 1 };
    for (const [mailbox, count] of Object.entries(counts)) {
      await save(doveadm, { user: "alice", mailbox }, count);
    }
    await using folder = await temporaryFolder();
    await all(exportMbox(doveadm, { users: ["alice"], folder: folder.path }));
    for (const [mailbox, count] of Object.entries(counts)) {
      const file = join(folder.path, "alice", `${encodeURIComponent(mailbox)}.mbox`);
      const mbox = await readFile(file, "utf8");
      assert.equal(mbox.match(/^Subject: /gm)?.length, count, mailbox);
    }
    await all(moveMail(doveadm, { from: "alice", to: "bob" }));
    assert.deepEqual(await countOf(doveadm, "alice"), {});
    assert.deepEqual(await countOf(doveadm, "bob"), counts);
  });

  test(`sweeps, Dovecot ${version} › users of log lines › are repaired, each once`, async () => {
    await using dovecot = await start(version);
    await using doveadm = connect({ path: dovecot.socket });
    await save(doveadm, { user: "alice", mailbox: "INBOX" }, 2);
    const line = (user: string) =>
      `Jan 05 11:30:00 imap(${user})<12><Qm>: Error: Corrupted index cache file /m: invalid record\n`;
    const lines = [line("alice"), line("nobody"), "imap-login: Info: Corrupted", line("alice")];
    const results = await all(resyncFromLog(doveadm, lines));
    assert.deepEqual(results.map(({ user, ok }) => [user, ok]).sort(), [
      ["alice", true],
      ["nobody", false],
    ]);
    assert.deepEqual(await countOf(doveadm, "alice"), { INBOX: 2 });
  });

  test(`sweeps, Dovecot ${version} › the quota report as a program › prints CSV for everybody`, async () => {
    await using dovecot = await start(version);
    const program = fileURLToPath(
      new URL("../../../examples/sweeps/quota_report.ts", import.meta.url),
    );
    const env = { ...process.env, DOVEADM_URL: `doveadm+unix://${dovecot.socket}` };
    const output = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, argumentsToRun(program), { env }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr));
      });
    });
    const [titles, ...lines] = output.trimEnd().split("\r\n");
    assert.equal(titles, "user,root,type,value,limit,percent");
    assert.equal(lines.length, 8);
    assert(lines.some((line) => /^alice,User quota,STORAGE,\d+,1048576,0$/.test(line)), output);
    assert(lines.some((line) => line.startsWith("'-1+1,")), output);
  });
}

test("sweeps › lines of a log › are those of users whose index is broken", async () => {
  const lines = [
    "imap(alice)<12><Q>: Error: Mailbox INBOX: Corrupted index",
    "doveadm(bob@example.org)<1><>: Warning: fscking index file /m/dovecot.index",
    "lmtp(carol)<33>: Info: Corrupted",
    "pop3(pid 4711, dave): Error: Broken file /m/u.1 line 1",
    "auth: Error: Corrupted",
    "imap(alice)<13><R>: Panic: Corrupted again",
    "imap(eve)<1>: Error: Disk quota exceeded",
  ];
  assert.deepEqual(await all(usersToResync(lines)), ["alice", "bob@example.org", "dave"]);
});

test("sweeps › a report without the server's URL › prints how to run it", async () => {
  const program = fileURLToPath(
    new URL("../../../examples/sweeps/expunge_old.ts", import.meta.url),
  );
  const { DOVEADM_URL: _, ...env } = process.env;
  const status = await new Promise((resolve) => {
    execFile(process.execPath, argumentsToRun(program), { env }, (error, _, stderr) => {
      resolve([error?.code, stderr.trim()]);
    });
  });
  const usage = "Usage: DOVEADM_URL=… [JOURNAL=FILE] expunge_old.ts [--expunge] DATE FOLDER…";
  assert.deepEqual(status, [64, usage]);
});

test("sweeps › quotas without a server › are failures, not silence", async () => {
  await using doveadm = connect({ path: "/nowhere/socket" });
  await assert.rejects(async () => {
    for await (const _ of quotaReport(doveadm));
  }, { name: "ConnectError" });
});
