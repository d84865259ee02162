import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { Fleet, FleetError, type FleetResult, FleetWorker } from "../../fleet/mod.ts";
import { resultsScript } from "../../fleet/src/scripts.ts";
import { startRedis } from "../harness/redis.ts";
import { all, names } from "../sweep/memory_journal.ts";

test("fleet › results larger than they may be › are failures, and the job's others stay", async () => {
  await using redis = await startRedis();
  const options = { name: "sweep", redis: redis.url };
  await using fleet = new Fleet(options);
  await fleet.enqueue(names(6));
  const long = "é".repeat(5_000);
  const client = new Redis(redis.url);
  // What is larger is never taken, however often a worker tries.
  await client.config("SET", "proto-max-bulk-len", "1048576");
  client.disconnect();
  await using _worker = new FleetWorker((user) => {
    if (user === "user1") return long.repeat(1_000);
    if (user === "user2") throw Object.assign(new Error(long.repeat(1_000)), { name: long });
    if (user === "user3") return { toJSON: () => assert.fail(long.repeat(1_000)) };
    return user === "user4" ? long.slice(0, 4_970) : user === "user5" ? long : user;
  }, { ...options, idempotent: true, maxResultBytes: 10_000 });
  const results = await all<FleetResult<unknown>>(fleet.results());
  results.sort((one, other) => one.index - other.index);
  assert.deepEqual(results.map(({ ok }) => ok), [true, false, false, false, true, false]);
  const errors = results.map((result) => result.ok ? undefined : result.error);
  for (const error of [errors[1], errors[5]]) {
    assert.match(error!.message, /more than 10000 bytes as JSON.*"maxResultBytes"/);
  }
  assert.deepEqual(errors[2], {
    ...{ name: `${long.slice(0, 1_000)}…`, code: "other", message: `${long.slice(0, 1_000)}…` },
  });
  assert.match(errors[3]!.message, /^What the work returned is not for JSON: éé/);
  assert.equal(errors[3]!.message.length, 1_001);
  assert.equal(results.filter((result) => !result.ok && !result.sent).length, 0);
});

test("fleet › large results › are read a few at a time", async () => {
  await using redis = await startRedis();
  const client = new Redis(redis.url);
  const ids: string[] = [];
  for (const size of [10, 3_000, 3_000, 3_000, 0, 9_000, 9_000]) {
    ids.push((await client.xadd("results", "*", "result", "x".repeat(size)))!);
  }
  const read = async (last: string, count: number, bytes: number) => {
    const found = await client.eval(resultsScript, 1, "results", last, count, bytes);
    return (found as [string, string][]).map(([id, text]) => [ids.indexOf(id), text.length]);
  };
  assert.deepEqual(await read("0", 500, 5_000), [[0, 10], [1, 3_000], [2, 3_000]]);
  assert.deepEqual(await read(ids[2], 500, 5_000), [[3, 3_000], [4, 0], [5, 9_000]]);
  assert.deepEqual(await read(ids[5], 500, 5_000), [[6, 9_000]]);
  assert.deepEqual(await read(ids[6], 500, 5_000), []);
  assert.deepEqual(await read("0", 2, 5_000), [[0, 10], [1, 3_000]]);
  client.disconnect();
});

test("fleet › results that no worker wrote › are a FleetError", async () => {
  await using redis = await startRedis();
  await using fleet = new Fleet({ name: "sweep", redis: redis.url });
  await fleet.enqueue(["a"]);
  const client = new Redis(redis.url);
  const texts = ["{", "", "null", "5", "[]", "{}", '{"ok":1,"user":"a","index":0}'];
  for (const text of [...texts, '{"ok":false,"user":"a","index":0}', '{"ok":true,"user":"a"}']) {
    await client.del("{dovewire.sweep}:results");
    await client.xadd("{dovewire.sweep}:results", "*", "result", text);
    await assert.rejects(fleet.results().next(), FleetError, text);
  }
  client.disconnect();
});
