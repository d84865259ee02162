import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthenticationError,
  ConnectionLostError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../../core/errors.ts";
import { settled } from "../../../harness/virtual_clock.ts";
import { errorOf, FakePool, refusal } from "./fake_pool.ts";

/** When connections were opened, as the times between one and the next. */
function waits({ attempts, connecting }: FakePool): number[] {
  return attempts.slice(1).map((time, at) => time - attempts[at] - connecting);
}

// Backoff

for (const [random, whole] of [[0, 0.5], [0.5, 0.75], [1, 1]] as const) {
  test(`backoff › a server that refuses, and ${random} at random › waits grow from 50 ms to 5 s`, async () => {
    await using fake = new FakePool({ random: () => random });
    fake.refuse = () => refusal();
    const error = errorOf(fake.call({ timeout: 30_000 }));
    await fake.clock.advance(30_000);
    assert.equal((await error).message, "cannot connect: refused");
    const lengths = [50, 100, 200, 400, 800, 1_600, 3_200, 5_000];
    const wanted = lengths.map((length) => Math.ceil(length * whole));
    assert.deepEqual(waits(fake).slice(0, 8), wanted);
    assert.deepEqual(new Set(waits(fake).slice(8)), new Set([5_000 * whole]));
  });
}

test("backoff › a hundred calls while the server refuses › one connection is tried at a time", async () => {
  await using fake = new FakePool();
  fake.refuse = (attempt) => attempt <= 15 ? refusal() : undefined;
  const answers = Promise.all(
    Array.from({ length: 100 }, (_, at) => fake.call({ user: `u${at}` })),
  );
  await fake.clock.advance(60_000);
  await answers;
  // Ten are opened at once, as long as nothing has failed; these count as one failure.
  assert.deepEqual(waits(fake).slice(9, 14), [38, 75, 150, 300, 600]);
  const failures = fake.eventsOf("open-failed").map(({ failures }) => failures);
  assert.deepEqual(failures, [...Array(10).fill(1), 2, 3, 4, 5, 6]);
});

test("backoff › a server that refuses for a while › the calls are answered, and a later failure waits anew", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  fake.refuse = (attempt) => attempt <= 4 ? refusal() : undefined;
  const answer = fake.call();
  await fake.clock.advance(2_000);
  assert.equal(await answer, "mail");
  fake.connections[0].end();
  fake.refuse = (attempt) => attempt === 6 ? refusal() : undefined;
  const next = fake.call();
  await fake.clock.advance(100);
  assert.equal(await next, "mail");
  assert.equal(fake.eventsOf("open-failed").at(-1)!.failures, 1);
});

test("backoff › connections that end before they have answered anything › count as failures", async () => {
  await using fake = new FakePool();
  const error = errorOf(fake.call({
    timeout: 10_000,
    act: (connection) => {
      connection.end(false);
      return new Promise(() => {});
    },
  }));
  await fake.clock.advance(10_000);
  assert(await error instanceof ConnectionLostError || await error instanceof TimeoutError);
  assert(fake.attempts.length < 12, `${fake.attempts.length} connections were opened`);
  assert(waits(fake).at(-1)! > 2_000);
});

test("backoff › the call's time is over › its error is why connecting failed", async () => {
  await using fake = new FakePool();
  fake.refuse = () => new TimeoutError("handshake", "no handshake");
  const error = errorOf(fake.call({ timeout: 500 }));
  await fake.clock.advance(499);
  assert.equal(fake.pool.stats().queued, 1);
  await fake.clock.advance(1);
  assert.equal((await error).message, "no handshake");
  // Nobody waits any more.
  const before = fake.attempts.length;
  await fake.clock.advance(60_000);
  assert.equal(fake.attempts.length, before);
});

test("backoff › the call's time is over while other connections work › TimeoutError", async () => {
  await using fake = new FakePool({ maxConnections: 2 });
  const long = fake.call({ takes: 2_000 });
  await fake.clock.advance(30);
  fake.refuse = () => refusal();
  const error = errorOf(fake.call({ kind: "plain", timeout: 500 }));
  await fake.clock.advance(5_000);
  assert(await error instanceof TimeoutError);
  assert.equal((await error).cause instanceof Error, true);
  await long;
});

// Failures that last

const lasting: Readonly<Record<string, Error>> = {
  "a wrong password": new AuthenticationError("wrong"),
  "a certificate that isn't trusted": refusal("certificate"),
  "a socket that may not be used": refusal("denied"),
  "a socket that isn't there": refusal("not-found"),
  "a connector's own error": new TypeError("no"),
};

for (const [what, error] of Object.entries(lasting)) {
  test(`failures that last › ${what} › all calls fail at once, and the next one tries anew`, async () => {
    await using fake = new FakePool({ spares: 2 });
    fake.refuse = () => error;
    const errors = Promise.all(
      Array.from({ length: 50 }, (_, at) => errorOf(fake.call({ user: `u${at % 3}` }))),
    );
    await fake.clock.advance(30);
    assert.deepEqual(new Set(await errors), new Set([error]));
    const before = fake.attempts.length;
    assert(before <= 10);
    const again = errorOf(fake.call());
    await fake.clock.advance(20);
    assert.equal(await again, error);
    fake.refuse = () => undefined;
    const answer = fake.call();
    await fake.clock.advance(30);
    assert.equal(await answer, "mail");
  });
}

test("failures that last › spares are wanted › they aren't tried without a pause", async () => {
  await using fake = new FakePool({ spares: 3 });
  fake.refuse = () => new AuthenticationError("wrong");
  const error = errorOf(fake.call());
  await fake.clock.advance(20);
  await error;
  await fake.clock.advance(20_000);
  assert(fake.attempts.length < 20, `${fake.attempts.length} attempts`);
});

test("failures that last › the socket was there before › is tried again", async () => {
  await using fake = new FakePool();
  const first = fake.call();
  await fake.clock.advance(30);
  await first;
  fake.connections[0].end();
  fake.refuse = (attempt) => attempt < 6 ? refusal("not-found") : undefined;
  const next = fake.call();
  await fake.clock.advance(5_000);
  assert.equal(await next, "mail");
});

test("failures that last › a server wants a password that it didn't want before › is tried again", async () => {
  await using fake = new FakePool({ hasPassword: false });
  const first = fake.call();
  await fake.clock.advance(30);
  await first;
  fake.connections[0].end();
  fake.refuse = (attempt) => attempt < 6 ? new AuthenticationError("missing") : undefined;
  const next = fake.call();
  await fake.clock.advance(5_000);
  assert.equal(await next, "mail");
});

test("failures that last › connections of that kind work › they serve the calls", async () => {
  await using fake = new FakePool();
  const first = fake.call({ takes: 200 });
  await fake.clock.advance(30);
  fake.refuse = () => new AuthenticationError("changed");
  const others = Array.from({ length: 5 }, () => fake.call());
  const fresh = errorOf(fake.call({ kind: "fresh" }));
  await fake.clock.advance(5_000);
  await Promise.all([first, ...others]);
  assert.equal((await fresh).message, "changed");
  assert.equal(fake.connections.length, 1);
});

test("failures that last › each connection ends within its handshake › the calls fail, unless one was open before", async () => {
  const lost = new ConnectionLostError("ended");
  {
    await using fake = new FakePool({ maxConnections: 1 });
    fake.refuse = () => lost;
    const error = errorOf(fake.call());
    await fake.clock.advance(2_000);
    assert.equal(await error, lost);
    assert.equal(fake.attempts.length, 5);
  }
  await using fake = new FakePool({ maxConnections: 1 });
  const first = fake.call();
  await fake.clock.advance(30);
  await first;
  fake.connections[0].end();
  fake.refuse = (attempt) => attempt < 10 ? lost : undefined;
  const next = fake.call();
  await fake.clock.advance(30_000);
  assert.equal(await next, "mail");
});

test("failures that last › the protocol is broken twice in a row › all calls fail", async () => {
  await using fake = new FakePool();
  fake.refuse = () => new RemoteProtocolError("no doveadm server");
  const errors = Promise.all(Array.from({ length: 20 }, () => errorOf(fake.call({ user: "a" }))));
  await fake.clock.advance(500);
  assert.deepEqual(
    new Set((await errors).map(({ name }) => name)),
    new Set(["RemoteProtocolError"]),
  );
  assert.equal(fake.attempts.length, 2);
});

// Opening

test("opening › fewer calls than connections › as many as are needed, and never more than allowed", async () => {
  for (const calls of [1, 2, 5, 10, 50]) {
    await using fake = new FakePool({ maxConnections: 10 });
    const answers = Promise.all(Array.from({ length: calls }, () => fake.call()));
    await fake.clock.advance(1_000);
    await answers;
    assert.equal(fake.most, Math.min(calls, 10));
  }
});

test("opening › a connection becomes free meanwhile › it serves the call, and the new one is kept", async () => {
  await using fake = new FakePool();
  fake.connecting = 20;
  const first = fake.call({ takes: 30 });
  await fake.clock.advance(45);
  const second = fake.call();
  await fake.clock.advance(6);
  await first;
  assert.deepEqual(fake.connections[0].commands, ["mail", "mail"]);
  await fake.clock.advance(100);
  await second;
  assert.deepEqual(fake.connections.map(({ commands }) => commands.length), [2, 0]);
});

test("opening › the call is aborted meanwhile › the connection is there for the next one", async () => {
  await using fake = new FakePool();
  const abort = new AbortController();
  const error = errorOf(fake.call({ signal: abort.signal }));
  await fake.clock.advance(10);
  abort.abort();
  assert.equal((await error).name, "AbortError");
  await fake.clock.advance(50);
  const next = fake.call();
  await fake.clock.advance(10);
  assert.equal(await next, "mail");
  assert.equal(fake.attempts.length, 1);
});

// Idle ones

test("idle connections › the one that was used last › is used next", async () => {
  await using fake = new FakePool();
  await runMany(fake, 3);
  for (let call = 0; call < 5; call++) {
    const answer = fake.call();
    await fake.clock.advance(10);
    await answer;
  }
  const counts = fake.connections.map(({ commands }) => commands.length).sort();
  assert.deepEqual(counts, [1, 1, 6]);
});

test("idle connections › for idleTimeout › each is closed in its time, and no timer is left", async () => {
  await using fake = new FakePool({ idleTimeout: 1_000 });
  await runMany(fake, 3);
  await fake.clock.advance(500);
  const answer = fake.call();
  await fake.clock.advance(10);
  await answer;
  await fake.clock.advance(520);
  assert.equal(fake.pool.stats().open, 1);
  await fake.clock.advance(470);
  assert.equal(fake.pool.stats().open, 1);
  await fake.clock.advance(20);
  assert.equal(fake.pool.stats().open, 0);
  assert.deepEqual(fake.eventsOf("closed").map(({ reason }) => reason), ["idle", "idle", "idle"]);
  assert.equal(fake.clock.timers, 0);
});

test("idle connections › the server closes one › it isn't used, and isn't replaced", async () => {
  await using fake = new FakePool();
  await runMany(fake, 2);
  fake.connections[1].end();
  await settled();
  assert.equal(fake.pool.stats().open, 1);
  assert.equal(fake.eventsOf("closed")[0].reason, "lost");
  await fake.clock.advance(20_000);
  assert.equal(fake.attempts.length, 2);
});

test("one of several servers › a connection that can't be opened › rejects the calls that wait, and the next is tried at once", async () => {
  await using fake = new FakePool({ failsFast: true });
  let isDown = true;
  fake.refuse = () => isDown ? refusal() : undefined;
  for (let turn = 0; turn < 2; turn++) {
    const errors = Promise.all([fake.call(), fake.call({ kind: "plain" })].map(errorOf));
    await fake.clock.advance(fake.connecting);
    assert.deepEqual((await errors).map(({ name }) => name), ["ConnectError", "ConnectError"]);
  }
  isDown = false;
  const answer = fake.call();
  await fake.clock.advance(fake.connecting + 10);
  assert.equal(await answer, "mail");
});

test("maxLifetime › connections that are used all the time › are replaced, each at a time of its own", async () => {
  let turn = 0;
  await using fake = new FakePool({ maxLifetime: 10_000, random: () => (turn++ % 10) / 10 });
  for (let time = 0; time < 30_000; time += 50) {
    const answers = Promise.all([1, 2, 3].map(() => fake.call()));
    await fake.clock.advance(50);
    await answers;
  }
  const closed = fake.eventsOf("closed");
  assert(closed.length >= 6 && closed.every(({ reason }) => reason === "old"));
  for (const { age } of closed) assert(age >= 9_000 && age <= 10_060, `${age} ms`);
  assert(new Set(closed.map(({ age }) => age)).size > 3, "they ended together");
});

test("maxLifetime › of a connection with a command › comes after the command", async () => {
  await using fake = new FakePool({ maxLifetime: 1_000 });
  const answer = fake.call({ takes: 5_000 });
  await fake.clock.advance(6_000);
  assert.equal(await answer, "mail");
  assert.equal(fake.eventsOf("closed")[0].reason, "old");
});

test("no limits › 0 and Infinity › a connection stays", async () => {
  for (const limit of [0, Infinity]) {
    await using fake = new FakePool({ idleTimeout: limit, maxLifetime: limit });
    await runMany(fake, 1);
    await fake.clock.advance(1e9);
    assert.equal(fake.pool.stats().open, 1);
  }
});

/** Runs that many commands at once. */
async function runMany(fake: FakePool, count: number): Promise<void> {
  const answers = Promise.all(Array.from({ length: count }, () => fake.call()));
  await fake.clock.advance(30);
  await answers;
}

// Spares

test("spares › left out › one is opened while fresh commands come, and closed idleTimeout after the last", async () => {
  await using fake = new FakePool({ idleTimeout: 1_000 });
  const first = fake.call({ kind: "fresh" });
  await fake.clock.advance(30);
  await first;
  await fake.clock.advance(20);
  assert.equal(fake.pool.stats().idle, 1);
  for (let call = 0; call < 5; call++) {
    await fake.clock.advance(500);
    const answer = fake.call({ kind: "fresh" });
    // No time to connect.
    await fake.clock.advance(10);
    await answer;
  }
  await fake.clock.advance(900);
  assert.equal(fake.pool.stats().idle, 1);
  await fake.clock.advance(200);
  assert.equal(fake.pool.stats().open, 0);
  await fake.clock.advance(60_000);
  assert.equal(fake.attempts.length, 7);
});

test("spares › left out, and no fresh commands › none is opened", async () => {
  await using fake = new FakePool();
  for (const kind of ["mail", "plain", "mail"] as const) {
    const answer = fake.call({ kind });
    await fake.clock.advance(100);
    await answer;
  }
  assert.equal(fake.attempts.length, 2);
});

test("spares › a number › as many are kept, replaced when they are taken, lost or old", async () => {
  await using fake = new FakePool({ spares: 2, idleTimeout: 1_000, maxLifetime: 100_000 });
  assert.equal(fake.attempts.length, 0);
  const first = fake.call({ kind: "plain" });
  await fake.clock.advance(60);
  await first;
  const unused = () => fake.pool.stats().kinds.fresh.idle;
  assert.equal(unused(), 2);
  await fake.clock.advance(50_000);
  assert.deepEqual([unused(), fake.pool.stats().open], [2, 2]);
  const mail = fake.call({ kind: "mail" });
  await fake.clock.advance(10);
  assert.equal(await mail, "mail", "it waited for a connection");
  await fake.clock.advance(20);
  assert.equal(unused(), 2);
  fake.connections.filter(({ commands }) => commands.length === 0)[0].end();
  await fake.clock.advance(200);
  assert.equal(unused(), 2);
  await fake.clock.advance(200_000);
  assert.equal(unused(), 2);
  const closed = new Set(fake.eventsOf("closed").map(({ reason }) => reason));
  assert.deepEqual(closed, new Set(["idle", "lost", "old"]));
});

test("spares › more than may be open › never in the way of commands", async () => {
  await using fake = new FakePool({ spares: 5, maxConnections: 3 });
  for (const kind of ["mail", "plain", "fresh", "mail", "plain"] as const) {
    const answers = Promise.all([1, 2, 3, 4].map(() => fake.call({ kind })));
    await fake.clock.advance(500);
    await answers;
    assert(fake.most <= 3);
  }
});

test("spares › 0 › none", async () => {
  await using fake = new FakePool({ spares: 0 });
  const answer = fake.call({ kind: "fresh" });
  await fake.clock.advance(1_000);
  await answer;
  assert.equal(fake.attempts.length, 1);
});
