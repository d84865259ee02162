/**
 * The servers of a cluster, and which of them can be reached.
 *
 * @module
 */

import { AuthenticationError, LocalProtocolError } from "../../../core/errors.ts";
import { type Clock, systemClock } from "../../../transports/timers.ts";
import type { CallRunner } from "../call_runner.ts";
import { Backoff } from "../pool/backoff.ts";
import { Observer } from "../pool/observer.ts";
import type { PoolOptions } from "../pool/pool_options.ts";
import { isLasting } from "../pool/retry.ts";
import type { ClusterTarget } from "./cluster_options.ts";

/** The way to a server. */
export interface OpenedServer<Calls extends CallRunner> {
  /** Runs calls there. */
  readonly calls: Calls;
  /** Its host; `undefined` for a UNIX socket. */
  readonly hostname: string | undefined;
  /** Its TCP port; `undefined` for a UNIX socket. */
  readonly port: number | undefined;
  /** Whether connections to it are encrypted. */
  readonly isEncrypted: boolean;
}

/** What is particular to clusters of a protocol. */
export interface ClusterProtocol<Calls extends CallRunner> {
  /** Creates the way to a server. Throws a `LocalProtocolError` for an invalid target. */
  open(target: ClusterTarget): OpenedServer<Calls>;
  /** The target with that port if it has none. */
  withPort(target: ClusterTarget, port: number): ClusterTarget;
  /** Whether the commands of a user keep the order of the calls. */
  readonly isOrdered: boolean;
}

/** How long it takes at most to find out whether a server can be reached again, in milliseconds. */
const longestProbe = 10_000;

/** A server of a cluster. */
export class Server<Calls extends CallRunner = CallRunner> {
  readonly calls: Calls;
  readonly hostname: string | undefined;
  readonly port: number | undefined;
  readonly isEncrypted: boolean;
  /** Tells events that begin with this server. */
  readonly observer: Observer;
  readonly #backoff: Backoff;
  readonly #clock: Clock;
  #probe: Promise<void> | undefined;
  /** Why it can't be reached. */
  #error: unknown;
  #hasAnswered = false;

  /** Creates a server that can be reached, as far as is known. */
  constructor(
    { calls, hostname, port, isEncrypted }: OpenedServer<Calls>,
    { onEvent, clock, random }: Required<Pick<ServersOptions, "clock" | "random">> & PoolOptions,
  ) {
    this.calls = calls;
    this.hostname = hostname;
    this.port = port;
    this.isEncrypted = isEncrypted;
    this.observer = new Observer(calls.peer, onEvent);
    this.#clock = clock;
    this.#backoff = new Backoff(clock, random);
  }

  /** Its name for messages. */
  get peer(): string {
    return this.calls.peer;
  }

  /** Whether it can be reached, as far as is known. */
  get isUp(): boolean {
    return this.#backoff.failures === 0;
  }

  /** Why it can't be reached, if that will not change by itself. */
  get lastingError(): unknown {
    const isFirst = !this.#hasAnswered;
    const isSo = !this.isUp && isLasting(this.#error, { isFirst, hasPassword: true });
    return isSo ? this.#error : undefined;
  }

  /** Notes that it could not be reached by an attempt that began at that time. */
  failed(error: unknown, begunAt: number): void {
    this.#error = error;
    this.#backoff.fail(begunAt);
  }

  /** Notes that it was reached. */
  answered(): void {
    this.#hasAnswered = true;
    this.#backoff.answered();
  }

  /** Finds out whether it can be reached again, if it is time; resolves when that is known. */
  probe(): Promise<void> | undefined {
    if (this.isUp || this.#backoff.left > 0) return this.#probe;
    return this.#probe ??= this.#connect().finally(() => this.#probe = undefined);
  }

  /** How many milliseconds are left until {@linkcode probe} connects. */
  get leftToProbe(): number {
    return this.#backoff.left;
  }

  async #connect(): Promise<void> {
    const begunAt = this.#clock.now();
    try {
      await this.calls.ready({ timeout: longestProbe });
      this.answered();
    } catch (error) {
      // A server that refuses the password can be reached: the next call gets the reason.
      if (error instanceof AuthenticationError) this.answered();
      else this.failed(error, begunAt);
    }
  }
}

/** Options for {@linkcode Servers}. */
export interface ServersOptions extends Pick<PoolOptions, "onEvent"> {
  /** The clock; the runtime's own if left out. */
  readonly clock?: Clock;
  /** Returns a number from 0 to less than 1; `Math.random` if left out. */
  readonly random?: () => number;
}

/** How many servers there may be. */
const mostServers = 1_000;

/** The servers of a cluster: those of the list, and others that its functions have named. */
export class Servers<Calls extends CallRunner> {
  /** The servers of the list. */
  readonly listed: readonly Server<Calls>[];
  readonly #protocol: ClusterProtocol<Calls>;
  readonly #options: Required<Pick<ServersOptions, "clock" | "random">> & PoolOptions;
  readonly #byPeer = new Map<string, Server<Calls>>();

  /** Throws a `LocalProtocolError` for an empty list, or an invalid target. */
  constructor(
    targets: readonly ClusterTarget[],
    protocol: ClusterProtocol<Calls>,
    { onEvent, clock = systemClock, random = Math.random }: ServersOptions,
  ) {
    this.#protocol = protocol;
    this.#options = { onEvent, clock, random };
    if (!Array.isArray(targets) || targets.length === 0) {
      throw new LocalProtocolError(
        "The servers are no array, or an empty one. Pass an array of one server or more.",
      );
    }
    this.listed = this.each(targets);
  }

  /** All servers. */
  all(): IterableIterator<Server<Calls>> {
    return this.#byPeer.values();
  }

  /** The servers at several targets, each once. A hole in their list is no target. */
  each(targets: readonly ClusterTarget[]): readonly Server<Calls>[] {
    return [...new Set(Array.from(targets, (target) => this.at(target)))];
  }

  /**
   * The server at a target, which gets that port if it has none. Throws a `LocalProtocolError` for an invalid
   * target, for one that is to be encrypted and is known without, and if there are 1,000 servers already.
   */
  at(target: ClusterTarget, port?: number): Server<Calls> {
    const whole = port === undefined ? target : this.#protocol.withPort(target, port);
    const opened = this.#protocol.open(whole);
    const { peer } = opened.calls;
    const known = this.#byPeer.get(peer);
    if (known !== undefined) {
      if (known.isEncrypted || !opened.isEncrypted) return known;
      throw new LocalProtocolError(
        `${peer} is named with encryption, and was named before without. Name it everywhere with it.`,
      );
    }
    if (this.#byPeer.size >= mostServers) {
      throw new LocalProtocolError(
        `${peer} would be more than ${mostServers} servers. Check what "route" and "referral" return.`,
      );
    }
    const server = new Server(opened, this.#options);
    this.#byPeer.set(peer, server);
    return server;
  }

  /** The server of the list at a host that has no port: with that port if possible. */
  listedAt(host: string, port: number | undefined): Server<Calls> | undefined {
    const name = plainHost(host);
    const there = this.listed.filter(({ hostname }) =>
      hostname !== undefined && plainHost(hostname) === name
    );
    return there.find((server) => server.port === port) ?? there[0];
  }
}

/** A host's name, to be compared. */
function plainHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "").toLowerCase();
}
