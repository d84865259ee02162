import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "ioredis";
import { resultsScript } from "../../fleet/src/scripts.ts";
import { startRedis } from "../harness/redis.ts";

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
