/**
 * The program in a real terminal: its prompt, tables, progress and Ctrl-C.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { serve } from "../../doveadm/server/mod.ts";
import { startMailServer } from "../../testing/mod.ts";
import { onAbort } from "../../transports/mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { linesOf, openShell } from "./shell.ts";

test("terminal › a password that is asked for › is not shown", async () => {
  await using server = await startMailServer({
    users: { alice: {} },
    settings: { password: "s3cret" },
  });
  await using folder = await temporaryFolder();
  if (server.address.transport !== "tcp") assert.fail();
  await using terminal = await openShell(folder.path, `127.0.0.1:${server.address.port}`);
  await terminal.type("dovewire mailbox list -u alice; echo ended $?");
  assert.match(await terminal.see(/Password for 127/), /Password for 127\.0\.0\.1:\d+/);
  await terminal.type("s3cret");
  const screen = await terminal.see(/^ended \d/m);
  assert.match(screen, /^INBOX\nended 0$/m);
  assert.doesNotMatch(screen, /s3cret/);
});

test("terminal › a table wider than the screen › is cut, one line a row", async () => {
  await using server = await startMailServer({
    users: {
      alice: {
        mailboxes: {
          INBOX: [
            `Subject: ${"A very long subject ".repeat(5)}\nFrom: bob@example.org\n\nx\n`,
            "Subject: 漢字漢字\nFrom: carol@example.org\n\nx\n",
          ],
        },
      },
    },
    settings: { preauthenticated: true },
  });
  await using folder = await temporaryFolder();
  if (server.address.transport !== "tcp") assert.fail();
  await using terminal = await openShell(folder.path, `127.0.0.1:${server.address.port}`);
  await terminal.type(
    'clear; dovewire -f table fetch -u alice "uid hdr.subject hdr.from" all; echo ended $?',
  );
  const screen = await terminal.see(/^ended \d\n\$/m);
  assert.deepEqual(linesOf(screen).slice(-5), [
    "uid hdr.subject                            hdr.from",
    "  1 A very long subject A very long subje… bob@example.org",
    "  2 漢字漢字                               carol@example.org",
    "ended 0",
    "$",
  ]);
});

test("terminal › Ctrl-C in a run for many users › it can go on, and shows how far it is", async () => {
  const users = Array.from({ length: 40 }, (_, at) => `user${at}`);
  let isSlow = true;
  await using folder = await temporaryFolder();
  const path = join(folder.path, "doveadm-server");
  await using _server = await serve({ path }, async ({ name, user, signal }) => {
    if (name === "user") return [{ text: JSON.stringify({ userList: users }) }];
    // One that takes long, so that the progress is told before the end.
    if (isSlow && user === users[20]) {
      await new Promise<void>((resolve) => void onAbort(signal, resolve));
    }
    return ["INBOX"];
  });
  await using terminal = await openShell(folder.path, path, 90);
  const line = "dovewire --jobs 5 --resume j -f jsonl mailbox list -A >> rows; echo ended $?";
  await terminal.type(`cd ${folder.path}; clear; ${line}`);
  await terminal.see(/#+-* 39 of 40 users, 0 failed/);
  await terminal.press("C-c");
  const interrupted = (await terminal.see(/^ended \d+\n\$/m)).replaceAll(
    /\n(?!dovewire|ended|\$)/g,
    "",
  );
  assert.match(interrupted, /Interrupted: 39 users are done;.*goes on where it stopped/);
  assert.match(interrupted, /^ended 130$/m);
  isSlow = false;
  await terminal.type(`clear; ${line}`);
  // The shell clears the screen of the first run when it gets to it.
  await terminal.see(/40 of 40 users, 0 failed.*\n(.*\n)*ended 0\n/);
  const rows = (await readFile(join(folder.path, "rows"), "utf8")).trim().split("\n");
  assert.deepEqual(rows.map((row) => JSON.parse(row).username).sort(), [...users].sort());
});
