/**
 * `dovewire top` in a real terminal: its screen, its keys, and how it leaves the terminal.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFile, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type MailServer, startMailServer } from "../../testing/mod.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { atFullSize } from "../harness/soak.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { type ImapSession, logIn } from "./imap_session.ts";
import { linesOf, openShell } from "./shell.ts";
import type { Terminal } from "./terminal.ts";

/** A terminal as a shell has it, and as top has it. */
const usual = { isAlternate: false, hasCursor: true, wraps: true };
const full = { isAlternate: true, hasCursor: false, wraps: false };

/** Ends top with a key or a signal, and checks that the terminal is as it was. */
async function checkEnd(terminal: Terminal, end: () => Promise<void> | void, codes = "0") {
  assert.deepEqual(await terminal.state(), full);
  await end();
  const screen = await terminal.see(/^ended \d+\n\$/m);
  assert.deepEqual(linesOf(screen)[0], "before");
  const rest = linesOf(screen).slice(1).filter((line) => line !== "Terminated").join("\n");
  assert.match(rest, new RegExp(`^ended (${codes})\n\\$$`));
  assert.deepEqual(await terminal.state(), usual);
  // The shell's line editor may change it while it waits for a line, not while a program runs.
  await terminal.type(
    "clear; stty -a | tr ' ' '\\n' | grep -x -e '-*echo;*' -e '-*icanon;*'; echo ok",
  );
  assert.deepEqual(linesOf(await terminal.see(/^ok$/m)).slice(0, 2), ["icanon", "echo"]);
}

const start = "clear; echo before; dovewire top --interval 0.2; echo ended $?";

/** A screen down to the processes, without what differs from run to run. */
function linesAbove(screen: string): readonly string[] {
  const lines = linesOf(screen).map((line) =>
    line.replace(/^\S+ ( \d{4}-)/, "SERVER $1").replace(/\d{4}-.* UTC/, "TIME UTC")
      .replace(/\d+ processes/, "N processes")
  );
  return lines.slice(0, lines.findIndex((line) => line.startsWith("SERVICE PROCESSES")));
}

async function logInAll(dovecot: Dovecot, ...users: string[]): Promise<ImapSession[]> {
  return await Promise.all(
    users.map((user) => logIn(dovecot.imapPort!, user, dovecot.password)),
  );
}

for (const version of ["2.3", "2.4"] as const satisfies readonly DovecotVersion[]) {
  test(`top in a terminal › Dovecot ${version}, whose sessions come and go › shows them in place`, async () => {
    await using dovecot = await startDovecot({ version, imap: true });
    await using folder = await temporaryFolder();
    await using terminal = await openShell(folder.path, dovecot.socket, 120, 24);
    const sessions = await logInAll(dovecot, "bob", "bob", "alice");
    try {
      await terminal.type(start);
      const first = await terminal.see(/^bob +imap +2 .*\nalice +imap +1 /m);
      assert.deepEqual(linesAbove(first), [
        "SERVER  TIME UTC  3 sessions of 2 users, N processes",
        'commands and bytes a second: none, the server has no metric "dovewire_top" (dovewire top --help)',
        "",
        "USER  SERVICE SESSIONS ADDRESSES",
        "bob   imap           2 127.0.0.1",
        "alice imap           1 127.0.0.1",
        "",
        "USER  QUOTA         USED   LIMIT FULL",
        "alice User quota 1.0 KiB 1.0 GiB   0%",
        "bob   User quota     0 B 1.0 GiB   0%",
        "carol User quota     0 B 1.0 GiB   0%",
        "",
      ]);
      assert.equal(linesOf(first).length, 24);
      sessions.push(...await logInAll(dovecot, "carol"));
      await terminal.see(/^carol +imap +1 /m);
      await terminal.press("u");
      await terminal.see(/^alice .*\nbob .*\ncarol /m);
      // Keys that come at once are all taken, and an arrow is none of them.
      await terminal.press("s", "Up", "n");
      await terminal.see(/^bob .*\nalice .*\ncarol /m);
      sessions.pop()!.leave();
      assert.doesNotMatch(await terminal.see(/ 3 sessions of 2 users/), /^carol +imap/m);

      const times = new Set<string>();
      while (times.size < atFullSize(10, 3)) {
        const [time] = /\d\d:\d\d:\d\d UTC/.exec(await terminal.see(/ UTC /))!;
        times.add(time);
      }

      await terminal.resize(50, 12);
      // The terminal itself cuts what it shows: its last lines stay until top has written anew.
      const small = await terminal.see(
        /^bob +imap +2(?:.*\n)+q end, sort by: u user, s service, a address, n nu$/m,
      );
      assert.equal(linesOf(small).length, 12);
      await terminal.resize(120, 24);
      await terminal.see(/^(.*\n){23}q end,.* number of sessions$/m);
      await checkEnd(terminal, () => terminal.press("q"));
    } finally {
      for (const session of sessions) session.leave();
    }
  });
}

test("top in a terminal › a server that goes down and comes back › is said, and shown again", async () => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, "server");
  const pointTo = async ({ socket }: Dovecot) => {
    await symlink(socket, `${place}.new`);
    await rename(`${place}.new`, place);
  };
  const first = await startDovecot({ version: "2.3", imap: true });
  const sessions: ImapSession[] = [];
  try {
    await pointTo(first);
    await using terminal = await openShell(folder.path, place, 80, 24);
    sessions.push(...await logInAll(first, "alice"));
    await terminal.type(start);
    await terminal.see(/^alice +imap +1 /m);
    await first.stop();
    const silent = await terminal.see(/^no answer for \d+ s: what follows was before that$/m);
    assert.match(silent, /^alice +imap +1 /m);
    const down = await terminal.see(/ UTC +Cannot connect to /);
    assert.doesNotMatch(down, /^alice/m);
    await using second = await startDovecot({ version: "2.3", imap: true });
    await pointTo(second);
    sessions.push(...await logInAll(second, "bob"));
    assert.doesNotMatch(await terminal.see(/^bob +imap +1 /m), /^no answer/m);
    await checkEnd(terminal, () => terminal.press("q"));
  } finally {
    for (const session of sessions) session.leave();
    await first.stop();
  }
});

/** Starts a server in memory with a session. */
async function startServer(
  settings: Parameters<typeof startMailServer>[0] & object,
): Promise<MailServer> {
  const server = await startMailServer(settings);
  server.system.sessions.splice(0, Infinity, {
    ...{ username: "al\x1b[2Jice", service: "imap\u202e", pid: 1, ip: "192.0.2.1" },
  });
  return server;
}

test("top in a terminal › ended by Ctrl-C or a signal › leaves the terminal as it was", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "server");
  await using _server = await startServer({ place: { path }, users: { alice: {} } });
  await using terminal = await openShell(folder.path, path, 80, 24);
  const pid = async () => Number(await readFile(join(folder.path, "pid"), "utf8"));
  const startAgain = async () => {
    await terminal.type(
      `clear; echo before; sh -c 'echo $$ >${folder.path}/pid; exec dovewire top'; echo ended $?`,
    );
    return await terminal.see(/^q end/m);
  };
  assert.match(await startAgain(), /^al\\x1b\[2Jice +imap\\u202e +1 192\.0\.2\.1$/m);
  await checkEnd(terminal, () => terminal.press("C-c"));
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await startAgain();
    await checkEnd(terminal, async () => void process.kill(await pid(), signal));
  }
  // A second signal ends it at once, wherever it is. (Not by SIGINT, after which the shell ends the line.)
  await startAgain();
  const end = await pid();
  await checkEnd(terminal, () => {
    process.kill(end, "SIGINT");
    process.kill(end, "SIGTERM");
  }, "0|130|143");
});

test("top in a terminal › a password that was typed › is used again when the server comes back", async () => {
  await using folder = await temporaryFolder();
  const place = { path: join(folder.path, "server") };
  const settings = { password: "s3cret", preauthenticated: false };
  const first = await startServer({ place, users: { alice: {} }, settings });
  await using terminal = await openShell(folder.path, place.path, 80, 24);
  await terminal.type(start);
  await terminal.see(/Password for /);
  await terminal.type("s3cret");
  await terminal.see(/ 1 sessions of 1 users/);
  await first.close();
  await using _second = await startMailServer({ place, users: { alice: {} }, settings });
  await terminal.see(/ 0 sessions of 0 users/);
  await terminal.press("q");
  await terminal.see(/^ended 0\n\$/m);
  assert.deepEqual(await terminal.state(), usual);
});
