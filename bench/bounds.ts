/**
 * What large amounts cost a client: calls, signals, small chunks, and replies that a hostile server makes as large
 * as possible. Whatever has a number should take CPU time in proportion to it, and whatever a server sends should
 * take bounded memory.
 *
 * @module
 */

import { DoveadmClientProtocol, encodePacket, LOG_CHANNEL } from "../core/doveadm/mod.ts";
import { encodeUtf8 } from "../core/mod.ts";
import type { Doveadm } from "../mod.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { collectGarbage } from "./harness/memory.ts";
import { spreadOf } from "./harness/spread.ts";
import { cpuTime, Stopwatch } from "./harness/stopwatch.ts";
import { answering, clientOf, flooding, type Serve, silent } from "./peers/in_memory.ts";

/** The most that ten times as much may take, in multiples of ten times the CPU time. */
const MOST_GROWTH = 1.3;

/** The most memory that a server may make a client take, in MiB: a value may have 128, and is decoded. */
const MOST_MEMORY = 512;

const list = { name: "mailbox list", user: "alice" };
const oneMailbox = answering(encodeUtf8("INBOX\t\n+\n"));

type Part = (run: Run) => Promise<void>;

/** Measures the CPU time of something for a number and ten times that, each of its phases. */
function growing(
  what: string,
  phases: readonly string[],
  act: (count: number, run: Run) => Promise<readonly number[]> | readonly number[],
): Part {
  return async (run) => {
    const few = run.size(10_000, 10);
    const timesOf = async (count: number): Promise<readonly number[]> => {
      const times: (readonly number[])[] = [];
      for (let time = 0; time < run.size(3, 1); time++) {
        collectGarbage();
        times.push(await act(count, run));
      }
      return phases.map((_, phase) => spreadOf(times.map((its) => its[phase])).median);
    };
    // The runtimes compile what runs often.
    await act(few, run);
    const [one, ten] = [await timesOf(few), await timesOf(10 * few)];
    for (const [at, phase] of phases.entries()) {
      const value = ten[at] / (10 * few) * 1000;
      run.record({ name: `${what}, ${phase}`, value, unit: "µs of CPU each" });
    }
    const sum = (times: readonly number[]) => times.reduce((all, time) => all + time, 0);
    run.record({
      name: `${what}, ${10 * few} beside ${few}`,
      value: sum(ten) / (10 * sum(one)),
      ...{ unit: "times the CPU each", most: MOST_GROWTH },
    });
  };
}

/** Calls that are made at once and then answered, or end in another way. */
function calls(
  what: string,
  { serve = oneMailbox, name = list.name, end = "answered" }: {
    readonly serve?: Serve;
    readonly name?: string;
    readonly end?: "answered" | "answered, with a signal" | "aborted" | "timed out";
  },
): Part {
  const hasSignal = end === "aborted" || end === "answered, with a signal";
  return growing(what, ["made", end], async (count, run) => {
    const controller = new AbortController();
    const signal = hasSignal ? controller.signal : undefined;
    const timeouts = { "timed out": run.size(500, 10), "answered, with a signal": 600_000 };
    const { [end]: timeout = 0 }: Partial<Record<typeof end, number>> = timeouts;
    await using client = clientOf(serve);
    const begun = cpuTime();
    const all = Array.from(
      { length: count },
      () => client.send({ ...list, name }, { signal, timeout }).catch((error) => error),
    );
    const called = cpuTime();
    if (end === "aborted") {
      await new Promise((resolve) => setTimeout(resolve, 10));
      controller.abort();
    }
    await Promise.all(all);
    return [called - begun, cpuTime() - called];
  });
}

/** Single bytes that arrive before anybody looks at them, after a handshake or the first line of one. */
function bytes(what: string, isInConversation: boolean): Part {
  return growing(what, ["received"], (count) => {
    const protocol = new DoveadmClientProtocol({ maxMinor: 0 });
    protocol.send(list);
    protocol.receive(encodeUtf8("+\n"));
    if (isInConversation) {
      protocol.nextEvent();
      while (protocol.takeOutput() !== undefined);
    }
    const begun = cpuTime();
    for (let byte = 0; byte < count; byte++) protocol.receive(Uint8Array.of(0x78));
    try {
      while (protocol.nextEvent() !== undefined);
    } catch {
      // These bytes arrive before any request.
    }
    return [cpuTime() - begun];
  });
}

/** What a client does with a server that floods it with a chunk, and the memory that takes. */
function flood(
  what: string,
  { chunk, size, last, minor, act }: {
    readonly chunk: Uint8Array;
    /** How many bytes are sent. */
    readonly size: number;
    readonly last?: string;
    readonly minor?: 2;
    readonly act: (client: Doveadm, run: Run) => Promise<unknown>;
  },
): Part {
  return async (run) => {
    await using client = clientOf(flooding(chunk, run.size(size, chunk.length), last), minor);
    const watch = new Stopwatch();
    // It may refuse so much, too.
    await act(client, run).catch(() => {});
    const { cpu, memory } = watch.end();
    if (memory !== undefined) {
      run.record({ name: `${what}, memory`, value: memory, unit: "MiB", most: MOST_MEMORY });
    }
    run.record({ name: `${what}, CPU`, value: cpu, unit: "ms" });
  };
}

const tabs = new Uint8Array(65_536).fill(0x09);
const letters = new Uint8Array(65_536).fill(0x78);
const mailboxes = encodeUtf8("x\t".repeat(32_768));
const logLines = encodePacket(LOG_CHANNEL, encodeUtf8("\x02x\n".repeat(20_000)));
const alice = { user: "alice" };

/** The bench. */
export const bench: Bench = {
  title: "Bounds",
  // Deno has Node's engine, and nothing here meets anything else of a runtime.
  runtimes: ["node", "bun"],
  isApart: true,
  parts: {
    calls: calls("calls at once", {}),
    signal: calls("calls that share a signal", { end: "answered, with a signal" }),
    abort: calls("calls whose signal aborts", { serve: silent, end: "aborted" }),
    timeout: calls("calls that take too long", { serve: silent, end: "timed out" }),
    slots: calls("calls that wait for connections of their own", {
      ...{ serve: silent, name: "instance list", end: "aborted" },
    }),
    chunks: bytes("chunks of a byte in the conversation", true),
    handshake: bytes("chunks of a byte with the handshake", false),
    tabs: flood("20 M empty values to send()", {
      ...{ chunk: tabs, size: 20_000_000 },
      act: async (client) => (await client.send(list)).fields,
    }),
    raw: flood("1.9 M empty values to send(), as bytes", {
      ...{ chunk: tabs, size: 1_900_000 },
      act: async (client) => (await client.send(list)).rawFields,
    }),
    rows: flood("10 M values of a byte to run()", {
      ...{ chunk: mailboxes, size: 20_000_000 },
      act: (client) => client.run("mailbox list", alice),
    }),
    endless: flood("a value of 1 GB to rows()", {
      ...{ chunk: letters, size: 1_000_000_000 },
      async act(client) {
        for await (const _ of client.rows("mailbox list", alice));
      },
    }),
    unread: flood("500 MB of rows() that nobody reads for 2 s", {
      ...{ chunk: mailboxes, size: 500_000_000 },
      async act(client, run) {
        for await (const _ of client.rows("mailbox list", alice)) {
          await new Promise((resolve) => setTimeout(resolve, run.size(2000, 1)));
          return;
        }
      },
    }),
    slow: flood("500 MB of stream(), read more slowly than it comes", {
      ...{ chunk: letters, size: 500_000_000, last: "\t\n+\n" },
      async act(client) {
        let size = 0;
        for await (const field of client.stream(list)) {
          for await (const chunk of field) {
            size += chunk.length;
            if (size % (64 * chunk.length) === 0) await new Promise((next) => setTimeout(next));
          }
        }
      },
    }),
    log: flood("5 M log lines of a byte", {
      ...{ chunk: logLines, size: 15_000_000, last: "\0\0\0\0\x03\n+\n", minor: 2 },
      act: (client) => client.send(list),
    }),
  },
};
