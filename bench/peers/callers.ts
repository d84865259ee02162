/**
 * Ways to run a small command many times: on bare sockets, on connections, by the client.
 *
 * @module
 */

import { connect, DoveadmConnection } from "../../mod.ts";
import { encodeCommand } from "../../core/doveadm/command.ts";
import { connect as connectTransport } from "../../transports/mod.ts";
import { BareDoveadm } from "../bare/bare_doveadm.ts";
import type { Goal } from "../harness/results.ts";
import type { Way } from "../harness/turns.ts";

/** A small command. */
export interface SmallCommand {
  readonly name: "who" | "mailbox list";
  readonly user?: string;
}

/** What ways to run small commands must reach. */
export interface SmallGoals {
  readonly connection: Goal;
  /** Left out for commands at once: a client doesn't pipeline. */
  readonly client?: Goal;
}

/** The names of the ways, which are the same in all comparisons of small commands. */
const NAMES = {
  bare: "bare socket",
  connection: "DoveadmConnection",
  send: "Doveadm.send",
  run: "Doveadm.run",
} as const;

/** The goals by the names of the ways. */
export function goalsOf({ connection, client }: SmallGoals): Readonly<Record<string, Goal>> {
  return { [NAMES.connection]: connection, ...(client && { [NAMES.run]: client }) };
}

/** Does something so many times at once. */
function atOnce(act: () => Promise<unknown>, times: number): Way {
  return () => Promise.all(Array.from({ length: times }, act));
}

/** Open connections and clients of each kind to one UNIX socket, to run commands on. */
export class Callers implements AsyncDisposable {
  readonly #bare: readonly BareDoveadm[];
  readonly #connections: readonly DoveadmConnection[];
  readonly #client: ReturnType<typeof connect>;

  private constructor(
    bare: readonly BareDoveadm[],
    connections: readonly DoveadmConnection[],
    client: ReturnType<typeof connect>,
  ) {
    this.#bare = bare;
    this.#connections = connections;
    this.#client = client;
  }

  /** Opens so many connections of each kind. */
  static async open(path: string, count: number): Promise<Callers> {
    const address = { transport: "unix", path } as const;
    const all = <Value>(open: () => Promise<Value>) =>
      Promise.all(Array.from({ length: count }, open));
    return new Callers(
      await all(() => BareDoveadm.open(address)),
      await all(async () => {
        return await DoveadmConnection.open(await connectTransport(address), { timeout: 0 });
      }),
      connect({ path }, { maxConnections: count, timeout: 0 }),
    );
  }

  /** Each caller runs a command of its own so many times, one after the other. */
  oneByOne(commands: readonly SmallCommand[], times: number): Readonly<Record<string, Way>> {
    const all = (act: (command: SmallCommand, at: number) => Promise<unknown>): Way => () =>
      Promise.all(commands.map(act));
    const repeat = (act: (command: SmallCommand, at: number) => Promise<unknown>): Way =>
      all(async (command, at) => {
        for (let time = 0; time < times; time++) await act(command, at);
      });
    return {
      [NAMES.bare]: all((command, at) => this.#bare[at].run(encodeCommand(command), times)),
      [NAMES.connection]: repeat((command, at) => this.#connections[at].send(command)),
      [NAMES.send]: repeat((command) => this.#client.send(command)),
      [NAMES.run]: repeat((command) => this.#run(command)),
    };
  }

  /** One connection runs a command so many times at once. */
  pipelined(command: SmallCommand, times: number): Readonly<Record<string, Way>> {
    const [bare, connection] = [this.#bare[0], this.#connections[0]];
    return {
      [NAMES.bare]: () => bare.pipeline(encodeCommand(command), times),
      [NAMES.connection]: atOnce(() => connection.send(command), times),
    };
  }

  /** The same, and by a client: it runs one after the other on its connection, and doesn't pipeline. */
  atOnce(command: SmallCommand, times: number): Readonly<Record<string, Way>> {
    return {
      ...this.pipelined(command, times),
      [NAMES.send]: atOnce(() => this.#client.send(command), times),
      [NAMES.run]: atOnce(() => this.#run(command), times),
    };
  }

  #run({ name, user }: SmallCommand): Promise<unknown> {
    return user === undefined ? this.#client.run("who") : this.#client.run(name, { user });
  }

  /** Closes all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const bare of this.#bare) bare[Symbol.dispose]();
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.#client.close();
  }
}
