/**
 * Remembers the servers of users.
 *
 * @module
 */

import { Queue } from "../../../core/queue.ts";
import type { Clock } from "../../../transports/timers.ts";
import type { CallRunner } from "../call_runner.ts";
import type { Server } from "./servers.ts";

/** Where a user's commands go. */
export interface Route<Calls extends CallRunner> {
  /** The servers that can run them, the preferred one first. */
  readonly servers: readonly Server<Calls>[];
  /** The user's name there, if a referral has changed it. */
  readonly user?: string;
}

/** A route and when it is forgotten. */
interface Entry<Calls extends CallRunner> {
  readonly route: Route<Calls>;
  readonly endsAt: number;
  /** Removes the user from those that are remembered. */
  readonly leave: () => boolean;
}

/** A lookup of a route, and until when calls share it. */
interface Lookup<Calls extends CallRunner> {
  readonly route: Promise<Route<Calls>>;
  readonly endsAt: number;
}

/** How long calls share a lookup, in milliseconds. */
const longestLookup = 10_000;

/** How many users' routes are remembered: some 30 MB. */
const mostRoutes = 100_000;

/** The longest user's name that is remembered, in UTF-16 code units; servers give some of them. */
const longestName = 1024;

/** The servers of users, as far as they are known. */
export class Routes<Calls extends CallRunner> {
  readonly #entries = new Map<string, Entry<Calls>>();
  /** The users, in the order in which their routes were found. */
  readonly #users = new Queue<string>();
  readonly #lookups = new Map<string, Lookup<Calls>>();
  readonly #lifetime: number;
  readonly #clock: Clock;
  readonly #most: number;

  /** Remembers each route for that many milliseconds; of so many users at most. */
  constructor(lifetime: number, clock: Clock, most: number = mostRoutes) {
    this.#lifetime = lifetime;
    this.#clock = clock;
    this.#most = most;
  }

  /** The route of a user, if it is remembered. */
  get(user: string): Route<Calls> | undefined {
    const entry = this.#entries.get(user);
    if (entry === undefined) return undefined;
    if (entry.endsAt > this.#clock.now()) return entry.route;
    this.#delete(user);
  }

  /** Remembers the route of a user. */
  set(user: string, route: Route<Calls>): void {
    this.#delete(user);
    if (user.length > longestName || (route.user?.length ?? 0) > longestName) return;
    if (this.#entries.size >= this.#most) this.#entries.delete(this.#users.shift()!);
    const endsAt = this.#clock.now() + this.#lifetime;
    this.#entries.set(user, { route, endsAt, leave: this.#users.push(user) });
  }

  /** Forgets the route of a user, if it is that one. */
  forget(user: string, route: Route<Calls>): void {
    if (this.#entries.get(user)?.route === route) this.#delete(user);
  }

  /**
   * Looks up a route; calls for the same user that come meanwhile share the lookup, unless it takes too long:
   * it may never end.
   */
  lookUp(user: string, find: () => Promise<Route<Calls>>): Promise<Route<Calls>> {
    const now = this.#clock.now();
    const pending = this.#lookups.get(user);
    if (pending !== undefined && pending.endsAt > now) return pending.route;
    const route = find().finally(() => {
      if (this.#lookups.get(user) === lookup) this.#lookups.delete(user);
    });
    // Perhaps no call waits for it any more.
    route.catch(() => {});
    const lookup = { route, endsAt: now + longestLookup };
    this.#lookups.set(user, lookup);
    return route;
  }

  #delete(user: string): void {
    this.#entries.get(user)?.leave();
    this.#entries.delete(user);
  }
}
