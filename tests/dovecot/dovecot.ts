/**
 * Starts real Dovecot servers for tests, each with a folder, sockets, users and mail of its own.
 *
 * A server ends with the test process that started it, however that ends, and leaves nothing
 * behind.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, lchown, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { utimes, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, NetConnectOpts } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureDovecot, findDovecot } from "./install.ts";

/** Messages by user and by mailbox ("INBOX", "Projects/2024"); an empty list makes a mailbox. */
export type Mail = Readonly<
  Record<string, Readonly<Record<string, readonly (string | Uint8Array)[]>>>
>;

/** What a server is to be like. */
export interface DovecotOptions {
  /** Names of the users; alice, bob and carol unless given. */
  readonly users?: readonly string[];
  /** What is in the mailboxes at the start, {@linkcode defaultMail} unless given. */
  readonly mail?: Mail;
  /** Each user's storage quota in Dovecot's notation, "1G" unless given. */
  readonly quota?: string;
  /** How many doveadm connections the server takes at once, 200 unless given. */
  readonly processLimit?: number;
  /** Settings to put behind the others, in Dovecot's syntax; a function is given the folder. */
  readonly extraConfig?: string | ((folder: string) => string);
}

/** A process of a server. */
export interface DovecotProcess {
  /** Its process id. */
  readonly pid: number;
  /** What it calls itself, as in "dovecot-dwAb12Cd/doveadm-server [alice mailbox list]". */
  readonly command: string;
}

/** A server that runs. */
export interface Dovecot extends AsyncDisposable {
  /** Path of a UNIX socket whose connections are authenticated from the start. */
  readonly socket: string;
  /** Path of a UNIX socket that asks for a password. */
  readonly passwordSocket: string;
  /** TCP port on 127.0.0.1 that asks for a password. */
  readonly port: number;
  /** The password that they ask for, and that of each user. */
  readonly password: string;
  /** Names of the users. */
  readonly users: readonly string[];
  /** Path of the folder that everything of this server is in. */
  readonly folder: string;
  /** The server's version, as in "2.3.19.1". */
  readonly version: string;
  /** The master process. */
  readonly pid: number;
  /** All that the server has logged and printed so far. */
  log(): Promise<string>;
  /**
   * The master's child processes that live now, sorted by pid, and among them a
   * "…/doveadm-server" for each doveadm connection.
   *
   * That one outlives its connection by some milliseconds; a server that was just started has none.
   * Reads /proc, so it rejects where that is missing.
   */
  processes(): Promise<readonly DovecotProcess[]>;
  /** Ends the server and removes its folder; resolves when all of its processes are gone. */
  stop(): Promise<void>;
}

/** The mail that servers have unless told otherwise: alice has three messages, nobody else any. */
export const defaultMail: Mail = {
  alice: {
    INBOX: [
      message("Bob <bob@example.org>", "Lunch?", "Mon, 05 Jan 2026 11:30:00 +0000", "At noon?\n"),
      message("Carol <carol@example.org>", "Minutes", "Tue, 06 Jan 2026 16:05:00 +0100", "None.\n"),
      message("Bob <bob@example.org>", "Re: Lunch?", "Wed, 07 Jan 2026 09:15:00 -0500", ".\nOK.\n"),
    ],
    Sent: [],
    Projects: [],
    "Projects/2024": [],
  },
};

/** How long a server may take until it answers, and until it is gone, in milliseconds. */
const START_TIMEOUT = 20_000;
const STOP_TIMEOUT = 20_000;

/** How many ports are tried when others keep taking the ones that were free. */
const PORT_ATTEMPTS = 5;

/** Owner of the mail when root runs the server: "nobody" on every system that the tests know. */
const MAIL_ID = 65534;

/** A UNIX socket's path has at most 107 bytes; the longest one below a server's folder has 30. */
const LONGEST_TMPDIR = 60;

const PASSWORD = "s3cret";

/**
 * Runs a server, as `sh -c WATCHDOG sh DOVECOT FOLDER`, until standard input ends.
 *
 * That end comes when the test process closes it and when the test process dies, of SIGKILL even,
 * so there is one way out for everything. The server gets a process group of its own, so that what
 * is left of it can be killed at once: a master that died by itself leaves workers, and a worker
 * that was stopped keeps the master waiting. It is gone when that group has nothing but zombies,
 * which are for init to reap. What reads standard input is a process of its own, and cleans up
 * alone should the other be killed: Bun kills the child processes of a test that takes too long.
 */
const WATCHDOG = `
cd /
exec 3<&0 </dev/null
$(command -v setsid) "$1" -F -c "$2/dovecot.conf" 3<&- >"$2/output" 2>&1 &
master=$!
{
  read -r nothing <&3
  tries=0
  [ -e "$2/ended" ] || kill -TERM "-$master" || kill "$master"
  while [ ! -e "$2/ended" ] && [ "$tries" -lt 10 ]; do
    tries=$((tries + 1))
    sleep 0.02
  done
  [ -e "$2/ended" ] || kill -KILL "-$master" || kill -KILL "$master"
  rm -rf "$2"
} 2>/dev/null &
wait "$master"
status=$?
kill -KILL "-$master" 2>/dev/null
echo "$status" >"$2/ended"
wait
alive() {
  for stat in /proc/[0-9]*/stat; do
    read -r pid name state parent group rest <"$stat" || continue
    [ "$group" != "$master" ] || [ "$state" = Z ] || return 0
  done
  return 1
}
tries=0
while alive && [ "$tries" -lt 500 ]; do
  tries=$((tries + 1))
  sleep 0.02
done
rm -rf "$2"
`;

/** A port that was free a moment ago belongs to somebody else by now. */
class PortTakenError extends Error {}

/**
 * Starts a server and waits until all three of its sockets answer.
 *
 * Dovecot is installed first where that is possible. Rejects with the end of the server's log when
 * it does not come up.
 */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  await ensureDovecot();
  for (let attempt = 1;; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startOnce(options: DovecotOptions): Promise<Dovecot> {
  const installation = await findDovecot();
  if (installation === undefined) throw new Error("Dovecot was removed while tests ran.");
  const users = options.users ?? ["alice", "bob", "carol"];
  const port = await freePort();
  const root = tmpdir().length <= LONGEST_TMPDIR ? tmpdir() : "/tmp";
  const folder = await mkdtemp(join(root, "dw"));
  let watchdog: ChildProcess | undefined;
  try {
    await prepareFolder(folder, users, options.mail ?? defaultMail);
    const settings = await configuration(folder, port, options);
    await writeFile(join(folder, "dovecot.conf"), settings);
    watchdog = spawn("sh", ["-c", WATCHDOG, "sh", installation.dovecot, folder], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    // A server that a test forgot must not keep the test process from its end. In Node and Deno the
    // pipe counts by itself; in Bun it doesn't, and has no unref().
    watchdog.unref();
    (watchdog.stdin as { unref?(): void } | null)?.unref?.();
    const server = new DovecotServer(watchdog, folder, port, users, installation.version);
    await server.started();
    return server;
  } catch (error) {
    if (watchdog !== undefined) await ended(watchdog);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class DovecotServer implements Dovecot {
  readonly socket: string;
  readonly passwordSocket: string;
  readonly port: number;
  readonly password: string = PASSWORD;
  readonly users: readonly string[];
  readonly folder: string;
  readonly version: string;
  readonly #watchdog: ChildProcess;
  #pid = 0;
  #stopped: Promise<void> | undefined;

  constructor(
    watchdog: ChildProcess,
    folder: string,
    port: number,
    users: readonly string[],
    version: string,
  ) {
    this.#watchdog = watchdog;
    this.folder = folder;
    this.socket = join(folder, "run", "doveadm-server");
    this.passwordSocket = join(folder, "run", "doveadm-password");
    this.port = port;
    this.users = users;
    this.version = version;
  }

  get pid(): number {
    return this.#pid;
  }

  /** Resolves when every socket answers; rejects when the server ends, or takes too long. */
  async started(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT;
    const addresses: readonly NetConnectOpts[] = [
      { path: this.socket },
      { path: this.passwordSocket },
      { host: "127.0.0.1", port: this.port },
    ];
    for (;;) {
      const answered = await Promise.all(addresses.map((address) => answers(address, deadline)));
      if (answered.every(Boolean)) break;
      const dead = existsSync(join(this.folder, "ended"));
      if (dead || Date.now() > deadline) throw await this.#startError(dead);
      await sleep(10);
    }
    this.#pid = Number(await readFile(join(this.folder, "run", "master.pid"), "utf8"));
    // A test that looks for its connection's worker must not find one that answered here.
    while (existsSync("/proc/self") && (await this.processes()).some(isWorker)) {
      if (Date.now() > deadline) throw await this.#startError(false);
      await sleep(5);
    }
  }

  async #startError(dead: boolean): Promise<Error> {
    const log = await this.log();
    const end = log.trimEnd().split("\n").slice(-20).join("\n");
    const what = dead ? "ended while it started" : `did not answer within ${START_TIMEOUT} ms`;
    const text = `Dovecot ${this.version} in ${this.folder} ${what}. The end of its log:\n${end}`;
    return log.includes("Address already in use") ? new PortTakenError(text) : new Error(text);
  }

  async log(): Promise<string> {
    const files = ["output", "dovecot.log"].map((name) => join(this.folder, name));
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
    return texts.join("");
  }

  async processes(): Promise<readonly DovecotProcess[]> {
    const found: DovecotProcess[] = [];
    for (const name of await readdir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      // It may have ended in between.
      const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(parent) !== this.#pid || state === "Z") continue;
      const line = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
      const command = line.replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid: Number(name), command });
    }
    return found.sort((a, b) => a.pid - b.pid);
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    await ended(this.#watchdog);
    await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Whether it serves doveadm connections, one in its life. */
function isWorker({ command }: DovecotProcess): boolean {
  return command.includes("/doveadm-server");
}

/** Tells the watchdog to end its server, and waits until both are gone. */
async function ended(watchdog: ChildProcess): Promise<void> {
  if (watchdog.exitCode !== null || watchdog.signalCode !== null) {
    watchdog.stdin?.end();
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`Dovecot's watchdog, process ${watchdog.pid}, does not end.`));
    }, STOP_TIMEOUT);
    watchdog.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    watchdog.ref();
    watchdog.stdin?.end();
  });
}

/** Whether a doveadm server at the address sends its half of the handshake. */
function answers(address: NetConnectOpts, deadline: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    let received = "";
    socket.setTimeout(Math.max(1, deadline - Date.now()));
    socket.on("connect", () => socket.write("VERSION\tdoveadm-server\t1\t1\n"));
    socket.on("data", (chunk) => {
      received += chunk;
      if (received.includes("\n")) socket.destroy();
    });
    socket.on("end", () => socket.destroy());
    socket.on("timeout", () => socket.destroy());
    // Not there yet; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => resolve(received.startsWith("VERSION\t")));
  });
}

/** A TCP port on 127.0.0.1 that nobody listens on at this moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Writes everything but the configuration: users, homes and mail. */
async function prepareFolder(folder: string, users: readonly string[], mail: Mail): Promise<void> {
  const { uid, gid } = mailOwner();
  // The owner of the mail has to get to it.
  await chmod(folder, 0o711);
  const lines = users.map((user) => {
    if (!/^[^\s:/\\\p{Cc}]+$/u.test(user) || user.startsWith(".")) {
      throw new Error(`${JSON.stringify(user)} cannot be the name of a user.`);
    }
    return `${user}:{PLAIN}${PASSWORD}:${uid}:${gid}::${join(folder, "mail", user)}::\n`;
  });
  await writeFile(join(folder, "passwd"), lines.join(""));
  // Dovecot's authentication process reads it, and is not root.
  await chmod(join(folder, "passwd"), 0o644);
  await mkdir(join(folder, "state"));
  await mkdir(join(folder, "mail"));
  for (const user of users) {
    const maildir = join(folder, "mail", user, "Maildir");
    await writeMailbox(maildir, []);
    for (const [mailbox, messages] of Object.entries(mail[user] ?? {})) {
      const path = mailbox === "INBOX" ? maildir : join(maildir, folderName(mailbox));
      await writeMailbox(path, messages);
    }
  }
  for (const user of Object.keys(mail)) {
    // The default mail is alice's, and a test need not have her.
    if (mail === defaultMail || users.includes(user)) continue;
    throw new Error(`There is mail for ${JSON.stringify(user)}, who is not among the users.`);
  }
  const entries = await readdir(join(folder, "mail"), { recursive: true });
  for (const entry of ["", ...entries]) await lchown(join(folder, "mail", entry), uid, gid);
}

function mailOwner(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  return uid === 0 ? { uid: MAIL_ID, gid: MAIL_ID } : { uid, gid };
}

async function writeMailbox(
  path: string,
  messages: readonly (string | Uint8Array)[],
): Promise<void> {
  for (const name of ["cur", "new", "tmp"]) await mkdir(join(path, name), { recursive: true });
  for (const [index, message] of messages.entries()) {
    // The name's time is what Dovecot sorts by, the file's is when the message was received.
    const received = Date.UTC(2026, 0, 10, 12, index) / 1000;
    const bytes = Buffer.from(message);
    const file = join(path, "cur", `${received}.M${index}P1.dovewire,S=${bytes.length}:2,`);
    await writeFile(file, bytes);
    await utimes(file, received, received);
  }
}

/** A mailbox's name as a folder's: ".Projects.2024", in modified UTF-7 (RFC 3501, 5.1.3). */
function folderName(mailbox: string): string {
  if (!/^[^./~]+(\/[^./]+)*$/.test(mailbox)) {
    throw new Error(`${JSON.stringify(mailbox)} cannot be the name of a Maildir++ folder.`);
  }
  const encoded = mailbox.replaceAll(/&|[^ -~]+/g, (text) => {
    if (text === "&") return "&-";
    const base64 = Buffer.from(text, "utf16le").swap16().toString("base64");
    return `&${base64.replaceAll("/", ",").replaceAll("=", "")}-`;
  });
  return `.${encoded.replaceAll("/", ".")}`;
}

function message(from: string, subject: string, date: string, body: string): string {
  const headers = { From: from, To: "Alice <alice@example.org>", Subject: subject, Date: date };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  return `${lines.join("")}\n${body}`;
}

async function configuration(
  folder: string,
  port: number,
  options: DovecotOptions,
): Promise<string> {
  const { quota = "1G", processLimit = 200, extraConfig = "" } = options;
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
instance_name = ${basename(folder)}
log_path = ${folder}/dovecot.log
protocols =
listen = 127.0.0.1
ssl = no
verbose_proctitle = yes
default_vsz_limit = 1G
${process.getuid?.() === 0 ? "" : await rootlessConfiguration()}
auth_username_chars =
passdb {
  driver = passwd-file
  args = ${folder}/passwd
}
userdb {
  driver = passwd-file
  args = ${folder}/passwd
}
mail_location = maildir:~/Maildir
mail_plugins = quota
first_valid_uid = 1
first_valid_gid = 1
namespace inbox {
  inbox = yes
  separator = /
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=${quota}
}
doveadm_password = ${PASSWORD}
service doveadm {
  process_limit = ${processLimit}
  unix_listener doveadm-server {
    mode = 0600
  }
  unix_listener doveadm-password {
    mode = 0666
  }
  inet_listener doveadm {
    address = 127.0.0.1
    port = ${port}
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
${typeof extraConfig === "function" ? extraConfig(folder) : extraConfig}
`;
}

/** What it takes to run as an ordinary user, who can neither become others nor chroot. */
async function rootlessConfiguration(): Promise<string> {
  // By name, and from id(1), which knows users that no file lists.
  const user = await output("id", "-un");
  const group = await output("id", "-gn");
  return `
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
service anvil {
  chroot =
}
`;
}

/** What a program prints, without white space around it. */
function output(program: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, (error, stdout) => {
      if (error === null) resolve(stdout.trim());
      else reject(error);
    });
  });
}
