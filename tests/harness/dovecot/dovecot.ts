/**
 * Starts real Dovecot servers for tests, each with a folder, sockets, users and mail of its own.
 *
 * A server ends with the test process that started it, even if that is killed, and leaves no process and no
 * folder.
 *
 * @module
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, NetConnectOpts, Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { configuration23 } from "./configuration_2_3.ts";
import { configuration24 } from "./configuration_2_4.ts";
import { ensureDovecot24 } from "./image.ts";
import { ensureDovecot, findDovecot } from "./install.ts";
import { type Mail, prepareFolder } from "./mail.ts";

export { defaultMail, type Mail } from "./mail.ts";

/** The available versions of Dovecot. */
export type DovecotVersion = "2.3" | "2.4";

/** Options for a server. */
export interface DovecotOptions {
  /** The version of Dovecot; "2.3" if left out. */
  readonly version?: DovecotVersion;
  /** Names of the users; alice, bob and carol if left out. */
  readonly users?: readonly string[];
  /** The initial mail, {@linkcode defaultMail} if left out. */
  readonly mail?: Mail;
  /** Each user's storage quota in Dovecot's notation; "1G" if left out. */
  readonly quota?: string;
  /** The maximum number of doveadm connections; 200 if left out. */
  readonly processLimit?: number;
  /**
   * Whether to enable everything with doveadm commands, and add data for them: access control lists, Sieve,
   * full text search, mail encryption, mailbox metadata, a dictionary, a filesystem, metrics, and in 2.3 a
   * replicator and a director. False if left out.
   */
  readonly everything?: boolean;
  /**
   * Whether full text search has an index in 2.3 as well, which needs `everything`. Each connection runs only
   * one command then: Lucene's plugin crashes at the next. False if left out.
   */
  readonly searchIndex?: boolean;
  /**
   * Whether to serve IMAP as well, with the mechanisms PLAIN and LOGIN; with a certificate it offers STARTTLS.
   * False if left out.
   */
  readonly imap?: boolean;
  /**
   * Addresses of the IMAP clients that may tell by ID whom they speak for, as in "127.0.0.2"; none if left
   * out. Dovecot's setting is `login_trusted_networks`.
   */
  readonly trusted?: string;
  /** The server's certificate and key, as PEM, to use TLS; none if left out. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Whether clients wait for the server and connect as soon as it listens. False if left out. */
  readonly hasClients?: boolean;
  /** Settings to append, in that version's syntax; a function gets the folder. */
  readonly extraConfig?: string | ((folder: string) => string);
}

/** A process of a server. */
export interface DovecotProcess {
  /** Its process id. */
  readonly pid: number;
  /** Its title, as in "dovecot-dwAb12Cd/doveadm-server [alice mailbox list]". */
  readonly command: string;
}

/** A running server. */
export interface Dovecot extends AsyncDisposable {
  /** Path of a UNIX socket whose connections are authenticated from the start. */
  readonly socket: string;
  /** Path of a UNIX socket that asks for a password. */
  readonly passwordSocket: string;
  /** TCP port on 127.0.0.1 that asks for a password. */
  readonly port: number;
  /** TCP port on 127.0.0.1 of the HTTP API, which takes the password or the key. */
  readonly httpPort: number;
  /** TCP port on 127.0.0.1 with TLS from the first byte, if the server has a certificate. */
  readonly tlsPort: number | undefined;
  /** TCP port on 127.0.0.1 of IMAP, if the server has it. */
  readonly imapPort: number | undefined;
  /** TCP port on 127.0.0.1 of IMAP with TLS from the first byte, if the server has IMAP and a certificate. */
  readonly imapTlsPort: number | undefined;
  /** The password for them, and of each user. */
  readonly password: string;
  /** The key of the HTTP API. */
  readonly apiKey: string;
  /** Names of the users. */
  readonly users: readonly string[];
  /** Path of the folder of all of this server's files. */
  readonly folder: string;
  /** The server's version, as in "2.3.19.1". */
  readonly version: string;
  /** The master process. */
  readonly pid: number;
  /** The server's log and output so far. */
  log(): Promise<string>;
  /**
   * The master's living child processes, sorted by pid, including a "…/doveadm-server" for each doveadm
   * connection.
   *
   * That process outlives its connection by some milliseconds; a server that was just started has none. Reads
   * /proc, so it rejects if that is missing.
   */
  processes(): Promise<readonly DovecotProcess[]>;
  /** Stops the server and removes its folder; resolves when all of its processes are gone. */
  stop(): Promise<void>;
}

/** Time limits for a server to answer, and to end, in milliseconds: only what hangs reaches them. */
const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 60_000;

/** How many ports are tried when other processes keep taking the free ones. */
const PORT_ATTEMPTS = 5;

/** A UNIX socket's path has at most 107 bytes; the longest one below a server's folder has 30. */
const LONGEST_TMPDIR = 60;

const PASSWORD = "s3cret";
const API_KEY = "k3y";

/**
 * Runs a server, as `sh -c WATCHDOG sh FOLDER PLACE PROGRAM…`, until standard input ends.
 *
 * The program is Dovecot's path, after the command to run it, and PLACE is the folder's real path: both are
 * removed.
 *
 * Standard input ends when the test process closes it or dies, even of SIGKILL, so there is one way out for
 * all cases. The server gets its own process group, so that its remaining processes can be killed at once:
 * a master that died leaves workers, and a stopped worker keeps the master waiting. It is gone when that
 * group has only zombies, which init reaps. The reader of standard input is a separate process, and cleans
 * up alone if the other is killed: Bun kills the child processes of a test that takes too long.
 */
const WATCHDOG = `
cd /
exec 3<&0 </dev/null
folder=$1 place=$2
shift 2
$(command -v setsid) "$@" -F -c "$folder/dovecot.conf" 3<&- >"$place/output" 2>&1 &
master=$!
{
  read -r nothing <&3
  tries=0
  [ -e "$place/ended" ] || kill -TERM "-$master" || kill "$master"
  while [ ! -e "$place/ended" ] && [ "$tries" -lt 10 ]; do
    tries=$((tries + 1))
    sleep 0.02
  done
  [ -e "$place/ended" ] || kill -KILL "-$master" || kill -KILL "$master"
  rm -rf "$place" "$folder"
} 2>/dev/null &
wait "$master"
status=$?
kill -KILL "-$master" 2>/dev/null
echo "$status" >"$place/ended"
wait
alive() {
  kill -0 "-$master" 2>/dev/null || return 1
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
rm -rf "$place" "$folder"
`;

/** Another process has taken a port that was just free. */
class PortTakenError extends Error {}

/**
 * Starts a server and waits until its doveadm sockets answer.
 *
 * Installs Dovecot first if possible. Rejects with the end of the server's log if it doesn't start.
 */
export async function startDovecot(options: DovecotOptions = {}): Promise<Dovecot> {
  const program = options.version === "2.4" ? await findProgram24() : await findProgram23();
  for (let attempt = 1;; attempt++) {
    try {
      return await startOnce(program, options);
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** How to run a Dovecot. */
interface Program {
  /** Its path, after the command to run it. */
  readonly command: readonly string[];
  /** The folder that is "/" for it; empty for the real one. */
  readonly root: string;
  /** Its version, as in "2.3.19.1". */
  readonly version: string;
}

let program23: Promise<Program> | undefined;

/** Searched once per process: a program's version takes a process. */
function findProgram23(): Promise<Program> {
  return program23 ??= lookForProgram23();
}

async function lookForProgram23(): Promise<Program> {
  await ensureDovecot();
  const installation = await findDovecot();
  if (installation === undefined) throw new Error("Dovecot was removed while tests ran.");
  return { command: [installation.dovecot], root: "", version: installation.version };
}

async function findProgram24(): Promise<Program> {
  const { root, dovecot, version } = await ensureDovecot24();
  return { command: ["chroot", root, dovecot], root, version };
}

async function startOnce(program: Program, options: DovecotOptions): Promise<Dovecot> {
  const users = options.users ?? ["alice", "bob", "carol"];
  const { imap = false, trusted = "" } = options;
  const [port, httpPort, directorPort, ...freePort] = await freePorts(6);
  const tlsPort = options.tls === undefined ? undefined : freePort[0];
  const imapPort = imap ? freePort[1] : undefined;
  const imapTlsPort = imap && options.tls !== undefined ? freePort[2] : undefined;
  const { folder, place } = await makeFolder(program.root);
  let watchdog: ChildProcess | undefined;
  try {
    await prepareFolder(folder, { users, password: PASSWORD, mail: options.mail });
    if (options.tls !== undefined) {
      await writeFile(join(folder, "server.crt"), options.tls.cert);
      await writeFile(join(folder, "server.key"), options.tls.key);
    }
    const { quota = "1G", processLimit = 200, everything = false, extraConfig = "" } = options;
    const { searchIndex = false } = options;
    const extra = typeof extraConfig === "function" ? extraConfig(folder) : extraConfig;
    const settings = {
      ...{ folder, port, httpPort, tlsPort, directorPort, password: PASSWORD, apiKey: API_KEY },
      ...{ imapPort, imapTlsPort, trusted },
      ...{ quota, processLimit, everything, searchIndex, extra },
    };
    const text = options.version === "2.4"
      ? configuration24(settings)
      : await configuration23(settings);
    await writeFile(join(folder, "dovecot.conf"), text);
    watchdog = spawn("sh", ["-c", WATCHDOG, "sh", folder, place, ...program.command], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    // A forgotten server must not keep the test process running. In Node and Deno the pipe keeps it running
    // too; in Bun it doesn't, and has no unref().
    watchdog.unref();
    (watchdog.stdin as { unref?(): void } | null)?.unref?.();
    const { version } = program;
    const server = new DovecotServer(watchdog, {
      ...{ folder, place, port, httpPort, tlsPort, imapPort, imapTlsPort, users, version },
    });
    await server.started(options.hasClients);
    return server;
  } catch (error) {
    if (watchdog !== undefined) await ended(watchdog);
    await removeFolder(folder, place);
    throw error;
  }
}

/**
 * Creates a server's folder, with one path inside and outside of the folder that is "/" for it.
 *
 * If that isn't the real root, the folder is below it, and a symbolic link leads there.
 */
async function makeFolder(root: string): Promise<{ folder: string; place: string }> {
  if (root === "") {
    const parent = tmpdir().length <= LONGEST_TMPDIR ? tmpdir() : "/tmp";
    const folder = await mkdtemp(join(parent, "dw"));
    return { folder, place: folder };
  }
  for (;;) {
    const place = await mkdtemp(join(root, "tmp", "dw"));
    const folder = join("/tmp", basename(place));
    try {
      await symlink(place, folder);
      return { folder, place };
    } catch (error) {
      await rm(place, { recursive: true });
      // A server of the other version has that name.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

async function removeFolder(folder: string, place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

class DovecotServer implements Dovecot {
  readonly socket: string;
  readonly passwordSocket: string;
  readonly port: number;
  readonly httpPort: number;
  readonly tlsPort: number | undefined;
  readonly imapPort: number | undefined;
  readonly imapTlsPort: number | undefined;
  readonly password: string = PASSWORD;
  readonly apiKey: string = API_KEY;
  readonly users: readonly string[];
  readonly folder: string;
  readonly version: string;
  readonly #place: string;
  readonly #watchdog: ChildProcess;
  #pid = 0;
  #stopped: Promise<void> | undefined;

  constructor(
    watchdog: ChildProcess,
    server:
      & Pick<
        Dovecot,
        | ("folder" | "port" | "httpPort" | "tlsPort" | "imapPort" | "imapTlsPort")
        | ("users" | "version")
      >
      & {
        readonly place: string;
      },
  ) {
    this.#watchdog = watchdog;
    this.#place = server.place;
    this.folder = server.folder;
    this.socket = join(server.folder, "run", "doveadm-server");
    this.passwordSocket = join(server.folder, "run", "doveadm-password");
    this.port = server.port;
    this.httpPort = server.httpPort;
    this.tlsPort = server.tlsPort;
    this.imapPort = server.imapPort;
    this.imapTlsPort = server.imapTlsPort;
    this.users = server.users;
    this.version = server.version;
  }

  get pid(): number {
    return this.#pid;
  }

  /**
   * Resolves when a socket answers; rejects when the server ends, or takes too long. The master listens at all
   * of them before it starts the answering process, and one answer costs a process.
   */
  async started(hasClients = false): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT;
    for (;;) {
      if (existsSync(this.socket) && await answers({ path: this.socket }, deadline)) break;
      const dead = existsSync(join(this.folder, "ended"));
      if (dead || Date.now() > deadline) throw await this.#startError(dead);
      await sleep(10);
    }
    this.#pid = Number(await readFile(join(this.folder, "run", "master.pid"), "utf8"));
    // A test that looks for its connection's worker must not find one that answered here.
    while (
      !hasClients && existsSync("/proc/self") && (await this.processes()).some(isWorker)
    ) {
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
    for (const name of await this.#candidates()) {
      // It may have ended meanwhile.
      const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(parent) !== this.#pid || state === "Z") continue;
      const line = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
      const command = line.replaceAll("\0", " ").trim();
      if (command !== "") found.push({ pid: Number(name), command });
    }
    return found.sort((a, b) => a.pid - b.pid);
  }

  /** The ids of processes that may be the master's children: exactly those, if the kernel lists them. */
  async #candidates(): Promise<readonly string[]> {
    const listed = `/proc/${this.#pid}/task/${this.#pid}/children`;
    const children = await readFile(listed, "utf8").catch(() => undefined);
    if (children !== undefined) return children.split(" ").filter((name) => name !== "");
    return (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    await ended(this.#watchdog);
    await removeFolder(this.folder, this.#place);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Whether it serves doveadm connections, one in its life. */
function isWorker({ command }: DovecotProcess): boolean {
  return command.includes("/doveadm-server");
}

/** Makes the watchdog stop its server, and waits until both are gone. */
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
    socket.setEncoding("utf8").on("data", (chunk) => {
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

/** TCP ports on 127.0.0.1 that are free at this moment. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () =>
      new Promise<Server>((resolve, reject) => {
        const server = createServer();
        server.on("error", reject);
        server.listen(0, "127.0.0.1", () => resolve(server));
      })),
  );
  // Closed when all are known, so that no two are the same.
  return await Promise.all(servers.map((server) =>
    new Promise<number>((resolve) => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    })
  ));
}
