import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execPath } from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setAnchors } from "../../../extractor/maildir/directory.ts";
import { Maildir } from "../../../extractor/maildir/maildir.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";
import { openMaildir } from "../../../extractor/program/mail_user.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";
import { TemporaryMaildir } from "./temporary_maildir.ts";

const program = fileURLToPath(new URL("./swapper_process.ts", import.meta.url));

/** How long a race runs, in milliseconds. */
const raceTime = 1200;

/** Secret text in another user's mails. */
const secret = "secret";

/** A running process that swaps a directory for a link. */
async function startSwapper(directory: string, target: string): Promise<ChildProcess> {
  const args = argumentsToRun(program);
  const child = spawn(execPath, [...args, directory, target], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr!.setEncoding("utf8").on("data", (text) => errors += text);
  await Promise.race([
    once(child.stdout!, "data"),
    once(child, "exit").then(() => assert.fail(`The swapper ended: ${errors}`)),
  ]);
  return child;
}

/** Repeats a call, for some time and until it is enough, while a directory, or a file, is swapped for a link. */
async function race(
  directory: string,
  target: string,
  act: () => void,
  isEnough: () => boolean = () => true,
): Promise<void> {
  const swapper = await startSwapper(directory, target);
  try {
    // Both the directory and the link have to be seen during the race.
    let [links, directories] = [0, 0];
    const end = Date.now() + raceTime;
    while (Date.now() < end || links === 0 || directories === 0 || !isEnough()) {
      assert(Date.now() < end + 50_000, `seen were ${links} links and ${directories} others`);
      const stats = lstatSync(directory, { throwIfNoEntry: false });
      if (stats?.isSymbolicLink()) links++;
      else if (stats !== undefined) directories++;
      try {
        act();
      } catch (error) {
        if (!(error instanceof ExtractorFailure)) throw error;
      }
    }
  } finally {
    const exit = once(swapper, "exit");
    swapper.kill("SIGKILL");
    assert.deepEqual(await exit, [null, "SIGKILL"], "the swapper had ended by itself");
  }
}

/** Adds ten mails to a folder, with the same names in each, so that a wrong one could be read instead. */
function fill(folder: string, text: string): void {
  for (const name of ["cur", "new", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  for (let number = 10; number < 20; number++) {
    const place = number % 2 === 0 ? "cur" : "new";
    writeFileSync(join(folder, place, `${number}.host:2,`), `Subject: ${text}\n\n${text}\n`);
  }
  writeFileSync(join(folder, "dovecot-keywords"), `0 ${text}\n`);
}

/** All data that a maildir returns about a folder. */
function told(maildir: Maildir, folder: string): string {
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const mails = maildir.mails(folder);
  maildir.count(folder);
  return mails.map((mail) => {
    // Each mail may be gone by then.
    try {
      return decode(maildir.read(mail)) + decode(maildir.readHeader(maildir.find(mail.mid)));
    } catch (error) {
      if (!(error instanceof ExtractorFailure)) throw error;
      return "";
    }
  }).join("");
}

/** A directory's whole content, with the files' bytes. */
function everythingIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).sort().map((name) => {
    const path = join(directory, name);
    return lstatSync(path).isFile() ? `${name}: ${readFileSync(path, "utf8")}` : name;
  });
}

for (const [what, path] of [["folder", ".Sent"], ["directory cur", ".Sent/cur"]] as const) {
  test(`maildirs › a ${what} swapped for a link › shows no other user's mail`, async () => {
    using directory = new TemporaryMaildir(".Sent");
    using victim = new TemporaryMaildir();
    fill(join(directory.path, ".Sent"), "own");
    fill(victim.path, secret);
    const target = path === ".Sent" ? victim.path : join(victim.path, "cur");
    let isSeen = false;
    await race(join(directory.path, path), target, () => {
      const text = told(Maildir.open(directory.path), "Sent");
      isSeen ||= text.includes("own");
      assert(!text.includes(secret), "another's mail was shown");
    }, () => isSeen);
  });
}

test("maildirs › a mail user's folder swapped for a link › shows no other user's mail", async () => {
  using users = new TemporaryMaildir("joe", "ann");
  fill(join(users.path, "joe"), "own");
  fill(join(users.path, "ann"), secret);
  await race(join(users.path, "joe"), "ann", () => {
    assert(!told(openMaildir(users.path, "joe"), "").includes(secret), "another's mail was shown");
  });
});

test("maildirs › a mail's file swapped for a link › shows no other user's mail", async () => {
  using directory = new TemporaryMaildir();
  using victim = new TemporaryMaildir();
  directory.write("cur/1:2,", "own");
  const path = victim.write("cur/1:2,", secret);
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  await race(join(directory.path, "cur/1:2,"), path, () => {
    assert.equal(new TextDecoder().decode(maildir.read(mail)), "own");
    maildir.find("1");
  });
});

test("maildirs › a folder swapped for a link › leaves the other user's mails unchanged", async () => {
  using directory = new TemporaryMaildir(".Sent", ".Other");
  using victim = new TemporaryMaildir();
  fill(join(directory.path, ".Sent"), "own");
  fill(victim.path, secret);
  const before = everythingIn(victim.path);
  const maildir = Maildir.open(directory.path);
  const data = new TextEncoder().encode("Subject: added\n\n");
  await race(join(directory.path, ".Sent"), victim.path, () => {
    const mail = maildir.add({ folder: "Sent", data, seen: false, received: undefined });
    maildir.markSeen(mail);
    maildir.move(maildir.move(mail, "Other"), "Sent");
    maildir.remove(maildir.find(mail.mid));
    for (const own of maildir.mails("Sent").slice(0, 3)) maildir.markSeen(own);
  });
  assert.deepEqual(everythingIn(victim.path), before);
});

/** The file descriptors that are open. */
const descriptors = () => readdirSync("/proc/self/fd").length;

test(
  "maildirs › thousands of calls › leave no file open",
  { skip: !existsSync("/proc/self/fd") },
  () => {
    using directory = new TemporaryMaildir(".Sent", ".Half");
    fill(join(directory.path, ".Sent"), "own");
    rmSync(join(directory.path, ".Half/cur"), { recursive: true });
    symlinkSync(".Sent", join(directory.path, ".Linked"));
    mkdirSync(join(directory.path, ".Sent/cur/directory:2,"));
    writeFileSync(join(directory.path, ".Sent/cur/gz:2,"), Uint8Array.of(0x1f, 0x8b, 8, 0));
    const maildir = Maildir.open(directory.path);
    const refused = (act: () => unknown) => assert.throws(act, ExtractorFailure);
    const round = () => {
      maildir.list({ folder: "Sent", start: 0, end: 9, sortBy: "subject" });
      maildir.count("Sent");
      for (const folder of ["Half", "Linked", "None"]) refused(() => maildir.count(folder));
      const [mail] = maildir.mails("Sent").filter(({ mid }) => mid.startsWith("10"));
      maildir.read(mail);
      refused(() => maildir.read(maildir.find("gz")));
      refused(() => maildir.read({ ...mail, path: `${mail.path}/x` }) && maildir.find("none"));
      maildir.move(maildir.move(mail, ""), "Sent");
      refused(() => Maildir.open(join(directory.path, ".Half")));
      const data = new Uint8Array(5);
      maildir.remove(maildir.add({ folder: "Sent", data, seen: true, received: undefined }));
      refused(() => maildir.add({ folder: "Half", data, seen: true, received: undefined }));
    };
    round();
    const before = descriptors();
    for (let count = 0; count < 20; count++) round();
    for (let count = 0; count < 2000; count++) maildir.count("Sent");
    assert(descriptors() <= before + 2, `${before} were open, and ${descriptors()} are`);
  },
);

test("maildirs › a mail's path that leads elsewhere › isn't used", () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("cur/1:2,", "own");
  directory.write("outside", secret);
  directory.write(".Sent/cur/2:2,", "sent");
  const maildir = Maildir.open(directory.path);
  const mail = maildir.find("1");
  for (
    const path of [
      ...["/etc/passwd", `${directory.path}/outside`, `${directory.path}/cur/../outside`],
      ...[`${directory.path}/../x/cur/1:2,`, `${directory.path}/./cur/../outside`],
      ...[`${directory.path}/tmp/1:2,`, `${directory.path}/cur/.`, `${directory.path}/cur/`],
      ...[`${directory.path}/.Sent/../outside/x`, "cur/1:2,", "", `${directory.path}/cur/\0`],
    ]
  ) {
    // Then it is searched for by its name.
    assert.equal(new TextDecoder().decode(maildir.read({ ...mail, path })), "own", path);
    assert.throws(() => maildir.read({ ...mail, mid: "none", path }), { code: "not-found" });
  }
});

test("maildirs › pipes in place of files › block nothing", () => {
  using directory = new TemporaryMaildir(".Sent");
  directory.write("cur/1:2,a", "own");
  for (
    const name of [".Pipe", "maildirsize", "dovecot-keywords", ".Sent/dovecot-keywords", "cur/2:2,"]
  ) execFileSync("mkfifo", [join(directory.path, name)]);
  mkdirSync(join(directory.path, ".Piped"));
  for (const name of ["cur", "new", "tmp"]) {
    execFileSync("mkfifo", [join(directory.path, ".Piped", name)]);
  }
  const maildir = Maildir.open(directory.path);
  assert.deepEqual(maildir.folders(), ["Sent"]);
  assert.equal(maildir.count("").count, 1);
  const mail = maildir.move(maildir.find("1"), "Sent");
  maildir.remove(mail);
  for (
    const [name, reason] of [
      ["tmp", /it is not a directory/],
      ["new", /There is no folder "Sent"/],
    ] as const
  ) {
    rmSync(join(directory.path, ".Sent", name), { recursive: true });
    execFileSync("mkfifo", [join(directory.path, ".Sent", name)]);
    const mail = { folder: "Sent", data: new Uint8Array(1), seen: false, received: undefined };
    assert.throws(() => maildir.add(mail), reason);
    rmSync(join(directory.path, ".Sent", name));
    directory.makeFolder(".Sent");
  }
});

test("maildirs › a system without paths to open directories › lists the same mails", () => {
  setAnchors([]);
  try {
    using directory = new TemporaryMaildir(".Sent", ".Other");
    using victim = new TemporaryMaildir();
    fill(join(directory.path, ".Sent"), "own");
    fill(victim.path, secret);
    const maildir = Maildir.open(directory.path);
    assert.match(told(maildir, "Sent"), /^(Subject: own\n\nown\n(Subject: own\n)?){10,20}$/);
    const mail = maildir.markSeen(maildir.move(maildir.find("10.host"), "Other"));
    assert(existsSync(mail.path));
    const data = new TextEncoder().encode("x");
    maildir.remove(maildir.add({ folder: "", data, seen: true, received: undefined }));
    // A permanent link is never followed.
    renameSync(join(directory.path, ".Sent"), join(directory.path, "away"));
    symlinkSync(victim.path, join(directory.path, ".Sent"));
    assert.throws(() => maildir.count("Sent"), { code: "not-found" });
    assert.throws(() => maildir.read(maildir.find("12.host")), { code: "not-found" });
    assert.deepEqual(maildir.folders(), ["Other"]);
    // The maildir's own path may be a link.
    symlinkSync(directory.path, join(victim.path, "linked"));
    assert.equal(Maildir.open(join(victim.path, "linked")).count("Other").count, 1);
    assert.throws(
      () => Maildir.open(join(victim.path, "linked"), { followLink: false }),
      { code: "storage" },
    );
  } finally {
    setAnchors();
  }
});
