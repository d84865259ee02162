import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { createKeys } from "./keys.ts";

test("memory key store › keys of users › are kept apart", async () => {
  const store = new MemoryKeyStore();
  const [one, two] = await createKeys(2);
  assert.equal(await store.add("alice", one), "added");
  assert.equal(await store.add("__proto__", two), "added");
  assert.deepEqual(await store.list("alice"), [one]);
  assert.deepEqual(await store.list("__proto__"), [two]);
  assert.deepEqual(await store.list("constructor"), []);
  assert.equal(await store.remove("alice", two.fingerprint), false);
  assert.equal(await store.remove("alice", one.fingerprint), true);
  assert.equal(await store.remove("alice", one.fingerprint), false);
  assert.deepEqual(await store.list("alice"), []);
});

test("memory key store › the same key, and one too many › aren't added", async () => {
  const store = new MemoryKeyStore({ maxKeys: 2 });
  const [one, two, three] = await createKeys(3);
  const outcomes = [];
  for (const key of [one, one, two, three, one]) outcomes.push(await store.add("alice", key));
  assert.deepEqual(outcomes, ["added", "duplicate", "added", "full", "duplicate"]);
  assert.deepEqual(await store.list("alice"), [one, two]);
});

test("memory key store › each change › is told to all who watch that user", async () => {
  const store = new MemoryKeyStore();
  const [one, two] = await createKeys(2);
  let calls = 0;
  const onChange = () => calls++;
  const stopFirst = await store.watch("alice", onChange);
  const stopSecond = await store.watch("alice", onChange);
  await store.add("alice", one);
  assert.equal(calls, 2);
  // Nothing changed for alice.
  await store.add("alice", one);
  await store.add("bob", two);
  await store.remove("alice", two.fingerprint);
  assert.equal(calls, 2);
  stopFirst();
  stopFirst();
  await store.remove("alice", one.fingerprint);
  assert.equal(calls, 3);
  stopSecond();
  const stopThird = await store.watch("alice", onChange);
  stopSecond();
  await store.add("alice", two);
  assert.equal(calls, 4);
  stopThird();
  await store.remove("alice", two.fingerprint);
  assert.equal(calls, 4);
});
