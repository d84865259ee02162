import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";
import { LocalProtocolError } from "@dovewire/dovewire";
import { Redis } from "ioredis";
import { Fleet, FleetError, type FleetResult, FleetWorker } from "../../fleet/mod.ts";
import { redisAt } from "../../fleet/src/connection.ts";
import { startRedis } from "../harness/redis.ts";
import { all, names } from "../sweep/memory_journal.ts";
import { until } from "../harness/until.ts";

test("fleet › no Redis › is a FleetError after some seconds", async () => {
  await using fleet = new Fleet({ name: "sweep", redis: { host: "127.0.0.1", port: 1 } });
  await assert.rejects(fleet.enqueue(["a"]), (error) => {
    assert(error instanceof FleetError);
    assert.equal(error.code, "fleet");
    return true;
  });
  // It would create a queue, which waits for Redis.
  await assert.rejects(fleet.limit({ concurrency: 1 }), FleetError);
});

test("fleet › a password that Redis refuses, or in a wrong URL › is in no error", async () => {
  await using redis = await startRedis();
  const client = new Redis(redis.url);
  await client.config("SET", "requirepass", "right");
  client.disconnect();
  const errors: Error[] = [];
  const options = { name: "a", redis: redis.url.replace("//", "//:s3cret@") };
  await using fleet = new Fleet(options);
  await fleet.enqueue(["a"]).catch((error) => errors.push(error));
  let tell!: (error: Error) => void;
  const told = new Promise<Error>((resolve) => tell = resolve);
  await using _worker = new FleetWorker(() => {}, { ...options, closeTimeout: 1, onError: tell });
  errors.push(await told);
  for (
    const url of ["redis://:s3cret@host:port", "redis://:s3cret@[::1", "redis://:s3cret%@host"]
  ) {
    try {
      new Fleet({ name: "a", redis: url });
      assert.fail("it is taken");
    } catch (error) {
      assert(error instanceof LocalProtocolError, String(error));
      errors.push(error);
    }
  }
  assert.equal(errors.length, 5);
  for (const error of errors) {
    const text = inspect(error, { depth: Infinity, showHidden: true });
    assert.doesNotMatch(text, /s3cret/);
  }
});

test("fleet › a Redis that hangs › is a FleetError in time", async () => {
  await using redis = await startRedis();
  const { port } = redis;
  const place = { host: "127.0.0.1", port, commandTimeout: 100 };
  await using fleet = new Fleet({ name: "sweep", redis: place });
  redis.pause();
  await assert.rejects(fleet.progress(), FleetError);
  redis.resume();
});

test("fleet › a worker that is closed while Redis hangs › ends, and another goes on", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(6), { batch: 6 });
  const runs: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const settings = {
    ...{ ...options, concurrency: 2, closeTimeout: 100 },
    ...{ lockDuration: 2_000, stalledInterval: 500 },
  };
  const first = new FleetWorker(async (user) => {
    runs.push(user);
    if (runs.length === 4) {
      redis.pause();
      await released;
    } else if (runs.length > 4) await released;
  }, settings);
  await until(() => runs.length >= 4);
  let isClosed = false;
  const closing = first.close().then(() => isClosed = true);
  // The work is waited for, however long it takes.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(isClosed, false);
  release();
  await closing;
  await first.closed;
  redis.resume();
  await using _ = new FleetWorker((user) => void runs.push(user), settings);
  const results = await all<FleetResult<unknown>>(fleet.results());
  assert.deepEqual(results.map(({ user }) => user).sort(), names(6).sort());
  // Nobody is done twice; those whose end Redis wasn't told are unknown.
  assert.deepEqual(runs.toSorted(), [...new Set(runs)].sort());
  const unknown = results.filter((result) => !result.ok);
  assert(unknown.length > 0);
  assert(unknown.every(({ sent, error }) => sent && error.code === "interrupted"));
});

test("fleet › workers and fleets that are closed while Redis hangs, with nothing to do › end", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  const fleet = new Fleet(options);
  await fleet.enqueue([]);
  const worker = new FleetWorker(() => {}, { ...options, closeTimeout: 100 });
  const client = new Redis(redis.url);
  // It waits for jobs, blocked.
  await until(async () => /blocked_clients:1/.test(await client.info("clients")));
  client.disconnect();
  redis.pause();
  const late = new FleetWorker(() => {}, { ...options, closeTimeout: 100 });
  await Promise.all([worker.close(), late.close(), fleet.close()]);
  redis.resume();
});

for (const [what, delay] of [["just now", 0], ["for a while", 500]] as const) {
  test(`fleet › workers and fleets that are closed while Redis is away ${what} › end`, async () => {
    await using redis = await startRedis();
    const options = { name: "sweep", redis: redis.url };
    const fleet = new Fleet(options);
    await fleet.enqueue(names(6), { batch: 1 });
    const closeTimeout = 100;
    let runs = 0;
    const busy = new FleetWorker(
      () => new Promise((resolve) => setTimeout(resolve, ++runs % 2)),
      { ...options, closeTimeout },
    );
    await all(fleet.results());
    const idle = new FleetWorker(() => {}, { ...options, closeTimeout });
    await redis.kill();
    await new Promise((resolve) => setTimeout(resolve, delay));
    const late = new FleetWorker(() => {}, { ...options, closeTimeout });
    const progress = assert.rejects(fleet.progress(), FleetError);
    await Promise.all([busy.close(), idle.close(), late.close(), fleet.close(), progress]);
  });
}

test("fleet › disconnected after Redis has gone and before it is ready again › what it hadn't answered fails", async () => {
  await using redis = await startRedis();
  const connection = redisAt(redis.url, true);
  await connection.ping();
  redis.pause();
  const pending = connection.get("x");
  await redis.kill();
  // A Redis that reads its data has connections and answers nothing, for a time that a test can't set.
  const loading = createServer();
  const connected = once(loading, "connection");
  loading.listen(redis.port, "127.0.0.1");
  const [socket] = await connected;
  // The client has connected: it asks whether Redis is ready.
  await once(socket, "data");
  connection.disconnect();
  await assert.rejects(pending, /Connection is closed/);
  socket.destroy();
  loading.close();
});
