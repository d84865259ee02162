import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionLostError } from "../../../../core/errors.ts";
import { settled } from "../../../harness/virtual_clock.ts";
import { type OrderedCommand, UserOrder } from "../../../../doveadm/client/pool/user_order.ts";
import { errorOf, FakePool } from "./fake_pool.ts";

test("user order › twenty calls of one user › run one at a time, in their order", async () => {
  await using fake = new FakePool();
  const names = Array.from({ length: 20 }, (_, at) => `a${at}`);
  // The first ones take longest, so that any that overtakes shows.
  const answers = Promise.all(
    names.map((name, at) => fake.call({ name, user: "alice", takes: 100 - at })),
  );
  await fake.clock.advance(5_000);
  assert.deepEqual(await answers, names);
  assert.deepEqual(fake.started, names);
  assert.equal(fake.connections.length, 1);
});

test("user order › calls of ten users › run at the same time", async () => {
  await using fake = new FakePool();
  const answers = Promise.all(
    Array.from({ length: 10 }, (_, at) => fake.call({ user: `u${at}`, takes: 100 })),
  );
  await fake.clock.advance(120);
  await answers;
  assert.equal(fake.connections.length, 10);
});

test("user order › of different kinds › is kept across connections", async () => {
  await using fake = new FakePool();
  const kinds = ["mail", "fresh", "mail", "fresh", "fresh", "mail"] as const;
  const answers = Promise.all(
    kinds.map((kind, at) => fake.call({ name: `${at}`, user: "alice", kind })),
  );
  await fake.clock.advance(1_000);
  assert.deepEqual(await answers, ["0", "1", "2", "3", "4", "5"]);
  assert.deepEqual(fake.started, ["0", "1", "2", "3", "4", "5"]);
});

test("user order › a call fails or is aborted › the next one follows", async () => {
  await using fake = new FakePool();
  const abort = new AbortController();
  const failing = errorOf(fake.call({
    ...{ name: "failing", user: "alice" },
    act: () => Promise.reject(new TypeError("no")),
  }));
  const aborted = fake.call({ name: "aborted", user: "alice", signal: abort.signal });
  const last = fake.call({ name: "last", user: "alice" });
  abort.abort("enough");
  const error = await errorOf(aborted);
  assert.equal(error.name, "AbortError");
  assert.equal(error.cause, "enough");
  await fake.clock.advance(100);
  assert.equal((await failing).name, "TypeError");
  assert.equal(await last, "last");
  assert.deepEqual(fake.started, ["failing", "last"]);
});

test("user order › the first of the line is aborted before it is sent › the next one takes its place", async () => {
  await using fake = new FakePool();
  const abort = new AbortController();
  const aborted = errorOf(fake.call({ name: "first", user: "alice", signal: abort.signal }));
  const next = fake.call({ name: "next", user: "alice" });
  abort.abort();
  await aborted;
  await fake.clock.advance(100);
  assert.equal(await next, "next");
  assert.deepEqual(fake.started, ["next"]);
});

test("user order › names of an object's members › are users like any other", async () => {
  await using fake = new FakePool();
  const users = ["__proto__", "constructor", "", "toString"];
  const calls = users.flatMap((user) => [1, 2].map(() => fake.call({ user, takes: 50 })));
  await fake.clock.advance(70);
  await Promise.all(calls.filter((_, at) => at % 2 === 0));
  await fake.clock.advance(70);
  await Promise.all(calls);
});

test("user order › one user with hundreds of calls › doesn't delay another's", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  const many = Promise.all(Array.from({ length: 300 }, () => fake.call({ user: "alice" })));
  const other = fake.call({ name: "other", user: "bob" });
  await fake.clock.advance(40);
  assert.equal(await other, "other");
  await fake.clock.advance(10_000);
  await many;
});

test("user order › a call that is tried again › keeps its place", async () => {
  await using fake = new FakePool();
  const calls = ["first", "second"].map((name) => fake.call({ name, user: "alice" }));
  await fake.clock.advance(20);
  fake.connections[0].end(false);
  await fake.clock.advance(200);
  assert.deepEqual(await Promise.all(calls), ["first", "second"]);
  assert.deepEqual(fake.started, ["first", "first", "second"]);
});

// Streams, and inputs in pieces

/** Values of a stream that come when they are asked for. */
async function* values() {
  for (let value = 0; value < 3; value++) {
    await Promise.resolve();
    yield value;
  }
}

test("user order › a loop over a stream › may call other commands of the user", async () => {
  await using fake = new FakePool();
  const work = fake.workOf({ name: "stream", user: "alice", attendance: "stream" });
  const seen: unknown[] = [];
  const loop = (async () => {
    for await (const value of fake.pool.stream(work, values)) {
      seen.push(value, await fake.call({ name: "within", user: "alice" }));
    }
  })();
  await fake.clock.advance(200);
  await loop;
  assert.deepEqual(seen, [0, "within", 1, "within", 2, "within"]);
});

test("user order › a stream › begins after the user's commands before it, and delays none", async () => {
  await using fake = new FakePool();
  const before = fake.call({ name: "before", user: "alice", takes: 100 });
  const work = fake.workOf({ name: "stream", user: "alice", attendance: "stream" });
  const stream = fake.pool.stream(work, async function* () {
    fake.started.push("stream");
    yield* values();
  });
  const first = stream.next();
  const after = fake.call({ name: "after", user: "alice" });
  await fake.clock.advance(119);
  assert.deepEqual(fake.started, ["before"]);
  await fake.clock.advance(50);
  assert.deepEqual([await before, (await first).value, await after], ["before", 0, "after"]);
  assert.deepEqual(fake.started, ["before", "stream", "after"]);
  await stream.return();
});

test("user order › an input in pieces that a stream of the same user gives › is sent", async () => {
  await using fake = new FakePool();
  const work = fake.workOf({ name: "stream", user: "alice", attendance: "stream" });
  const saved = fake.call({
    ...{ name: "save", user: "alice", attendance: "input" },
    act: async () => {
      // Another's command that waits for this one mustn't be in the stream's way.
      void fake.call({ name: "queued", user: "alice" });
      const all: number[] = [];
      for await (const value of fake.pool.stream(work, values)) all.push(value);
      return all;
    },
  });
  await fake.clock.advance(200);
  assert.deepEqual(await saved, [0, 1, 2]);
  assert.deepEqual(fake.started, ["save", "queued"]);
});

test("attended commands › streams on all connections but one › leave that to others", async () => {
  await using fake = new FakePool({ maxConnections: 4 });
  const streams = Array.from({ length: 10 }, (_, at) => {
    const work = fake.workOf({ user: `u${at}`, attendance: "stream" });
    return fake.pool.stream(work, values);
  });
  const firsts = streams.map((stream) => stream.next());
  await fake.clock.advance(100);
  assert.equal(fake.pool.stats().running, 3);
  const inside = fake.call({ name: "inside", user: "u0" });
  await fake.clock.advance(100);
  assert.equal(await inside, "inside");
  for (let at = 0; at < 10; at++) {
    await firsts[at];
    await streams[at].return();
    await fake.clock.advance(100);
  }
});

test("attended commands › inputs that streams give, on all connections › are sent in the end", async () => {
  for (const maxConnections of [3, 4, 10]) {
    await using fake = new FakePool({ maxConnections });
    const saved = Array.from({ length: 30 }, (_, at) =>
      fake.call({
        ...{ name: "save", user: `u${at}`, attendance: "input" },
        act: async () => {
          const work = fake.workOf({ user: `u${at}`, attendance: "stream" });
          let sum = 0;
          for await (const value of fake.pool.stream(work, values)) sum += value;
          return sum;
        },
      }));
    await fake.clock.advance(20_000);
    assert.deepEqual(new Set(await Promise.all(saved)), new Set([3]));
  }
});

test("attended commands › one that waits is aborted › the others go on", async () => {
  await using fake = new FakePool({ maxConnections: 3 });
  const abort = new AbortController();
  const streams = Array.from({ length: 4 }, (_, at) => {
    const { signal } = at === 2 ? abort : new AbortController();
    return fake.pool.stream(fake.workOf({ attendance: "stream", signal }), values);
  });
  const firsts = streams.map((stream) => stream.next());
  const aborted = errorOf(firsts[2]);
  await fake.clock.advance(100);
  abort.abort();
  assert.equal((await aborted).name, "AbortError");
  await streams[0].return();
  await fake.clock.advance(100);
  assert.equal((await firsts[3]).value, 0);
  for (const stream of streams) await stream.return();
});

test("attended commands › a stream left early › its connection is closed, and no other", async () => {
  await using fake = new FakePool();
  const work = fake.workOf({ attendance: "stream" });
  for await (const value of endOnReturn(fake)) {
    assert.equal(value, 0);
    break;
  }
  assert.equal(fake.connections[0].isOpen, false);
  const { reason } = fake.eventsOf("closed")[0];
  assert.equal(reason, "aborted");
  const whole: number[] = [];
  const stream = fake.pool.stream(work, values);
  const loop = (async () => {
    for await (const value of stream) whole.push(value);
  })();
  await fake.clock.advance(100);
  await loop;
  assert.deepEqual(whole, [0, 1, 2]);
  assert.equal(fake.pool.stats().idle, 1, "the connection was not kept");

  async function* endOnReturn({ pool, clock }: FakePool) {
    const stream = pool.stream(work, async function* (connection) {
      try {
        yield* values();
      } finally {
        await connection.close();
      }
    });
    const first = stream.next();
    await clock.advance(20);
    try {
      yield (await first).value;
    } finally {
      await stream.return();
    }
  }
});

test("attended commands › a stream whose connection is lost midway › isn't begun again", async () => {
  await using fake = new FakePool();
  const work = fake.workOf({ attendance: "stream", idempotent: true });
  let runs = 0;
  const stream = fake.pool.stream(work, async function* () {
    runs++;
    yield 1;
    await Promise.resolve();
    throw new ConnectionLostError("lost", { sent: true });
  });
  const first = stream.next();
  await fake.clock.advance(20);
  assert.equal((await first).value, 1);
  assert.equal((await errorOf(stream.next())).message, "lost");
  await settled();
  assert.equal(runs, 1);
});

test("user order › hundreds of users who come and go › each one's commands keep their order", () => {
  const order = new UserOrder<OrderedCommand>();
  const command = (user: string, attendance?: "stream"): OrderedCommand => {
    return { work: { user, attendance }, leaveQueue: undefined };
  };
  const users = Array.from({ length: 300 }, (_, at) => `user${at}`);
  for (let round = 0; round < 3; round++) {
    const first = users.map((user) => command(user));
    for (const each of first) assert(order.enter(each));
    const second = users.map((user) => command(user));
    for (const each of second) assert(!order.enter(each));
    first.forEach((each, at) => assert.deepEqual(order.leave(each), [second[at]]));
    // One that is over already changes nothing.
    assert.deepEqual(order.leave(first[0]), []);
    for (const each of second) assert.deepEqual(order.leave(each), []);
    // A stream holds up nobody, whether its user had commands or not.
    assert(order.enter(command("user299", "stream")));
    assert(order.enter(command("nobody", "stream")));
  }
});
