import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, LocalProtocolError } from "@dovewire/dovewire";
import { Redis } from "ioredis";
import {
  Fleet,
  FleetError,
  type FleetOptions,
  type FleetResult,
  FleetWorker,
} from "../../fleet/mod.ts";
import { startRedis } from "../harness/redis.ts";
import { all, names, slowly } from "../sweep/memory_journal.ts";
import { until } from "../harness/until.ts";

const short = { lockDuration: 20_000, stalledInterval: 500 };

test("fleet › users of two backends › each user's result, once, and the keys are gone in the end", async () => {
  await using redis = await startRedis();
  const options = { name: "a:b c", redis: redis.url };
  await using fleet = new Fleet(options);
  const backendOf = (user: string) => Number(user.slice(4)) % 3 === 0 ? "one:1" : "two";
  assert.equal(await fleet.enqueue(slowly(names(250)), { batch: 7, backendOf }), 250);
  const running = new Map<string, number>();
  await using _one = new FleetWorker((user) => {
    running.set(user, (running.get(user) ?? 0) + 1);
    if (user === "user9") throw new TypeError("a mistake");
    return { user, backend: "one" };
  }, { ...options, ...short, backends: ["one:1"], concurrency: 3 });
  await using _two = new FleetWorker((user) => {
    if (user === "user10") return { n: 1n };
    if (user === "user11") return undefined;
    return { user, backend: "two" };
  }, { ...options, ...short, backends: ["two"], jobs: 3 });
  const results = await all<FleetResult<unknown>>(fleet.results());
  results.sort((one, other) => one.index - other.index);
  assert.deepEqual(results.map(({ user }) => user), names(250));
  assert.deepEqual(results.map(({ index }) => index), names(250).map((_, at) => at));
  assert.deepEqual(results[12], {
    ...{ ok: true, user: "user12", index: 12, value: { user: "user12", backend: "one" } },
  });
  assert.deepEqual(results[9], {
    ...{ ok: false, user: "user9", index: 9, sent: true },
    error: { name: "TypeError", code: "other", message: "a mistake" },
  });
  assert.equal(results[10].ok, false);
  assert.equal(results[11].ok && results[11].value, null);
  const { enqueued, isComplete, done, failed, uncollected, rate, timeLeft } = await fleet
    .progress();
  assert.deepEqual({ enqueued, isComplete, done, failed, uncollected, timeLeft }, {
    ...{ enqueued: 250, isComplete: true, done: 250, failed: 2, uncollected: 0, timeLeft: 0 },
  });
  assert(rate > 0);
  await Promise.all([_one.close(), _two.close()]);
  await fleet.remove();
  const client = new Redis(redis.url);
  assert.deepEqual((await client.keys("*")).filter((key) => !key.includes("stalled-check")), []);
  client.disconnect();
});

test("fleet › backends that get no users › leave no keys in the end", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.limit({ concurrency: 1 }, "limited");
  await using worker = new FleetWorker(() => {}, { ...options, backends: ["default", "idle"] });
  await fleet.enqueue(["a"]);
  assert.equal((await all(fleet.results())).length, 1);
  await worker.close();
  await fleet.remove();
  const client = new Redis(redis.url);
  assert.deepEqual((await client.keys("*")).filter((key) => !key.includes("stalled-check")), []);
  client.disconnect();
});

test("fleet › errors whose name or message is no text › are results, and the job's others stay", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  const strange = ["name", "message"].flatMap((key) => [
    Object.defineProperty(new Error("x"), key, { value: 1n }),
    Object.defineProperty(new Error("x"), key, { get: () => assert.fail("nobody may look") }),
  ]);
  await fleet.enqueue(names(10));
  await using _worker = new FleetWorker((user) => {
    const error = strange[Number(user.slice(4))];
    if (error !== undefined) throw error;
  }, options);
  const results = await all<FleetResult<unknown>>(fleet.results());
  results.sort((one, other) => one.index - other.index);
  assert.deepEqual(results.map(({ ok }) => ok), names(10).map((_, at) => at >= strange.length));
  assert.deepEqual(
    results.slice(0, strange.length).map((result) => !result.ok && result.error),
    [["1", "x"], ["Error", "x"], ["Error", "1"], ["Error", "an error without a message"]]
      .map(([name, message]) => ({ name, code: "other", message })),
  );
});

test("fleet › enqueueing that is interrupted › goes on, and nobody is enqueued twice", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  const stopping = new AbortController();
  const input = function* () {
    for (const user of names(300)) {
      if (user === "user150") stopping.abort();
      yield user;
    }
  };
  const batch = { batch: 5 };
  await assert.rejects(fleet.enqueue(input(), { ...batch, signal: stopping.signal }), AbortError);
  const { enqueued, isComplete, timeLeft } = await fleet.progress();
  assert(enqueued >= 100 && enqueued < 200 && !isComplete, `${enqueued}`);
  assert.equal(timeLeft, undefined);
  await assert.rejects(fleet.enqueue(names(300), { batch: 6 }), /batches of 5/);
  const others = ["other", ...names(300).slice(1)];
  await assert.rejects(fleet.enqueue(others, batch), (error) => {
    assert(error instanceof FleetError);
    assert.match(error.message, /not those that were enqueued/);
    return true;
  });
  await assert.rejects(fleet.enqueue(names(10), batch), /not those that were enqueued/);
  assert.equal(await fleet.enqueue(names(300), batch), 300);
  assert.equal(await fleet.enqueue(names(300), batch), 300);
  const runs: string[] = [];
  await using _ = new FleetWorker((user) => void runs.push(user), { ...options, ...short });
  assert.equal((await all(fleet.results())).length, 300);
  assert.deepEqual(runs.sort(), names(300).sort());
});

test("fleet › enqueueing that is aborted while users or a backend are waited for › ends at once", async () => {
  await using redis = await startRedis();
  await using fleet = new Fleet({ name: "sweep", redis: redis.url });
  const never = new Promise<never>(() => {});
  let isLeft = false;
  const input: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => never,
      return() {
        isLeft = true;
        return never;
      },
    }),
  };
  const enqueue = (users: AsyncIterable<string> | string[], wait = (): unknown => "default") => {
    const stopping = new AbortController();
    const backendOf = () => wait() as string;
    setTimeout(() => stopping.abort(), 20);
    return fleet.enqueue(users, { signal: stopping.signal, backendOf });
  };
  await assert.rejects(enqueue(input), AbortError);
  assert(isLeft);
  await assert.rejects(enqueue(["a"], () => never), AbortError);
  await assert.rejects(fleet.enqueue([], { signal: AbortSignal.abort() }), AbortError);
  const { signal } = new AbortController();
  assert.equal(await fleet.enqueue(slowly(["a", "b"]), { signal }), 2);
});

test("fleet › a collector that stops in between › the next has the rest, and what wasn't taken", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(40), { batch: 4 });
  await using _ = new FleetWorker((user) => user, { ...options, ...short });
  const first: string[] = [];
  for await (const { user } of fleet.results()) {
    first.push(user);
    if (first.length === 10) break;
  }
  const rest = await all(fleet.results());
  assert.deepEqual(new Set([...first, ...rest.map(({ user }) => user)]), new Set(names(40)));
  assert.deepEqual(await all(fleet.results()), []);
});

test("fleet › results that nobody collects › make workers wait at the limit", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(60), { batch: 60 });
  await using _ = new FleetWorker((user) => user, {
    ...{ ...options, ...short, maxResults: 10, concurrency: 5 },
  });
  await until(async () => (await fleet.progress()).uncollected >= 10);
  const { uncollected } = await fleet.progress();
  assert(uncollected <= 15, `${uncollected}`);
  assert.equal((await all(fleet.results())).length, 60);
});

test("fleet › a worker that is closed › ends what is under way, and another does the rest", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(30), { batch: 30 });
  const runs: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const first = new FleetWorker(async (user) => {
    runs.push(user);
    if (runs.length >= 10) await released;
  }, { ...options, ...short, concurrency: 2 });
  await until(() => runs.length >= 10);
  const closing = first.close();
  release();
  await closing;
  await first.closed;
  const before = runs.length;
  assert(before < 30);
  await using _ = new FleetWorker((user) => void runs.push(user), { ...options, ...short });
  const results = await all(fleet.results());
  assert(results.every(({ ok }) => ok));
  assert.deepEqual(runs.sort(), names(30).sort());
});

test("fleet › a worker whose event loop stands still › another goes on, and nobody is done twice", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url, lockDuration: 20_000, stalledInterval: 200 };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(12), { batch: 12 });
  const errors: Error[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  // As if its event loop stood still: its lock is taken away while the first user's work goes on.
  const client = new Redis(redis.url);
  await using _first = new FleetWorker(async () => {
    await released;
    return "first";
  }, { ...options, concurrency: 1, onError: (error) => errors.push(error) });
  await until(async () => (await client.keys("*:lock")).length > 0);
  const [lock] = await client.keys("*:lock");
  await client.set(lock, "another", "PX", 300);
  await using _second = new FleetWorker(() => "second", options);
  const results = fleet.results();
  const all: FleetResult<unknown>[] = [(await results.next()).value!];
  release();
  for await (const result of results) all.push(result);
  client.disconnect();
  assert.deepEqual(all.map(({ user }) => user).sort(), names(12).sort());
  const interrupted = all.filter(({ ok }) => !ok);
  assert.deepEqual(interrupted.map((result) => [result.user, !result.ok && result.error.code]), [
    ["user0", "interrupted"],
  ]);
  assert(all.every((result) => !result.ok || result.value === "second"));
  await until(() => errors.some(({ message }) => message.startsWith("Another worker has the job")));
});

test("fleet › Redis is away for a while › the sweep ends complete", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(50), { batch: 10 });
  let runs = 0;
  await using _ = new FleetWorker(async () => {
    runs++;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }, { ...options, ...short, idempotent: true, concurrency: 2 });
  await until(() => runs > 20);
  await redis.kill();
  await redis.start();
  const results = await all(fleet.results());
  assert.deepEqual(results.map(({ user }) => user).sort(), names(50).sort());
  assert(results.every(({ ok }) => ok));
});

test("fleet › limits of a backend › hold for all workers together", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.limit({ concurrency: 2, rate: { max: 1000, duration: 1000 } });
  await fleet.enqueue(names(40), { batch: 1 });
  let [running, most] = [0, 0];
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
  };
  const settings = { ...options, ...short, jobs: 4 };
  await using _one = new FleetWorker(work, settings);
  await using _two = new FleetWorker(work, settings);
  assert.equal((await all(fleet.results())).length, 40);
  assert(most <= 2, `${most} at once`);
});

test("fleet › Redis loses its data › the collector and the enqueuer end with a FleetError", async () => {
  await using redis = await startRedis();
  await using fleet = new Fleet({ name: "sweep", redis: redis.url });
  const client = new Redis(redis.url);
  await fleet.enqueue(names(3));
  const collecting = assert.rejects(all(fleet.results()), (error: Error) => {
    return error instanceof FleetError && /is gone/.test(error.message);
  });
  // The collector has seen that there is a sweep when it has asked a second time.
  const commands = async () =>
    Number(/cmdstat_xread:calls=(\d+)/.exec(await client.info("all"))?.[1]);
  await until(async () => await commands() >= 1);
  await client.flushall();
  await collecting;
  const losing = async function* () {
    for (const name of names(3000)) {
      if (name === "user2500") await client.flushall();
      yield name;
    }
  };
  await assert.rejects(fleet.enqueue(losing()), /Redis lost its data/);
  client.disconnect();
});

test("fleet › two processes enqueue at once › the first one ends with a FleetError, and all users are there", async () => {
  await using redis = await startRedis();
  await using fleet = new Fleet({ name: "sweep", redis: redis.url });
  let begun = () => {};
  const hasBegun = new Promise<void>((resolve) => begun = resolve);
  let goOn = () => {};
  const mayGoOn = new Promise<void>((resolve) => goOn = resolve);
  const slow = async function* () {
    for (const name of names(3000)) {
      if (name === "user1500") {
        begun();
        await mayGoOn;
      }
      yield name;
    }
  };
  const first = assert.rejects(fleet.enqueue(slow()), /Another process has begun/);
  await hasBegun;
  assert.equal(await fleet.enqueue(names(3000)), 3000);
  goOn();
  await first;
  const { enqueued, isComplete } = await fleet.progress();
  assert.deepEqual({ enqueued, isComplete }, { enqueued: 3000, isComplete: true });
});

test("fleet › invalid options › are refused by name", async () => {
  for (const name of ["", "{a}", 5]) {
    assert.throws(() => new Fleet({ name: name as string, redis: "" }), /"name"/);
  }
  for (
    const option of [
      "concurrency",
      "jobs",
      "maxResults",
      "maxResultBytes",
      "lockDuration",
      "stalledInterval",
    ]
  ) {
    for (const value of [0, -1, NaN, Infinity, "5"]) {
      const options = { name: "a", redis: "redis://127.0.0.1:1", [option]: value };
      assert.throws(() => new FleetWorker(() => {}, options), new RegExp(`"${option}"`));
    }
  }
  for (const place of [undefined, null, 5, "", "localhost"]) {
    const options = { name: "a", redis: place as string };
    assert.throws(() => new Fleet(options), /"redis" is no place/);
    assert.throws(() => new FleetWorker(() => {}, options), /"redis" is no place/);
  }
  // A worker that BullMQ refuses would leave its connection open.
  const prefixed = { name: "a", redis: { host: "127.0.0.1", port: 1, keyPrefix: "x:" } };
  assert.throws(() => new Fleet(prefixed), /Set "prefix", beside "redis"/);
  assert.throws(() => new FleetWorker(() => {}, prefixed), /Set "prefix", beside "redis"/);
  const wrong: Record<string, readonly unknown[]> = {
    backends: [null, "default", [], [5]],
    retries: [-1, NaN, "5"],
    idempotent: ["no"],
    onError: [null, "5"],
    closeTimeout: [0, NaN, Infinity, "5"],
    // BullMQ's timers would end at once.
    lockDuration: [2 ** 31],
    stalledInterval: [2 ** 31, Number.MAX_SAFE_INTEGER],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const options = { name: "a", redis: "redis://127.0.0.1:1", [option]: value };
      assert.throws(() => new FleetWorker(() => {}, options), new RegExp(`"${option}"`));
    }
  }
  assert.throws(() => new Fleet(null as unknown as FleetOptions), /options are not an object/);
  await using redis = await startRedis();
  await using fleet = new Fleet({ name: "a", redis: redis.url });
  await assert.rejects(fleet.enqueue(["a"], { batch: 0 }), LocalProtocolError);
  await assert.rejects(fleet.enqueue(null as unknown as []), LocalProtocolError);
  await assert.rejects(
    fleet.enqueue([], { backendOf: "x" as unknown as () => string }),
    LocalProtocolError,
  );
  await assert.rejects(fleet.enqueue("alice"), LocalProtocolError);
  await assert.rejects(fleet.enqueue([5 as unknown as string]), LocalProtocolError);
  await assert.rejects(
    fleet.enqueue([], { signal: {} as AbortSignal }),
    /"signal" is not an AbortSignal/,
  );
  const backendOf = () => "\ud800";
  await assert.rejects(fleet.enqueue(["a"], { backendOf }), /half of a surrogate pair/);
  const backends = ["\udfff"];
  assert.throws(
    () => new FleetWorker(() => {}, { name: "a", redis: redis.url, backends }),
    LocalProtocolError,
  );
  assert.throws(() => fleet.results(null as unknown as object), LocalProtocolError);
  assert.throws(
    () => fleet.results({ signal: {} as AbortSignal }),
    /"signal" is not an AbortSignal/,
  );
  await assert.rejects(fleet.limit(null as unknown as object), LocalProtocolError);
  await assert.rejects(fleet.limit({ concurrency: 0 }), LocalProtocolError);
  await assert.rejects(fleet.limit({ rate: { max: 1, duration: NaN } }), LocalProtocolError);
});
