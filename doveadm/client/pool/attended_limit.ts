/**
 * Keeps a connection free of commands that wait for their caller.
 *
 * @module
 */

import { Queue } from "../../../core/queue.ts";
import type { Job } from "./job.ts";

/**
 * Limits how many streams and inputs in pieces run at once. Either may wait for another command of its
 * caller, which must find a connection: of three or more one is left to commands that wait for nobody, and
 * another to streams, which may be a command's input. Each operation takes constant time.
 */
export class AttendedLimit {
  readonly #most: number;
  readonly #mostInputs: number;
  #running = 0;
  #inputs = 0;
  readonly #waitingInputs = new Queue<Job>();
  readonly #waitingStreams = new Queue<Job>();

  /** Creates the limit for that many connections. */
  constructor(maxConnections: number) {
    this.#most = maxConnections < 3 ? Infinity : maxConnections - 1;
    this.#mostInputs = maxConnections < 3 ? Infinity : maxConnections - 2;
  }

  /** Whether a command may go on; if not, it waits, and {@linkcode leave} returns it in its turn. */
  enter(job: Job): boolean {
    const { attendance } = job.work;
    if (attendance === undefined) return true;
    if (this.#admit(job)) return true;
    const queue = attendance === "input" ? this.#waitingInputs : this.#waitingStreams;
    job.leaveQueue = queue.push(job);
    return false;
  }

  /** A command is over: returns the one that may go on now, if any. */
  leave(job: Job): Job | undefined {
    if (!job.isAdmitted) return undefined;
    job.isAdmitted = false;
    this.#running--;
    if (job.work.attendance === "input") this.#inputs--;
    for (const queue of [this.#waitingInputs, this.#waitingStreams]) {
      const first = queue.first;
      if (first === undefined || !this.#admit(first)) continue;
      queue.shift();
      first.leaveQueue = undefined;
      return first;
    }
  }

  #admit(job: Job): boolean {
    const isInput = job.work.attendance === "input";
    if (this.#running >= this.#most || (isInput && this.#inputs >= this.#mostInputs)) return false;
    this.#running++;
    if (isInput) this.#inputs++;
    job.isAdmitted = true;
    return true;
  }
}
