/**
 * Keeps the commands of each user in the order of the calls.
 *
 * @module
 */

import { Queue } from "../../../core/queue.ts";
import type { Work } from "./work.ts";

/** A command that keeps its user's order. */
export interface OrderedCommand {
  /** Its user, and how it waits for its caller. */
  readonly work: Pick<Work, "user" | "attendance">;
  /** Removes it from the queue that it is in, if any; returns whether it was there. */
  leaveQueue: (() => boolean) | undefined;
}

/** How many users without commands are remembered at least. */
const leastIdle = 32;

/** The commands of a user. */
interface Line<Command> {
  /** The command that the others wait for: it runs, or may; `undefined` if there is none at all. */
  holder: Command | undefined;
  /** `undefined` until the first one has to wait: of most users none ever does. */
  waiting: Queue<Command> | undefined;
}

const nobody: readonly never[] = [];

/**
 * The order of each user's commands: one at a time, in the order of the calls. Each operation takes constant
 * time, on average. No more users without commands are remembered than with, or {@linkcode leastIdle}.
 *
 * Streams differ, since a loop that reads one may well call other commands for its user: a stream begins
 * after the commands before it, and none waits for its end. It doesn't wait for a command whose input comes
 * in pieces either, since the stream may be that input.
 */
export class UserOrder<Command extends OrderedCommand> {
  readonly #lines = new Map<string, Line<Command>>();
  /**
   * How many lines are empty. They aren't deleted one by one: the next command may be the same user's, and a
   * map takes long to delete what it just got.
   */
  #idle = 0;

  /** Whether a command may go on; if not, it waits, and {@linkcode leave} returns it in its turn. */
  enter(command: Command): boolean {
    const { user, attendance } = command.work;
    if (user === undefined) return true;
    const line = this.#lines.get(user);
    if (line?.holder === undefined) {
      if (attendance === "stream") return true;
      if (line === undefined) this.#lines.set(user, { holder: command, waiting: undefined });
      else {
        line.holder = command;
        this.#idle--;
      }
      return true;
    }
    if (attendance === "stream" && line.holder.work.attendance === "input") return true;
    line.waiting ??= new Queue();
    command.leaveQueue = line.waiting.push(command);
    return false;
  }

  /** A command that went on is over: returns the ones that may go on now. */
  leave(command: Command): readonly Command[] {
    const { user } = command.work;
    const line = user === undefined ? undefined : this.#lines.get(user);
    if (line === undefined || line.holder !== command) return nobody;
    line.holder = undefined;
    const next = line.waiting === undefined ? nobody : this.#passOn(line, line.waiting);
    if (line.holder === undefined) {
      this.#idle++;
      this.#forgetIdle();
    }
    return next;
  }

  /** Makes the next of a user's commands the one that the others wait for; returns those that may go on. */
  #passOn(line: Line<Command>, waiting: Queue<Command>): readonly Command[] {
    const next: Command[] = [];
    for (let first; (first = waiting.first) !== undefined;) {
      const isStream = first.work.attendance === "stream";
      const isHeld = line.holder !== undefined &&
        !(isStream && line.holder.work.attendance === "input");
      if (isHeld) break;
      waiting.shift();
      first.leaveQueue = undefined;
      next.push(first);
      if (!isStream) line.holder = first;
    }
    return next;
  }

  /** Deletes the empty lines if they are too many. */
  #forgetIdle(): void {
    if (this.#idle <= leastIdle || this.#idle * 2 <= this.#lines.size) return;
    for (const [user, line] of this.#lines) {
      if (line.holder === undefined) this.#lines.delete(user);
    }
    this.#idle = 0;
  }
}
