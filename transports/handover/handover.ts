/**
 * The connections of one worker on their way to another.
 *
 * @module
 */

import type { Socket } from "node:net";
import { DovewireError } from "../../core/errors.ts";
import type { Parcel } from "./deliveries.ts";
import type { HandoverMessage, MovingPart } from "./messages.ts";
import type { Upgrade } from "./supervisor.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** Moves the connections of one worker to another. */
export class Handover {
  readonly #old: WorkerProcess;
  readonly #next: WorkerProcess;
  readonly #onError: (error: unknown) => void;
  /** What has come of the connection that the old worker gives away. */
  #parcels: Parcel[] = [];
  /** Settled when the connection that is on its way has arrived somewhere. */
  #passed: Promise<void> = Promise.resolve();
  /** Called when the old worker keeps what it has. */
  #onKept: () => void = () => {};
  #moved = 0;
  #left: number | undefined;
  #isStopped = false;

  /** Creates a handover; errors are those of connections. */
  constructor(old: WorkerProcess, next: WorkerProcess, onError: (error: unknown) => void) {
    this.#old = old;
    this.#next = next;
    this.#onError = onError;
  }

  /**
   * Resolves when the old worker has ended; rejects when the new one has while the old one still has connections, and
   * after {@linkcode stop}.
   */
  async run(timeout: number): Promise<Upgrade> {
    this.#old.listen((message, socket) => this.#take(message, socket));
    this.#next.listen(() => {});
    await this.#old.idle();
    await this.#old.send({ type: "hand-over", timeout: timeout === Infinity ? null : timeout });
    await Promise.race([this.#old.ended, this.#next.ended]);
    await this.#passed;
    if (!this.#old.hasEnded) await Promise.race([this.#old.ended, this.#keep()]);
    if (!this.#old.hasEnded) {
      throw new DovewireError(
        `The new worker has ended while connections moved there: ${this.#moved} had moved. The others stay where they are.`,
      );
    }
    this.#forgetParcels();
    if (this.#isStopped) {
      throw new DovewireError(
        `The supervisor was closed while connections moved: ${this.#moved} had moved. The others were ended.`,
      );
    }
    if (this.#left === undefined) {
      this.#report(
        `The old worker has ended by itself: ${this.#moved} of its connections had moved.`,
      );
    }
    return { moved: this.#moved, left: this.#left ?? 0 };
  }

  /** Has the old worker end its connections, and itself, in place of moving them. */
  stop(): void {
    this.#isStopped = true;
    void this.#old.send({ type: "stop" });
    void this.#old.endsSoon();
  }

  async #keep(): Promise<void> {
    const isKept = new Promise<void>((resolve) => {
      this.#onKept = resolve;
    });
    void this.#old.send({ type: "keep" });
    await isKept;
  }

  #take(message: HandoverMessage, socket: Socket | undefined): void {
    if (message.type === "part") this.#takePart(message, socket);
    else if (message.type === "kept") this.#onKept();
    else if (message.type === "handed-over") {
      this.#left = message.left;
      void this.#old.endsSoon();
      if (message.reason !== undefined) this.#report(message.reason);
    }
  }

  /** Passes a connection on when all of it has come; the old worker sends the next part when one has come. */
  #takePart(message: MovingPart, socket: Socket | undefined): void {
    const { id } = message;
    if (message.at === 0) this.#forgetParcels();
    // Of a connection that a peer has reset on the way, the other socket is of no use.
    if (socket === undefined || this.#parcels.length !== message.at) {
      socket?.destroy();
      this.#forgetParcels();
      return void this.#old.send({ type: "moved", id });
    }
    this.#parcels.push({ message, socket });
    if (message.at + 1 < message.count) return void this.#old.send({ type: "received", id });
    const parcels = this.#parcels;
    this.#parcels = [];
    this.#passed = this.#pass(parcels, id);
  }

  #forgetParcels(): void {
    for (const { socket } of this.#parcels.splice(0)) socket.destroy();
  }

  /** Passes a connection on, or back to the old worker if the new one hasn't touched it. */
  async #pass(parcels: readonly Parcel[], id: number): Promise<void> {
    const outcome = await this.#next.give(parcels);
    if (outcome.type === "taken") {
      this.#moved++;
      return void this.#old.send({ type: "moved", id });
    }
    const { reason } = outcome;
    if (outcome.type === "untouched" && outcome.why === "late") this.#next.child.kill("SIGKILL");
    const isBack = outcome.type === "untouched" && await this.#passBack(parcels);
    if (!isBack) this.#report(`A connection was lost on its way to another worker: ${reason}`);
    void this.#old.send({ type: "moved", id, ...(isBack ? { reason } : {}) });
  }

  /** It is asked before: this runtime has just told the old worker that the last socket has come. */
  async #passBack(parcels: readonly Parcel[]): Promise<boolean> {
    const { type } = await this.#old.give(parcels, { asks: true });
    for (const { socket } of parcels) socket.destroy();
    return type === "taken";
  }

  #report(text: string): void {
    this.#onError(new DovewireError(text));
  }
}
