/**
 * A call on its way through the servers of a cluster.
 *
 * @module
 */

import {
  ConnectError,
  ConnectionLostError,
  DovewireError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../core/errors.ts";
import { quoteText } from "../../../core/mod.ts";
import { abortError, type Clock, Deadline, timeLimit } from "../../../transports/timers.ts";
import { isMask } from "../../chosen_users.ts";
import type { CallRunner } from "../call_runner.ts";
import { CommandError } from "../command_error.ts";
import { asSent, poolClosedError, queueFullError, unsentError } from "../pool/pool_errors.ts";
import { mostSent } from "../pool/retry.ts";
import type { OrderedCommand, UserOrder } from "../pool/user_order.ts";
import type { Attendance } from "../pool/work.ts";
import type { SendOptions } from "../request.ts";
import type { CheckedClusterOptions } from "./cluster_options.ts";
import type { HopOptions } from "./hop.ts";
import type { Route } from "./routes.ts";
import type { Server } from "./servers.ts";

/** A command for a cluster. */
export interface ClusterWork {
  /** The command's name. */
  readonly name: string;
  /** The user whose server it needs and whose order of commands it keeps; `undefined` for any server. */
  readonly user: string | undefined;
  /** How it waits for its caller; `undefined` if it doesn't. */
  readonly attendance: Attendance | undefined;
  /** Whether its input comes in pieces, which can't be sent again. */
  readonly hasPieces: boolean;
  /** The caller's options. */
  readonly options: SendOptions;
  /** How many servers it may pass, if the caller says so. */
  readonly proxyTtl?: number;
}

/** What a call needs of its cluster. */
export interface Cluster<Calls extends CallRunner> {
  /** Its name for messages. */
  readonly peer: string;
  readonly options: CheckedClusterOptions;
  readonly clock: Clock;
  /** Aborts when the client is closed. */
  readonly closing: AbortSignal;
  /** The order of each user's commands, if they keep it. */
  readonly order: UserOrder<RoutedCall<Calls>> | undefined;
  /** How many calls wait, for others before them, or for their server to be found or reached. */
  waiting: number;
  /** The route of a user, as it is remembered. */
  remembered(user: string): Route<Calls> | undefined;
  /** Looks up the route of a user, or of commands for no single user. */
  find(user: string | undefined): Route<Calls> | Promise<Route<Calls>>;
  /** Remembers the route of a user. */
  remember(user: string, route: Route<Calls>): void;
  /** Forgets the route of a user. */
  forget(user: string, route: Route<Calls>): void;
  /** The server of a host that another one has named; `undefined` if nobody knows it. */
  serverAt(host: string, user: string, from: Server<Calls>): Promise<Server<Calls> | undefined>;
}

/**
 * A call on its way through the servers. Its owner asks for the next server, and tells how each attempt ended,
 * until one succeeds or {@linkcode RoutedCall.failed} throws.
 */
export class RoutedCall<Calls extends CallRunner> implements OrderedCommand {
  readonly work: ClusterWork;
  leaveQueue: (() => boolean) | undefined;
  readonly #cluster: Cluster<Calls>;
  readonly #timeout: number;
  readonly #calledAt: number;
  #resume = () => {};
  #hasWaited = false;
  #route: Route<Calls> | undefined;
  /** Whether the route is one that an earlier call has found. */
  #isRemembered = false;
  /** The server that is asked, since when, and the one that failed before it. */
  #server: Server<Calls> | undefined;
  #askedAt = 0;
  #failedServer: Server<Calls> | undefined;
  /** The last failure that didn't end the call. */
  #error: unknown;
  /** How many attempts were sent that have no answer. */
  #lost = 0;
  /** The referrals that were followed one after the other, and the servers that made them. */
  #referrals = 0;
  readonly #passed = new Set<string>();

  /** Starts the time. Throws a `LocalProtocolError` for an invalid time limit. */
  constructor(work: ClusterWork, cluster: Cluster<Calls>) {
    const { timeout = cluster.options.timeout } = work.options;
    this.work = work;
    this.#cluster = cluster;
    this.#timeout = timeLimit("timeout", timeout);
    this.#calledAt = cluster.clock.now();
  }

  /** Resolves when its turn has come among its user's commands. */
  async begin(): Promise<void> {
    const { order, peer, closing } = this.#cluster;
    const { name, options: { signal } } = this.work;
    if (closing.aborted) throw poolClosedError(peer);
    if (signal?.aborted) throw abortError(name, signal, false);
    if (order === undefined || order.enter(this)) return;
    await this.#wait(new Promise<void>((resolve) => this.#resume = resolve));
  }

  /** Lets the next of its user's commands go on. */
  end(): void {
    this.leaveQueue?.();
    for (const next of this.#cluster.order?.leave(this) ?? []) next.#resume();
  }

  /** The server to ask; waits until one can be reached. */
  async next(): Promise<Server<Calls>> {
    for (;;) {
      const route = this.#route ??= await this.#find();
      const server = this.#choose(route);
      if (server !== undefined) return server;
      if (this.#isRemembered) this.#forget(route);
      else await this.#untilOneMayBeUp(route);
    }
  }

  /** The options for the attempt: a stream's time begins anew with each. */
  get options(): HopOptions {
    const { options, attendance } = this.work;
    const hop = this.#route?.user === undefined
      ? undefined
      : { user: this.#route.user, proxyTtl: this.#referrals > 0 ? this.#proxyTtl : undefined };
    // The next attempt may be at another server.
    const once = { ...options, idempotent: false, hop };
    return this.#hasWaited && attendance !== "stream" ? { ...once, timeout: this.#left } : once;
  }

  /**
   * Decides what follows a failed attempt, of which the caller may have got something: returns if there is to
   * be another one, and throws the error otherwise.
   */
  async failed(error: unknown, hasYielded: boolean): Promise<void> {
    const server = this.#server!;
    this.#hasWaited = true;
    if (error instanceof CommandError) {
      server.answered();
      if (error.code !== "REFERRAL") throw error;
      return await this.#follow(error, hasYielded);
    }
    if (isUnreached(error)) server.failed(error, this.#askedAt);
    else if (this.#mayRepeat(error)) this.#lost++;
    else throw this.#asSent(error);
    const isOver = hasYielded || this.#cluster.closing.aborted || !this.#hasInput(error) ||
      this.#cluster.clock.now() >= this.#calledAt + this.#timeout;
    if (isOver) throw this.#asSent(error);
    this.#error = error;
    this.#failedServer = server;
  }

  async #find(): Promise<Route<Calls>> {
    const { user } = this.work;
    const remembered = user === undefined ? undefined : this.#cluster.remembered(user);
    this.#isRemembered = remembered !== undefined;
    if (remembered !== undefined) return remembered;
    const found = this.#cluster.find(user);
    return found instanceof Promise ? await this.#wait(found) : found;
  }

  /** A server that can be reached, as far as is known. */
  #choose({ servers }: Route<Calls>): Server<Calls> | undefined {
    const failed = this.#failedServer;
    let chosen: Server<Calls> | undefined;
    for (const server of servers) {
      if (!server.isUp) void server.probe();
      else if (chosen === undefined || chosen === failed) chosen = server;
    }
    if (chosen === undefined) return undefined;
    if (failed !== undefined && failed !== chosen) {
      const { name: command, user } = this.work;
      const event = { command, user, to: chosen.peer, error: this.#error };
      failed.observer.tell({ type: "failed-over", ...event });
    }
    this.#failedServer = undefined;
    this.#server = chosen;
    this.#askedAt = this.#cluster.clock.now();
    return chosen;
  }

  /** Waits until a server of the route may be reached again, and then looks for the route anew. */
  async #untilOneMayBeUp(route: Route<Calls>): Promise<void> {
    const { servers } = route;
    const lasting = servers.map(({ lastingError }) => lastingError);
    if (!lasting.includes(undefined)) throw this.#asSent(this.#error ?? lasting[0]);
    const probes = servers.map((server) => server.probe());
    const times = servers.map((server, at) => probes[at] ? Infinity : server.leftToProbe);
    let stop = () => {};
    try {
      await this.#wait(
        new Promise<void>((resolve) => {
          const timer = this.#cluster.clock.startTimer(Math.ceil(Math.min(...times)), resolve);
          stop = () => timer.stop();
          for (const probe of probes) void probe?.then(resolve);
        }),
      );
    } finally {
      stop();
    }
    // The user's server may be another one by now.
    if (!servers.some(({ isUp }) => isUp)) this.#forget(route);
  }

  #forget(route: Route<Calls>): void {
    const { user } = this.work;
    if (user !== undefined) this.#cluster.forget(user, route);
    this.#route = undefined;
    this.#referrals = 0;
    this.#passed.clear();
  }

  /** Takes the server to which another one refers as the next; throws if it may not. */
  async #follow(error: CommandError, hasYielded: boolean): Promise<void> {
    const { referral } = error;
    const { user, name: command, hasPieces } = this.work;
    if (referral === undefined || user === undefined || hasYielded) throw error;
    const from = this.#server!;
    const { maxReferrals } = this.#cluster.options;
    if (this.#referrals >= maxReferrals || this.#proxyTtl <= 1) {
      throw noted(
        error,
        `${this.#referrals} referrals were followed before it, and no more may be.`,
      );
    }
    if (isMask(referral.user) || referral.user.includes("\0")) {
      throw noted(error, "That is no single user's name.");
    }
    const to = await this.#wait(this.#cluster.serverAt(referral.host, referral.user, from));
    if (to === undefined) {
      const host = quoteText(referral.host);
      throw noted(
        error,
        `The list of servers has no ${host}, and the password is sent to no other server unless ` +
          '"referral" returns it.',
      );
    }
    this.#passed.add(placeOf(from, this.#route?.user ?? user));
    if (this.#passed.has(placeOf(to, referral.user))) {
      throw noted(error, "The servers refer the user to each other: check their configurations.");
    }
    const route = { servers: [to], user: referral.user };
    this.#cluster.remember(user, route);
    if (hasPieces) {
      throw noted(
        error,
        "The input came in pieces, which can't be sent again. That server is remembered: call again.",
      );
    }
    this.#route = route;
    this.#isRemembered = false;
    this.#referrals++;
    const event = { command, user, to: to.peer, userThere: referral.user };
    from.observer.tell({ type: "referred", ...event, referrals: this.#referrals });
  }

  /** How many servers more the command may pass. */
  get #proxyTtl(): number {
    return (this.work.proxyTtl ?? this.#cluster.options.maxReferrals + 1) - this.#referrals;
  }

  /** Whether a command whose answer was lost may run once more. */
  #mayRepeat(error: unknown): boolean {
    return this.work.options.idempotent === true && error instanceof ConnectionLostError &&
      this.#lost + 1 < mostSent;
  }

  /** Whether the input can be sent after that failure. */
  #hasInput(error: unknown): boolean {
    // Only then was no connection there that could take of it.
    return !this.work.hasPieces || error instanceof ConnectError || error instanceof TimeoutError;
  }

  #asSent(error: unknown): unknown {
    return this.#lost > 0 ? asSent(error) : error;
  }

  get #left(): number {
    const left = this.#calledAt + this.#timeout - this.#cluster.clock.now();
    return left === Infinity ? Infinity : Math.max(1, Math.ceil(left));
  }

  /** Waits for something within the call's time. */
  async #wait<Result>(work: Promise<Result>): Promise<Result> {
    const cluster = this.#cluster;
    const { closing, clock, peer, options: { maxQueue } } = cluster;
    const { name, options: { signal } } = this.work;
    let stop = () => {};
    this.#hasWaited = true;
    cluster.waiting++;
    try {
      return await new Promise((resolve, reject) => {
        // Called even if nobody waits any more, so that a rejection is never unhandled.
        work.then(resolve, reject);
        if (cluster.waiting > maxQueue) throw this.#asSent(queueFullError(name, peer, maxQueue));
        const deadline = new Deadline({
          timeout: this.#left,
          signals: [closing, signal],
          errorOf: (aborted) => {
            const error = aborted === undefined
              ? this.#error ?? unsentError(name, this.#timeout, undefined)
              : aborted === closing
              ? poolClosedError(peer)
              : abortError(name, aborted, this.#lost > 0);
            return this.#asSent(error) as Error;
          },
          onEnd: reject,
          clock,
        });
        stop = () => deadline.stop();
      });
    } finally {
      stop();
      cluster.waiting--;
    }
  }
}

/** Whether a command could not be sent since its server can't be reached. */
function isUnreached(error: unknown): boolean {
  if (!(error instanceof DovewireError) || error.sent) return false;
  return error instanceof ConnectError || error instanceof ConnectionLostError ||
    error instanceof RemoteProtocolError ||
    (error instanceof TimeoutError && error.phase !== "command");
}

/** A user at a server. */
function placeOf(server: Server, user: string | undefined): string {
  return JSON.stringify([server.peer, user]);
}

/** The error of a referral that isn't followed, with the reason. */
function noted(error: CommandError, note: string): CommandError {
  return new CommandError(error.command, error.reply, error.log, { status: error.exitCode, note });
}
