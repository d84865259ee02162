/**
 * Holds connections of one kind while their clients wait, and prints what one takes in memory, or how long answers
 * took. What one takes is how far memory rises from few of them to many, so that what the process takes once doesn't
 * count.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, connect as dial, createServer, type Socket } from "node:net";
import process from "node:process";
import { continuation, defineCommand, ok, sleep } from "../../imap/mod.ts";
import { collectGarbage, type Memory, settledMemory } from "../harness/memory.ts";
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
  /**
   * How many are woken, of the few, in place of measuring memory: garbage is collected for that, again and again, after
   * which the engines collect it too soon for a while.
   */
  readonly wakes?: number;
}

const hostname = "127.0.0.1";

/** How many are opened before garbage is collected. */
const AT_ONCE = 100;

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

/** Connects clients to the upstream, and waits for bytes of both: what two sockets take that notice something. */
async function holdBare(port: number): Promise<Holder> {
  const kept: unknown[] = [];
  const holds = (count: number) => kept.length === 2 * count;
  if ("Deno" in globalThis) {
    const listener = Deno.listen({ hostname, port: 0 });
    const keep = async (socket: Deno.Conn) => {
      kept.push(socket);
      const buffer = new Uint8Array(512);
      while (await socket.read(buffer) !== null);
    };
    void (async () => {
      for await (const client of listener) {
        void keep(client);
        void keep(await Deno.connect({ hostname, port }));
      }
    })();
    return { port: listener.addr.port, holds };
  }
  const keep = (socket: Socket) => {
    kept.push(socket);
    socket.resume();
  };
  const server = createServer((client) => {
    keep(client);
    keep(dial({ port, host: hostname }));
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
  if (wakes !== undefined) {
    await ask({ kind: open, count: few });
    tell(await ask({ kind: "wake", count: wakes }));
    return;
  }
  const turns = many > 100 ? 3 : 1;
  // Garbage is collected now and then, as where they come over hours: engines keep what it took at its most.
  const openUntil = async (count: number) => {
    while (held < count) {
      await ask({ kind: open, count: Math.min(AT_ONCE, count - held) });
      collectGarbage();
    }
  };
  await openUntil(few);
  const before = await settledMemory({ turns });
  await openUntil(many);
  const after = await settledMemory({ turns });
  const one = (part: keyof Memory) => (after[part] - before[part]) / (many - few);
  tell({ resident: one("resident"), anonymous: one("anonymous"), heap: one("heap") });
}

await hold(JSON.parse(process.argv[2]));
process.exit();
