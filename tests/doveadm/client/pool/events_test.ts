import assert from "node:assert/strict";
import { channel as channelOf } from "node:diagnostics_channel";
import { test } from "node:test";
import { ConnectionLostError } from "../../../../core/errors.ts";
import type { PoolEvent } from "../../../../doveadm/client/pool/pool_event.ts";
import { settled } from "../../../harness/virtual_clock.ts";
import { errorOf, type FakeConnection, FakePool, refusal, type TestCall } from "./fake_pool.ts";

/** An event without what tests don't look at. */
function short({ type, ...event }: PoolEvent): string {
  const { call, connection, reason } = event as { [name: string]: unknown };
  return [type, call, connection === undefined ? undefined : `on ${connection}`, reason]
    .filter((part) => part !== undefined).join(" ");
}

test("events › of calls and connections › each in its order, with times", async () => {
  await using fake = new FakePool({ idleTimeout: 1_000 });
  const first = fake.call({ name: "mailbox list", user: "alice", takes: 30 });
  const second = fake.call({ name: "quota get", user: "alice" });
  await fake.clock.advance(2_000);
  await Promise.all([first, second]);
  assert.deepEqual(fake.events.map(short), [
    ...["queued 1", "queued 2", "opened on 1"],
    ...["started 1 on 1", "ended 1 on 1", "started 2 on 1", "ended 2 on 1"],
    "closed on 1 idle",
  ]);
  const [, , opened, , ended, started, , closed] = fake.events;
  assert.deepEqual(opened, {
    ...{ type: "opened", peer: "fake", connection: 1, kind: "mail", minor: 2, took: 20 },
  });
  assert.deepEqual(ended, {
    ...{ type: "ended", peer: "fake", call: 1, command: "mailbox list", user: "alice" },
    ...{ kind: "mail", connection: 1, waited: 20, ran: 30, error: undefined },
  });
  assert.deepEqual(started, {
    ...{ type: "started", peer: "fake", call: 2, command: "quota get", user: "alice" },
    ...{ kind: "mail", connection: 1, waited: 50 },
  });
  assert.deepEqual(closed, {
    ...{ type: "closed", peer: "fake", connection: 1, kind: "mail", reason: "idle" },
    ...{ age: 1_040, commands: 2 },
  });
});

test("events › of failures › say why", async () => {
  await using fake = new FakePool({ maxQueue: 1 });
  fake.refuse = (attempt) => attempt === 1 ? refusal() : undefined;
  const answer = fake.call({
    idempotent: true,
    act: (connection) => {
      if (connection.number === 1) connection.end();
      return fake.clock.wait(10);
    },
  });
  const full = await errorOf(fake.call());
  await fake.clock.advance(1_000);
  await answer;
  const aborted = await errorOf(fake.call({ signal: AbortSignal.abort() }));
  assert.deepEqual(fake.events.map(short), [
    ...["queued 1", "queued 2", "ended 2", "open-failed on 1", "opened on 2"],
    ...["started 1 on 2", "retried 1 idempotent", "closed on 2 lost"],
    ...["opened on 3", "started 1 on 3", "ended 1 on 3", "queued 3", "ended 3"],
  ]);
  const [failed] = fake.eventsOf("open-failed");
  assert.deepEqual({ ...failed, error: undefined }, {
    ...{ type: "open-failed", peer: "fake", connection: 1, kind: "mail", took: 20 },
    ...{ error: undefined, failures: 1, retryIn: 37.5 },
  });
  assert.deepEqual(fake.eventsOf("ended").map(({ error }) => error), [full, undefined, aborted]);
  assert.equal(full.name, "QueueFullError");
});

test("events › at random › stats() agree with them at each", async () => {
  let seed = 3;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  for (let round = 0; round < 30; round++) {
    const open = new Set<number>();
    const running = new Set<number>();
    const queued = new Set<number>();
    let ended = 0;
    const wrong: unknown[] = [];
    const onEvent = (event: PoolEvent) => {
      try {
        check(event);
      } catch (error) {
        wrong.push(error);
      }
    };
    const check = (event: PoolEvent) => {
      const { pool } = fake;
      if (event.type === "opened") open.add(event.connection);
      if (event.type === "closed") open.delete(event.connection);
      if (event.type === "started") {
        assert(queued.delete(event.call), "it was not queued");
        running.add(event.call);
      }
      if (event.type === "retried") running.delete(event.call);
      if (event.type === "ended") {
        running.delete(event.call);
        queued.delete(event.call);
        ended++;
      }
      const stats = pool.stats();
      assert.deepEqual([stats.open, stats.running, stats.queued], [
        ...[open.size, running.size, queued.size],
      ], short(event));
      assert.equal(stats.open, stats.idle + stats.running);
      assert(stats.open + stats.opening <= maxConnections);
      assert.equal(stats.totals.succeeded + stats.totals.failed, ended);
      for (const name of ["open", "idle", "running", "opening", "queued"] as const) {
        const { mail, plain, fresh } = stats.kinds;
        assert.equal(mail[name] + plain[name] + fresh[name], stats[name]);
      }
      if (event.type === "queued" || event.type === "retried") queued.add(event.call);
    };
    const maxConnections = 1 + random(5);
    await using fake = new FakePool({
      maxConnections,
      spares: random(3),
      onEvent,
      idleTimeout: 200,
    });
    fake.refuse = () => random(4) === 0 ? refusal() : undefined;
    const answers: Promise<unknown>[] = [];
    for (let call = 0; call < 80; call++) {
      const abort = new AbortController();
      const how: TestCall = {
        kind: (["mail", "plain", "fresh"] as const)[random(3)],
        user: random(2) === 0 ? `u${random(3)}` : undefined,
        attendance: random(5) === 0 ? "input" : undefined,
        idempotent: random(2) === 0,
        timeout: 100 + random(2_000),
        signal: abort.signal,
      };
      const takes = random(40);
      const fate = random(8);
      const act: TestCall["act"] = async (connection) => {
        await fake.clock.wait(takes);
        if (fate < 2) connection.end(fate === 0);
      };
      answers.push(fake.call({ ...how, act }).catch(() => {}));
      if (fate === 3) abort.abort();
      if (random(3) === 0) await fake.clock.advance(random(80));
    }
    await fake.clock.advance(30_000);
    await Promise.all(answers);
    assert.deepEqual(wrong, []);
    assert.deepEqual([running.size, queued.size, ended], [0, 0, 80]);
  }
});

test("events › a listener that makes calls › doesn't disturb the pool", async () => {
  let extra = 0;
  const answers: Promise<unknown>[] = [];
  const onEvent = (event: PoolEvent) => {
    if (event.type === "retried" || extra > 200) return;
    if (extra++ % 2 === 0) answers.push(fake.call({ kind: extra % 4 === 0 ? "fresh" : "plain" }));
  };
  await using fake = new FakePool({ onEvent, maxConnections: 3 });
  answers.push(fake.call());
  await fake.clock.advance(20_000);
  await Promise.all(answers);
  assert(answers.length > 50);
});

for (const type of ["queued", "opened", "started", "retried", "closed", "ended"] as const) {
  test(`events › a listener that closes the pool at "${type}" › all calls end, and nothing is left`, async () => {
    let closing: Promise<void> | undefined;
    await using fake = new FakePool({
      timeout: Infinity,
      idleTimeout: 5,
      onEvent: (event) => {
        if (event.type === type) closing ??= fake.pool.close();
      },
    });
    const act = (connection: FakeConnection) => {
      connection.end();
      return new Promise(() => {});
    };
    const calls = [
      errorOf(fake.call({ user: "alice", idempotent: true, act })),
      fake.call({ user: "bob" }).catch((error) => error),
    ];
    await fake.clock.advance(10_000);
    const [error] = await Promise.all(calls);
    assert(error instanceof ConnectionLostError, String(error));
    assert(closing !== undefined);
    await closing;
  });
}

test("events › a listener that throws › its error is uncaught, and no call fails", async () => {
  await using fake = new FakePool({
    onEvent: () => {
      throw new Error("a listener's mistake");
    },
  });
  const uncaught: unknown[] = [];
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (callback) =>
    queueMicrotask(() => {
      try {
        callback();
      } catch (error) {
        uncaught.push((error as Error).message);
      }
    });
  try {
    const answer = fake.call();
    await fake.clock.advance(100);
    assert.equal(await answer, "mail");
    await fake.pool.close();
    await settled();
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
  // queued, opened, started, ended, closed
  assert.deepEqual(uncaught, Array(5).fill("a listener's mistake"));
});

test("events › nobody listens › none is made", async () => {
  await using fake = new FakePool({ onEvent: undefined });
  const answer = fake.call();
  await fake.clock.advance(100);
  await answer;
  assert.equal(fake.pool.stats().totals.succeeded, 1);
});

test("events › of all pools › are published on a channel of node:diagnostics_channel", async () => {
  const published: string[] = [];
  const listen = (event: unknown) => published.push(short(event as PoolEvent));
  const channel = channelOf("dovewire:pool");
  await using fake = new FakePool({ onEvent: undefined });
  channel.subscribe(listen);
  try {
    const answer = fake.call();
    await fake.clock.advance(100);
    await answer;
  } finally {
    channel.unsubscribe(listen);
  }
  assert.deepEqual(published, ["queued 1", "opened on 1", "started 1 on 1", "ended 1 on 1"]);
  const answer = fake.call();
  await fake.clock.advance(100);
  await answer;
  assert.equal(published.length, 4);
});
