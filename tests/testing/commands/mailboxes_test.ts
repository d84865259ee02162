import assert from "node:assert/strict";
import { test } from "node:test";
import { MailSystem } from "../../../testing/mail_system.ts";
import { type Answers, answersOf, type Line } from "../answers.ts";

/** A mail system of alice and bob; alice has the mailboxes, created in this order. */
function systemOf(...mailboxes: readonly string[]): MailSystem {
  const system = new MailSystem({ users: { alice: {}, bob: {} } });
  for (const name of mailboxes) system.users.get("alice")!.create(name);
  return system;
}

/** Runs commands in sequence, and compares the replies. */
async function compare(
  answers: Answers,
  expected: readonly (readonly [line: Line, answer: readonly string[]])[],
): Promise<void> {
  for (const [line, answer] of expected) {
    assert.deepEqual(await answers(...line), answer, JSON.stringify(line));
  }
}

test("mailboxes › list › returns the matching names", async () => {
  const answers = answersOf(systemOf("b", "a/b", "é"));
  const list = (...args: string[]): Line => ["mailbox list", args];
  await compare(answers, [
    [list(), ["é", "a", "a/b", "b", "INBOX"]],
    [list("*"), ["é", "a", "a/b", "b", "INBOX"]],
    [list("%"), ["é", "a", "b", "INBOX"]],
    [list("%/%"), ["a/b"]],
    [list("in*"), ["INBOX"]],
    [list("x*"), []],
    // A single name is returned whether the mailbox exists or not; several names select.
    [list("nosuch"), ["nosuch"]],
    [list("inbox"), ["inbox"]],
    [list(""), [""]],
    [list("nosuch", "b"), ["b"]],
    [list("inbox", "b", "a%"), ["a", "b"]],
    [list("-7"), ["&AOk-", "a", "a/b", "b", "INBOX"]],
    [list("-7", "-8", "%"), ["é", "a", "b", "INBOX"]],
    [list("-s"), []],
    [list("--utf8", "b"), ["b"]],
    [list("--bogus"), ["-USAGE"]],
    [["mailbox", ["list", "b"]], ["b"]],
  ]);
});

test("mailboxes › several users › add a column with the user", async () => {
  const answers = answersOf(systemOf("b"));
  await compare(answers, [
    [["mailbox list", ["-A"]], ["alice", "b", "alice", "INBOX"]],
    [["mailbox list", ["-u", "z*"]], ["alice", "b", "alice", "INBOX"]],
    [["mailbox list", ["-u", "b?b"], "bob"], ["bob", "INBOX"]],
    [["mailbox list", ["-u", "bob"]], ["b", "INBOX"]],
    [["mailbox list", ["-A"], "ALICE"], ["ALICE", "b", "ALICE", "INBOX"]],
    [["mailbox status", ["-A", "messages unseen", "*"]], [
      ...["alice", "b", "0", "0"],
      ...["alice", "INBOX", "0", "0"],
    ]],
    [["mailbox status", ["-A", "-t", "messages unseen", "*"]], ["alice", "0", "0"]],
    [["mailbox create", ["-A", "c"]], []],
    [["mailbox list", ["-S", "x", "--trans-flags", "1"], "bob"], ["INBOX"]],
    [["mailbox list", ["-F", "file"]], ["-TEMPFAIL"]],
    [["mailbox list", [], "zoe"], ["-NOUSER"]],
    [["mailbox list", ["-A"], ""], ["-NOUSER"]],
    [["mailbox list", [], "*"], ["-NOUSER"]],
    [["mailbox list", ["--bogus"], "zoe"], ["-USAGE"]],
    [["mailbox status", ["bogus", "INBOX"], "zoe"], ["-USAGE"]],
  ]);
});

test("mailboxes › status › returns the requested fields", async () => {
  const saved = new Date("2026-01-05T11:30:00Z");
  const mail = { bytes: new TextEncoder().encode("a: b\n\nc\n"), saved };
  const guid = "0123456789abcdef0123456789abcdef";
  const state = { guid, uidValidity: 5, uidNext: 9, firstRecentUid: 2, highestModseq: 20 };
  const mails = [mail, { ...mail, flags: ["\\Seen"] }];
  const answers = answersOf(
    new MailSystem({ users: { alice: { mailboxes: { "a/b": { ...state, mails } } } } }),
  );
  const status = (...args: string[]): Line => ["mailbox status", args];
  const time = String(saved.getTime() / 1000);
  await compare(answers, [
    [status("all", "a/b"), ["a/b", "2", "1", "9", "5", "1", "20", "22", guid, time]],
    [status("vsize  messages", "a/b"), ["a/b", "2", "22"]],
    [status("-f", "guid", "-f", "unseen messages", "a/b"), ["a/b", "2", "1", guid]],
    [status("--fieldstr", "unseen", "a/b", "x"), ["a/b", "1"]],
    [status("messages", "*"), ["a/b", "2", "INBOX", "0"]],
    [status("messages", "*", "nosuch"), ["a/b", "2", "INBOX", "0"]],
    [status("firstsaved", "inbox"), ["INBOX", "never"]],
    [status("-t", "all", "*"), ["2", "1", "1", "22"]],
    [status("-t", "unseen", "x*"), ["0"]],
    [status("-t", "all guid", "*"), ["-USAGE"]],
    [status("messages", "nosuch"), ["-NOTFOUND"]],
    [status("-t", "messages", "nosuch"), ["0", "-NOTFOUND"]],
    [status("messages", "a"), ["-NOTFOUND"]],
    [status("messages", "a//b"), ["-USAGE"]],
    [status("messages bogus", "a/b"), ["-USAGE"]],
    [status("toString", "a/b"), ["-USAGE"]],
    [status(" ", "a/b"), ["-USAGE"]],
    [status("messages"), ["-USAGE"]],
    [status("-f", "messages"), ["-USAGE"]],
  ]);
});

test("mailboxes › create › creates them or fails", async () => {
  const answers = answersOf(systemOf("a"));
  const guid = "0123456789abcdef0123456789abcdef";
  await compare(answers, [
    [["mailbox create", ["b", "a", "c"]], ["-DATAERR"]],
    [["mailbox create", ["d/"]], []],
    [["mailbox create", ["-s", "-g", guid.toUpperCase(), "e", "a"]], ["-DATAERR"]],
    [["mailbox list"], ["e", "d", "c", "b", "a", "INBOX"]],
    [["mailbox list", ["-s"]], ["e", "a"]],
    [["mailbox status", ["guid", "e"]], ["e", guid]],
    [["mailbox create", ["f//", ""]], ["-USAGE"]],
    [["mailbox create", ["-g", "0123", "g"]], ["-USAGE"]],
    [["mailbox create"], ["-USAGE"]],
  ]);
});

test("mailboxes › delete › deletes them or fails", async () => {
  const system = systemOf("a", "a/b", "a/b/c", "d/e", "full", "a*", "axe/b");
  const answers = answersOf(system);
  system.users.get("alice")!.add("full", { bytes: new Uint8Array(1) });
  await compare(answers, [
    [["mailbox subscribe", ["a/b", "nosuch"]], []],
    [["mailbox delete", ["a"]], []],
    [["mailbox list", ["a", "a/*"]], ["a", "a/b", "a/b/c"]],
    [["mailbox delete", ["-s", "a/b", "nosuch"]], ["-NOTFOUND"]],
    [["mailbox list", ["-s"]], []],
    [["mailbox delete", ["-e", "full"]], ["-DATAERR"]],
    [["mailbox delete", ["full"]], []],
    [["mailbox delete", ["-r", "d"]], ["-NOTFOUND"]],
    [["mailbox list"], ["axe", "axe/b", "a*", "a", "a/b", "a/b/c", "INBOX"]],
    [["mailbox delete", ["-r", "a*"]], []],
    [["mailbox list"], ["axe", "axe/b", "a", "a/b", "a/b/c", "INBOX"]],
    [["mailbox delete", ["-r", ""]], ["-NOTFOUND"]],
    [["mailbox list"], ["INBOX"]],
    [["mailbox delete", ["-eZ", "INBOX"]], ["-DATAERR"]],
    [["mailbox delete"], ["-USAGE"]],
    // Too long for a folder's name on disk.
    [["mailbox delete", ["n".repeat(255)]], ["-TEMPFAIL"]],
    [["mailbox delete", ["n".repeat(254)]], ["-NOTFOUND"]],
  ]);
});

test("mailboxes › rename › renames them or fails", async () => {
  const answers = answersOf(systemOf("a", "a/b", "c"));
  await compare(answers, [
    [["mailbox rename", ["a", "d/e"]], []],
    [["mailbox list"], ["d", "d/e", "d/e/b", "c", "INBOX"]],
    [["mailbox rename", ["-s", "c", "f"]], []],
    [["mailbox rename", ["-s", "nosuch", "g"]], ["-NOTFOUND"]],
    [["mailbox list", ["-s"]], ["f", "g"]],
    [["mailbox rename", ["f", "d/e"]], ["-DATAERR"]],
    [["mailbox rename", ["f", "a//b"]], ["-USAGE"]],
    // Too long for a folder's name on disk.
    [["mailbox rename", ["n".repeat(255), "g"]], ["-TEMPFAIL"]],
    [["mailbox rename", ["nosuch", "n".repeat(255)]], ["-NOTFOUND"]],
    [["mailbox rename", ["f", "n".repeat(255)]], ["-TEMPFAIL"]],
    [["mailbox rename", ["f"]], ["-USAGE"]],
    [["mailbox rename", ["f", "g", "h"]], ["-USAGE"]],
  ]);
});

test("mailboxes › subscribe and unsubscribe › change subscriptions", async () => {
  const answers = answersOf(systemOf("a"));
  await compare(answers, [
    [["mailbox subscribe", ["z/y", "inbox", "a", "z", "a"]], []],
    [["mailbox list", ["-s"]], ["z", "z/y", "INBOX", "a"]],
    [["mailbox list", ["-s", "%"]], ["z", "INBOX", "a"]],
    [["mailbox list", ["-s", "a", "nosuch"]], ["a"]],
    [["mailbox unsubscribe", ["z", "other"]], []],
    [["mailbox list", ["-s"]], ["z/y", "INBOX", "a"]],
    [["mailbox subscribe", ["", "b"]], ["-USAGE"]],
    [["mailbox list", ["-s", "b*"]], ["b"]],
    [["mailbox unsubscribe"], ["-USAGE"]],
  ]);
});

test("mailboxes › namespaces › have prefixes and separators", async () => {
  const namespaces = [{}, { prefix: "Old/Deep/" }, { prefix: "Old/" }];
  const answers = answersOf(new MailSystem({ users: { alice: {} }, namespaces }));
  const list = (...args: string[]): Line => ["mailbox list", args];
  await compare(answers, [
    [list(), ["Old", "Old/Deep", "INBOX"]],
    [["mailbox create", ["a", "Old/a", "Old/Deep/a/b"]], []],
    [list(), ["a", "Old", "Old/a", "Old/Deep", "Old/Deep/a", "Old/Deep/a/b", "INBOX"]],
    [list("*"), ["a", "INBOX"]],
    [list("*/*"), ["Old/a"]],
    [list("Old/*"), ["Old/a"]],
    [list("Old/Deep/%"), ["Old/Deep/a"]],
    [list("Old", "%"), ["a", "Old", "INBOX"]],
    [["mailbox status", ["messages", "*", "x"]], [
      ...["a", "0", "Old/a", "0", "Old/Deep/a/b", "0", "INBOX", "0"],
    ]],
    [["mailbox status", ["messages", "Old"]], ["-NOTFOUND"]],
    [["mailbox create", ["Old"]], []],
    [["mailbox status", ["messages", "Old"]], ["Old", "0"]],
    [["mailbox delete", ["Old"]], ["-USAGE"]],
    [["mailbox create", ["Old//"]], ["-USAGE"]],
    [["mailbox rename", ["Old/Deep/a", "b"]], []],
    [list("b*"), ["b", "b/b"]],
    [["mailbox subscribe", ["Old/a", "a", "Old"]], []],
    [list("-s"), ["a", "Old", "Old/a"]],
  ]);
});

test("mailboxes › a prefix for INBOX's namespace › is accepted", async () => {
  const namespaces = [{ prefix: "Mail/" }];
  const answers = answersOf(new MailSystem({ users: { alice: {} }, namespaces }));
  await compare(answers, [
    [["mailbox create", ["Mail/a"]], []],
    [["mailbox list"], ["Mail", "Mail/a", "INBOX"]],
    [["mailbox list", ["*"]], ["INBOX"]],
    [["mailbox status", ["messages", "*"]], []],
    [["mailbox status", ["messages", "Mail/%"]], ["Mail/a", "0"]],
    [["mailbox status", ["messages", "INBOX"]], ["INBOX", "0"]],
    [["mailbox status", ["messages", "Mail/INBOX"]], ["Mail/INBOX", "0"]],
    // Names outside all namespaces are missing, and can't be created.
    [["mailbox status", ["messages", "a"]], ["-NOTFOUND"]],
    [["mailbox status", ["messages", "a//b"]], ["-USAGE"]],
    [["mailbox create", ["a"]], ["-DATAERR"]],
    [["mailbox delete", ["a"]], ["-DATAERR"]],
    [["mailbox rename", ["Mail/a", "a"]], ["-DATAERR"]],
    [["mailbox subscribe", ["a"]], ["-DATAERR"]],
    [["mailbox unsubscribe", ["a"]], []],
    [["mailbox subscribe", ["INBOX", "Mail/a"]], []],
    [["mailbox list", ["-s"]], ["INBOX", "Mail/a"]],
  ]);
});

test("upkeep › valid arguments › do nothing", async () => {
  const answers = answersOf(systemOf());
  await compare(answers, [
    [["force-resync", ["-f", "*"]], []],
    [["force-resync", ["nosuch"]], []],
    [["force-resync"], ["-USAGE"]],
    [["force-resync", ["a", "b"]], ["-USAGE"]],
    [["index", ["-q", "-n", "5", "*"]], []],
    [["index", ["-n", "-5", "*"]], ["-USAGE"]],
    [["index", ["-n", "4294967295", "*"]], []],
    [["index", ["-n", "4294967296", "*"]], ["-USAGE"]],
    [["index"], ["-USAGE"]],
    [["purge"], []],
    [["purge", ["x"]], ["-USAGE"]],
    [["purge", [], "zoe"], ["-NOUSER"]],
  ]);
});

test("commands › unknown ones › are refused", async () => {
  const answers = answersOf(systemOf());
  for (
    const name of ["auth test", "config", "pw", "help", "mailbox", "", "toString", "MAILBOX LIST"]
  ) {
    assert.deepEqual(await answers(name), ["-"], name);
  }
  assert.deepEqual(await answers("mailbox", ["nosuch"]), ["-"]);
});
