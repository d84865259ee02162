/** What a cluster does when its servers can't be reached. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationError, type DovewireError, type PoolEvent } from "../../../../mod.ts";
import { atFullSize } from "../../../harness/soak.ts";
import { settled } from "../../../harness/virtual_clock.ts";
import { errorOf, outcome } from "../fake_server.ts";
import { failure, FakeCluster, lost, refusal } from "./fake_cluster.ts";

const pair = ["doveadm://a", "doveadm://b"];
const many = atFullSize(100_000, 10_000);

/** A promise's state. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  promise.then(() => isOver = true, () => isOver = true);
  await settled();
  return !isOver;
}

test("a server that can't be reached › commands › go to the next one, and back when it answers again", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.down.set("a", refusal());
  const hosts = await Promise.all([cluster.call("alice"), cluster.call("bob"), cluster.call()]);
  assert.deepEqual(hosts, ["b", "b", "b"]);
  assert.deepEqual(cluster.told(), Array(3).fill("failed-over tcp a:24245 tcp b:24245"));
  const [event] = cluster.events as (PoolEvent & { readonly type: "failed-over" })[];
  assert.equal((event.error as DovewireError).sent, false);
  // Meanwhile it isn't asked.
  assert.equal(await cluster.call("alice"), "b");
  assert.equal(cluster.arrived.filter((line) => line.startsWith("a ")).length, 3);
  await cluster.clock.advance(1_000);
  // It is asked beside the call.
  assert.equal(await cluster.call("alice"), "b");
  await cluster.clock.advance(1);
  assert.deepEqual(cluster.probes, ["a"]);
  cluster.down.clear();
  await cluster.clock.advance(5_000);
  assert.equal(await cluster.call("alice"), "b");
  await cluster.clock.advance(1);
  assert.equal(await cluster.call("alice"), "a");
});

test("servers that can't be reached › a call › waits until one is back", async () => {
  await using cluster = new FakeCluster(pair);
  for (const host of ["a", "b"]) cluster.down.set(host, refusal());
  const call = cluster.call("alice");
  await cluster.clock.advance(10_000);
  assert(await isPending(call));
  const { length } = cluster.probes;
  assert(length > 8 && length < 40, `${length} probes`);
  cluster.down.delete("b");
  await cluster.clock.advance(6_000);
  assert.equal(await call, "b");
});

test("servers that can't be reached › calls › end with the reason at their time-out, by signal and at close", async () => {
  await using cluster = new FakeCluster(pair);
  for (const host of ["a", "b"]) cluster.down.set(host, refusal());
  const controller = new AbortController();
  const late = errorOf(cluster.call("alice", { timeout: 300 }));
  const aborted = errorOf(cluster.call("bob", { signal: controller.signal }));
  const behind = errorOf(cluster.call("bob"));
  const closed = errorOf(cluster.call());
  await cluster.clock.advance(200);
  controller.abort();
  await cluster.clock.advance(100);
  assert.equal((await late).message, "cannot connect: refused");
  assert.equal((await aborted).name, "AbortError");
  await cluster.calls.close();
  assert.deepEqual(
    [(await closed).name, (await behind).name],
    Array(2).fill("ConnectionLostError"),
  );
  for (const error of [late, aborted, behind, closed]) {
    assert.equal((await error as DovewireError).sent, false);
  }
  assert.deepEqual(cluster.closed, ["a", "b"]);
  assert.equal((await errorOf(cluster.call())).name, "ConnectionLostError");
});

test("servers that will never be reached › a call › fails at once", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.down.set("a", refusal("certificate"));
  cluster.down.set("b", refusal("not-found"));
  assert.match((await errorOf(cluster.call("alice"))).message, /not-found/);
  assert.equal(cluster.clock.now(), 0);
});

test("a server that refuses the password › a call › fails, and goes nowhere else", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.down.set("a", new AuthenticationError("wrong"));
  assert.equal((await errorOf(cluster.call("alice"))).name, "AuthenticationError");
  assert.deepEqual(cluster.arrived, ["a test alice"]);
  const ready = outcome(cluster.calls.ready({}));
  await cluster.clock.advance(1);
  assert.equal(await ready, "AuthenticationError");
});

test("a lost connection › a command that was sent › is an error, and repeated only if it is idempotent", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", () => {
    throw lost();
  });
  const error = await errorOf(cluster.call("alice"));
  assert.equal((error as DovewireError).sent, true);
  assert.deepEqual(cluster.arrived, ["a test alice"]);
  assert.equal(await cluster.call("alice", { idempotent: true }), "b");
  assert.deepEqual(cluster.told(), ["failed-over tcp a:24245 tcp b:24245"]);
  // A connection that is lost says nothing of the server.
  assert.equal(await outcome(cluster.call("bob")), "ConnectionLostError");
});

test("lost connections everywhere › an idempotent command › is sent three times at most", async () => {
  await using cluster = new FakeCluster(pair);
  for (const host of ["a", "b"]) {
    cluster.acts.set(host, () => {
      throw lost();
    });
  }
  const error = await errorOf(cluster.call("alice", { idempotent: true }));
  assert.equal((error as DovewireError).sent, true);
  assert.deepEqual(cluster.arrived, ["a test alice", "b test alice", "a test alice"]);
});

test("a lost connection, and then no server › an idempotent command › says that it was sent", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", () => {
    for (const host of ["a", "b"]) cluster.down.set(host, refusal());
    throw lost();
  });
  const call = errorOf(cluster.call("alice", { idempotent: true, timeout: 100 }));
  await cluster.clock.advance(100);
  assert.equal((await call as DovewireError).sent, true);
});

test("a command that failed › at the first server › is sent to no other", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", () => {
    throw failure("TEMPFAIL");
  });
  const error = await errorOf(cluster.call("alice", { idempotent: true }));
  assert.equal((error as DovewireError).code, "TEMPFAIL");
  assert.deepEqual(cluster.arrived, ["a test alice"]);
});

test("an input in pieces › a server that can't be reached, or a lost connection › is sent elsewhere, or an error", async () => {
  await using cluster = new FakeCluster(pair);
  async function* input() {
    yield "x";
  }
  cluster.down.set("a", refusal());
  assert.equal(await cluster.call("alice", { input: input() }), "b");
  cluster.down.set("b", lost(false));
  cluster.down.delete("a");
  await cluster.clock.advance(5_000);
  const late = outcome(cluster.call("alice", { input: input() }));
  await cluster.clock.advance(1);
  assert.equal(await late, "ConnectionLostError");
});

test("a stream › that breaks after its first item › is not begun again", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", () => ["x", lost(false)]);
  const items: unknown[] = [];
  const error = await errorOf((async () => {
    const options = { idempotent: true };
    for await (const item of cluster.calls.stream({ name: "test", user: "alice" }, options)) {
      items.push(item);
    }
  })());
  assert.equal(error.name, "ConnectionLostError");
  assert.deepEqual([items, cluster.arrived], [["x"], ["a test alice"]]);
});

test("a user's server › that can't be reached › is not replaced by another", async () => {
  await using cluster = new FakeCluster(pair, { route: () => "doveadm://b" });
  cluster.down.set("b", refusal());
  const late = errorOf(cluster.call("alice", { timeout: 1_000 }));
  await cluster.clock.advance(1_000);
  assert.equal((await late).name, "ConnectError");
  assert(!cluster.arrived.some((line) => line.startsWith("a ")));
});

test("ready › servers of which one can't be reached › resolves, and rejects if none can", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.down.set("a", refusal());
  const some = outcome(cluster.calls.ready({}));
  await cluster.clock.advance(1);
  assert.equal(await some, "answered");
  assert.equal(await outcome(cluster.calls.ping({})), "answered");
  cluster.down.set("b", refusal());
  const none = outcome(cluster.calls.ready({}));
  await cluster.clock.advance(1);
  assert.equal(await none, "ConnectError");
});

test("maxQueue › commands of one user › are refused beyond it", async () => {
  await using cluster = new FakeCluster(pair, { maxQueue: 2 });
  cluster.acts.set("a", () => cluster.clock.wait(10));
  const calls = Array.from({ length: 4 }, () => outcome(cluster.call("alice")));
  await cluster.clock.advance(100);
  assert.deepEqual(await Promise.all(calls), [
    ...["answered", "answered", "answered", "QueueFullError"],
  ]);
});

test(`${many} calls at once › of one user and of many › are all answered, with one listener of their signal`, async () => {
  await using cluster = new FakeCluster(pair);
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  const calls = Array.from(
    { length: many },
    (_, at) => cluster.call(at % 2 === 0 ? "alice" : `user${at}`, { signal }),
  );
  const hosts = new Set(await Promise.all(calls));
  assert.deepEqual([...hosts], ["a"]);
  assert(listeners <= 1, `${listeners} listeners`);
});
