/**
 * Runs calls at the servers of a cluster: each at its user's server, or at one that can be reached.
 *
 * @module
 */

import { AuthenticationError, ConnectError, DovewireError } from "../../../core/errors.ts";
import { errorOfOption } from "../../../core/option_checks.ts";
import { lowerFirst, quoteText } from "../../../core/mod.ts";
import { type Clock, systemClock } from "../../../transports/timers.ts";
import { isMask } from "../../chosen_users.ts";
import type { CallRunner } from "../call_runner.ts";
import { CommandError } from "../command_error.ts";
import type { StreamedField } from "../field_stream.ts";
import { type Input, isWhole, wholeInput } from "../input.ts";
import { UserOrder } from "../pool/user_order.ts";
import { attendanceOf } from "../pool/work.ts";
import type { DoveadmRequest, DoveadmResult, FieldStreamOptions, SendOptions } from "../request.ts";
import { type Row, TypedCall } from "../typed_call.ts";
import type { UserAnswer, UserSource } from "../user_requests.ts";
import type { CheckedClusterOptions, ClusterAnswer, ClusterTarget } from "./cluster_options.ts";
import type { HopOptions } from "./hop.ts";
import { type Cluster, type ClusterWork, RoutedCall } from "./routed_call.ts";
import { type Route, Routes } from "./routes.ts";
import { type ClusterProtocol, type Server, Servers } from "./servers.ts";

/** Options for {@linkcode ClusterCalls}. */
export interface ClusterCallsOptions extends CheckedClusterOptions {
  /** The clock; the runtime's own if left out. */
  readonly clock?: Clock;
  /** Returns a number from 0 to less than 1; `Math.random` if left out. */
  readonly random?: () => number;
}

/** Runs calls at the servers of a cluster. */
export class ClusterCalls<Calls extends CallRunner> implements CallRunner {
  readonly peer: string;
  readonly #options: ClusterCallsOptions;
  readonly #servers: Servers<Calls>;
  readonly #routes: Routes<Calls>;
  readonly #any: Route<Calls>;
  readonly #closing = new AbortController();
  readonly #cluster: Cluster<Calls>;

  /** Throws a `LocalProtocolError` for an empty list, or an invalid target. */
  constructor(
    targets: readonly ClusterTarget[],
    protocol: ClusterProtocol<Calls>,
    options: ClusterCallsOptions,
  ) {
    const { clock = systemClock } = options;
    this.#options = options;
    this.#servers = new Servers(targets, protocol, options);
    this.#routes = new Routes(options.routeLifetime, clock);
    this.#any = { servers: this.#servers.listed };
    this.peer = this.#servers.listed.map(({ peer }) => peer).join(", ");
    this.#cluster = {
      ...{ peer: this.peer, options, clock, closing: this.#closing.signal, waiting: 0 },
      order: protocol.isOrdered ? new UserOrder() : undefined,
      remembered: (user) => this.#routes.get(user),
      find: (user) => this.#find(user),
      remember: (user, route) => this.#routes.set(user, route),
      forget: (user, route) => this.#routes.forget(user, route),
      serverAt: (host, user, from) => this.#serverAt(host, user, from),
    };
  }

  /** How many calls wait, for others before them, or for their server to be found or reached. */
  get waiting(): number {
    return this.#cluster.waiting;
  }

  /** All servers. */
  servers(): IterableIterator<Server<Calls>> {
    return this.#servers.all();
  }

  send(request: DoveadmRequest, options: SendOptions): Promise<DoveadmResult> {
    return this.#run(
      workOfRequest(request, options, false),
      ({ calls }, rest) => calls.send(request, rest),
    );
  }

  stream(
    request: DoveadmRequest,
    options: FieldStreamOptions,
  ): AsyncGenerator<StreamedField, void, void> {
    const { reuseBuffer } = options;
    return this.#yield(
      workOfRequest(request, options, true),
      ({ calls }, rest) => calls.stream(request, { ...rest, reuseBuffer }),
    );
  }

  runCall(call: TypedCall, options: SendOptions): Promise<Row[]> {
    return this.#run(
      workOfCall(call, options, false),
      ({ calls }, rest) => calls.runCall(call, rest),
    );
  }

  rowsOfCall(
    call: TypedCall,
    options: SendOptions,
  ): AsyncGenerator<readonly Row[], void, void> {
    return this.#yield(
      workOfCall(call, options, true),
      ({ calls }, rest) => calls.rowsOfCall(call, rest),
    );
  }

  runCalls(
    calls: readonly TypedCall[],
    options: SendOptions,
  ): Promise<PromiseSettledResult<Row[]>[]> {
    return Promise.allSettled(calls.map((call) => this.runCall(call, options)));
  }

  async forUsers(
    given: TypedCall,
    isStream: boolean,
    options: SendOptions,
  ): Promise<UserSource> {
    const { name } = given.info;
    const input = await wholeInput(name, given.input);
    const call = input === undefined ? given : given.withInput(input);
    /** The way of the call to each server. */
    const sources = new Map<Server<Calls>, UserSource>();
    const sourceOf = async (server: Server<Calls>, options: SendOptions) => {
      const known = sources.get(server);
      if (known !== undefined) return known;
      const source = await server.calls.forUsers(call, isStream, options);
      sources.set(server, source);
      return source;
    };
    const { width, limits, usersPerRequest } = await this.#run(
      anyServer(name, { ...options, idempotent: true }),
      (server, rest) => sourceOf(server, { ...rest, idempotent: options.idempotent }),
    );
    const attendance = isStream ? "stream" : undefined;
    const ask = (users: readonly string[], options: SendOptions) =>
      this.#yield<UserAnswer>(
        {
          ...{ name, attendance, hasPieces: false, options },
          user: users.length === 1 ? users[0] : undefined,
        },
        async function* (server, rest) {
          yield* (await sourceOf(server, rest)).ask(users, rest);
        },
      );
    return {
      // Of a server's connections some are left to the caller in a loop; all users may be at one server.
      width: isStream ? width : width * this.#servers.listed.length,
      // The users of a request must have the same server.
      usersPerRequest: this.#options.route === undefined ? usersPerRequest : 1,
      ...{ limits, ask },
    };
  }

  /** Connects to each server of the list; rejects if none can be reached, or one refuses the password. */
  async ready(options: SendOptions): Promise<void> {
    const outcomes = await Promise.allSettled(
      this.#servers.listed.map(({ calls }) => calls.ready(options)),
    );
    const errors = outcomes.flatMap((it) => it.status === "rejected" ? [it.reason] : []);
    const refusal = errors.find((error) => error instanceof AuthenticationError);
    if (refusal !== undefined || errors.length === outcomes.length) throw refusal ?? errors[0];
  }

  ping(options: SendOptions): Promise<void> {
    const again = { ...options, idempotent: true };
    return this.#run(anyServer("ping", again), ({ calls }, rest) => calls.ping(rest));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(Array.from(this.#servers.all(), ({ calls }) => calls.close()));
  }

  /** Runs a command at one server after the other, until one answers. */
  async #run<Result>(
    work: ClusterWork,
    act: (server: Server<Calls>, options: HopOptions) => Promise<Result>,
  ): Promise<Result> {
    const call = new RoutedCall(work, this.#cluster);
    try {
      await call.begin();
      for (;;) {
        const server = await call.next();
        try {
          const result = await act(server, call.options);
          server.answered();
          return result;
        } catch (error) {
          await call.failed(error, false);
        }
      }
    } finally {
      call.end();
    }
  }

  /** Runs a command as {@linkcode #run} does, and yields what it yields. */
  async *#yield<Item>(
    work: ClusterWork,
    act: (server: Server<Calls>, options: HopOptions) => AsyncIterable<Item>,
  ): AsyncGenerator<Item, void, void> {
    const call = new RoutedCall(work, this.#cluster);
    try {
      await call.begin();
      for (;;) {
        const server = await call.next();
        let hasYielded = false;
        try {
          for await (const item of act(server, call.options)) {
            if (!hasYielded) server.answered();
            hasYielded = true;
            yield item;
          }
          server.answered();
          return;
        } catch (error) {
          await call.failed(error, hasYielded);
        }
      }
    } finally {
      call.end();
    }
  }

  #find(user: string | undefined): Route<Calls> | Promise<Route<Calls>> {
    const { route } = this.#options;
    if (user === undefined || isMask(user) || route === undefined) return this.#any;
    return this.#routes.lookUp(user, async () => {
      const servers = route === "userdb"
        ? await this.#askFor(user)
        : await this.#serversOf(await answerOf("route", () => route(user)));
      if (servers === undefined) return this.#any;
      const found = { servers };
      this.#routes.set(user, found);
      if (servers !== this.#any.servers) {
        const by = route === "userdb" ? "userdb" : "function";
        servers[0].observer.tell({ type: "routed", user, by });
      }
      return found;
    });
  }

  /** The servers that the caller's function has returned. */
  #serversOf(
    answer: ClusterTarget | readonly ClusterTarget[] | undefined,
  ): readonly Server<Calls>[] | undefined {
    if (answer === undefined) return undefined;
    const targets = Array.isArray(answer) ? answer as readonly ClusterTarget[] : [answer];
    return targets.length === 0 ? undefined : this.#servers.each(targets as ClusterTarget[]);
  }

  /** The server that the user database has for a user; those of the list if it has none of them. */
  async #askFor(user: string): Promise<readonly Server<Calls>[] | undefined> {
    const call = new TypedCall("user", { userMask: [user] });
    try {
      const [host, from] = await this.#run(
        anyServer("user", { idempotent: true }),
        async (server, options) => {
          const rows = await server.calls.runCall(call, options);
          return [rows.length === 1 ? rows[0].host : undefined, server] as const;
        },
      );
      if (typeof host !== "string" || host === "") return this.#any.servers;
      const found = await this.#serverAt(host, user, from);
      return found === undefined ? this.#any.servers : [found];
    } catch (error) {
      // The command itself will say so.
      if (error instanceof CommandError && error.code === "NOUSER") return undefined;
      if (!(error instanceof DovewireError)) throw error;
      throw new ConnectError(
        `The server of ${quoteText(user)} could not be looked up: ${lowerFirst(error.message)}`,
        { cause: error },
      );
    }
  }

  /** The server at a host that another one has named: of the list, or one that the caller allows. */
  async #serverAt(
    host: string,
    user: string,
    { port }: Server<Calls>,
  ): Promise<Server<Calls> | undefined> {
    const listed = this.#servers.listedAt(host, port);
    if (listed !== undefined) return listed;
    const { referral } = this.#options;
    const target = referral && await answerOf("referral", () => referral(user, host));
    return target === undefined ? undefined : this.#servers.at(target, port);
  }
}

/** What a function of the caller's answers. One that fails without an error would look like success. */
async function answerOf<Value>(
  option: string,
  ask: () => ClusterAnswer<Value>,
): Promise<Value | undefined> {
  try {
    return await ask();
  } catch (error) {
    throw errorOfOption(option, error);
  }
}

/** The work of a command that any server can run. */
function anyServer(name: string, options: SendOptions): ClusterWork {
  return { ...{ name, options, user: undefined, attendance: undefined, hasPieces: false } };
}

function workOfCall(
  { info: { name }, user, input }: TypedCall,
  options: SendOptions,
  isStream: boolean,
): ClusterWork {
  return { ...{ name, user, options }, ...inputOf(input, isStream) };
}

function workOfRequest(
  { name, user, input, extraFields = {} }: DoveadmRequest,
  options: SendOptions,
  isStream: boolean,
): ClusterWork {
  const proxyTtl = Object.hasOwn(extraFields, "proxy-ttl") ? Number(extraFields["proxy-ttl"]) : NaN;
  return {
    ...{ name, user, options, ...inputOf(input, isStream) },
    proxyTtl: Number.isInteger(proxyTtl) ? proxyTtl : undefined,
  };
}

function inputOf(
  input: Input | undefined,
  isStream: boolean,
): Pick<ClusterWork, "attendance" | "hasPieces"> {
  return {
    attendance: attendanceOf(input, isStream),
    hasPieces: input !== undefined && !isWhole(input),
  };
}
