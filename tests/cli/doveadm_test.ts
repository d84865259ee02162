/**
 * The program beside doveadm itself: the same rows and the same exit codes, for the same words.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { ensureDovecot24 } from "../harness/dovecot/image.ts";
import { runWords } from "./run.ts";

/** A command line, and how its output is compared. */
interface Invocation {
  /** The words; in the last one "FOLDER" stands for the server's folder. */
  readonly words: readonly string[];
  /** The exit code that doveadm must have, so that it is known what is compared. */
  readonly code?: number | Readonly<Record<DovecotVersion, number>>;
  /** Whether only the exit code can be compared: rows that change, or that doveadm itself prints as text. */
  readonly isCodeOnly?: true;
  /** The versions that have the command; both if left out. */
  readonly only?: DovecotVersion;
  /** Standard input; the program gets it as a file. */
  readonly input?: string;
  /** Columns that differ from one call to the next. */
  readonly changing?: readonly string[];
}

const fields = "uid flags hdr.subject date.received date.sent size.virtual guid mailbox user text";

/** The command lines, in an order: some change what later ones read. */
const invocations: readonly Invocation[] = [
  // Success.
  { words: ["mailbox", "list", "-u", "alice"] },
  { words: ["mailbox", "list", "-A"] },
  { words: ["mailbox", "list", "-u", "a*"] },
  { words: ["mailbox", "list", "-u", "x*"] },
  { words: ["mailbox", "list", "-F", "FOLDER/some-users"] },
  { words: ["mailbox", "list", "-su", "alice"] },
  { words: ["mailbox", "status", "-u", "alice", "all", "*"], changing: ["firstsaved"] },
  { words: ["mailbox", "status", "-u", "alice", "-t", "messages vsize", "*"] },
  { words: ["mailbox", "status", "-A", "messages unseen", "INBOX"] },
  {
    words: ["dict", "set", "-u", "alice", "file:FOLDER/dict", "priv/color", "blue"],
    only: "2.3",
    code: 0,
  },
  { words: ["dict", "get", "-u", "alice", "file:FOLDER/dict", "priv/color"], only: "2.3", code: 0 },
  { words: ["dict", "iter", "-u", "alice", "file:FOLDER/dict", "priv/"], only: "2.3", code: 0 },
  { words: ["mailbox", "path", "-u", "alice", "INBOX"] },
  { words: ["mailbox", "metadata", "list", "-u", "alice", "INBOX"] },
  { words: ["quota", "get", "-u", "alice"] },
  { words: ["quota", "get", "-A"] },
  { words: ["quota", "recalc", "-u", "alice"] },
  { words: ["search", "-u", "alice", "mailbox", "INBOX", "from", "bob"] },
  { words: ["search", "-u", "alice", "mailbox", "INBOX", "OR", "uid", "1", "subject", "minutes"] },
  { words: ["fetch", "-u", "alice", fields, "mailbox", "INBOX"] },
  {
    words: ["fetch", "-u", "alice", "date.received.unixtime uid", "mailbox", "INBOX", "uid", "2:*"],
  },
  { words: ["fetch", "-u", "bob", "uid text", "all"] },
  { words: ["fetch", "-u", "alice", "UID hdr.Subject", "mailbox", "INBOX"] },
  { words: ["fetch", "-u", "alice", "uid seq uid", "mailbox", "INBOX"] },
  { words: ["flags", "add", "-u", "alice", "\\Seen", "mailbox", "INBOX", "uid", "1"] },
  { words: ["search", "-u", "alice", "mailbox", "INBOX", "unseen"] },
  { words: ["flags", "replace", "-u", "alice", "", "mailbox", "INBOX", "uid", "1"], code: 0 },
  { words: ["copy", "-u", "alice", "Sent", "mailbox", "INBOX", "uid", "1"] },
  { words: ["fetch", "-u", "alice", "uid hdr.subject", "mailbox", "Sent", "uid", "1"] },
  { words: ["user", "alice"] },
  { words: ["user", "-f", "home", "alice"], isCodeOnly: true },
  { words: ["who"] },
  { words: ["who", "-1"] },
  { words: ["instance", "list"], changing: ["last used"] },
  { words: ["penalty"] },
  { words: ["stats", "dump"], isCodeOnly: true },
  { words: ["process", "status"], isCodeOnly: true },
  { words: ["index", "-u", "alice", "INBOX"] },
  { words: ["mailbox", "create", "-u", "alice", "NEW", "NEW/Übung"], code: 0 },
  { words: ["mailbox", "list", "-u", "alice", "*bung"] },
  { words: ["save", "-u", "bob", "-m", "INBOX"], input: ".\nSubject: dots\n\n.\n..\n", code: 0 },
  { words: ["fetch", "-u", "bob", "text", "mailbox", "INBOX", "uid", "1"] },
  // No such user.
  { words: ["mailbox", "list", "-u", "nobody"], code: 67 },
  { words: ["quota", "get", "-u", "nobody"], code: 67 },
  { words: ["user", "nobody"], isCodeOnly: true, code: 67 },
  // Usage.
  { words: ["mailbox", "list", "-u"], code: 64 },
  { words: ["mailbox", "list", "--bogus", "-u", "alice"], code: 64 },
  { words: ["mailbox", "update", "-u", "alice", "--min-next-uid", "x", "INBOX"], code: 64 },
  { words: ["mailbox", "status", "-u", "alice", "nosuch", "*"], code: 64 },
  { words: ["mailbox", "rename", "-u", "alice", "INBOX"], isCodeOnly: true, code: 64 },
  { words: ["fetch", "-u", "alice", "uid"], isCodeOnly: true, code: 64 },
  { words: ["expunge", "-u", "alice", "all"], isCodeOnly: true, code: 64 },
  { words: ["mailbox list", "-u", "alice", "S*"] },
  { words: ["mailboxes"], isCodeOnly: true, code: 64 },
  { words: ["mailbox", "bogus"], isCodeOnly: true, code: 64 },
  // What was given can't be used.
  { words: ["mailbox", "create", "-u", "alice", "Sent"], code: 65 },
  { words: ["mailbox", "metadata", "get", "-u", "alice", "INBOX", "/private/x"], code: 65 },
  // Not found.
  { words: ["mailbox", "delete", "-u", "alice", "Nope"], code: 68 },
  { words: ["search", "-u", "alice", "mailbox", "Nope"], code: { "2.3": 68, "2.4": 0 } },
  // A failure: fields and queries that are unknown.
  { words: ["fetch", "-u", "alice", "nosuch", "all"], isCodeOnly: true, code: 75 },
  { words: ["fetch", "-u", "alice", "uid", "bogus"], isCodeOnly: true, code: 75 },
  { words: ["-f", "bogus", "who"], isCodeOnly: true, code: 75 },
  // Unreadable files, and an empty name.
  { words: ["mailbox", "list", "-F", "/nonexistent/users"], code: 75 },
  { words: ["save", "-u", "alice", "/nonexistent/mail"], isCodeOnly: true, code: 75 },
  { words: ["mailbox", "list", "-u", ""], code: 67 },
  // A full quota.
  {
    words: ["save", "-u", "carol"],
    input: `Subject: large\n\n${"x".repeat(1_100_000)}\n`,
    code: 73,
  },
];

/** Command lines whose output is the same, byte by byte: those without a format in the command's own. */
const texts: readonly (readonly string[])[] = [
  ["mailbox", "list", "-u", "alice"],
  ["-f", "tab", "mailbox", "list", "-A"],
  ["-f", "pager", "mailbox", "status", "-A", "messages vsize", "*"],
  ["-f", "flow", "quota", "get", "-A"],
  ["-f", "tab", "quota", "get", "-A"],
  ["-f", "pager", "quota", "get", "-u", "alice"],
  ["fetch", "-u", "alice", "uid flags hdr.subject text", "mailbox", "INBOX"],
  ["-f", "flow", "fetch", "-u", "alice", "uid hdr.subject", "mailbox", "INBOX"],
  ["fetch", "-A", "uid", "mailbox", "INBOX"],
  ["search", "-A", "mailbox", "INBOX"],
  ["user", "*"],
  ["user", "x*"],
  ["proxy", "kick", "nobody"],
  ["auth", "cache", "flush", "alice"],
];

/** What a program printed, and its exit code. */
interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs doveadm on a server's machine. */
async function runDoveadm(
  dovecot: Dovecot,
  words: readonly string[],
  input = "",
): Promise<Ran> {
  const isOld = dovecot.version.startsWith("2.3");
  const [program, ...before] = isOld
    ? ["doveadm"]
    : ["chroot", (await ensureDovecot24()).root, "doveadm"];
  const args = [...before, "-c", join(dovecot.folder, "dovecot.conf"), ...words];
  return await new Promise((resolve) => {
    const child = execFile(program, args, (error, output) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** The rows of a JSON text, as a set: mailboxes and users have no order. */
function rowsOf(text: string, { changing = [] }: Invocation): readonly string[] {
  const rows: Record<string, string>[] = JSON.parse(text || "[]");
  for (const row of rows) for (const key of changing) delete row[key];
  return rows.map((row) => JSON.stringify(row)).sort();
}

/** Starts a server with three users, of whom one has mail. */
function startServer(version: DovecotVersion): Promise<Dovecot> {
  return startDovecot({
    ...{ version, quota: "1M", users: ["alice", "bob", "carol"] },
    mail: {
      alice: {
        INBOX: [
          "From: bob@example.org\nSubject: Lunch?\nDate: Mon, 05 Jan 2026 11:30:00 +0000\n\nAt noon?\n",
          'From: zoë\nSubject: Minutes "1"\n\nTab\tand \\ and Grüße.\n',
        ],
        Sent: [],
        "Projects/2024": [],
      },
    },
  });
}

for (const version of ["2.3", "2.4"] as const) {
  test(`dovewire ${version} › ${texts.length} command lines › the text is doveadm's`, async () => {
    await using dovecot = await startServer(version);
    for (const words of texts) {
      const [theirs, ours] = await Promise.all([
        runDoveadm(dovecot, words),
        runWords(["--server", dovecot.socket, ...words]),
      ]);
      assert.equal(ours.output, theirs.output, `${words.join(" ")}: ${ours.errors}`);
    }
  });

  test(`dovewire ${version} › ${invocations.length} command lines › rows and exit codes are doveadm's`, async () => {
    await using dovecot = await startServer(version);
    await writeFile(join(dovecot.folder, "some-users"), "alice\nbob\n", { mode: 0o644 });
    const server = ["--server", dovecot.socket];
    for (const invocation of invocations) {
      if (invocation.only !== undefined && invocation.only !== version) continue;
      const { code, input } = invocation;
      const words = (name: string) =>
        invocation.words.map((word) => word.replace("FOLDER", dovecot.folder).replace("NEW", name));
      const format = invocation.words[0] === "-f" ? [] : ["-f", "json"];
      const file = join(dovecot.folder, "input");
      if (input !== undefined) await writeFile(file, input);
      const theirs = await runDoveadm(dovecot, [...format, ...words("Theirs")], input);
      const ours = await runWords([
        ...[...server, ...format, ...words("Ours")],
        ...(input === undefined ? [] : [file]),
      ]);
      const line = invocation.words.join(" ");
      const what = `${line}: ${ours.errors}`;
      if (code !== undefined) {
        assert.equal(
          theirs.code,
          typeof code === "number" ? code : code[version],
          `doveadm ${line}`,
        );
      }
      assert.equal(ours.code, theirs.code, what);
      if (invocation.isCodeOnly) continue;
      assert.deepEqual(rowsOf(ours.output, invocation), rowsOf(theirs.output, invocation), what);
    }
  });
}
