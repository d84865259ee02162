/**
 * Keeps the commands of each user in the order of the calls.
 *
 * @module
 */

import { Queue } from "../../../core/queue.ts";
import type { Job } from "./job.ts";

/** The commands of a user. */
interface Line {
  /** The command that the others wait for: it runs, or may. */
  holder: Job | undefined;
  readonly waiting: Queue<Job>;
}

/**
 * The order of each user's commands: one at a time, in the order of the calls. Each operation takes constant
 * time; a user without commands takes no memory.
 *
 * Streams differ, since a loop that reads one may well call other commands for its user: a stream begins
 * after the commands before it, and none waits for its end. It doesn't wait for a command whose input comes
 * in pieces either, since the stream may be that input.
 */
export class UserOrder {
  readonly #lines = new Map<string, Line>();

  /** Whether a command may go on; if not, it waits, and {@linkcode leave} returns it in its turn. */
  enter(job: Job): boolean {
    const { user, attendance } = job.work;
    if (user === undefined) return true;
    const line = this.#lines.get(user);
    if (line === undefined) {
      if (attendance !== "stream") this.#lines.set(user, { holder: job, waiting: new Queue() });
      return true;
    }
    if (attendance === "stream" && line.holder?.work.attendance === "input") return true;
    job.leaveQueue = line.waiting.push(job);
    return false;
  }

  /** A command that went on is over: returns the ones that may go on now. */
  leave(job: Job): readonly Job[] {
    const { user } = job.work;
    const line = user === undefined ? undefined : this.#lines.get(user);
    if (line === undefined || line.holder !== job) return none;
    line.holder = undefined;
    const next: Job[] = [];
    for (let first; (first = line.waiting.first) !== undefined;) {
      const isStream = first.work.attendance === "stream";
      const isHeld = line.holder !== undefined &&
        !(isStream && (line.holder as Job).work.attendance === "input");
      if (isHeld) break;
      line.waiting.shift();
      first.leaveQueue = undefined;
      next.push(first);
      if (!isStream) line.holder = first;
    }
    if (line.holder === undefined) this.#lines.delete(user!);
    return next;
  }
}

const none: readonly Job[] = [];
