/**
 * The connections of a listener: how many there may be, and how they end together.
 *
 * @module
 */

import { DovewireError, encodeUtf8 } from "../core/mod.ts";
import { checkCount, checkOptions } from "../core/option_checks.ts";
import { checkListener } from "../transports/address_checks.ts";
import { networkAddress } from "../transports/network_address.ts";
import { RefusalDelays } from "../transports/refusal_delays.ts";
import { onAbort, startTimer, timeLimit } from "../transports/timers.ts";
import type { Address, Listener, Transport } from "../transports/transport.ts";
import type { RunningCommand } from "./command_runner.ts";

/** Options for ending commands that run. */
export interface CancelCommandsOptions {
  /** Selects the commands to end; all if left out. */
  readonly which?: (command: RunningCommand) => boolean;
  /** What their clients are told; "The command was cancelled." if left out. */
  readonly text?: string;
}

/** Limits on connections; each is a number from 1 on, or `Infinity` for no limit. */
export interface ConnectionLimits {
  /** How many connections may be open at once; 1000 if left out. */
  readonly maxConnections?: number;
  /**
   * How many connections an address may have, for IPv6 its first 64 bits; 100 if left out. It doesn't apply to
   * UNIX sockets.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * How many connections may wait for their login; 100 if left out. At the limit, a new client replaces the
   * oldest of these from its own address, or else the oldest of all.
   */
  readonly maxUnauthenticated?: number;
}

/** A connection as its host sees it. */
export interface HostedConnection {
  /** The client, for messages. */
  readonly peer: string;
  /** Resolves when it is closed; never rejects. */
  readonly closed: Promise<void>;
  /** Ends it with BYE and that text, as soon as nothing waits for an answer. */
  shutDown(text: string): void;
  /** Ends it now, with BYE and that text. */
  close(text: string): Promise<void>;
  /** Ends it now, without BYE. */
  abort(): void;
  /** Ends its running custom command with NO and that text, if `which` selects it; returns whether it did. */
  cancelCommand(text: string | undefined, which: (command: RunningCommand) => boolean): boolean;
}

/** Options for closing a server or a relay. */
export interface CloseImapOptions {
  /**
   * How long commands may continue that a client waits for, in milliseconds; 5 s if left out, 0 or `Infinity`
   * for no limit.
   */
  readonly timeout?: number;
  /** How many clients are told at a time, so that they don't come back all at once; all if left out. */
  readonly groupSize?: number;
}

/** What a connection needs of its host. */
export interface HostContext<Connection> {
  /** To be called once it is closed. */
  readonly onClosed: (connection: Connection) => void;
  /** To be called once its client is logged in. */
  readonly onLoggedIn: () => void;
  /** How long to wait before a client hears that its password is wrong, in milliseconds; counts it. */
  readonly nextRefusalDelay: (peer: string) => number;
}

/** Options for a {@linkcode ConnectionHost}. */
export interface ConnectionHostOptions<Connection extends HostedConnection> {
  /** Limits on connections. */
  readonly limits: ConnectionLimits;
  /** The delay after a first wrong password, in milliseconds; 500 if left out. */
  readonly refusalDelay?: number;
  /** Closes everything when it aborts. */
  readonly signal?: AbortSignal;
  /** Opens a connection. */
  readonly open: (transport: Transport, context: HostContext<Connection>) => Connection;
  /** Called with each error. */
  readonly onError: (error: unknown, peer: string) => void;
}

/** What a client is told at the end. */
const farewell = "Server shutting down.";

/** What a client is told that is one too many. */
const tooMany = "[LIMIT] Too many connections. Try again later.";

/** How long after a group of clients the next one is told that they have to leave, in milliseconds. */
const groupPause = 100;

/** How long a client that is turned away may take to read why, in milliseconds. */
const refusalTime = 1000;

/** How many clients at a time are told why they have to leave. */
const mostLeaving = 100;

/** Accepts the clients of a listener, keeps their number within its limits, and ends them together. */
export class ConnectionHost<Connection extends HostedConnection> {
  /** Resolves when everything is closed. */
  readonly finished: Promise<void>;
  #finish: () => void = () => {};
  #closing: Promise<void> | undefined;
  readonly #listener: Listener;
  readonly #options: ConnectionHostOptions<Connection>;
  readonly #refusalDelays: RefusalDelays;
  readonly #limits: Required<ConnectionLimits>;
  /** In the order in which they were opened. */
  readonly #connections = new Set<Connection>();
  /** Those of them whose clients aren't logged in. */
  readonly #unauthenticated = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #accepting: Promise<void>;
  /** What the connections share: most of them wait for days. */
  readonly #context = {
    onClosed: (connection: Connection) => this.#forget(connection),
    nextRefusalDelay: (peer: string) => this.#refusalDelays.next(peer),
  };
  /** The ends of connections that don't count any more: they were turned away, or had to make room. */
  readonly #leaving = new Set<Promise<void>>();

  /** Starts to accept; throws a {@linkcode LocalProtocolError} for invalid options. */
  constructor(listener: Listener, options: ConnectionHostOptions<Connection>) {
    checkListener(listener);
    const { limits, refusalDelay = 500, signal } = options;
    this.#refusalDelays = new RefusalDelays(refusalDelay);
    this.#limits = completeConnectionLimits(limits);
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#listener = listener;
    this.#options = options;
    this.#accepting = this.#accept();
    if (signal === undefined) return;
    const forget = onAbort(signal, () => void this.close());
    void this.finished.then(forget);
  }

  /** Where the listener listens, with the chosen port. */
  get address(): Address {
    return this.#listener.address;
  }

  /** How many connections are open. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * Stops listening, and ends all connections with BYE: as soon as nothing waits for an answer, and after
   * `timeout` at the latest. Resolves when everything is closed; rejects with a {@linkcode LocalProtocolError}
   * for invalid options. Further calls wait for the first one.
   */
  async close(options: CloseImapOptions = {}): Promise<void> {
    checkOptions(options);
    const { timeout = 5000, groupSize = Infinity } = options;
    const limit = timeLimit("timeout", timeout);
    checkCount("groupSize", groupSize, 1);
    await (this.#closing ??= this.#closeAll(limit, Math.floor(groupSize)).finally(() =>
      this.#finish()
    ));
  }

  /** Takes over a connection of another process, whose client is logged in; the limits don't apply. */
  adopt(open: (context: HostContext<Connection>) => Connection): void {
    this.#add(open({ ...this.#context, onLoggedIn: () => {} }));
  }

  /** What a function returns for the first of the open connections for which it returns something. */
  find<Found>(find: (connection: Connection) => Found | undefined): Found | undefined {
    for (const connection of this.#connections) {
      const found = find(connection);
      if (found !== undefined) return found;
    }
  }

  /** How many of the open connections are of some kind. */
  count(isOfKind: (connection: Connection) => boolean): number {
    let count = 0;
    for (const connection of this.#connections) if (isOfKind(connection)) count++;
    return count;
  }

  /**
   * Ends custom commands that run with NO; returns how many. Throws a {@linkcode LocalProtocolError} for a text
   * that can't be sent, before any is ended.
   */
  cancelCommands(options: CancelCommandsOptions = {}): number {
    checkOptions(options, { functions: ["which"], texts: ["text"] });
    const { which = () => true, text } = options;
    return this.count((connection) => connection.cancelCommand(text, which));
  }

  async #closeAll(limit: number, groupSize: number): Promise<void> {
    await this.#listener.close();
    await this.#accepting;
    let told = 0;
    for (const connection of this.#connections) {
      if (told > 0 && told % groupSize === 0) {
        await new Promise<void>((resolve) => startTimer(groupPause, resolve));
      }
      connection.shutDown(farewell);
      told++;
    }
    await this.#allClosed(limit);
    await Promise.all([
      ...this.#leaving,
      ...[...this.#connections].map((connection) => connection.close(farewell)),
    ]);
  }

  /** Resolves when all connections are closed, or the time is over. */
  async #allClosed(limit: number): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = startTimer(limit, resolve);
      void Promise.all([...this.#connections].map(({ closed }) => closed)).then(() => {
        timer.stop();
        resolve();
      });
    });
  }

  async #accept(): Promise<void> {
    for (let client; (client = await this.#listener.accept()) !== undefined;) {
      const address = networkAddress(client.peer);
      if (this.#makeRoom(client, address)) this.#admit(client);
    }
  }

  /** Makes room for another client; returns whether there is any. */
  #makeRoom(transport: Transport, address: string | undefined): boolean {
    const { maxConnections, maxConnectionsPerAddress, maxUnauthenticated } = this.#limits;
    const fromAddress = address === undefined ? 0 : this.#perAddress.get(address) ?? 0;
    if (fromAddress >= maxConnectionsPerAddress) {
      this.#turnAway(transport, "maxConnectionsPerAddress");
      return false;
    }
    const isFull = this.#connections.size >= maxConnections;
    if (!isFull && this.#unauthenticated.size < maxUnauthenticated) return true;
    const dispensable = this.#dispensable(address);
    if (dispensable === undefined) {
      this.#turnAway(transport, "maxConnections");
      return false;
    }
    const error = this.#limitError(isFull ? "maxConnections" : "maxUnauthenticated");
    this.#options.onError(error, dispensable.peer);
    this.#forget(dispensable);
    if (this.#mayTell()) void dispensable.close(tooMany);
    else dispensable.abort();
    this.#leave(dispensable.closed);
    return true;
  }

  /** The connection without a login that has to go first. */
  #dispensable(address: string | undefined): Connection | undefined {
    const all = [...this.#unauthenticated];
    const own = all.find(({ peer }) => address !== undefined && networkAddress(peer) === address);
    return own ?? all[0];
  }

  #admit(transport: Transport): void {
    const { open } = this.#options;
    const connection: Connection = open(transport, {
      ...this.#context,
      onLoggedIn: () => this.#unauthenticated.delete(connection),
    });
    this.#unauthenticated.add(connection);
    this.#add(connection);
  }

  #add(connection: Connection): void {
    this.#connections.add(connection);
    const address = networkAddress(connection.peer);
    if (address === undefined) return;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  #forget(connection: Connection): void {
    this.#unauthenticated.delete(connection);
    const wasOpen = this.#connections.delete(connection);
    const address = networkAddress(connection.peer);
    if (!wasOpen || address === undefined) return;
    const left = this.#perAddress.get(address)! - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  /** Tells a client that there is no room for it. */
  #turnAway(transport: Transport, option: keyof ConnectionLimits): void {
    this.#options.onError(this.#limitError(option), transport.peer);
    this.#leave(this.#mayTell() ? sayTooMany(transport) : transport.close());
  }

  /** Whether another client may be told why it has to leave: while there are many, they are only closed. */
  #mayTell(): boolean {
    return this.#leaving.size < mostLeaving;
  }

  /** Keeps the end of a connection that doesn't count any more. */
  #leave(end: Promise<void>): void {
    this.#leaving.add(end);
    void end.then(() => this.#leaving.delete(end));
  }

  #limitError(option: keyof ConnectionLimits): DovewireError {
    return new DovewireError(
      `${this.#limits[option]} connections${
        which[option]
      } are open, which is the limit ("${option}").`,
    );
  }
}

/** Tells a client that it is one too many, and closes its transport; never rejects. */
async function sayTooMany(transport: Transport): Promise<void> {
  const timer = startTimer(refusalTime, () => void transport.close());
  try {
    await transport.write(encodeUtf8(`* BYE ${tooMany}\r\n`));
    await transport.closeWrite();
    await transport.read();
  } catch {
    // It has gone, or takes too long.
  }
  timer.stop();
  await transport.close();
}

const which = {
  maxConnections: "",
  maxConnectionsPerAddress: " from one address",
  maxUnauthenticated: " without a login",
};

/** Limits, complete and checked. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function completeConnectionLimits(limits: ConnectionLimits): Required<ConnectionLimits> {
  const { maxConnections = 1000, maxConnectionsPerAddress = 100, maxUnauthenticated = 100 } =
    limits;
  const complete = { maxConnections, maxConnectionsPerAddress, maxUnauthenticated };
  for (const [name, limit] of Object.entries(complete)) checkCount(name, limit, 1);
  return complete;
}
