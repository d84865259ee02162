/**
 * One client's connection through a relay.
 *
 * @module
 */

import { callListener } from "../../transports/call_listener.ts";
import { RefusalDelays } from "../../transports/refusal_delays.ts";
import { type SharedTimer, SharedTimers } from "../../transports/shared_timers.ts";
import { startTimer, type Timer } from "../../transports/timers.ts";
import type { Transport } from "../../transports/transport.ts";
import type { RunningCommand } from "../command_runner.ts";
import { newSessionId, type RelayClientInfo } from "./client_info.ts";
import { type FrozenRelay, LiveRelay, type LiveRelayOptions } from "./live_relay.ts";
import { type MovedRelay, readMoved, writeMoved } from "./moved_relay.ts";
import {
  checkRelayOptions,
  type RelayConnectionOptions,
  type RelayTimeouts,
  timeoutsOf,
} from "./options.ts";

/** How long a connection stays thawed that was thawed only since it was time for something, in milliseconds. */
const shortlyThawed = 100;

const noTimer: Timer = startTimer(Infinity, () => {});

/** Thaw frozen connections. */
const thawTimers = new SharedTimers();

/** What several connections share. */
export interface RelayConnectionContext {
  /** Counts a refused login of a peer; returns how long to delay the refusal, in milliseconds. */
  readonly nextRefusalDelay?: (peer: string) => number;
  /** Where the clients connect to. */
  readonly local?: RelayClientInfo["local"];
  /** Called when the client is logged in. */
  readonly onLoggedIn?: () => void;
  /** Called when the connection is closed, as {@linkcode RelayConnection.closed} tells. */
  readonly onClosed?: (connection: RelayConnection) => void;
}

/**
 * Relays one client's connection to a server, from the greeting on, until either side ends it. The transport
 * belongs to it from here on.
 *
 * While nothing happens for `freezeAfter`, it is only bytes beside its two transports.
 *
 * Throws a `LocalProtocolError` for invalid options.
 */
export class RelayConnection {
  /** Where the client connects from. */
  readonly client: RelayClientInfo;
  readonly #options: RelayConnectionOptions;
  readonly #timeouts: RelayTimeouts;
  readonly #nextRefusalDelay: (peer: string) => number;
  #onLoggedIn: (() => void) | undefined;
  readonly #onClosed: RelayConnectionContext["onClosed"];
  #isClosed = false;
  /** Resolves when it is closed; most connections live for days, and nobody asks. */
  #closed: Promise<void> | undefined;
  #resolveClosed: (() => void) | undefined;
  #relay: LiveRelay | FrozenRelay;
  /** Until the connection is to be frozen. */
  #timer = noTimer;
  /** Until it is to be thawed. */
  #thawTimer: SharedTimer | undefined;
  #readAt = 0;
  /** Thaws it: there is news of a peer or of the command, or it is time. */
  readonly #wake = () => {
    const { deadline = Infinity } = this.#relay as FrozenRelay;
    this.#thaw(deadline <= performance.now() ? shortlyThawed : undefined);
  };

  /** Starts relaying, or goes on with what {@linkcode release} of another process has returned. */
  constructor(
    start: Transport | MovedRelay,
    options: RelayConnectionOptions,
    context: RelayConnectionContext = {},
  ) {
    checkRelayOptions(options);
    this.#options = options;
    this.#timeouts = timeoutsOf(options);
    this.#nextRefusalDelay = context.nextRefusalDelay ?? newRefusalDelay(options);
    this.#onLoggedIn = context.onLoggedIn;
    this.#onClosed = context.onClosed;
    const moved = "bytes" in start ? readMoved(start) : undefined;
    this.client = moved?.client ??
      { peer: (start as Transport).peer, sessionId: newSessionId(), local: context.local };
    this.#relay = this.#start(moved?.relay ?? start as Transport, this.#timeouts.freezeAfter);
  }

  /** Resolves when both sides are closed; handlers that ignore their signal may still run. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed ??= new Promise((resolve) => {
      if (this.#isClosed) resolve();
      else this.#resolveClosed = resolve;
    });
  }

  /** The client, for messages. */
  get peer(): string {
    return this.client.peer;
  }

  /** Whether the connection is only bytes now. */
  get isFrozen(): boolean {
    return !(this.#relay instanceof LiveRelay);
  }

  /**
   * Ends the connection with BYE and that text as soon as no command of the client waits for its answer; at once
   * if it only idles.
   */
  shutDown(text: string): void {
    this.#thawed().shutDown(text);
  }

  /** Ends the running custom command with NO and that text, if `which` selects it; returns whether it did. */
  cancelCommand(
    text: string | undefined,
    which: (command: RunningCommand) => boolean,
  ): boolean {
    const hasNone = !(this.#relay instanceof LiveRelay) && this.#relay.command === undefined;
    return !hasNone && this.#thawed().cancelCommand(text, which);
  }

  /** Ends the connection now, with BYE and that text if there is one. */
  close(text?: string): Promise<void> {
    return this.#thawed().close(text);
  }

  /** Ends the connection now, without BYE. */
  abort(): void {
    this.#thawed().abort();
  }

  /**
   * Gives the connection up, for another process: {@linkcode closed} resolves, and the transports stay open. Returns
   * `undefined` if something is under way in it, or if one of its transports can't move.
   */
  release(mayMove: (transport: Transport) => boolean): MovedRelay | undefined {
    if (this.#relay instanceof LiveRelay && !this.#freeze()) return undefined;
    const frozen = this.#relay as FrozenRelay;
    const transports = [frozen.client, frozen.upstream];
    if (!transports.every(({ transport }) => mayMove(transport))) return undefined;
    this.#stopWaiting(frozen);
    frozen.command?.watch?.stop((error) => callListener(this.#options.onError, error, this.client));
    this.#tellClosed();
    return { bytes: writeMoved(frozen, this.client), transports };
  }

  #start(start: Transport | FrozenRelay, freezeAfter: number): LiveRelay {
    this.#readAt = performance.now();
    const relay = new LiveRelay(start, this.#settings());
    void relay.ended.then(() => {
      if (this.#relay !== relay) return;
      this.#timer.stop();
      this.#tellClosed();
    });
    this.#freezeAfter(freezeAfter);
    return relay;
  }

  #tellClosed(): void {
    this.#isClosed = true;
    this.#resolveClosed?.();
    this.#onClosed?.(this);
  }

  #settings(): LiveRelayOptions {
    return {
      options: this.#options,
      timeouts: this.#timeouts,
      client: this.client,
      nextRefusalDelay: this.#nextRefusalDelay,
      onLoggedIn: () => {
        this.#onLoggedIn?.();
        this.#onLoggedIn = undefined;
      },
      onRead: () => {
        this.#readAt = performance.now();
      },
    };
  }

  /** Freezes the connection when nothing was read for that long, and then as soon as that is possible. */
  #freezeAfter(delay: number): void {
    this.#timer = startTimer(delay, () => {
      const left = this.#readAt + delay - performance.now();
      if (left > 0) this.#freezeAfter(left);
      else if (!this.#freeze()) this.#freezeAfter(this.#timeouts.freezeAfter);
    });
  }

  /** Freezes the connection, if that can be now; returns whether it did. */
  #freeze(): boolean {
    const frozen = this.#relay instanceof LiveRelay ? this.#relay.freeze() : undefined;
    if (frozen === undefined) return false;
    this.#timer.stop();
    this.#timer = noTimer;
    this.#relay = frozen;
    if (frozen.deadline !== undefined) {
      this.#thawTimer = thawTimers.start(frozen.deadline, this.#wake);
    }
    // Last, since there may be news already.
    this.#awaitNews(frozen, this.#wake);
    return true;
  }

  /** Lets nothing wake it any more. */
  #stopWaiting(frozen: FrozenRelay): void {
    this.#awaitNews(frozen, undefined);
    this.#thawTimer?.stop(this.#wake);
    this.#thawTimer = undefined;
  }

  /** Calls back when either peer sends something, or the command has something to tell. */
  #awaitNews({ client, upstream, command }: FrozenRelay, onNews: (() => void) | undefined): void {
    for (const { reading } of [client, upstream]) reading?.whenDone(onNews);
    command?.watch?.whenWoken(onNews);
  }

  #thaw(freezeAfter: number = this.#timeouts.freezeAfter): LiveRelay {
    const frozen = this.#relay as FrozenRelay;
    this.#stopWaiting(frozen);
    return this.#relay = this.#start(frozen, Math.min(freezeAfter, this.#timeouts.freezeAfter));
  }

  #thawed(): LiveRelay {
    return this.#relay instanceof LiveRelay ? this.#relay : this.#thaw();
  }
}

function newRefusalDelay({ refusalDelay = 500 }: RelayConnectionOptions): (peer: string) => number {
  const delays = new RefusalDelays(refusalDelay);
  return (peer) => delays.next(peer);
}
