import assert from "node:assert/strict";
import { createClient } from "@redis/client";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { astringOf } from "../../../core/imap/mod.ts";
import { DovewireError, LocalProtocolError } from "../../../core/mod.ts";
import {
  RedisKeyStore,
  type RedisKeyStoreOptions,
} from "../../../examples/xkeysync/redis_key_store.ts";
import { readPublicKey } from "../../../examples/xkeysync/public_key.ts";
import { ImapClient } from "../../../imap/client.ts";
import { type Redis, startRedis } from "../../harness/redis.ts";
import { connectToKeys, talkTo } from "./key_server.ts";
import { createKeys } from "./keys.ts";
import { Calls, testKeyStore } from "./store_cases.ts";
import { until } from "../../harness/until.ts";

/** A Redis and two stores, as two relays have them. */
async function openStores(options: RedisKeyStoreOptions = {}) {
  const redis = await startRedis();
  const store = await RedisKeyStore.open(redis.url, options);
  const other = await RedisKeyStore.open(`unix://${redis.path}`, options);
  return {
    redis,
    store,
    other,
    async [Symbol.asyncDispose]() {
      store.close();
      other.close();
      await redis.stop();
    },
  };
}

let shared: Promise<Redis> | undefined;
after(async () => await (await shared)?.stop());

let prefixes = 0;

testKeyStore("Redis key store", async (maxKeys) => {
  const { url, path } = await (shared ??= startRedis());
  const options = { maxKeys, prefix: `${++prefixes}:` };
  const store = await RedisKeyStore.open(url, options);
  const other = await RedisKeyStore.open(`unix://${path}`, options);
  return {
    store,
    other,
    [Symbol.asyncDispose]() {
      store.close();
      other.close();
      return Promise.resolve();
    },
  };
});

/** Runs a command of Redis. */
async function run(redis: Redis, ...command: string[]): Promise<void> {
  const client = createClient({ url: `unix://${redis.path}` });
  client.on("error", () => {});
  await client.connect();
  await client.sendCommand(command);
  client.destroy();
}

/** Does something as soon as the store's connection is back. */
async function whenBack<Result>(act: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await act();
    } catch {
      await sleep(10);
    }
  }
}

/** Asks until the store has noticed that Redis is down; rejects then. */
async function whenDown(store: RedisKeyStore): Promise<never> {
  for (;;) await store.list("alice");
}

/** A client of alice at a relay with that store, and what it is told. */
async function follow(store: RedisKeyStore) {
  const connection = connectToKeys(store);
  const client = await ImapClient.open(connection.transport);
  const told: string[] = [];
  const begun = Promise.withResolvers<void>();
  const ended = (async () => {
    for await (const response of client.longCommand("XKEYSYNC")) {
      if (response.type === "continuation") begun.resolve();
      if (response.type !== "untagged") continue;
      const [what, value] = response.values.map((item) => astringOf(item));
      if (what === "CREATED") told.push(`+${(await readPublicKey(value!))?.fingerprint}`);
      if (what === "DELETED") told.push(`-${value}`);
    }
  })();
  ended.catch(begun.reject);
  const close = async () => {
    await client.close();
    await connection[Symbol.asyncDispose]();
  };
  try {
    await begun.promise;
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** Resolves when it has been told as many changes as these; they have to be these, in any order. */
    async isTold(...changes: readonly string[]): Promise<void> {
      await until(() => told.length >= changes.length, `${changes.length} changes`);
      assert.deepEqual(told.splice(0).sort(), [...changes].sort());
    },
    [Symbol.asyncDispose]: close,
  };
}

test("Redis key store › an outage › is caught up with, and each client is told each change once", async () => {
  const errors: string[] = [];
  const onError = (error: unknown) => void errors.push((error as Error).message);
  await using opened = await openStores({ onError });
  const { redis, store, other } = opened;
  const [one, two, three] = await createKeys(3);
  await using client = await follow(store);
  await other.add("alice", one);
  await client.isTold(`+${one.fingerprint}`);
  await redis.kill();
  const message = /^DovewireError: Redis at redis:\/\/127\.0\.0\.1:\d+ can't be used: /;
  await assert.rejects(whenDown(store), message);
  await assert.rejects(whenDown(other));
  await redis.start();
  // A relay that is sooner back changes keys, those of other users as well.
  await whenBack(() => other.add("alice", two));
  await other.add("bob", three);
  await other.remove("alice", one.fingerprint);
  await client.isTold(`+${two.fingerprint}`, `-${one.fingerprint}`);
  await other.add("alice", three);
  await client.isTold(`+${three.fingerprint}`);
  assert.equal(errors.length, 2, errors.join("\n"));
});

test("Redis key store › a lost connection › misses nothing", async () => {
  await using opened = await openStores();
  const { redis, store, other } = opened;
  const keys = await createKeys(8);
  await using client = await follow(store);
  for (const key of keys) {
    await run(redis, "CLIENT", "KILL", "TYPE", "normal");
    await whenBack(() => other.add("alice", key));
    await client.isTold(`+${key.fingerprint}`);
  }
});

test("Redis key store › data that is lost, or a position that is gone › leads to the keys there are", async () => {
  await using opened = await openStores();
  const { redis, store, other } = opened;
  const [one, two, three] = await createKeys(3);
  await other.add("alice", one);
  await using client = await follow(store);
  await client.isTold(`+${one.fingerprint}`);
  // It comes back as a server that was restored from a backup.
  await redis.kill();
  await assert.rejects(whenDown(store));
  await redis.start();
  await run(redis, "FLUSHALL");
  await run(redis, "CLIENT", "KILL", "TYPE", "normal");
  await client.isTold(`-${one.fingerprint}`);
  await whenBack(() => other.add("alice", two));
  await client.isTold(`+${two.fingerprint}`);
  await redis.kill();
  await assert.rejects(whenDown(store));
  await redis.start();
  await whenBack(() => other.add("alice", three));
  await run(redis, "XTRIM", "xkeysync:changes", "MAXLEN", "0");
  await client.isTold(`+${three.fingerprint}`);
});

test("Redis key store › far more changes than are read at once › leads to the keys there are", async () => {
  await using opened = await openStores();
  const { redis, store, other } = opened;
  const [one, two] = await createKeys(2);
  await using client = await follow(store);
  await other.add("alice", one);
  await client.isTold(`+${one.fingerprint}`);
  const fill =
    "for i = 1, 20000 do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'user', 'u') end";
  await Promise.all([
    run(redis, "EVAL", fill, "1", "xkeysync:changes"),
    other.add("alice", two),
    run(redis, "EVAL", fill, "1", "xkeysync:changes"),
  ]);
  await client.isTold(`+${two.fingerprint}`);
});

test("Redis key store › down or hanging › is NO, and the connection goes on", async () => {
  await using opened = await openStores({ timeout: 200 });
  const { redis, store } = opened;
  const [key] = await createKeys(1);
  await using connection = connectToKeys(store);
  const client = await talkTo(connection);
  const isDown = async () => {
    await client.say("a XKEYSYNC\r\n");
    assert.match(await client.line(), /^a NO /);
    await client.say(`b XKEYADD {${key.pem.length}+}\r\n${key.pem}\r\n`);
    assert.match(await client.line(), /^b NO /);
    await client.say("c NOOP\r\n");
    assert.match(await client.line(), /^c OK /);
  };
  redis.pause();
  await isDown();
  redis.resume();
  await whenBack(() => store.list("alice"));
  await redis.kill();
  await isDown();
  await redis.start();
  await using _ = await whenBack(() => follow(store));
});

test("Redis key store › down or hanging at the start › works once Redis does", async () => {
  await using redis = await startRedis();
  const outages = [
    { begin: () => redis.kill(), end: () => redis.start() },
    { begin: () => redis.pause(), end: () => redis.resume() },
  ];
  const keys = await createKeys(2);
  for (const [at, outage] of outages.entries()) {
    await outage.begin();
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const store = await RedisKeyStore.open(redis.url, { onError, timeout: 200 });
    await assert.rejects(store.watch("alice", () => {}), DovewireError);
    assert.equal(errors.length, 1);
    await outage.end();
    const calls = new Calls();
    const stop = await whenBack(() => store.watch("alice", calls.add));
    await calls.after(() => whenBack(() => store.add("alice", keys[at])));
    stop();
    store.close();
    await assert.rejects(store.list("alice"), DovewireError);
    await assert.rejects(store.add("alice", keys[at]), DovewireError);
  }
});

test("Redis key store › a bad URL or option › is an error without the password", async () => {
  for (
    const url of [
      "",
      "redis",
      "http://x:hun/ter2@y",
      "redis://x:hunter2@y:bad",
      "redis://:hunter2@h/x",
    ]
  ) {
    await assert.rejects(RedisKeyStore.open(url), (error: Error) => {
      assert(error instanceof DovewireError);
      assert.match(error.message, /can't be used: this is no URL like "redis:/);
      assert.doesNotMatch(String(error.message), /hunter|ter2/);
      return true;
    });
  }
  for (const options of [{ timeout: NaN }, { timeout: -1 }, { maxKeys: NaN }]) {
    await assert.rejects(RedisKeyStore.open("redis://127.0.0.1:1", options), LocalProtocolError);
  }
});
