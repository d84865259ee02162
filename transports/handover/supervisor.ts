/**
 * A process that accepts clients for its workers, and has no conversation of its own.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { DovewireError, LocalProtocolError } from "../../core/errors.ts";
import { checkOptions } from "../../core/option_checks.ts";
import { checkAddress } from "../address_checks.ts";
import { callListener } from "../call_listener.ts";
import { startTimer, timeLimit, type Timer } from "../timers.ts";
import { type Address, peerName } from "../transport.ts";
import type { Outcome } from "./deliveries.ts";
import { Handover } from "./handover.ts";
import { canStopReading, stopReading } from "./sockets.ts";
import { WorkerProcess } from "./worker_process.ts";

/** How long to wait before another worker is started: at first, and at most, in milliseconds. */
const [firstRestart, longestRestart] = [100, 10_000];

/** How many clients may wait while there is no worker. */
const mostWaiting = 1_000;

/** How many may be on their way to a worker: each has a socket open here meanwhile. */
const mostOnTheirWay = 10_000;

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
  /**
   * How long a worker may take to take over a client, or a connection of another worker; 30 s if left out. After that the
   * client is closed, unless another worker can have it; or the connection stays where it is, and the new worker is
   * ended.
   */
  readonly takeoverTimeout?: number;
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
  const { listen, worker, args = [], execArgv = [] } = options;
  if (listen?.transport !== "tcp" || worker === undefined || worker === "") {
    throw new LocalProtocolError(
      'A supervisor needs "listen", { transport: "tcp", hostname, port }, and "worker", the path of a module.',
    );
  }
  checkAddress(listen, {});
  if (![args, execArgv].every((list) => Array.isArray(list) && list.every(isText))) {
    throw new LocalProtocolError(
      '"args" or "execArgv" is no array of strings. Set it to one, or leave it out.',
    );
  }
  timeLimit("readyTimeout", options.readyTimeout ?? 0);
  timeLimit("takeoverTimeout", options.takeoverTimeout ?? 0);
  timeLimit("handoverTimeout", options.handoverTimeout ?? 0);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** What {@linkcode supervise} returns. */
export class Supervisor implements AsyncDisposable {
  /** Where it listens, with the chosen port. */
  readonly address: Address;
  readonly #server: Server;
  readonly #options: SuperviseOptions;
  readonly #readyTimeout: number;
  readonly #takeoverTimeout: number;
  readonly #handoverTimeout: number;
  /** The worker that gets clients. */
  #worker: WorkerProcess | undefined;
  /** Clients that came while there was none. */
  #waiting: Socket[] = [];
  /** The worker before, while its connections move. */
  #previous: WorkerProcess | undefined;
  /** What moves them. */
  #handover: Handover | undefined;
  #canStopReading = true;
  /** The worker that is being started. */
  #starting: WorkerProcess | undefined;
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
    this.#takeoverTimeout = timeLimit("takeoverTimeout", options.takeoverTimeout ?? 30_000);
    this.#handoverTimeout = timeLimit("handoverTimeout", options.handoverTimeout ?? 60_000);
    const { address: hostname, port } = server.address() as AddressInfo;
    this.address = { transport: "tcp", hostname, port };
    server.on("connection", (socket: Socket) => this.#accept(socket));
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
   * where they are. Rejects, too, if the supervisor is closed meanwhile.
   */
  upgrade(): Promise<Upgrade> {
    this.#upgrading ??= this.#upgrade().finally(() => {
      this.#upgrading = undefined;
    });
    return this.#upgrading;
  }

  /**
   * Stops listening, lets the worker end its connections, and resolves when it has ended. An upgrade that is under way
   * rejects, and connections that haven't moved are ended as well.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    process.off("SIGHUP", this.#hangUp);
    this.#server.close();
    this.#restart?.stop();
    const starting = this.#starting;
    starting?.child.kill("SIGKILL");
    await starting?.ended;
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#handover?.stop();
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

  async #newWorker(): Promise<WorkerProcess> {
    if (this.#isClosing) throw new DovewireError("The supervisor is closed.");
    const { hostname: address, port } = this.address as { hostname: string; port: number };
    const worker = this.#starting = new WorkerProcess(this.#options, {
      address: { address, port },
      takeoverTimeout: this.#takeoverTimeout,
    });
    try {
      await worker.ready(this.#readyTimeout);
      return worker;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Lets a worker have the clients from here on. */
  #use(worker: WorkerProcess): void {
    if (this.#isClosing) return void worker.child.kill("SIGKILL");
    this.#worker = worker;
    void worker.ended.then(() => this.#workerEnded(worker));
    for (const socket of this.#waiting.splice(0)) this.#pass(socket);
  }

  #workerEnded(worker: WorkerProcess): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    // While connections move, clients wait until it is known who goes on.
    if (this.#previous === undefined) this.#replaceWorker();
  }

  /** Starts another worker, or goes back to the one before. */
  #replaceWorker(previous?: WorkerProcess): void {
    if (previous?.hasEnded === false) {
      this.#worker = previous;
      for (const socket of this.#waiting.splice(0)) this.#pass(socket);
    } else if (!this.#isClosing) {
      this.#report(new DovewireError("The worker has ended by itself. Another one is started."));
      this.#startAgain();
    }
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

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    this.#canStopReading &&= canStopReading(socket);
    stopReading(socket);
    this.#pass(socket);
  }

  /** Passes a client to the worker, or lets it wait for one. */
  #pass(socket: Socket): void {
    const { remoteAddress: hostname, remotePort: port } = socket;
    if (this.#isClosing || hostname === undefined || port === undefined) {
      return void socket.destroy();
    }
    const worker = this.#worker;
    if (worker?.isReachable !== true) {
      if (this.#waiting.length < mostWaiting) this.#waiting.push(socket);
      else socket.destroy();
      return;
    }
    if (worker.deliveries >= mostOnTheirWay) return void socket.destroy();
    const peer = peerName({ transport: "tcp", hostname, port });
    const given = worker.give([{ message: { type: "client", id: 0, peer }, socket }]);
    void given.then((outcome) => this.#passed(socket, worker, outcome));
  }

  /** Passes a client to another worker if the first one hasn't touched it. */
  #passed(socket: Socket, worker: WorkerProcess, outcome: Outcome): void {
    if (outcome.type !== "untouched" || socket.destroyed) return;
    const { why, reason } = outcome;
    if (why === "ended" || why === "late" && this.#worker !== worker) return this.#pass(socket);
    this.#report(new DovewireError(`A client was closed: ${reason}.`));
    // The worker may have a copy, so that closing this one alone would not be noticed.
    socket.destroySoon();
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
      this.#handover = new Handover(old, next, (error) => this.#report(error));
      return await this.#handover.run(this.#handoverTimeout);
    } finally {
      this.#previous = this.#handover = undefined;
      if (this.#worker === undefined) this.#replaceWorker(old);
    }
  }

  #report(error: unknown): void {
    callListener(this.#options.onError, error);
  }
}
