/**
 * A worker, as its supervisor sees it.
 *
 * @module
 */

import { type ChildProcess, fork } from "node:child_process";
import type { AddressInfo, Socket } from "node:net";
import process from "node:process";
import { DovewireError } from "../../core/errors.ts";
import { startTimer } from "../timers.ts";
import { Deliveries, type Outcome, type Parcel } from "./deliveries.ts";
import { type HandoverMessage, messageIn, send } from "./messages.ts";
import { socketIn } from "./sockets.ts";
import type { SuperviseOptions } from "./supervisor.ts";

/** How long a worker may take to end after its connections have, in milliseconds. */
const endTimeout = 30_000;

/** What a worker says, with a socket if one came. */
type OnMessage = (message: HandoverMessage, socket: Socket | undefined) => void;

/** Options for a {@linkcode WorkerProcess}. */
export interface WorkerProcessOptions {
  /** Where the supervisor listens. */
  readonly address: Pick<AddressInfo, "address" | "port">;
  /** How long it may take to take over a client or a connection, in milliseconds; `Infinity` for no limit. */
  readonly takeoverTimeout: number;
}

/** One worker. */
export class WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Says how its connections are to be read. */
  form = "";
  hasEnded = false;
  readonly #deliveries: Deliveries;
  #onMessage: OnMessage = () => {};

  /** Starts it. */
  constructor(
    { worker, args = [], execArgv }: SuperviseOptions,
    { address: { address, port }, takeoverTimeout }: WorkerProcessOptions,
  ) {
    const env = { ...process.env, DOVEWIRE_LISTENS_AT: JSON.stringify([address, port]) };
    const options = execArgv === undefined ? { env } : { env, execArgv: [...execArgv] };
    this.child = fork(worker, args, options);
    this.#deliveries = new Deliveries({
      send: (message, socket) => this.send(message, socket),
      limit: takeoverTimeout,
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.hasEnded = true;
        this.#deliveries.end();
        resolve();
      };
      this.child.once("exit", end);
      // Several may come.
      this.child.on("error", () => {
        if (this.child.pid === undefined) end();
      });
    });
    this.child.once("disconnect", () => this.#deliveries.end());
    this.child.on("message", (received, handle) => {
      const socket = socketIn(handle);
      const message = messageIn(received);
      if (message?.type === "received" || message?.type === "adopted") {
        this.#deliveries.answer(message);
      } else if (message !== undefined) this.#onMessage(message, socket);
    });
  }

  /** Whether it can get clients. */
  get isReachable(): boolean {
    return this.child.connected && !this.hasEnded && !this.#deliveries.hasEnded;
  }

  /** How many deliveries are on their way to it. */
  get deliveries(): number {
    return this.#deliveries.size;
  }

  /** Who hears what it says, answers to {@linkcode give} aside; nobody else does any more. */
  listen(onMessage: OnMessage): void {
    this.#onMessage = onMessage;
  }

  /** Resolves when it has ended, if need be by SIGKILL: something else in it may keep it alive. */
  async endsSoon(): Promise<void> {
    const timer = startTimer(endTimeout, () => this.child.kill("SIGKILL"));
    await this.ended;
    timer.stop();
  }

  /** Sends a message; resolves to whether it was sent, if that is ever known. */
  send(message: HandoverMessage, socket?: Socket): Promise<boolean> {
    return send(this.child, message, socket);
  }

  /** Gives it sockets that nobody reads; resolves when it is known what has become of them. */
  give(parcels: readonly Parcel[], options: { readonly asks?: boolean } = {}): Promise<Outcome> {
    return this.#deliveries.give(parcels, options);
  }

  /** Resolves when nothing is on its way to it; what hasn't started comes back as if it had ended. */
  idle(): Promise<void> {
    return this.#deliveries.idle();
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
