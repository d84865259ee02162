import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { formats } from "../../cli/command_line/options.ts";
import { Reporter } from "../../cli/output/reporter.ts";
import { durationText } from "../../cli/run/progress.ts";
import { CommandFailure, type DoveadmServer, serve } from "../../doveadm/server/mod.ts";
import { onAbort } from "../../transports/mod.ts";
import { output } from "../harness/dovecot/programs.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

/** A server with users whose answers a test decides. */
interface UsersServer extends AsyncDisposable {
  /** The words that name the server. */
  readonly words: readonly string[];
  /** The users that were asked for, in that order. */
  readonly asked: string[];
  readonly server: DoveadmServer;
}

/** Starts a server for `mailbox list` of some users. */
async function startUsers(
  users: readonly string[],
  answer: (
    user: string,
    untilGone: Promise<void>,
  ) => Promise<readonly string[]> | readonly string[],
): Promise<UsersServer> {
  const folder = await temporaryFolder();
  const path = join(folder.path, "doveadm-server");
  const asked: string[] = [];
  const server = await serve({ path }, ({ name, user = "", signal }) => {
    if (name === "user") return [{ text: JSON.stringify({ userList: users }) }];
    asked.push(user);
    const untilGone = new Promise<void>((resolve) => void onAbort(signal, resolve));
    return Promise.resolve(answer(user, untilGone));
  });
  return {
    ...{ words: ["--server", path], asked, server },
    async [Symbol.asyncDispose]() {
      await server.close({ timeout: 1 });
      await folder[Symbol.asyncDispose]();
    },
  };
}

const names = Array.from({ length: 60 }, (_, at) => `user${at}`);

test("many users › answers that come in any order › are printed in that of the users", async () => {
  let first: (() => void) | undefined;
  await using users = await startUsers(names, async (user) => {
    // The first one is the last to be answered of those that may be ahead.
    if (user === names[0]) await new Promise<void>((resolve) => first = resolve);
    if (user === names[20]) first?.();
    return [`box of ${user}`];
  });
  const { output, code, errors } = await runWords([
    ...[...users.words, "--jobs", "5", "-f", "json", "mailbox", "list", "-A"],
  ]);
  assert.equal(code, 0, errors);
  assert.deepEqual(
    JSON.parse(output),
    names.map((username) => ({
      ...{ username, mailbox: `box of ${username}` },
    })),
  );
});

test("many users › some fail › the others' rows are printed, and the exit code is doveadm's", async () => {
  const failures: Readonly<Record<string, string>> = {
    user1: "NOTFOUND",
    user2: "NOUSER",
    user4: "DATAERR",
  };
  await using users = await startUsers(names.slice(0, 6), (user) => {
    if (user in failures) throw new CommandFailure(failures[user]);
    return ["INBOX"];
  });
  const words = [...users.words, "-f", "jsonl", "mailbox", "list"];
  const listed = await runWords([...words, "-A"]);
  assert.deepEqual(listed.output.match(/user\d/g), ["user0", "user3", "user5"]);
  // One that the server has listed, and that is gone, is no failure.
  assert.doesNotMatch(listed.errors, /user2/);
  assert.match(listed.errors, /user1: .*NOTFOUND/);
  assert.match(listed.errors, /failed for 2 of 5 users/);
  assert.equal(listed.code, 68);

  await using folder = await temporaryFolder();
  const file = join(folder.path, "users");
  await writeFile(file, "user4\n\nuser2\r\nuser4\n user5\n");
  const named = await runWords([...words, "-F", file]);
  assert.deepEqual(named.output.match(/user\d/g), ["user5"]);
  assert.match(named.errors, /user2: .*NOUSER/);
  assert.equal(named.code, 65);
});

test("many users › interrupted with a journal › the same words go on where it stopped", async () => {
  const interruption = new AbortController();
  await using users = await startUsers(names, async (user, untilGone) => {
    if (user === names[30] && !interruption.signal.aborted) {
      interruption.abort();
      await untilGone;
    }
    return ["INBOX"];
  });
  await using folder = await temporaryFolder();
  const journal = join(folder.path, "journal");
  const words = [
    ...[...users.words, "-f", "jsonl", "--jobs", "4", "--resume", journal, "mailbox", "list", "-A"],
  ];
  const first = await runWords(words, { signal: interruption.signal });
  assert.equal(first.code, 130, first.errors);
  assert.match(first.errors, /Interrupted: \d+ users are done.*goes on where it stopped/);
  assert(existsSync(journal));
  const done = first.output.match(/user\d+/g)!;
  assert(done.length >= 20 && done.length <= 34, String(done.length));
  const before = users.asked.length;
  const second = await runWords(words);
  assert.equal(second.code, 0, second.errors);
  // What the first run had sent when it ended may be read now.
  const again = users.asked.slice(before).filter((user) => done.includes(user));
  assert.deepEqual(again, [], "users were asked again");
  const all = [...done, ...second.output.match(/user\d+/g)!];
  assert.deepEqual(all.sort(), [...names].sort());
});

test("many users › with a journal, in each format › rows are written before their user is done", async () => {
  let flushed = "";
  const few = names.slice(0, 5);
  await using users = await startUsers(few, (user) => {
    const before = few[few.indexOf(user) - 1];
    // Who is done was not only printed into memory, which a killed process loses.
    assert(before === undefined || flushed.includes(before), `${before} in ${flushed}`);
    return ["INBOX"];
  });
  await using folder = await temporaryFolder();
  for (const format of formats) {
    flushed = "";
    const journal = join(folder.path, format);
    const words = [
      ...[
        ...users.words,
        "-f",
        format,
        "--jobs",
        "1",
        "--resume",
        journal,
        "mailbox",
        "list",
        "-A",
      ],
    ];
    const ran = await runWords(words, { onFlush: (output) => flushed = output });
    assert.equal(ran.code, 0, ran.errors);
    assert.equal(ran.output.match(/user\d/g)!.length, few.length);
  }
});

test("many users › with a journal that is at its end, or for several servers › it is said", async () => {
  await using users = await startUsers(names.slice(0, 3), () => ["INBOX"]);
  await using folder = await temporaryFolder();
  const journal = join(folder.path, "journal");
  const words = [...users.words, "--resume", journal, "mailbox", "list", "-A"];
  const several = await runWords(["--server", join(folder.path, "other"), ...words]);
  assert.equal(several.code, 64);
  assert.match(several.errors, /--resume notes the users of one server, and there are 2\./);
  assert.deepEqual([several.output, users.asked], ["", []]);

  assert.deepEqual(await runWords(words).then(({ code, errors }) => [code, errors]), [0, ""]);
  const again = await runWords(words);
  assert.deepEqual([again.code, again.output], [0, ""]);
  assert.match(again.errors, /Nobody was asked: \S*journal has all 3 users as done\. Remove it/);
});

test("many users › interrupted without a journal › what was done is said", async () => {
  const interruption = new AbortController();
  await using users = await startUsers(names, async (user, untilGone) => {
    if (user === names[30]) {
      interruption.abort();
      await untilGone;
    }
    return ["INBOX"];
  });
  const words = [...users.words, "-f", "json", "mailbox", "list", "-A"];
  const { code, output, errors } = await runWords(words, { signal: interruption.signal });
  assert.equal(code, 130, errors);
  assert.match(errors, /^dovewire: Interrupted: \d+ users are done; .* may have run for/m);
  // It is complete JSON all the same.
  assert(JSON.parse(output).length >= 15);
});

test("many users › the server is gone › no other user is asked", async () => {
  const users = await startUsers(names, () => ["INBOX"]);
  await users[Symbol.asyncDispose]();
  const { code, errors } = await runWords([...users.words, "mailbox", "list", "-A"]);
  assert.equal(code, 75);
  assert.equal(errors.trim().split("\n").length, 1, errors);
});

test("many users › interrupted while the names or the input are waited for › ends at once", async () => {
  await using users = await startUsers(names, () => []);
  await using folder = await temporaryFolder();
  const pipe = join(folder.path, "pipe");
  await output("mkfifo", pipe);
  for (const words of [["mailbox", "list", "-F", pipe], ["save", "-A", pipe]]) {
    const interruption = new AbortController();
    const running = runWords([...users.words, ...words], { signal: interruption.signal });
    // It is opened when the program has opened it, and is waiting.
    await using _writer = await open(pipe, "w");
    interruption.abort();
    const { code, errors } = await running;
    assert.equal(code, 130, errors);
    assert.match(errors, /Interrupted: /);
  }
  assert.deepEqual(users.asked, []);
});

test("one user › interrupted › says that the command may still run", async () => {
  const interruption = new AbortController();
  await using users = await startUsers([], async (_, untilGone) => {
    interruption.abort();
    await untilGone;
    return [];
  });
  const words = [...users.words, "mailbox", "list", "-u", "alice"];
  const { code, errors } = await runWords(words, { signal: interruption.signal });
  assert.equal(code, 130);
  assert.match(errors, /Interrupted: "mailbox list" was sent, so that it may still run/);
});

test("errors as JSON › of a command and of its log › are one object a line", async () => {
  await using users = await startUsers([], () => {
    throw new CommandFailure("NOTFOUND");
  });
  const { code, errors } = await runWords([
    ...[...users.words, "--json-errors", "mailbox", "list", "-u", "alice"],
  ]);
  assert.equal(code, 68);
  const [{ error }] = errors.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(error.code, "NOTFOUND");
  assert.equal(error.exitCode, 68);
  assert.equal(error.sent, true);
  assert.equal(error.command, "mailbox list");
  const usage = await runWords(["--json-errors", "bogus"]);
  assert.deepEqual(await runWords(["--json", "bogus"]), usage);
  assert.equal(JSON.parse(usage.errors).error.code, "usage");
});

test("several servers › one of them down › have rows with their names, and an error", async () => {
  await using one = await startUsers([], () => ["INBOX"]);
  await using other = await startUsers([], () => ["INBOX", "Sent"]);
  const { code, output, errors } = await runWords([
    ...[...one.words, "--server", "/nonexistent/doveadm-server", ...other.words],
    ...["-f", "json", "mailbox", "list", "-u", "alice"],
  ]);
  assert.equal(code, 75);
  assert.match(errors, /^dovewire: \/nonexistent\/doveadm-server: Cannot connect/m);
  assert.deepEqual(JSON.parse(output), [
    { server: one.words[1], mailbox: "INBOX" },
    { server: other.words[1], mailbox: "INBOX" },
    { server: other.words[1], mailbox: "Sent" },
  ]);
});

test("many users › in a file without an end, or in a folder › end it with an exit code", async () => {
  await using users = await startUsers([], () => []);
  const cases: readonly (readonly [path: string, code: number, message: RegExp])[] = [
    ["/dev/zero", 64, /more than \d+ bytes/],
    ["/tmp", 75, /can't be read/],
  ];
  for (const [path, wanted, message] of cases) {
    const { code, errors } = await runWords([...users.words, "mailbox", "list", "-F", path]);
    assert.equal(code, wanted);
    assert.match(errors, message);
  }
});

test("times › left of a run › are in words", () => {
  assert.deepEqual([0, 999, 61_000, 7_300_000].map(durationText), [
    "0 s",
    "1 s",
    "2 min",
    "2 h 2 min",
  ]);
});

test("answers › that quote what controls a terminal › are escaped on standard error", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "doveadm-server");
  await using _server = await serve({ path }, () => [{ text: "{\x1b[2J\x9b" }]);
  const { code, errors } = await runWords(["--server", path, "user", "*"]);
  assert.equal(code, 76, errors);
  assert.match(errors, /wrong JSON/);
  assert(!/(?!\n)\p{Cc}/u.test(errors), JSON.stringify(errors));
});

test("errors as JSON › of what controls a terminal › are escaped, and parse to what was sent", () => {
  const evil = "line\x1b[2J\x9b31m\x7f\u202e\u2028\ufeff";
  let errors = "";
  const reporter = new Reporter((text) => errors += text, true);
  reporter.log({ level: "info", message: evil, command: "who" }, "mx1");
  reporter.note(evil);
  reporter.error(new Error(evil), { user: evil });
  assert(!/(?!\n)[\p{Cc}\p{Zl}\p{Bidi_Control}\ufeff]/u.test(errors), JSON.stringify(errors));
  const [{ log }, { note }, { error }] = errors.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual([log.message, note, error.message, error.user], [evil, evil, evil, evil]);
});
