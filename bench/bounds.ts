/**
 * What large amounts cost a client: calls, signals, small chunks, and replies that a hostile server makes
 * as large as possible.
 *
 * `deno task bench bounds` runs each case in a process of its own, on Deno, Node and Bun. Times are CPU
 * times for growing numbers, and should grow linearly; memory is the largest growth of the resident set,
 * shown with the bytes received. A case can be run alone: `node bench/bounds.ts calls`.
 *
 * @module
 */

import process from "node:process";
import { DoveadmClientProtocol, encodePacket, LOG_CHANNEL } from "../core/doveadm/mod.ts";
import { encodeUtf8 } from "../core/mod.ts";
import { Doveadm } from "../mod.ts";
import { memoryPair } from "../transports/memory.ts";
import type { Transport } from "../transports/transport.ts";

const list = { name: "mailbox list", user: "alice" };

/** A client of a server in memory that uses version 1.0, or 1.2, which has a log. */
function clientOf(serve: (end: Transport) => Promise<void>, maxMinor: 0 | 2 = 0): Doveadm {
  return new Doveadm({ path: "/server" }, {
    timeout: 600_000,
    maxMinor,
    connector: async () => {
      const [here, there] = memoryPair({ capacity: 1 << 20 });
      await there.write(
        encodeUtf8((maxMinor === 0 ? "" : "VERSION\tdoveadm-client\t1\t2\n") + "+\n"),
      );
      serve(there).catch(() => {});
      return here;
    },
  });
}

const reply = encodeUtf8("INBOX\t\n+\n");

/** Answers each line except those of the handshake. */
async function answer(end: Transport): Promise<void> {
  for (let chunk; (chunk = await end.read()) !== undefined;) {
    for (const byte of chunk) if (byte === 0x0a) lines++;
    for (; lines > 1; lines--) await end.write(reply);
  }
}

let lines = 0;

async function silence(end: Transport): Promise<void> {
  while (await end.read() !== undefined);
}

/** Waits for a command, then sends a chunk repeatedly, `bytes` in total, and then `last`. */
function flood(chunk: Uint8Array, bytes: number, last = "\n+\n") {
  return async (end: Transport): Promise<void> => {
    for (let heard = ""; !heard.includes("\talice\t");) {
      heard += new TextDecoder().decode(await end.read());
    }
    for (sent = 0; sent < bytes; sent += chunk.length) {
      // A new chunk each time, as from a socket.
      await end.write(chunk);
      if (sent % (chunk.length * 16) === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await end.write(encodeUtf8(last));
  };
}

let sent = 0;

/** The CPU time of this process, in milliseconds, which other processes don't affect. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const ms = (time: number): string => `${time.toFixed(0)} ms`;

const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

/** Runs a function for growing numbers, and prints the CPU times. */
async function growing(
  what: string,
  act: (count: number) => Promise<readonly number[]>,
  counts = [25_000, 50_000, 100_000],
): Promise<void> {
  await act(1000);
  const times: string[] = [];
  for (const count of counts) times.push((await act(count)).map(ms).join(" + "));
  console.log(`${what} (${counts.join(" / ")}): ${times.join(" / ")}`);
}

/** Prints the result of a function, the bytes received, and the growth of the memory. */
async function memory(what: string, act: () => Promise<unknown>): Promise<void> {
  const before = process.memoryUsage().rss;
  let most = before;
  const look = () => most = Math.max(most, process.memoryUsage().rss);
  const timer = setInterval(look, 20);
  const begun = now();
  let outcome: string;
  try {
    const result = await act();
    look();
    outcome = String(Array.isArray(result) ? `${result.length} values` : result);
  } catch (error) {
    const { name, limit } = error as { name: string; limit?: string };
    outcome = limit === undefined ? name : `${name} (${limit})`;
  }
  look();
  clearInterval(timer);
  console.log(
    `${what}: ${outcome}, ${mib(sent)} on the wire, ${mib(most - before)} more, ${
      ms(now() - begun)
    }`,
  );
}

const tabs = new Uint8Array(65_536).fill(0x09);
const letters = new Uint8Array(65_536).fill(0x78);
const mailboxes = encodeUtf8("x\t".repeat(32_768));

async function sendAll(
  { serve = answer, name = "mailbox list", signal, timeout = 0, count, then }: {
    serve?: (end: Transport) => Promise<void>;
    name?: string;
    signal?: AbortSignal;
    timeout?: number;
    count: number;
    then?: () => void;
  },
): Promise<readonly number[]> {
  lines = 0;
  const client = clientOf(serve);
  const begun = now();
  const calls = Array.from(
    { length: count },
    () => client.send({ ...list, name }, { signal, timeout }).catch((error) => error),
  );
  const called = now();
  if (then !== undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    then();
  }
  await Promise.all(calls);
  const done = now();
  await client.close();
  return [called - begun, done - called];
}

/** The cases by name. */
const cases: Readonly<Record<string, () => Promise<void>>> = {
  calls: () => growing("calls at once, made + answered", (count) => sendAll({ count })),
  signal: () =>
    growing(
      "calls that share a signal, made + answered",
      (count) => sendAll({ count, signal: new AbortController().signal, timeout: 600_000 }),
    ),
  abort: () =>
    growing("calls whose signal aborts, made + aborted", (count) => {
      const controller = new AbortController();
      const { signal } = controller;
      return sendAll({ count, signal, serve: silence, then: () => controller.abort() });
    }),
  timeout: () =>
    growing(
      "calls that take too long, made + over",
      (count) => sendAll({ count, timeout: 500, serve: silence }),
    ),
  slots: () =>
    growing("calls that wait for a connection of their own, made + aborted", (count) => {
      const controller = new AbortController();
      const { signal } = controller;
      const then = () => controller.abort();
      return sendAll({ count, name: "instance list", signal, serve: silence, then });
    }),
  chunks: () =>
    growing(
      "chunks of a byte before nextEvent(), in the conversation",
      (count) => Promise.resolve([receiveBytes(count, "+\n")]),
      [100_000, 200_000, 400_000],
    ),
  handshake: () =>
    growing(
      "chunks of a byte before nextEvent(), with the handshake",
      (count) => Promise.resolve([receiveBytes(count, "")]),
      [50_000, 100_000, 200_000],
    ),
  tabs: () => {
    const client = clientOf(flood(tabs, 20_000_000));
    return memory("20 M empty values to send(), and a look at them", async () => {
      const { fields } = await client.send(list);
      return fields;
    });
  },
  raw: () => {
    const client = clientOf(flood(tabs, 1_900_000));
    return memory("1.9 M empty values to send(), and a look at them as bytes", async () => {
      const { rawFields } = await client.send(list);
      return rawFields;
    });
  },
  rows: () => {
    const client = clientOf(flood(mailboxes, 20_000_000));
    return memory(
      "10 M values of a byte to run()",
      () => client.run("mailbox list", { user: "alice" }),
    );
  },
  endless: () => {
    const client = clientOf(flood(letters, 1_000_000_000));
    return memory("a value of 1 GB to rows()", async () => {
      for await (const _ of client.rows("mailbox list", { user: "alice" }));
    });
  },
  unread: () => {
    const client = clientOf(flood(mailboxes, 500_000_000));
    return memory("500 MB of rows() that nobody reads for 2 s", async () => {
      for await (const _ of client.rows("mailbox list", { user: "alice" })) {
        await new Promise((resolve) => setTimeout(resolve, 2000));
        return "one row";
      }
    });
  },
  slow: () => {
    const client = clientOf(flood(letters, 500_000_000, "\t\n+\n"));
    return memory("500 MB of stream(), read more slowly than it comes", async () => {
      let size = 0;
      for await (const field of client.stream(list)) {
        for await (const chunk of field) {
          size += chunk.length;
          if (size % (64 * chunk.length) === 0) await new Promise((resolve) => setTimeout(resolve));
        }
      }
      return `${mib(size)} read`;
    });
  },
  log: () => {
    const line = encodePacket(LOG_CHANNEL, encodeUtf8("\x02x\n".repeat(20_000)));
    const client = clientOf(flood(line, 15_000_000, "\0\0\0\0\x03\n+\n"), 2);
    return memory("5 M log lines of a byte", async () => {
      const { log } = await client.send(list);
      return `${log.length} kept`;
    });
  },
};

/** The time of receiving single bytes after a handshake, or part of one. */
function receiveBytes(count: number, handshake: string): number {
  const protocol = new DoveadmClientProtocol({ maxMinor: 0 });
  protocol.send({ name: "mailbox list", user: "alice" });
  if (handshake !== "") {
    protocol.receive(encodeUtf8(handshake));
    protocol.nextEvent();
    while (protocol.takeOutput() !== undefined);
  }
  const begun = now();
  if (handshake === "") protocol.receive(encodeUtf8("+\n"));
  for (let byte = 0; byte < count; byte++) protocol.receive(Uint8Array.of(0x78));
  try {
    while (protocol.nextEvent() !== undefined);
  } catch {
    // These bytes arrive before any request.
  }
  return now() - begun;
}

/** The names of all cases. */
export const names: readonly string[] = Object.keys(cases);

const [, , name] = process.argv;
if (name !== undefined && Object.hasOwn(cases, name)) {
  await cases[name]();
  process.exit();
}
