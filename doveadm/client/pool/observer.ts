/**
 * Counts what happens in a pool, and tells it to those who listen.
 *
 * @module
 */

import { callListener } from "../../../transports/call_listener.ts";
import type { PoolEvent } from "./pool_event.ts";
import type { PoolTotals } from "./pool_stats.ts";

/** An event without the server, which is the same for all of a pool. */
export type BareEvent = PoolEvent extends infer Event
  ? Event extends PoolEvent ? Omit<Event, "peer">
  : never
  : never;

/** The part of `node:diagnostics_channel` that is used. */
interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

/** The name of the channel that has the events of all pools. */
export const channelName = "dovewire:pool";

/** The channel, on runtimes that have them: Node, Deno and Bun. */
const channel: Channel | undefined = findChannel();

function findChannel(): Channel | undefined {
  // Not imported: other runtimes have no such module, and this one loads nothing unless it is used.
  const { process } = globalThis as {
    readonly process?: { getBuiltinModule?(name: string): unknown };
  };
  try {
    const module = process?.getBuiltinModule?.("node:diagnostics_channel") as
      | { channel(name: string): Channel }
      | undefined;
    return module?.channel(channelName);
  } catch {
    return undefined;
  }
}

/** Counts, and tells. */
export class Observer {
  /** The sums so far. */
  readonly totals: { -readonly [Name in keyof PoolTotals]: number } = {
    ...{ opened: 0, openFailures: 0, closed: 0 },
    ...{ calls: 0, succeeded: 0, failed: 0, retried: 0 },
  };
  readonly #peer: string;
  readonly #onEvent: ((event: PoolEvent) => void) | undefined;

  /** Tells events to the listener and the channel. */
  constructor(peer: string, onEvent: ((event: PoolEvent) => void) | undefined) {
    this.#peer = peer;
    this.#onEvent = onEvent;
  }

  /** Whether somebody listens, so that an event is worth making. */
  get isHeard(): boolean {
    return this.#onEvent !== undefined || channel?.hasSubscribers === true;
  }

  /** Tells an event. The pool's state must be consistent: a listener may call it. */
  tell(event: BareEvent): void {
    const whole = { ...event, peer: this.#peer } as PoolEvent;
    callListener(this.#onEvent, whole);
    if (channel?.hasSubscribers) callListener((event) => channel.publish(event), whole);
  }
}
