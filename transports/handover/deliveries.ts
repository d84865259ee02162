/**
 * Sockets on their way to a worker.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Queue } from "../../core/queue.ts";
import { startTimer, type Timer } from "../timers.ts";
import type { HandoverMessage, MovingPart, NewClient } from "./messages.ts";

/** A socket that a worker is to get, with what is said of it; the id is that of its delivery. */
export interface Parcel {
  readonly message: NewClient | MovingPart;
  readonly socket: Socket;
}

/** What has become of a delivery. */
export type Outcome =
  /** The worker has taken it over, and no copy is left here. */
  | { readonly type: "taken" }
  /** The worker hasn't touched it, and won't: it can be given to another one. The copies here are open. */
  | {
    readonly type: "untouched";
    readonly why: "ended" | "late" | "refused";
    readonly reason: string;
  }
  /** The worker ended while it took it over. It is closed, since its peers may have heard of the worker. */
  | { readonly type: "lost"; readonly reason: string };

/** Options for {@linkcode Deliveries}. */
export interface DeliveriesOptions {
  /** Sends a message to the worker; resolves to whether it was sent, if that is ever known. */
  readonly send: (message: HandoverMessage, socket?: Socket) => Promise<boolean>;
  /** How long a delivery may take until the worker has all of it, in milliseconds; `Infinity` for no limit. */
  readonly limit: number;
}

/** The deliveries to one worker, one at a time, in their order. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  /** Those that aren't over; the worker's answers are to the first one. */
  readonly #open = new Queue<Delivery>();
  #lastId = 0;
  #hasEnded = false;
  #onIdle: () => void = () => {};

  /** Creates a queue. */
  constructor({ send, limit }: DeliveriesOptions) {
    this.#options = {
      limit,
      send: async (message, socket) => {
        const isSent = await send(message, socket);
        // The channel is broken.
        if (!isSent) this.end();
        return isSent;
      },
    };
  }

  /** How many aren't over. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether the worker gets nothing any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * Gives the worker sockets that nobody reads, and keeps copies until it is known what has become of them. It is asked
   * before if it may have something else to read first.
   */
  give(parcels: readonly Parcel[], { asks = false } = {}): Promise<Outcome> {
    const delivery = new Delivery(++this.#lastId, parcels, { ...this.#options, asks });
    const remove = this.#open.push(delivery);
    // While the first one waits for a worker that says nothing, others come whose time is over.
    void delivery.outcome.then(() => {
      if (delivery.isOver) remove();
    });
    if (this.#hasEnded) this.end();
    else this.#goOn();
    return delivery.outcome;
  }

  /** Resolves when nothing is on its way; what hasn't started comes back as if the worker had ended. */
  async idle(): Promise<void> {
    const first = this.#open.shift();
    this.#endAll();
    if (first === undefined) return;
    this.#open.push(first);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      this.#goOn();
    });
  }

  /** Takes an answer of the worker. */
  answer(message: Answer): void {
    this.#open.first?.answer(message);
    this.#goOn();
  }

  /** The worker has ended, or hears nothing any more. */
  end(): void {
    this.#hasEnded = true;
    this.#endAll();
    this.#onIdle();
  }

  #endAll(): void {
    for (let delivery; (delivery = this.#open.shift()) !== undefined;) delivery.end();
  }

  /** Starts the first one that isn't over, if it waits. */
  #goOn(): void {
    for (let first; (first = this.#open.first) !== undefined;) {
      first.start();
      if (!first.isOver) return;
      this.#open.shift();
    }
    this.#onIdle();
  }
}

/** What a worker says of the sockets that it gets. */
type Answer = Extract<HandoverMessage, { readonly type: "received" | "adopted" }>;

/**
 * The sockets of a client or of a connection on their way: they go to the worker one by one, each when the one before has
 * arrived; then the worker is told that they are its own, and says that it has taken them over.
 */
class Delivery {
  readonly outcome: Promise<Outcome>;
  readonly #id: number;
  readonly #parcels: readonly Parcel[];
  readonly #send: DeliveriesOptions["send"];
  readonly #asks: boolean;
  readonly #timer: Timer;
  /** "dropped": its outcome is known, but the worker has still to answer; "over": it has nothing more to say. */
  #state: "waiting" | "sending" | "taking" | "dropped" | "over" = "waiting";
  #sent = 0;
  #settle: (outcome: Outcome) => void = () => {};

  constructor(
    id: number,
    parcels: readonly Parcel[],
    { send, limit, asks }: DeliveriesOptions & { readonly asks: boolean },
  ) {
    this.#asks = asks;
    this.#id = id;
    this.#parcels = parcels;
    this.#send = send;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#timer = startTimer(limit, () => this.#expire(limit));
  }

  /** Whether the next one may start. */
  get isOver(): boolean {
    return this.#state === "over";
  }

  /** Sends the first socket, if that wasn't done. */
  start(): void {
    if (this.#state !== "waiting") return;
    this.#state = "sending";
    if (this.#asks) void this.#send({ type: "coming", id: this.#id });
    else this.#next();
  }

  /** Takes the worker's answer. */
  answer(answer: Answer): void {
    if (answer.id !== this.#id) return;
    if (this.#state === "dropped" && answer.type === "received") this.#drop();
    else if (answer.type === "received") this.#next();
    else if (answer.reason === undefined) this.#end({ type: "taken" });
    else this.#end({ type: "untouched", why: "refused", reason: answer.reason });
  }

  /** The worker has ended. */
  end(): void {
    const reason = "the worker has ended";
    if (this.#state === "taking") this.#end({ type: "lost", reason });
    else this.#end({ type: "untouched", why: "ended", reason });
  }

  #next(): void {
    const id = this.#id;
    if (this.#sent === this.#parcels.length) {
      this.#state = "taking";
      this.#timer.stop();
      void this.#send({ type: "take", id });
      return;
    }
    const { message, socket } = this.#parcels[this.#sent++];
    if (!socket.destroyed) return void this.#send({ ...message, id }, socket);
    this.#settle({ type: "untouched", why: "refused", reason: "its socket is closed" });
    this.#drop();
  }

  #expire(limit: number): void {
    const reason = `the worker didn't take it over within ${limit} ms`;
    this.#settle({ type: "untouched", why: "late", reason });
    this.#state = this.#state === "waiting" ? "over" : "dropped";
  }

  /** Tells the worker to close what it has of it; it says when that is done. */
  #drop(): void {
    this.#timer.stop();
    this.#state = "dropped";
    void this.#send({ type: "drop", id: this.#id });
  }

  #end(outcome: Outcome): void {
    this.#timer.stop();
    this.#state = "over";
    if (outcome.type !== "untouched") this.#parcels.forEach(({ socket }) => socket.destroy());
    this.#settle(outcome);
  }
}
