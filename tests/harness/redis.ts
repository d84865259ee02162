/**
 * Starts Redis servers for tests, each with a folder and sockets of its own.
 *
 * A server ends with the test process that started it, even if that is killed, and leaves no process and no
 * folder.
 *
 * @module
 */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureProgram } from "./programs.ts";
import { temporaryFolder } from "./sockets.ts";

/** A server. */
export interface Redis extends AsyncDisposable {
  /** Path of its UNIX socket. */
  readonly path: string;
  /** Its port on 127.0.0.1, the same after a restart. */
  readonly port: number;
  /** Its URL: "redis://127.0.0.1:PORT". */
  readonly url: string;
  /** The process; another one after a restart. */
  readonly pid: number;
  /** Kills it. What it has answered is on disk. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again after {@linkcode kill}, with its data; resolves when it answers. */
  start(): Promise<void>;
  /** Makes it hang: connections stay open, and nothing is answered. */
  pause(): void;
  /** Lets it continue after {@linkcode pause}. */
  resume(): void;
  /** What it has logged since its last start. */
  log(): Promise<string>;
  /** Ends it and removes its folder; resolves when both are gone. */
  stop(): Promise<void>;
}

/** How long a server may take to answer after its start, in milliseconds. */
const START_TIMEOUT = 60_000;

/** How many ports are tried when other processes keep taking the free ones. */
const PORT_ATTEMPTS = 5;

/**
 * Runs a server, as `sh -c WATCHDOG sh FOLDER PROGRAM…`. Each line on standard input, "start" or "kill", is
 * answered with the server's process id, or an empty line. At the end of standard input, which comes even if
 * the test process is killed, the server is killed and the folder removed.
 */
const WATCHDOG = `
cd /
# Nobody may be left to read an answer.
trap '' PIPE
folder=$1 server=
shift
end() {
  [ -z "$server" ] || kill -KILL "$server"
  [ -z "$server" ] || wait "$server"
  server=
} 2>/dev/null
while read -r order; do
  end
  if [ "$order" = start ]; then
    "$@" </dev/null >"$folder/output" 2>&1 &
    server=$!
  fi
  echo "$server"
done
end
rm -rf "$folder"
`;

/** Another process has taken a port that was just free. */
class PortTakenError extends Error {}

/**
 * Starts a server, and resolves when it answers.
 *
 * Installs Redis first if possible. Rejects with the server's log if it doesn't start.
 */
export async function startRedis(): Promise<Redis> {
  const program = await ensureProgram("redis-server");
  for (let attempt = 1;; attempt++) {
    const { path } = await temporaryFolder();
    const server = new RedisServer(program, path, await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

class RedisServer implements Redis {
  readonly path: string;
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #watchdog: ChildProcessByStdio<Writable, Readable, null>;
  #pid = 0;

  constructor(program: string, folder: string, port: number) {
    this.#folder = folder;
    this.path = join(folder, "socket");
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    const settings = {
      ...{ bind: "127.0.0.1", port, unixsocket: this.path, dir: folder },
      // It writes to its log file before it answers.
      ...{ appendonly: "yes", appendfsync: "no", save: "" },
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#watchdog = spawn("sh", ["-c", WATCHDOG, "sh", folder, program, ...args], {
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#keepRunning(false);
  }

  get pid(): number {
    return this.#pid;
  }

  async start(): Promise<void> {
    await this.#order("start");
    const deadline = Date.now() + START_TIMEOUT;
    while (!await answers(this.path)) {
      const log = await this.log();
      if (log.includes("Address already in use")) throw new PortTakenError(log);
      if (Date.now() > deadline) throw new Error(`Redis did not answer. Its log:\n${log}`);
      await sleep(10);
    }
  }

  async kill(): Promise<void> {
    await this.#order("kill");
  }

  pause(): void {
    process.kill(this.#pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.#pid, "SIGCONT");
  }

  async log(): Promise<string> {
    return await readFile(join(this.#folder, "output"), "utf8").catch(() => "");
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode, stdin } = this.#watchdog;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#watchdog, "exit");
    this.#keepRunning(true);
    stdin.end();
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #order(order: "start" | "kill"): Promise<void> {
    const { stdin, stdout } = this.#watchdog;
    const answer = once(stdout, "data");
    this.#keepRunning(true);
    stdin.write(`${order}\n`);
    const [line] = await answer;
    this.#keepRunning(false);
    this.#pid = Number(String(line));
  }

  /** Whether the watchdog keeps the test process running, which a forgotten server must not do. */
  #keepRunning(does: boolean): void {
    const { stdin, stdout } = this.#watchdog;
    for (const part of [this.#watchdog, stdin, stdout] as { ref?(): void; unref?(): void }[]) {
      // Not every runtime's pipes have these methods.
      if (does) part.ref?.();
      else part.unref?.();
    }
  }
}

/** Whether a server at the path is ready for commands. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect({ path });
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.setEncoding("utf8").on("data", (chunk) => {
      answer += chunk;
      if (answer.includes("\n")) socket.destroy();
    });
    // Not there yet; "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer.startsWith("+PONG")));
  });
}

/**
 * A TCP port on 127.0.0.1 that is free at this moment. It is none of those that a system gives to whoever asks for
 * any port, so that nobody gets it while a server is killed.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(() => true, () => false);
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
