/**
 * The program as a process: what becomes of its output, its input and its signals.
 *
 * @module
 */

import assert from "node:assert/strict";
import { spawn, type StdioOptions } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startMailServer } from "../../testing/mod.ts";
import { output } from "../harness/dovecot/programs.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { runWords } from "./run.ts";

const program = fileURLToPath(new URL("../../cli/program/dovewire.ts", import.meta.url));
const isDeno = "Deno" in globalThis;
const runArguments = isDeno ? ["run", "--allow-all", "--no-check", "--quiet"] : [];

/** Commands, each with another part of the program that prints. */
const commands = ["commands", "mailbox list -A", "-f json who", "exporter --once", "top --once"];

/** Starts the program; `wait()` resolves to how it ended. */
function start(
  words: readonly string[],
  { server, stdio }: { readonly server?: string; readonly stdio: StdioOptions },
) {
  const env = {
    ...process.env,
    XDG_CONFIG_HOME: "/nonexistent",
    ...(server && { DOVEWIRE_SERVER: server }),
  };
  const child = spawn(process.execPath, [...runArguments, program, ...words], { env, stdio });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk) => errors += chunk);
  const ended = new Promise<{ readonly code: number | null; readonly signal: string | null }>(
    (resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal }));
    },
  );
  return {
    child,
    wait: async () => ({ ...await ended, errors }),
  };
}

/** A server whose socket is in a folder. */
async function startServer(folder: string) {
  const path = join(folder, "server");
  const server = await startMailServer({ place: { path }, users: { alice: {}, bob: {} } });
  return { path, server };
}

test("output › that nobody reads › ends each command quietly", async () => {
  await using folder = await temporaryFolder();
  const { path, server } = await startServer(folder.path);
  await using _ = server;
  await Promise.all(commands.map(async (command) => {
    // The reader is gone before anything is written.
    const { child, wait } = start(command.split(" "), {
      ...{ server: path, stdio: ["ignore", "pipe", "pipe"] },
    });
    child.stdout!.destroy();
    const { code, errors } = await wait();
    assert.equal(code, 141, `${command}: ${errors}`);
    assert.doesNotMatch(errors, /at .*:\d+:\d+|EPIPE/, command);
  }));
});

test("output › on a full disk › is an error", async () => {
  await using folder = await temporaryFolder();
  const { path, server } = await startServer(folder.path);
  await using _ = server;
  await Promise.all(
    commands.slice(0, 2).map(async (command) => {
      const full = openSync("/dev/full", "w");
      const { wait } = start(command.split(" "), { server: path, stdio: ["ignore", full, "pipe"] });
      closeSync(full);
      const { code, errors } = await wait();
      assert.equal(code, 75, `${command}: ${errors}`);
      assert.match(
        errors,
        /^dovewire: The output can't be written: .*no space left.*\n$/im,
        command,
      );
      assert.doesNotMatch(errors, /at .*:\d+:\d+/, command);
    }),
  );
});

test("errors › that can't be written › leave the exit code as it is", async () => {
  const full = openSync("/dev/full", "w");
  const onFull = start(["bogus"], { stdio: ["ignore", "ignore", full] });
  const unread = start(["bogus"], { stdio: ["ignore", "ignore", "pipe"] });
  closeSync(full);
  unread.child.stderr!.destroy();
  for (const { wait } of [onFull, unread]) assert.equal((await wait()).code, 64);
});

test("input › a folder, or a pipe by its name › is refused, or read to its end", async () => {
  await using folder = await temporaryFolder();
  const { path, server } = await startServer(folder.path);
  await using _ = server;
  const saved = async () => {
    const words = ["mailbox", "status", "-u", "alice", "messages", "INBOX"];
    const { output } = await runWords(["--server", path, "-f", "jsonl", ...words]);
    return JSON.parse(output).messages;
  };
  const stdin = openSync(folder.path, "r");
  const asInput = start(["save", "-u", "alice"], {
    ...{ server: path, stdio: [stdin, "ignore", "pipe"] },
  });
  closeSync(stdin);
  for (
    const { wait } of [
      asInput,
      start(["save", "-u", "alice", folder.path], {
        ...{ server: path, stdio: ["ignore", "ignore", "pipe"] },
      }),
    ]
  ) {
    const { code, errors } = await wait();
    assert.equal(code, 75, errors);
    assert.match(errors, /The input can't be read: .*is a folder/);
  }
  assert.equal(await saved(), "0");
  const pipe = join(folder.path, "pipe");
  await output("mkfifo", pipe);
  const fromPipe = start(["save", "-u", "alice", pipe], {
    ...{ server: path, stdio: ["ignore", "ignore", "pipe"] },
  });
  await writeFile(pipe, "Subject: x\r\n\r\nx\r\n");
  assert.equal((await fromPipe.wait()).code, 0);
  assert.equal(await saved(), "1");
});

test("signals › a second one › ends the program, also where it opens a pipe without a writer", async () => {
  await using folder = await temporaryFolder();
  const pipe = join(folder.path, "pipe");
  await output("mkfifo", pipe);
  const { child, wait } = start(["--config", pipe, "who"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  // It can be opened when the program waits for what is in it; that has set its handlers by then.
  let writer: number | undefined;
  while (writer === undefined) {
    try {
      writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  // Two of the same kind could become one.
  process.kill(child.pid!, "SIGINT");
  process.kill(child.pid!, "SIGTERM");
  const { code, signal, errors } = await wait();
  closeSync(writer);
  const isEnded = code === 130 || signal === "SIGINT" || signal === "SIGTERM";
  assert.ok(isEnded, `${code} ${signal} ${errors}`);
  assert.equal(errors, "");
});

test("standard input › is read for several servers › each gets the whole", async () => {
  await using folder = await temporaryFolder();
  const [one, other] = [join(folder.path, "one"), join(folder.path, "other")];
  const users = { alice: {}, bob: {} };
  await using _one = await startMailServer({ place: { path: one }, users });
  await using _other = await startMailServer({ place: { path: other }, users });
  const server = `${one} ${other}`;
  const pipe = join(folder.path, "pipe");
  await output("mkfifo", pipe);

  const message = "Subject: x\r\n\r\nx\r\n";
  const saving = start(["save", "-u", "alice"], { server, stdio: ["pipe", "ignore", "pipe"] });
  saving.child.stdin!.end(message);
  assert.equal((await saving.wait()).code, 0);
  const fromPipe = start(["save", "-u", "bob", pipe], {
    ...{ server, stdio: ["ignore", "ignore", "pipe"] },
  });
  await writeFile(pipe, message);
  assert.equal((await fromPipe.wait()).code, 0);

  const words = ["-f", "tab", "fetch", "-F", "-", "size.virtual", "all"];
  const listing = start(words, { server, stdio: ["pipe", "pipe", "pipe"] });
  let rows = "";
  listing.child.stdout!.setEncoding("utf8").on("data", (chunk) => rows += chunk);
  listing.child.stdin!.end("alice\nbob\n");
  assert.equal((await listing.wait()).code, 0);
  const expected = [one, other].flatMap((path) =>
    ["alice", "bob"].map((user) => `${path}\t${user}\t${message.length}`)
  );
  assert.deepEqual(rows.trim().split("\n").slice(1).sort(), expected.sort());
});
