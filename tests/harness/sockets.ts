/**
 * Sockets for tests: servers that end with a test, and a count of open sockets.
 *
 * Only loopback and UNIX sockets in temporary folders, so that tests need no network.
 *
 * @module
 */

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { link, mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { Worker } from "node:worker_threads";
import type { Address } from "../../transports/transport.ts";

/** A listener, until it is disposed of. */
export interface Listening extends AsyncDisposable {
  /** The address to connect to. */
  readonly address: Address;
}

/** A listener that hands its connections to a test. */
export interface SocketServer extends Listening {
  /**
   * Closes the connections on which nothing has arrived. After an aborted request the `fetch` of some
   * runtimes opens one, and keeps it for seconds.
   */
  dropUnused(): void;
}

/** The kind of a server's socket. */
export type SocketKind = Address["transport"];

/**
 * Listens on a free port of loopback, or at a UNIX socket in a temporary folder, and hands each
 * connection to `onConnection`.
 *
 * Connections stay half-open when one side ends, as in the protocols. Readers and writers get a connection's
 * errors. Disposing destroys the remaining connections.
 */
export async function listen(
  kind: SocketKind,
  onConnection: (socket: Socket) => void,
): Promise<SocketServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  const folder = kind === "unix" ? await temporaryFolder() : undefined;
  const address = await listeningAt(server, folder?.path);
  return {
    address,
    dropUnused(): void {
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      await folder?.[Symbol.asyncDispose]();
    },
  };
}

/** Starts a server, on loopback or in a folder, and returns its address. */
function listeningAt(server: Server, folder: string | undefined): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    if (folder !== undefined) {
      const path = join(folder, "socket");
      server.listen(path, () => resolve({ transport: "unix", path }));
      return;
    }
    const hostname = "127.0.0.1";
    server.listen(0, hostname, () => {
      const bound = server.address();
      if (bound === null || typeof bound === "string") reject(new Error("This is no TCP server."));
      else resolve({ transport: "tcp", hostname, port: bound.port });
    });
  });
}

/** A server's end of a connection, which is read only on request. */
export interface SocketEnd {
  /** The next bytes, or `undefined` at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the system has accepted the bytes. */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends the output, and keeps reading. */
  closeWrite(): Promise<void>;
  /** Closes the connection; unread input resets it. */
  close(): Promise<void>;
}

/** A server's end of a connection, for tests that read from it step by step. */
export function endOf(socket: Socket): SocketEnd {
  const chunks: AsyncIterator<Uint8Array> = socket.iterator({ destroyOnReturn: false });
  return {
    async read(): Promise<Uint8Array | undefined> {
      const { value, done } = await chunks.next();
      return done ? undefined : value;
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        socket.write(chunk, (error) => error ? reject(error) : resolve());
      }),
    closeWrite: () => new Promise((resolve) => socket.end(resolve)),
    close: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve();
        else socket.once("close", () => resolve()).destroy();
      }),
  };
}

/** A TCP port that is no service's, and that no system gives to whoever asks for any port. */
const deadPort = 4;

/** An address at which nobody listens; a UNIX socket's server has just closed. */
export async function listenNowhere(kind: SocketKind): Promise<Listening> {
  if (kind === "tcp") {
    return {
      address: { transport: "tcp", hostname: "127.0.0.1", port: deadPort },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  await using server = await listen(kind, () => {});
  const { address } = server;
  if (address.transport === "tcp") throw new Error("This is no UNIX socket.");
  // A server that closes removes its file; one that dies doesn't.
  const folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  await link(address.path, path);
  return {
    address: { transport: "unix", path },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A folder that disposing of it removes, with its content. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "dovewire-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Listens in a blocked thread, so that no connection is accepted. */
const stuckListener = `
const { parentPort, workerData } = require("node:worker_threads");
const server = require("node:net").createServer();
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(workerData, 0, 0);
  server.close();
});
`;

/** A TCP port whose queue of connections is full, so that connecting to it hangs. */
export async function listenAndNeverAccept(): Promise<Listening> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(stuckListener, { eval: true, workerData: gate });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  const hostname = "127.0.0.1";
  const queued: Socket[] = [];
  // Not every runtime respects the requested backlog: it is full when a connection hangs.
  for (let isFull = false; !isFull;) {
    const socket = createConnection(port, hostname);
    queued.push(socket);
    isFull = !await connectsSoon(socket);
  }
  return {
    address: { transport: "tcp", hostname, port },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of queued) socket.destroy();
      const gone = new Promise((resolve) => worker.once("exit", resolve));
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await gone;
    },
  };
}

function connectsSoon(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    // If this process was suspended for so long, events are reported only now.
    const timer = setTimeout(() => setImmediate(() => resolve(!socket.connecting)), 300);
    socket.on("error", () => {});
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Whether {@linkcode openSockets} works on this system. */
export const canCountSockets: boolean = existsSync("/proc/self/fd");

/**
 * How many sockets this process has open, by Linux's list of its file descriptors; 0 on other systems, where
 * leaks aren't noticed.
 */
export function openSockets(): number {
  if (!canCountSockets) return 0;
  return readdirSync("/proc/self/fd").filter(isSocket).length;
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith("socket:");
  } catch {
    // Closed since the folder was read.
    return false;
  }
}

/**
 * Resolves when at most `count` sockets are open, and rejects if that doesn't happen: a runtime closes a
 * socket some turns after the call. Connections that a runtime has opened to `server` in advance don't count.
 */
export async function socketsDownTo(
  count: number,
  server?: Pick<SocketServer, "dropUnused">,
): Promise<void> {
  for (let turn = 0; openSockets() > count; turn++) {
    server?.dropUnused();
    if (turn === 3000) throw new Error(`${openSockets() - count} sockets were left open.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
