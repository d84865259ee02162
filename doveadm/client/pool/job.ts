/**
 * A call of a command on its way through the pool.
 *
 * @module
 */

import type { ConnectionKind } from "../../../core/doveadm/catalogue/mod.ts";
import type { Deadline } from "../../../transports/timers.ts";
import type { SendOptions } from "../request.ts";
import type { PooledConnection } from "./pooled_connection.ts";
import type { Work } from "./work.ts";

/** What a job's owner is told. */
export interface JobOwner {
  /** The command's turn has come: it has to be sent on this connection. */
  start(job: Job, connection: PooledConnection): void;
  /** It will not be sent. */
  fail(error: unknown): void;
}

/** A call of a command: it waits, runs, and may wait again. */
export class Job {
  /** The number of the call. */
  number = 0;
  readonly work: Work;
  readonly owner: JobOwner;
  /** When the call was made, and when its time is over. */
  readonly calledAt: number;
  readonly endsAt: number;
  /** The kind of connection that it needs, as far as the server's version is known. */
  kind: ConnectionKind;
  /** How many times it was given to a connection. */
  attempts = 0;
  /** When and where it began to run the last time. */
  startedAt: number | undefined;
  connection: number | undefined;
  /** Its place among those that wait for a connection. */
  turn = 0;
  /** Whether an attempt was sent whose answer was lost. */
  wasSent = false;
  /** Why it failed, once it is over. */
  error: unknown;
  /** Whether it counts as an attended command. */
  isAdmitted = false;
  /** How long it may wait, while it does. */
  deadline: Deadline | undefined;
  /** Removes it from the queue that it is in, if any; returns whether it was there. */
  leaveQueue: (() => boolean) | undefined;

  /** Creates a job that waits for nothing yet. */
  constructor(
    work: Work,
    owner: JobOwner,
    { kind, calledAt, timeout }: { kind: ConnectionKind; calledAt: number; timeout: number },
  ) {
    this.work = work;
    this.owner = owner;
    this.kind = kind;
    this.calledAt = calledAt;
    this.endsAt = calledAt + timeout;
  }

  /** The caller's options, with the time that is left. A stream's time limit begins anew with it. */
  optionsAt(now: number): SendOptions {
    const { options, attendance } = this.work;
    if (now === this.calledAt || attendance === "stream") return options;
    return { ...options, timeout: this.leftAt(now) };
  }

  /** How many milliseconds are left, at least 1. */
  leftAt(now: number): number {
    return this.endsAt === Infinity ? Infinity : Math.max(1, Math.ceil(this.endsAt - now));
  }
}
