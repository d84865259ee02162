/**
 * The cost of a transport and the driver: the same bytes are moved with a protocol under the driver, and
 * with the runtime's own API.
 *
 * The two are timed in turns in one run, against the same peer. The result is the ratio of their
 * medians: 1 is as fast as the bare API, 0.5 half as fast. `deno task bench` runs it on Deno, Node and
 * Bun; its argument is the output of `transports/peer.ts`.
 *
 * @module
 */

import { argv, cpuUsage } from "node:process";
import { Driver } from "../transports/driver.ts";
import type { Address, ConnectOptions, Transport } from "../transports/transport.ts";
import { type Exchange, ExchangeProtocol, type Mover, type Place } from "./transports/exchange.ts";

/** The goal: the least ratio. */
const least = 0.9;

const warmUp = 2;
const rounds = 15;

const exchanges: readonly Exchange[] = [
  { kind: "send", amount: 64 * 1024 * 1024 },
  { kind: "receive", amount: 64 * 1024 * 1024 },
  { kind: "round trips", amount: 2_000 },
];

/** A runtime's adapter, and the APIs that it is compared with. */
interface Runtime {
  readonly connect: (address: Address, options: ConnectOptions) => Promise<Transport>;
  readonly bare: Readonly<Record<string, Mover>>;
  /** More APIs, only for receiving. */
  readonly bareReceivers?: Readonly<Record<string, Mover>>;
}

async function thisRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) {
    const { connect } = await import("../transports/deno.ts");
    const { moveByDeno, moveByDenoAndKeep } = await import("./transports/bare_deno.ts");
    return {
      connect,
      bare: { "Deno.connect": moveByDeno },
      bareReceivers: { "Deno.connect, new buffers": moveByDenoAndKeep },
    };
  }
  const { moveByNode } = await import("./transports/bare_node.ts");
  if ("Bun" in globalThis) {
    const { connect } = await import("../transports/bun.ts");
    const { moveByBun } = await import("./transports/bare_bun.ts");
    return { connect, bare: { "Bun.connect": moveByBun, "node:net": moveByNode } };
  }
  const { connect } = await import("../transports/node.ts");
  return { connect, bare: { "node:net": moveByNode } };
}

/** Moves the bytes with a protocol under the driver. */
function moveByDriver(connect: Runtime["connect"]): Mover {
  return async ({ address, ca }, exchange) => {
    const tls = ca === undefined ? {} : { tls: { caCerts: [ca] } };
    const transport = await connect(address, tls);
    const start = performance.now();
    let end = NaN;
    const onEvent = () => {
      end = performance.now();
    };
    await new Driver(new ExchangeProtocol(exchange), transport, { onEvent }).run();
    return end - start;
  };
}

/** The times of a mover in each round, in milliseconds. */
interface Times {
  readonly elapsed: number[];
  /** This process's CPU time, including connecting. */
  readonly cpu: number[];
}

async function time(move: Mover, place: Place, exchange: Exchange, times?: Times): Promise<void> {
  const before = cpuUsage();
  const elapsed = await move(place, exchange);
  const { user, system } = cpuUsage(before);
  times?.elapsed.push(elapsed);
  times?.cpu.push((user + system) / 1000);
}

/** Times all of them in turns, and compares the driver with each of the others. */
async function compare(
  transport: string,
  { connect, bare: always, bareReceivers }: Runtime,
  [place, exchange]: readonly [Place, Exchange],
): Promise<Record<string, unknown>[]> {
  const bare = exchange.kind === "receive" ? { ...always, ...bareReceivers } : always;
  const movers = Object.entries({ driver: moveByDriver(connect), ...bare });
  const times: Record<string, Times> = {};
  for (const [name] of movers) times[name] = { elapsed: [], cpu: [] };
  for (let round = -warmUp; round < rounds; round++) {
    // Each one is first in some rounds.
    if (round % 2 === 0) movers.reverse();
    for (const [name, move] of movers) {
      await time(move, place, exchange, round < 0 ? undefined : times[name]);
    }
  }
  const ours = times.driver;
  return Object.keys(bare).map((name) => {
    const ratio = median(times[name].elapsed) / median(ours.elapsed);
    return {
      transport,
      exchange: `${exchange.kind}, ${exchange.kind === "round trips" ? "per s" : "MiB/s"}`,
      "bare API": name,
      bare: speed(exchange, median(times[name].elapsed)),
      driver: speed(exchange, median(ours.elapsed)),
      ratio: Number(ratio.toFixed(2)),
      "CPU ratio": Number((median(times[name].cpu) / median(ours.cpu)).toFixed(2)),
      met: ratio >= least,
    };
  });
}

/** Round trips or MiB a second. */
function speed({ kind, amount }: Exchange, milliseconds: number): number {
  const size = kind === "round trips" ? amount : amount / 1024 / 1024;
  return Math.round(size / milliseconds * 1000);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

const places: Record<string, Place> = JSON.parse(argv[2]);
const runtime = await thisRuntime();
const rows: Record<string, unknown>[] = [];
for (const [transport, place] of Object.entries(places)) {
  for (const exchange of exchanges) {
    rows.push(...await compare(transport, runtime, [place, exchange]));
  }
}
console.table(rows);
