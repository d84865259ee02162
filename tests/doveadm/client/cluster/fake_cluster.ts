/**
 * A cluster of servers that do what a test wants, with a clock that it moves.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ConnectError, ConnectionLostError } from "../../../../core/errors.ts";
import type { CallRunner } from "../../../../doveadm/client/call_runner.ts";
import { ClusterCalls } from "../../../../doveadm/client/cluster/cluster_calls.ts";
import {
  checkClusterOptions,
  type DoveadmClusterOptions,
} from "../../../../doveadm/client/cluster/cluster_options.ts";
import type { HopOptions } from "../../../../doveadm/client/cluster/hop.ts";
import { CommandError } from "../../../../doveadm/client/command_error.ts";
import type { StreamedField } from "../../../../doveadm/client/field_stream.ts";
import type { PoolEvent } from "../../../../doveadm/client/pool/pool_event.ts";
import type {
  DoveadmRequest,
  DoveadmResult,
  SendOptions,
} from "../../../../doveadm/client/request.ts";
import { resolveTarget } from "../../../../doveadm/client/target.ts";
import type { Row, TypedCall } from "../../../../doveadm/client/typed_call.ts";
import type { UserSource } from "../../../../doveadm/client/user_requests.ts";
import { TransportError, type TransportErrorCode } from "../../../../transports/transport.ts";
import { VirtualClock } from "../../../harness/virtual_clock.ts";

/** A command as it reaches a server. */
export interface Arrived {
  readonly command: string;
  /** The user's name at the server. */
  readonly user: string | undefined;
  readonly options: HopOptions;
}

/** What a server does with a command: returns the first field of its answer, or throws. */
export type Act = (arrived: Arrived) => unknown;

/** A refusal to connect. */
export function refusal(code: TransportErrorCode = "refused"): ConnectError {
  return new ConnectError(`cannot connect: ${code}`, { cause: new TransportError(code, code) });
}

/** A connection that ended. */
export function lost(sent = true): ConnectionLostError {
  return new ConnectionLostError("lost", { sent });
}

/** A command that failed. */
export function failure(code: string, detail = ""): CommandError {
  const reply = {
    type: "reply",
    id: 0,
    ok: false,
    code,
    detail,
    fields: [],
    rawFields: [],
  } as const;
  return new CommandError("test", reply, []);
}

/** A server in memory. */
export class FakeServer implements CallRunner {
  readonly peer: string;
  readonly #cluster: FakeCluster;
  readonly #host: string;

  constructor(cluster: FakeCluster, host: string, port: number) {
    this.peer = `tcp ${host}:${port}`;
    this.#cluster = cluster;
    this.#host = host;
  }

  async #run(command: string, user: string | undefined, options: HopOptions): Promise<unknown> {
    const there = options.hop?.user ?? user;
    this.#cluster.arrived.push([this.#host, command, there].filter(Boolean).join(" "));
    const down = this.#cluster.down.get(this.#host);
    if (down !== undefined) throw down;
    const act = this.#cluster.acts.get(this.#host);
    return await act?.({ command, user: there, options }) ?? this.#host;
  }

  async send({ name, user }: DoveadmRequest, options: SendOptions): Promise<DoveadmResult> {
    const fields = [String(await this.#run(name, user, options))];
    return { ...{ type: "reply", id: 0, ok: true, detail: "", log: [] }, fields, rawFields: [] };
  }

  async *stream(
    { name, user }: DoveadmRequest,
    options: SendOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    const items = await this.#run(name, user, options);
    for (const item of Array.isArray(items) ? items : [items]) {
      if (item instanceof Error) throw item;
      yield item as StreamedField;
    }
  }

  async runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    const { given, user } = call;
    const [mask] = given.includes("userMask") ? call.argumentsFor("2.4") : [];
    const asked = mask?.replace("--user-mask=", "") ?? user;
    const answer = await this.#run(call.info.name, asked, options);
    return Array.isArray(answer) ? answer : [];
  }

  async *rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    yield await this.runCall(call, options);
  }

  runCalls(): Promise<never> {
    assert.fail("not used");
  }

  forUsers(call: TypedCall): Promise<UserSource> {
    const run = (user: string, options: SendOptions) => this.#run(call.info.name, user, options);
    return Promise.resolve({
      ...{ width: 4, usersPerRequest: 1, limits: { reply: 1000, values: 1000 } },
      async *ask([user]: readonly string[], options: SendOptions) {
        const host = await run(user, options);
        yield { type: "rows" as const, user: 0, rows: [{ host: String(host) }] };
        yield { type: "end" as const, user: 0 };
      },
    });
  }

  async ready(): Promise<void> {
    await this.#cluster.clock.wait(1);
    const down = this.#cluster.down.get(this.#host);
    this.#cluster.probes.push(this.#host);
    if (down !== undefined) throw down;
  }

  ping(options: SendOptions): Promise<void> {
    return this.#run("ping", undefined, options).then(() => {});
  }

  close(): Promise<void> {
    this.#cluster.closed.push(this.#host);
    return Promise.resolve();
  }
}

/** A cluster. */
export class FakeCluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly events: PoolEvent[] = [];
  /** What reached the servers: host, command and user. */
  readonly arrived: string[] = [];
  /** The servers that were asked whether they can be reached again. */
  readonly probes: string[] = [];
  readonly closed: string[] = [];
  /** Why servers can't be reached. */
  readonly down = new Map<string, Error>();
  /** What servers do. */
  readonly acts = new Map<string, Act>();
  readonly calls: ClusterCalls<FakeServer>;

  constructor(targets: readonly string[], options: DoveadmClusterOptions = {}) {
    const protocol = {
      open: (target: Parameters<typeof resolveTarget>[0]) => {
        const { address } = resolveTarget(target);
        assert(address.transport === "tcp");
        const { hostname, port } = address;
        return { calls: new FakeServer(this, hostname, port), hostname, port, isEncrypted: false };
      },
      withPort: (target: Parameters<typeof resolveTarget>[0], port: number) => {
        const url = new URL(target as string);
        if (url.port === "") url.port = `${port}`;
        return url;
      },
      isOrdered: true,
    };
    const checked = checkClusterOptions({
      onEvent: (event) => this.events.push(event),
      ...options,
    });
    const rest = { clock: this.clock, random: () => 0.5 };
    this.calls = new ClusterCalls(targets, protocol, { ...checked, ...rest });
  }

  /** Sends a command for a user; resolves with the host that answered. */
  async call(user?: string, options: SendOptions & Partial<DoveadmRequest> = {}): Promise<string> {
    const { name = "test", extraFields, input, ...rest } = options;
    const request = { name, user, extraFields, input };
    const { fields } = await this.calls.send(request, rest);
    return fields[0];
  }

  /** The events in short: their types and servers. */
  told(): string[] {
    return this.events.map((event) =>
      "to" in event ? `${event.type} ${event.peer} ${event.to}` : `${event.type} ${event.peer}`
    );
  }

  /** Closes the client; nothing may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.calls.close();
    await this.clock.advance(1);
    assert.equal(this.clock.timers, 0, "timers are left");
  }
}
