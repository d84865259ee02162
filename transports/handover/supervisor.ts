/**
 * A process that accepts clients for its workers, and has no conversation of its own.
 *
 * @module
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { DovewireError, LocalProtocolError } from "../../core/errors.ts";
import { checkOptions } from "../../core/option_checks.ts";
import { callListener } from "../call_listener.ts";
import { startTimer, timeLimit, type Timer } from "../timers.ts";
import { type Address, peerName } from "../transport.ts";
import { type HandoverMessage, messageIn, type MovingPart, send } from "./messages.ts";
import { canStopReading, socketIn, stopReading } from "./sockets.ts";

/** How long a worker may take to end after its connections have, in milliseconds. */
const endTimeout = 30_000;

/** How long to wait before another worker is started: at first, and at most, in milliseconds. */
const [firstRestart, longestRestart] = [100, 10_000];

/** How many clients may wait while there is no worker. */
const mostWaiting = 1_000;

/** Options for {@linkcode supervise}. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface SuperviseOptions {
  /** Where to listen: a TCP port, 0 for any that is free. */
  readonly listen: Address & { readonly transport: "tcp" };
  /** The worker's program: the path of a module that creates a `HandoverWorker`. */
  readonly worker: string;
  /** Its arguments. */
  readonly args?: readonly string[];
  /** Arguments of the runtime for it; this process's own if left out. */
  readonly execArgv?: readonly string[];
  /** How long a worker may take to be ready; 30 s if left out. */
  readonly readyTimeout?: number;
  /** How long connections in which something is under way may take until they can move; 1 minute if left out. */
  readonly handoverTimeout?: number;
  /** Whether SIGHUP calls {@linkcode Supervisor.upgrade}; `true` if left out. */
  readonly onHangUp?: boolean;
  /** Called with each error: a worker that ends by itself, an upgrade that fails, connections that can't move. */
  readonly onError?: (error: unknown) => void;
}

/** What an upgrade did. */
export interface Upgrade {
  /** How many connections have moved to the new worker. */
  readonly moved: number;
  /** How many couldn't, and were ended. */
  readonly left: number;
}

/** Starts to listen, and a worker. Rejects with the system's error, or if the worker isn't ready in time. */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  checkSupervise(options);
  const { hostname, port } = options.listen;
  // A client isn't read here: its first byte is the worker's.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(port, hostname);
  await once(server, "listening");
  const supervisor = new Supervisor(server, options);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.close();
    throw error;
  }
  return supervisor;
}

function checkSupervise(options: SuperviseOptions): void {
  checkOptions(options, {
    functions: ["onError"],
    booleans: ["onHangUp"],
    objects: ["listen", "args", "execArgv"],
    texts: ["worker"],
  });
  const { listen, worker } = options;
  if (listen?.transport !== "tcp" || worker === undefined || worker === "") {
    throw new LocalProtocolError(
      'A supervisor needs "listen", { transport: "tcp", hostname, port }, and "worker", the path of a module.',
    );
  }
  timeLimit("readyTimeout", options.readyTimeout ?? 0);
  timeLimit("handoverTimeout", options.handoverTimeout ?? 0);
}

/** One worker. */
class Worker {
  readonly child: ChildProcess;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** The clients that are on their way to it: when it ends, the channel reports the first of them alone. */
  readonly unsent = new Set<Socket>();
  form = "";
  hasEnded = false;
  #onMessage: (message: HandoverMessage, socket: Socket | undefined) => void = () => {};

  constructor(
    { worker, args = [], execArgv }: SuperviseOptions,
    address: Pick<AddressInfo, "address" | "port">,
  ) {
    const env = {
      ...process.env,
      DOVEWIRE_LISTENS_AT: JSON.stringify([address.address, address.port]),
    };
    this.child = fork(
      worker,
      args,
      execArgv === undefined ? { env } : { env, execArgv: [...execArgv] },
    );
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.hasEnded = true;
        resolve();
      };
      this.child.once("exit", end);
      // Several may come.
      this.child.on("error", () => {
        if (this.child.pid === undefined) end();
      });
    });
    this.child.on("message", (received, handle) => {
      const socket = socketIn(handle);
      // In the turn in which it came: nothing was read yet.
      if (socket !== undefined) stopReading(socket);
      const message = messageIn(received);
      if (message !== undefined) this.#onMessage(message, socket);
    });
  }

  /** Who hears what it says; nobody else does any more. */
  listen(onMessage: (message: HandoverMessage, socket: Socket | undefined) => void): void {
    this.#onMessage = onMessage;
  }

  /** Resolves when it has ended, if need be by SIGKILL: something else in it may keep it alive. */
  async endsSoon(): Promise<void> {
    const timer = startTimer(endTimeout, () => this.child.kill("SIGKILL"));
    await this.ended;
    timer.stop();
  }

  send(message: HandoverMessage, socket?: Socket): Promise<boolean> {
    return send(this.child, message, socket);
  }

  /** Sends it a client; calls back if it didn't get it. */
  async pass(peer: string, socket: Socket, onFailure: () => void): Promise<void> {
    this.unsent.add(socket);
    const isSent = await this.send({ type: "client", peer }, socket);
    if (this.unsent.delete(socket) && !isSent) onFailure();
  }

  /** Resolves when it may get clients; rejects if it ends before, or takes longer than that. */
  async ready(limit: number): Promise<void> {
    const isReady = await new Promise<boolean>((resolve) => {
      const timer = startTimer(limit, () => resolve(false));
      this.listen((message) => {
        if (message.type !== "ready") return;
        this.form = message.form;
        timer.stop();
        resolve(true);
      });
      void this.ended.then(() => {
        timer.stop();
        resolve(false);
      });
    });
    if (isReady) return;
    const how = this.hasEnded ? "ended before it was ready" : `wasn't ready within ${limit} ms`;
    this.child.kill("SIGKILL");
    throw new DovewireError(`The worker ${how}. Call "serve" of its HandoverWorker.`);
  }
}

/** What {@linkcode supervise} returns. */
export class Supervisor implements AsyncDisposable {
  /** Where it listens, with the chosen port. */
  readonly address: Address;
  readonly #server: Server;
  readonly #options: SuperviseOptions;
  readonly #readyTimeout: number;
  readonly #handoverTimeout: number;
  /** The worker that gets clients. */
  #worker: Worker | undefined;
  /** Clients that came while there was none. */
  #waiting: Socket[] = [];
  /** The worker before, while its connections move. */
  #previous: Worker | undefined;
  #canStopReading = true;
  /** The worker that is being started. */
  #starting: Worker | undefined;
  /** Ends the wait before another start. */
  #restart: Timer | undefined;
  #failedStarts = 0;
  #upgrading: Promise<Upgrade> | undefined;
  #isClosing = false;
  readonly #hangUp = () => void this.upgrade().catch((error) => this.#report(error));

  /** Called by {@linkcode supervise} with a server of `node:net` that listens; the declaration needs no types of Node. */
  constructor(listening: object, options: SuperviseOptions) {
    const server = listening as Server;
    this.#server = server;
    this.#options = options;
    this.#readyTimeout = timeLimit("readyTimeout", options.readyTimeout ?? 30_000);
    this.#handoverTimeout = timeLimit("handoverTimeout", options.handoverTimeout ?? 60_000);
    const { address: hostname, port } = server.address() as AddressInfo;
    this.address = { transport: "tcp", hostname, port };
    server.on("connection", (socket: Socket) => this.#pass(socket));
    server.on("error", (error) => this.#report(error));
    if (options.onHangUp !== false) process.on("SIGHUP", this.#hangUp);
  }

  /** The process id of the worker that gets clients; `undefined` while there is none. */
  get workerPid(): number | undefined {
    return this.#worker?.child.pid;
  }

  /** Starts the first worker; called by {@linkcode supervise}. */
  async start(): Promise<void> {
    this.#use(await this.#newWorker());
  }

  /**
   * Starts another worker, and moves all connections there: their peers notice nothing. New clients go to the new one at
   * once. A connection in which something is under way moves as soon as that is over. Those that can't move are ended
   * by their worker, which ends afterwards.
   *
   * Rejects before anything has moved if the new worker doesn't start, or has another form of connections than the old
   * one, or if this runtime can't stop a socket's reading. If it ends while connections move, those that haven't moved stay
   * where they are.
   */
  upgrade(): Promise<Upgrade> {
    this.#upgrading ??= this.#upgrade().finally(() => {
      this.#upgrading = undefined;
    });
    return this.#upgrading;
  }

  /** Stops listening, lets the worker end its connections, and resolves when it has ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    process.off("SIGHUP", this.#hangUp);
    this.#server.close();
    this.#restart?.stop();
    const starting = this.#starting;
    starting?.child.kill("SIGKILL");
    await starting?.ended;
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    await this.#upgrading?.catch(() => {});
    const worker = this.#worker;
    if (worker === undefined || worker.hasEnded) return;
    await worker.send({ type: "stop" });
    await worker.endsSoon();
  }

  /** Closes it, as {@linkcode close} does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #newWorker(): Promise<Worker> {
    if (this.#isClosing) throw new DovewireError("The supervisor is closed.");
    const { hostname: address, port } = this.address as { hostname: string; port: number };
    const worker = this.#starting = new Worker(this.#options, { address, port });
    try {
      await worker.ready(this.#readyTimeout);
      return worker;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Lets a worker have the clients from here on. */
  #use(worker: Worker): void {
    if (this.#isClosing) return void worker.child.kill("SIGKILL");
    this.#worker = worker;
    void worker.ended.then(() => this.#workerEnded(worker));
    for (const socket of this.#waiting.splice(0)) this.#pass(socket);
  }

  #workerEnded(worker: Worker): void {
    const clients = [...this.#waiting.splice(0), ...worker.unsent];
    worker.unsent.clear();
    if (this.#isClosing) return clients.forEach((socket) => void socket.destroy());
    const wasInUse = this.#worker === worker;
    if (wasInUse) {
      this.#worker = this.#previous?.hasEnded === false ? this.#previous : undefined;
    }
    for (const socket of clients) this.#pass(socket);
    if (!wasInUse || this.#worker !== undefined) return;
    this.#report(new DovewireError("The worker has ended by itself. Another one is started."));
    this.#startAgain();
  }

  /** Starts another worker, again and again until one is ready; later each time. */
  #startAgain(): void {
    const delay = Math.min(longestRestart, firstRestart * 2 ** this.#failedStarts);
    this.#restart = startTimer(delay, () => {
      void this.start().then(() => this.#failedStarts = 0, (error) => {
        if (this.#isClosing) return;
        this.#report(error);
        this.#failedStarts = Math.min(this.#failedStarts + 1, 20);
        this.#startAgain();
      });
    });
  }

  /** Passes a client to the worker. */
  #pass(socket: Socket): void {
    socket.on("error", () => {});
    const worker = this.#worker;
    if (worker?.child.connected !== true) {
      if (this.#waiting.length < mostWaiting) this.#waiting.push(socket);
      else socket.destroy();
      return;
    }
    const { remoteAddress: hostname, remotePort: port } = socket;
    if (hostname === undefined || port === undefined) return void socket.destroy();
    this.#canStopReading &&= canStopReading(socket);
    stopReading(socket);
    const peer = peerName({ transport: "tcp", hostname, port });
    void worker.pass(peer, socket, () => this.#pass(socket));
  }

  async #upgrade(): Promise<Upgrade> {
    const old = this.#worker;
    if (old === undefined) {
      throw new DovewireError("There is no worker to upgrade. Try again later.");
    }
    if (!this.#canStopReading) {
      throw new DovewireError(
        "This runtime can't stop reading a socket at once, so that bytes would be lost. Nothing has moved. Restart " +
          "instead, or run the supervisor on Node, Bun or Deno.",
      );
    }
    const next = await this.#newWorker();
    if (next.form !== old.form) {
      next.child.kill("SIGKILL");
      throw new DovewireError(
        `The new worker reads connections of the form ${next.form}, and the old one has those of the form ` +
          `${old.form}. Nothing has moved. Restart instead, or upgrade to a version between.`,
      );
    }
    this.#previous = old;
    this.#use(next);
    try {
      const handover = new Handover(old, next, (error) => this.#report(error));
      return await handover.run(this.#handoverTimeout);
    } finally {
      this.#previous = undefined;
    }
  }

  #report(error: unknown): void {
    callListener(this.#options.onError, error);
  }
}

/** Moves the connections of one worker to another. */
class Handover {
  readonly #old: Worker;
  readonly #next: Worker;
  readonly #onError: (error: unknown) => void;
  /** The parts of the connection that is on its way. */
  #parts: { readonly part: MovingPart; readonly socket: Socket }[] = [];
  #moved = 0;
  #left = 0;

  constructor(old: Worker, next: Worker, onError: (error: unknown) => void) {
    this.#old = old;
    this.#next = next;
    this.#onError = onError;
  }

  /** Resolves when the old worker has ended; rejects when the new one has while the old one still has connections. */
  async run(timeout: number): Promise<Upgrade> {
    const onMessage = (message: HandoverMessage, socket: Socket | undefined) => {
      if (message.type === "part") void this.#pass(message, socket);
      else if (message.type === "adopted") this.#adopted(message.id, message.reason);
      else if (message.type === "handed-over") {
        this.#left = message.left;
        void this.#old.endsSoon();
        if (message.reason !== undefined) this.#onError(new DovewireError(message.reason));
      }
    };
    this.#old.listen(onMessage);
    this.#next.listen(onMessage);
    await this.#old.send({ type: "hand-over", timeout: timeout === Infinity ? null : timeout });
    await Promise.race([this.#old.ended, this.#next.ended]);
    if (!this.#old.hasEnded) {
      await this.#old.send({ type: "keep" });
      throw new DovewireError(
        `The new worker has ended while connections moved there: ${this.#moved} had moved. The others stay where they are.`,
      );
    }
    return { moved: this.#moved, left: this.#left };
  }

  /** Passes a part on when all have come; the old worker sends the next one when one has come. */
  async #pass(part: MovingPart, socket: Socket | undefined): Promise<void> {
    const isReset = socket === undefined || socket.destroyed;
    // Of a connection that a peer has reset on the way, the other socket is of no use.
    if (part.at === 0 || isReset) this.#parts.splice(0).forEach(({ socket }) => socket.destroy());
    if (isReset) return void this.#old.send({ type: "moved", id: part.id });
    this.#parts.push({ part, socket });
    if (part.at + 1 < part.count) return void this.#old.send({ type: "received", id: part.id });
    const to = this.#next.hasEnded ? this.#old : this.#next;
    for (const { part, socket } of this.#parts.splice(0)) await to.send(part, socket);
  }

  #adopted(id: number, reason: string | undefined): void {
    if (reason === undefined) this.#moved++;
    else {
      this.#onError(
        new DovewireError(`A connection was lost on its way to another worker: ${reason}`),
      );
    }
    void this.#old.send({ type: "moved", id });
  }
}
