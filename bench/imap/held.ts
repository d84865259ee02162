/**
 * Holds connections of one kind while their clients wait, and prints what one takes in memory, and how long answers
 * took. What one takes is how far memory rises from few of them to many, so that what the process takes once doesn't
 * count.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, connect as dial, createServer } from "node:net";
import process from "node:process";
import { continuation, defineCommand, ok, sleep } from "../../imap/mod.ts";
import { type Memory, settledMemory } from "../harness/memory.ts";
import { Program, type RuntimeCommand, tell } from "../harness/program.ts";
import type { IdlersTask } from "./idlers.ts";
import { startRelay } from "./relay.ts";

/** What to hold. */
export interface HeldTask {
  readonly kind: "bare" | "live" | "frozen";
  /** How the peers are run. */
  readonly node: RuntimeCommand;
  /** How many connections are opened, woken and closed before. */
  readonly warmUp: number;
  /** How many connections there are when memory is measured first, and how many when it is measured again. */
  readonly few: number;
  readonly many: number;
  /** How many are woken. */
  readonly wakes: number;
}

const hostname = "127.0.0.1";

const xsleep = defineCommand(
  { name: "XSLEEP", args: [], isLongRunning: true },
  async function* (_args, _session, { signal, state }) {
    if (state === undefined) yield continuation("sleeping");
    return signal.aborted ? ok("Done.") : sleep({ known: ["one", "two", "three"] });
  },
);

/** Something that holds connections. */
interface Holder {
  readonly port: number;
  /** Whether so many are open and at rest. */
  readonly holds: (count: number) => boolean;
}

/** Passes connections on without a look at them: what two sockets take. */
async function holdBare(port: number): Promise<Holder> {
  const kept: unknown[] = [];
  const holds = (count: number) => kept.length === 2 * count;
  if ("Deno" in globalThis) {
    const listener = Deno.listen({ hostname, port: 0 });
    void (async () => {
      for await (const client of listener) {
        kept.push(client, await Deno.connect({ hostname, port }));
      }
    })();
    return { port: listener.addr.port, holds };
  }
  const server = createServer({ pauseOnConnect: true }, (client) => {
    const upstream = dial({ port, host: hostname });
    upstream.pause();
    kept.push(client, upstream);
  });
  server.listen(0, hostname);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, holds };
}

async function holdByRelay(upstream: number, freezeAfter: number): Promise<Holder> {
  const { relay, port } = await startRelay(upstream, { commands: [xsleep], freezeAfter });
  const holds = (count: number) =>
    relay.connections === count && (freezeAfter === 0 || relay.frozenConnections === count);
  return { port, holds };
}

async function hold({ kind, node, warmUp, few, many, wakes }: HeldTask): Promise<void> {
  await using idlers = new Program(new URL("idlers.ts", import.meta.url), { runtime: node });
  const upstream: number = await idlers.next();
  const { port, holds } = kind === "bare"
    ? await holdBare(upstream)
    : await holdByRelay(upstream, kind === "frozen" ? 100 : 0);
  let held = 0;
  const ask = async (task: Pick<IdlersTask, "kind" | "count">): Promise<readonly number[]> => {
    const whole: IdlersTask = { port, command: "XSLEEP", ...task };
    const times = await idlers.ask(whole);
    if (task.kind !== "wake") held += task.kind === "close" ? -task.count : task.count;
    while (!holds(held)) await new Promise((resolve) => setTimeout(resolve, 50));
    return times;
  };
  const open = kind === "bare" ? "connect" : "idle";
  await ask({ kind: open, count: warmUp });
  if (kind !== "bare") {
    await ask({ kind: "wake", count: warmUp });
    await ask({ kind: "close", count: warmUp });
  }
  const turns = many > 100 ? 3 : 1;
  await ask({ kind: open, count: few });
  const before = await settledMemory({ turns });
  await ask({ kind: open, count: many - few });
  const after = await settledMemory({ turns });
  const wake = () => kind === "bare" ? [] : ask({ kind: "wake", count: wakes });
  // The first ones meet code that was thrown away with the garbage.
  await wake();
  const times = await wake();
  const one = (part: keyof Memory) => (after[part] - before[part]) / (many - few);
  tell({
    ...{ resident: one("resident"), anonymous: one("anonymous"), heap: one("heap") },
    times,
  });
}

await hold(JSON.parse(process.argv[2]));
process.exit();
