/**
 * The cost of a transport and the driver: the same bytes are moved with a protocol under the driver, and
 * with the runtime's own API, to and from one peer.
 *
 * @module
 */

import type { Address, ConnectOptions, Transport } from "../transports/transport.ts";
import { Driver } from "../transports/driver.ts";
import { bareApis, type BareConnect, type Place } from "./bare/bare_socket.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { Program } from "./harness/program.ts";
import type { Way } from "./harness/turns.ts";
import { type Exchange, ExchangeProtocol, moveBytes } from "./transports/exchange.ts";

/** The least ratio. */
const LEAST = 0.9;

const MIB = 2 ** 20;

type Connect = (address: Address, options: ConnectOptions) => Promise<Transport>;

/** This runtime's adapter. */
async function adapter(): Promise<Connect> {
  const { connect } = "Deno" in globalThis
    ? await import("../transports/deno.ts")
    : "Bun" in globalThis
    ? await import("../transports/bun.ts")
    : await import("../transports/node.ts");
  return connect;
}

/**
 * Moves the bytes with a protocol under the driver, which may let the transport reuse its buffer as the bare APIs do;
 * connecting isn't measured.
 */
function byDriver(
  connect: Connect,
  { place: { address, ca }, exchange, reusesBuffer }: {
    readonly place: Place;
    readonly exchange: Exchange;
    readonly reusesBuffer: boolean;
  },
): Way {
  return async (watch) => {
    const transport = await connect(address, ca === undefined ? {} : { tls: { caCerts: [ca] } });
    const protocol = new ExchangeProtocol(exchange);
    watch.start();
    await new Driver(protocol, transport, {
      onEvent: () => watch.stop(),
      mayRecycle: () => reusesBuffer,
    }).run();
  };
}

/** Moves them with a bare API. */
function byApi(connect: BareConnect, place: Place, exchange: Exchange): Way {
  return (watch) => moveBytes(connect, { place, exchange, watch });
}

async function everywhere(run: Run): Promise<void> {
  const size = run.size(64 * MIB, MIB);
  const exchanges: readonly Exchange[] = [
    { kind: "send", amount: size },
    { kind: "receive", amount: size },
    { kind: "round trips", amount: run.size(2_000, 10) },
  ];
  const connect = await adapter();
  await using peer = new Program(new URL("transports/peer.ts", import.meta.url), {
    runtime: run.commands.deno,
  });
  const places: Readonly<Record<string, Place>> = await peer.next();
  for (const [transport, place] of Object.entries(places)) {
    const { limit, always, receivers } = await bareApis(place);
    const mayReuse = place.ca === undefined && !("Bun" in globalThis);
    for (const exchange of exchanges) {
      const { kind, amount } = exchange;
      const apis = kind === "receive" ? { ...always, ...receivers } : always;
      const isSize = kind !== "round trips";
      await run.compare({
        name: `${transport}, ${kind}`,
        ...isSize ? { amount: amount / MIB, unit: "MiB" } : { amount, unit: "round trips" },
        ways: {
          ...Object.fromEntries(
            Object.entries(apis).map(([name, api]) => [name, byApi(api, place, exchange)]),
          ),
          "the driver": byDriver(connect, { place, exchange, reusesBuffer: true }),
          ...kind === "receive" && mayReuse
            ? {
              "the driver, new buffers": byDriver(connect, {
                place,
                exchange,
                reusesBuffer: false,
              }),
            }
            : {},
        },
        goals: { "the driver": { least: LEAST, limit } },
        // Half of the time is for the runtimes to compile, as in a program that runs for a minute.
        ...{ seconds: 3, warmUp: 0.5 },
      });
    }
  }
}

/** The bench. */
export const bench: Bench = { title: "Transports", parts: { everywhere } };
