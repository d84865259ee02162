/**
 * The commands that wait for a connection, by the kind that they need.
 *
 * @module
 */

import { type ConnectionKind, connectionKinds } from "../../../core/doveadm/catalogue/mod.ts";
import { Queue } from "../../../core/queue.ts";
import type { Job } from "./job.ts";

/** Commands that wait for nothing but a connection, in the order in which they began to. */
export class ReadyQueues {
  readonly #queues: Readonly<Record<ConnectionKind, Queue<Job>>> = {
    mail: new Queue(),
    plain: new Queue(),
    fresh: new Queue(),
  };
  #last = 0;

  /** How many there are. */
  get size(): number {
    const { mail, plain, fresh } = this.#queues;
    return mail.size + plain.size + fresh.size;
  }

  /** How many need that kind. */
  sizeOf(kind: ConnectionKind): number {
    return this.#queues[kind].size;
  }

  /** The one that has waited longest for that kind. */
  first(kind: ConnectionKind): Job | undefined {
    return this.#queues[kind].first;
  }

  /** Adds a command after all others of its kind. */
  push(job: Job): void {
    job.turn = ++this.#last;
    job.leaveQueue = this.#queues[job.kind].push(job);
  }

  /** Removes and returns the one that has waited longest for that kind. */
  shift(kind: ConnectionKind): Job | undefined {
    const job = this.#queues[kind].shift();
    if (job === undefined) return undefined;
    job.leaveQueue = undefined;
    return job;
  }

  /** Of the kinds that pass the test and for which commands wait, the one waited for longest. */
  longestAwaited(passes: (kind: ConnectionKind) => boolean): ConnectionKind | undefined {
    let found: ConnectionKind | undefined;
    let turn = Infinity;
    for (const kind of connectionKinds) {
      const first = this.#queues[kind].first;
      if (first === undefined || first.turn > turn || !passes(kind)) continue;
      found = kind;
      turn = first.turn;
    }
    return found;
  }
}
