/**
 * A command that is not answered yet.
 *
 * @module
 */

import type { LogLine } from "../../core/doveadm/mod.ts";
import { systemClock } from "../../transports/timers.ts";
import type { Alarm } from "./alarm.ts";
import type { FieldQueue } from "./field_stream.ts";
import type { DoveadmAnswer } from "./request.ts";

/** Receives the outcome of a command. */
export interface Outcome {
  readonly resolve: (answer: DoveadmAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes a piece of the values of a reply, which come escaped and cut anywhere. */
export type Cut = (chunk: Uint8Array) => Uint8Array | undefined;

/** What a {@linkcode PendingCommand} is made of. */
export interface PendingCommandOptions {
  /** The id of its request. */
  readonly id: number;
  readonly name: string;
  /** Receives the values of a stream. */
  readonly queue: FieldQueue | undefined;
  /** Of a stream of pieces: what makes them. */
  readonly cut: Cut | undefined;
  /** Of a stream: how many values make a row. */
  readonly valuesPerRow: number | undefined;
  /** The time limit in milliseconds, as `timeLimit` returns it. */
  readonly limit: number;
  /** Calls back by the time when the command's time is over, or before. */
  readonly alarm: Alarm;
}

/** A command that is not answered yet, and its time. */
export class PendingCommand {
  readonly id: number;
  readonly name: string;
  readonly outcome: Outcome;
  readonly queue: FieldQueue | undefined;
  readonly cut: Cut | undefined;
  readonly valuesPerRow: number | undefined;
  readonly limit: number;
  readonly log: LogLine[] = [];
  /** Of a stream: how many values came. */
  values = 0;
  /** When its time is over; `Infinity` while it doesn't run. */
  endsAt = Infinity;
  /** Removes it from those that wait for its signal. */
  forgetSignal: (() => void) | undefined;
  readonly #alarm: Alarm;
  /** The time that was left when it was paused. */
  #paused: number | undefined;

  /** Starts the time. */
  constructor(
    outcome: Outcome,
    { id, name, queue, cut, valuesPerRow, limit, alarm }: PendingCommandOptions,
  ) {
    this.outcome = outcome;
    this.id = id;
    this.name = name;
    this.queue = queue;
    this.cut = cut;
    this.valuesPerRow = valuesPerRow;
    this.limit = limit;
    this.#alarm = alarm;
    this.restartTime();
  }

  /** Gives a chunk to the caller of its stream; resolves when there is room for more. */
  give(chunk: Uint8Array, isEnd: boolean): void | Promise<void> {
    const taken = this.queue!.add(chunk, isEnd);
    if (taken === undefined) return;
    // A stream's time limit runs while the server is awaited, not while the caller is.
    this.pauseTime();
    return taken.then(() => this.resumeTime());
  }

  /** Restarts the time with the full limit. */
  restartTime(): void {
    this.#run(this.limit);
  }

  /** Stops the time until {@linkcode resumeTime} or {@linkcode restartTime}. */
  pauseTime(): void {
    if (this.endsAt === Infinity) return;
    this.#paused = Math.max(1, this.endsAt - systemClock.now());
    this.endsAt = Infinity;
  }

  /** Continues with the time that was left. */
  resumeTime(): void {
    if (this.#paused !== undefined) this.#run(this.#paused);
  }

  #run(time: number): void {
    this.#paused = undefined;
    if (time === Infinity) return;
    this.endsAt = systemClock.now() + time;
    this.#alarm.callBy(this.endsAt);
  }
}
