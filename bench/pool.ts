/**
 * What the pool of connections costs beside bare connections, on a real Dovecot 2.3, and what its spares
 * save; and the memory of calls that wait.
 *
 * What is compared is timed in turns in one run; the result is the ratio of the medians: 1 is as fast as
 * bare connections. `deno task bench pool` runs it on Deno, Node and Bun.
 *
 * @module
 */

import process from "node:process";
import { connect, Doveadm, DoveadmConnection, type DoveadmOptions } from "../mod.ts";
import { memoryPair } from "../transports/memory.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { type Dovecot, startDovecot } from "../tests/harness/dovecot/dovecot.ts";

const rounds = 15;

/** A bare connection. */
async function open({ socket }: Dovecot): Promise<DoveadmConnection> {
  const transport = await connectTransport({ transport: "unix", path: socket });
  return await DoveadmConnection.open(transport, { logPassthrough: true });
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

/** Times functions in turns; returns the medians in milliseconds. */
async function inTurns<Name extends string>(
  acts: Readonly<Record<Name, () => Promise<unknown>>>,
): Promise<Record<Name, number>> {
  const entries = Object.entries(acts) as [Name, () => Promise<unknown>][];
  const times = Object.fromEntries(entries.map(([name]) => [name, [] as number[]]));
  for (let round = -2; round < rounds; round++) {
    // Each one is first in some rounds.
    if (round % 2 === 0) entries.reverse();
    for (const [name, act] of entries) {
      const begun = performance.now();
      await act();
      if (round >= 0) times[name].push(performance.now() - begun);
    }
  }
  return Object.fromEntries(entries.map(([name]) => [name, median(times[name])])) as Record<
    Name,
    number
  >;
}

/** Prints what two ways reach in a second, and the ratio. */
function show(what: string, count: number, { bare, pool }: { bare: number; pool: number }): void {
  const speed = (time: number) => `${Math.round(count / time * 1000)}/s`;
  console.log(
    `${what}: ${speed(bare)} bare, ${speed(pool)} by the pool = ${(bare / pool).toFixed(2)}`,
  );
}

/** `who`, one after the other. */
async function oneByOne(dovecot: Dovecot): Promise<void> {
  const count = 1_000;
  await using bare = await open(dovecot);
  await using doveadm = connect({ path: dovecot.socket });
  const times = await inTurns({
    bare: async () => {
      for (let call = 0; call < count; call++) await bare.send({ name: "who" });
    },
    pool: async () => {
      for (let call = 0; call < count; call++) await doveadm.run("who");
    },
  });
  show("who, one after the other", count, times);
}

/** `mailbox list` by 64 callers, each for a user of its own. */
async function manyCallers(dovecot: Dovecot): Promise<void> {
  const each = 10;
  const { users } = dovecot;
  const connections = await Promise.all(users.map(() => open(dovecot)));
  await using doveadm = connect({ path: dovecot.socket }, { maxConnections: users.length });
  const byAll = (call: (user: string, at: number) => Promise<unknown>) => () =>
    Promise.all(users.map(async (user, at) => {
      for (let turn = 0; turn < each; turn++) await call(user, at);
    }));
  const times = await inTurns({
    bare: byAll((user, at) => connections[at].send({ name: "mailbox list", user })),
    pool: byAll((user) => doveadm.run("mailbox list", { user })),
  });
  show(`mailbox list, ${users.length} callers`, users.length * each, times);
  await Promise.all(connections.map((connection) => connection.close()));
}

/** The first command of a client that has no used connection. */
async function firstCommand(dovecot: Dovecot): Promise<void> {
  const first = (options: DoveadmOptions) => async () => {
    const clients = Array.from({ length: 5 }, () => connect({ path: dovecot.socket }, options));
    const times: number[] = [];
    for (const doveadm of clients) {
      if (options.spares !== 0) {
        await doveadm.ready();
      }
      const begun = performance.now();
      await doveadm.run("mailbox list", { user: dovecot.users[0] });
      times.push(performance.now() - begun);
      await doveadm.close();
    }
    return times;
  };
  const without: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < rounds; round++) {
    without.push(...await first({ spares: 0 })());
    beside.push(...await first({ spares: 1 })());
  }
  const [none, one] = [median(without), median(beside)];
  console.log(
    `the first command: ${none.toFixed(1)} ms, with a spare ${one.toFixed(1)} ms = ` +
      `${(one / none).toFixed(2)}`,
  );
}

/** The memory of calls that wait, and the time until they are rejected. */
async function waiting(): Promise<void> {
  const client = new Doveadm({ path: "/server" }, {
    maxQueue: 1_000_000,
    connector: () => Promise.resolve(memoryPair()[0]),
    handshakeTimeout: 0,
  });
  const { gc } = globalThis as { gc?: () => void };
  const { signal } = new AbortController();
  for (const count of [25_000, 50_000, 100_000]) {
    gc?.();
    const before = process.memoryUsage();
    const begun = performance.now();
    const calls = Array.from(
      { length: count },
      (_, at) => client.run("quota get", { user: `u${at % 1_000}` }, { signal }),
    );
    const took = performance.now() - begun;
    for (const call of calls) call.catch(() => {});
    gc?.();
    const after = process.memoryUsage();
    const each = (name: "heapUsed" | "rss") => Math.round((after[name] - before[name]) / count);
    console.log(
      `${count} calls that wait: ${took.toFixed(0)} ms, ${each("heapUsed")} bytes of heap each, ` +
        `${each("rss")} of the resident set`,
    );
  }
  await client.close();
}

const users = Array.from({ length: 64 }, (_, at) => `user${at}`);
await using dovecot = await startDovecot({ users, mail: {} });
await oneByOne(dovecot);
await manyCallers(dovecot);
await firstCommand(dovecot);
await waiting();
