/**
 * The times of a conversation: how long its client may be silent, and when it gets a keepalive.
 *
 * @module
 */

import type { ConversationTimes } from "./conversation_options.ts";
import type { StateArchive } from "../state_archive.ts";
import { nextKeepalive } from "./keepalive.ts";

/** A time that is kept as "not known yet" until somebody says what time it is. */
type Time = number | "unknown";

/** What {@linkcode ConversationTimers.tick} found to be due. */
export interface DueTimers {
  /** Whether the client has been silent for too long. */
  readonly isSilent: boolean;
  /** Whether a keepalive is due. */
  readonly isKeepaliveDue: boolean;
}

/**
 * Measures time without a clock: where it has to know what time it is, its {@linkcode deadline} is 0, that is,
 * as soon as possible.
 */
export class ConversationTimers {
  readonly #interval: number;
  #phase: number;
  #limit = Infinity;
  #silentAt: Time = "unknown";
  #hasKeepalives = false;
  #keepaliveAt: Time = "unknown";

  /** Creates timers that don't run. The interval is `Infinity` for no keepalives. */
  constructor(times: Pick<ConversationTimes, "keepaliveInterval" | "keepalivePhase">) {
    this.#interval = times.keepaliveInterval;
    this.#phase = times.keepalivePhase;
  }

  /** When to call {@linkcode tick}. */
  get deadline(): number | undefined {
    const silentAt = this.#limit === Infinity ? Infinity : this.#silentAt;
    const keepaliveAt = this.#hasKeepalives ? this.#keepaliveAt : Infinity;
    if (silentAt === "unknown" || keepaliveAt === "unknown") return 0;
    const next = Math.min(silentAt, keepaliveAt);
    return next === Infinity ? undefined : next;
  }

  /** Sets how long the client may be silent; another limit starts anew. */
  allowSilence(limit: number): void {
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#silentAt = "unknown";
  }

  /** The client sent something. */
  heard(): void {
    this.#silentAt = "unknown";
  }

  /** Starts or stops keepalives. */
  sendKeepalives(doesSend: boolean): void {
    if (doesSend && !this.#hasKeepalives) this.#keepaliveAt = "unknown";
    this.#hasKeepalives = doesSend && this.#interval !== Infinity;
  }

  /** Changes the phase of the keepalives. */
  shift(phase: number): void {
    this.#phase = phase;
    this.#keepaliveAt = "unknown";
  }

  /** Something was sent to the client: the next keepalive is the one after now. */
  said(): void {
    this.#keepaliveAt = "unknown";
  }

  /** Passes the times through an archive. */
  archive(state: StateArchive): void {
    // The keepalives stay due at the same moments, whatever the clock says.
    this.#phase = -state.time(-this.#phase);
    this.#limit = state.value(this.#limit);
    this.#silentAt = state.time(this.#silentAt);
    this.#hasKeepalives = state.value(this.#hasKeepalives);
    this.#keepaliveAt = state.time(this.#keepaliveAt);
  }

  /** Learns what time it is. */
  tick(now: number): DueTimers {
    if (this.#silentAt === "unknown") this.#silentAt = now + this.#limit;
    const isSilent = this.#limit !== Infinity && now >= this.#silentAt;
    const isKnown = this.#keepaliveAt !== "unknown";
    const isKeepaliveDue = this.#hasKeepalives && isKnown && now >= (this.#keepaliveAt as number);
    if (this.#hasKeepalives && (!isKnown || isKeepaliveDue)) {
      this.#keepaliveAt = nextKeepalive(now, this.#interval, { phase: this.#phase });
    }
    return { isSilent, isKeepaliveDue };
  }
}
