import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execPath } from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import { uniqueName } from "../../../extractor/maildir/file_name.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";
import { TemporaryMaildir } from "./temporary_maildir.ts";

const program = fileURLToPath(new URL("./mover_process.ts", import.meta.url));

/** A process that moves or marks a maildir's mails. */
interface Mover {
  /** Kills it; rejects with its stderr if it ended by itself. */
  kill(): Promise<void>;
}

/** Starts one, and resolves when it is working. */
async function startMover(path: string, what: "move" | "mark" | "clean"): Promise<Mover> {
  const args = argumentsToRun(program);
  const child = spawn(execPath, [...args, path, what], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
  // From the start: it could end by itself at any time.
  const closed = once(child, "close");
  await Promise.race([
    once(child.stdout, "data"),
    closed.then(() => assert.fail(`The mover ended: ${errors}`)),
  ]);
  return {
    async kill() {
      child.kill("SIGKILL");
      const [code, signal] = await closed;
      assert.deepEqual([code, signal], [null, "SIGKILL"], `The mover ended by itself: ${errors}`);
    },
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const folders = ["", ".Sent", ".Archive"];

/** The unique names of all files in a maildir. */
function allMails(directory: TemporaryMaildir): string[] {
  return folders.flatMap((folder) => {
    return ["new", "cur", "tmp"].flatMap((name) => directory.files(join(folder, name)));
  }).map(uniqueName).sort();
}

test("maildirs › a process killed while moving mails › loses none", async () => {
  const expected = Array.from({ length: 40 }, (_, number) => `${1000 + number}.x.host`);
  // One maildir each, since starting programs takes most of the time.
  await Promise.all([0, 1, 2, 3].map(async (worker) => {
    using directory = new TemporaryMaildir(...folders);
    for (const [number, mid] of expected.entries()) {
      directory.write(number % 2 === 0 ? `new/${mid}` : `cur/${mid}:2,Fa`, mid);
    }
    for (let round = 0; round < 12; round++) {
      const mover = await startMover(directory.path, "move");
      await wait((round * 4 + worker) * 7919 % 41);
      await mover.kill();
      assert.deepEqual(allMails(directory), expected, `after ${round} rounds`);
    }
    const maildir = Maildir.open(directory.path);
    for (const mid of expected) {
      const mail = maildir.find(mid);
      assert.equal(new TextDecoder().decode(maildir.read(mail)), mid);
      assert.match(
        mail.path,
        Number(mid.slice(0, 4)) % 2 === 0 ? /\/new\/[^:]+$|:2,S?$/ : /:2,FS?a$/,
      );
    }
  }));
});

test("maildirs › two processes moving the same mails › lose none", async () => {
  using directory = new TemporaryMaildir(...folders);
  const expected = Array.from({ length: 40 }, (_, number) => `${1000 + number}.x.host`);
  for (const mid of expected) directory.write(`new/${mid}`, mid);
  const movers = await Promise.all([
    startMover(directory.path, "move"),
    startMover(directory.path, "move"),
  ]);
  await wait(1000);
  for (const mover of movers) await mover.kill();
  assert.deepEqual(allMails(directory), expected);
});

test("maildirs › a mail removed while it is added › is a failure", async () => {
  using directory = new TemporaryMaildir();
  const maildir = Maildir.open(directory.path);
  const mail = { folder: "", data: new Uint8Array(300_000), seen: false, received: undefined };
  const cleaner = await startMover(directory.path, "clean");
  try {
    const end = Date.now() + 60_000;
    for (let refused = 0; refused < 3;) {
      assert(Date.now() < end, "nothing was removed in time");
      try {
        const { path } = maildir.add(mail);
        assert(existsSync(path));
        rmSync(path);
      } catch (error) {
        assert.match(String(error), /put a mail into the inbox: another program removed it/);
        refused++;
      }
    }
  } finally {
    await cleaner.kill();
  }
});

test("maildirs › a mail renamed all the time › is read, and listed once", async () => {
  using directory = new TemporaryMaildir();
  for (let number = 0; number < 30; number++) {
    directory.write(`cur/${100 + number}:2,`, "S: x\n\nx");
  }
  const maildir = Maildir.open(directory.path);
  const mails = maildir.mails("");
  assert.equal(mails.length, 30);
  const marker = await startMover(directory.path, "mark");
  try {
    const end = Date.now() + 1500;
    for (let round = 0; Date.now() < end; round++) {
      const sortBy = ["date", "subject", "!size"][round % 3];
      const listed = maildir.list({ folder: "", start: 0, end: 100, sortBy });
      assert.equal(new Set(listed.map(({ mid }) => mid)).size, listed.length);
      assert(maildir.count("").count <= 30);
      for (const mail of mails.slice(0, 5)) {
        // It may be somewhere else at each search: then that is the failure.
        try {
          assert.equal(maildir.read(mail).length, 7);
          maildir.readHeader(maildir.find(mail.mid));
        } catch (error) {
          assert.match(String(error), /There is no mail/);
        }
      }
    }
  } finally {
    await marker.kill();
  }
  assert.equal(maildir.mails("").length, 30);
});
