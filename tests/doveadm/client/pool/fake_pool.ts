/**
 * A pool whose connections a test opens and ends, with a clock that it moves.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ConnectionKind } from "../../../../core/doveadm/catalogue/mod.ts";
import { ConnectError, ConnectionLostError } from "../../../../core/errors.ts";
import type { DoveadmConnection } from "../../../../doveadm/client/connection.ts";
import { ConnectionPool } from "../../../../doveadm/client/pool/connection_pool.ts";
import {
  checkPoolOptions,
  type PoolOptions,
} from "../../../../doveadm/client/pool/pool_options.ts";
import type { PoolEvent } from "../../../../doveadm/client/pool/pool_event.ts";
import type { Attendance, Work } from "../../../../doveadm/client/pool/work.ts";
import type { SendOptions } from "../../../../doveadm/client/request.ts";
import { TransportError, type TransportErrorCode } from "../../../../transports/transport.ts";
import { VirtualClock } from "../../../harness/virtual_clock.ts";

/** A call for a test. */
export interface TestCall extends SendOptions {
  /** Its name in the log; the kind if left out. */
  readonly name?: string;
  readonly user?: string;
  readonly kind?: ConnectionKind;
  /** The kind in 2.4, if it differs. */
  readonly kindIn24?: ConnectionKind;
  readonly attendance?: Attendance;
  /** How long it takes, in milliseconds; 10 if left out. */
  readonly takes?: number;
  /** What it does instead of returning its name. */
  readonly act?: (connection: FakeConnection) => Promise<unknown>;
}

/** A connection that does nothing. */
export class FakeConnection {
  readonly number: number;
  readonly minor: number;
  /** The names of its commands. */
  readonly commands: string[] = [];
  /** How many run at the moment. */
  running = 0;
  isOpen = true;
  readonly closed: Promise<void>;
  #end = () => {};
  #error: unknown;
  readonly #failures = new Set<(error: unknown) => void>();

  constructor(number: number, minor: number) {
    this.number = number;
    this.minor = minor;
    this.closed = new Promise((resolve) => this.#end = resolve);
  }

  /** Ends it; its command fails. */
  end(sent = true): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#error = new ConnectionLostError("lost", { sent });
    for (const fail of this.#failures) fail(this.#error);
    this.#end();
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  /** For pings. */
  send({ name }: { readonly name: string }): Promise<unknown> {
    this.commands.push(name);
    return Promise.resolve({ ok: false, code: "" });
  }

  /** Settles as the promise does, or rejects when the connection ends. */
  orEnd<Result>(promise: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) reject(this.#error);
      this.#failures.add(reject);
      promise.then(resolve, reject).finally(() => this.#failures.delete(reject));
    });
  }
}

/** A refusal to connect. */
export function refusal(code: TransportErrorCode = "refused"): ConnectError {
  return new ConnectError(`cannot connect: ${code}`, { cause: new TransportError(code, code) });
}

/** A server that accepts, refuses or ignores connections, and a pool of connections to it. */
export class FakePool implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly connections: FakeConnection[] = [];
  readonly events: PoolEvent[] = [];
  /** When connections were opened, or refused. */
  readonly attempts: number[] = [];
  /** What ran, in the order in which it began. */
  readonly started: string[] = [];
  /** How connecting ends: with an error if this returns one. */
  refuse: (attempt: number) => unknown = () => undefined;
  /** How long connecting takes, in milliseconds. */
  connecting = 20;
  /** The server's minor version of the protocol. */
  minor = 2;
  /** The most connections that were open at once, those that are being opened included. */
  most = 0;
  readonly pool: ConnectionPool;
  #open = 0;

  constructor(
    options: PoolOptions & {
      readonly timeout?: number;
      readonly random?: () => number;
      readonly hasPassword?: boolean;
      readonly failsFast?: boolean;
    } = {},
  ) {
    this.pool = new ConnectionPool({
      ...checkPoolOptions({ onEvent: (event) => this.events.push(event), ...options }),
      ...{ clock: this.clock, random: options.random ?? (() => 0.5) },
      timeout: options.timeout ?? 60_000,
      peer: "fake",
      hasPassword: options.hasPassword ?? true,
      failsFast: options.failsFast,
      open: (signal) => this.#connect(signal),
    });
  }

  async #connect(signal: AbortSignal): Promise<DoveadmConnection> {
    const attempt = this.attempts.push(this.clock.now());
    this.most = Math.max(this.most, ++this.#open);
    try {
      await this.clock.wait(this.connecting);
      signal.throwIfAborted();
      const error = this.refuse(attempt);
      if (error !== undefined) throw error;
    } catch (error) {
      this.#open--;
      throw error;
    }
    const connection = new FakeConnection(this.connections.length + 1, this.minor);
    this.connections.push(connection);
    void connection.closed.then(() => this.#open--);
    return connection as unknown as DoveadmConnection;
  }

  /** What the pool is told of a call. */
  workOf(call: TestCall): Work {
    const { kind = "mail", kindIn24 = kind, name = kind, user, attendance, ...options } = call;
    return {
      ...{ name, user, attendance, options },
      kindIn: (version) => version === "2.3" ? kind : kindIn24,
    };
  }

  /** Makes a call, which returns its name after its time. */
  call(call: TestCall = {}): Promise<unknown> {
    const { kind = "mail", name = kind } = call;
    return this.pool.run(
      this.workOf(call),
      (connection) => this.#run(connection, name, call),
      (answer) => answer,
    );
  }

  async #run(real: DoveadmConnection, name: string, call: TestCall): Promise<unknown> {
    const connection = real as unknown as FakeConnection;
    connection.commands.push(name);
    this.started.push(name);
    assert.equal(++connection.running, 1, "two commands ran on a connection at once");
    const { takes = 10, act = () => this.clock.wait(takes).then(() => name) } = call;
    try {
      return await connection.orEnd(act(connection));
    } finally {
      connection.running--;
    }
  }

  /** The events of a type. */
  eventsOf<Type extends PoolEvent["type"]>(type: Type): (PoolEvent & { readonly type: Type })[] {
    return this.events.filter((event): event is PoolEvent & { readonly type: Type } =>
      event.type === type
    );
  }

  /** Closes the pool; nothing may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
    await this.clock.advance(this.connecting);
    const { open, opening, running, queued } = this.pool.stats();
    assert.deepEqual({ open, opening, running, queued, timers: this.clock.timers }, {
      ...{ open: 0, opening: 0, running: 0, queued: 0, timers: 0 },
    });
    for (const connection of this.connections) assert(!connection.isOpen, "one was left open");
  }
}

/** The error that a promise rejects with. */
export function errorOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(() => assert.fail("it was answered"), (error) => error);
}
