import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError, QueueFullError, TimeoutError } from "../../../../core/errors.ts";
import {
  checkPoolOptions,
  type PoolOptions,
} from "../../../../doveadm/client/pool/pool_options.ts";
import { atFullSize } from "../../../harness/soak.ts";
import { settled } from "../../../harness/virtual_clock.ts";
import { countListeners } from "../../../harness/signal_listeners.ts";
import { errorOf, FakePool, refusal } from "./fake_pool.ts";

// maxQueue

test("maxQueue › one call more than may wait › QueueFullError, and the others are answered", async () => {
  await using fake = new FakePool({ maxQueue: 20, maxConnections: 2 });
  const answers = Array.from({ length: 20 }, () => fake.call());
  const error = await errorOf(fake.call());
  assert(error instanceof QueueFullError);
  assert.equal(error.sent, false);
  assert.match(
    error.message,
    /^"mail" was not sent: 20 calls wait for fake already\. .*"maxQueue"/,
  );
  await fake.clock.advance(1_000);
  await Promise.all(answers);
  const later = fake.call();
  await fake.clock.advance(10);
  assert.equal(await later, "mail");
});

test("maxQueue › one user's calls fill it › another's that can start at once does", async () => {
  await using fake = new FakePool({ maxQueue: 5 });
  const first = fake.call({ user: "alice", takes: 1_000 });
  const other = fake.call({ user: "bob" });
  await fake.clock.advance(40);
  await other;
  const waiting = Array.from({ length: 5 }, () => fake.call({ user: "alice" }));
  const quick = fake.call({ user: "bob" });
  await fake.clock.advance(20);
  assert.equal(await quick, "mail");
  assert((await errorOf(fake.call({ user: "alice" }))) instanceof QueueFullError);
  await fake.clock.advance(2_000);
  await Promise.all([first, ...waiting]);
});

// Options

const wrong: readonly (readonly [PoolOptions, RegExp])[] = [
  [{ maxConnections: 0 }, /^"maxConnections" is 0\. Set it to a number from 1 on\.$/],
  [{ maxConnections: NaN }, /^"maxConnections" is NaN/],
  [{ maxConnections: "5" as unknown as number }, /^"maxConnections" is "5"/],
  [{ maxQueue: 0 }, /^"maxQueue" is 0\. Set it to a number from 1 on\.$/],
  [{ maxQueue: -1 }, /^"maxQueue"/],
  [{ spares: -1 }, /^"spares" is -1\. Set it to a number from 0 on\.$/],
  [{ spares: NaN }, /^"spares"/],
  [{ maxLifetime: NaN }, /^"maxLifetime" is NaN/],
  [{ maxLifetime: -1 }, /^"maxLifetime" is -1/],
  [{ idleTimeout: -1 }, /^"idleTimeout" is -1/],
];

for (const [options, message] of wrong) {
  const [[name, value]] = Object.entries(options);
  test(`options › ${name} ${typeof value} ${value} › LocalProtocolError that names it`, () => {
    assert.throws(() => checkPoolOptions(options), (error: Error) => {
      assert(error instanceof LocalProtocolError);
      return message.test(error.message);
    });
  });
}

test("options › fractions and no limit › are taken as they can be", () => {
  const options = checkPoolOptions({ maxConnections: 2.9, maxQueue: Infinity, spares: 1.5 });
  assert.deepEqual([options.maxConnections, options.maxQueue, options.spares], [2, Infinity, 1]);
  const { maxConnections, maxQueue, idleTimeout, maxLifetime, spares } = checkPoolOptions({});
  assert.deepEqual([maxConnections, maxQueue, idleTimeout, maxLifetime, spares], [
    ...[10, 250_000, 30_000, 900_000, undefined],
  ]);
});

// Time and signals

test("time limit › while a call waits for its user, a connection, and connecting › TimeoutError, not sent", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  const connecting = errorOf(fake.call({ timeout: 10 }));
  await fake.clock.advance(10);
  assert(await connecting instanceof TimeoutError);
  const long = fake.call({ user: "alice", takes: 500 });
  await fake.clock.advance(20);
  const errors = ["alice", "bob"].map((user) => errorOf(fake.call({ user, timeout: 100 })));
  await fake.clock.advance(99);
  assert.equal(fake.pool.stats().queued, 2);
  await fake.clock.advance(1);
  for (const error of await Promise.all(errors)) {
    assert(error instanceof TimeoutError);
    assert.equal(error.sent, false);
    assert.match(error.message, /was not sent within 100 ms: it waited for a connection/);
  }
  await fake.clock.advance(1_000);
  await long;
});

test("time limit › of a call that waited › the command has what is left", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  const left: unknown[] = [];
  const run = (timeout?: number) =>
    fake.pool.run(fake.workOf({ timeout }), async (_, options) => {
      left.push(options.timeout);
      await fake.clock.wait(30);
    }, () => {});
  const calls = [run(1_000), run(1_000), run(0), run()];
  await fake.clock.advance(1_000);
  await Promise.all(calls);
  // 20 ms for connecting, 30 for each before it.
  assert.deepEqual(left, [980, 950, Infinity, 59_890]);
  const later = run(500);
  await fake.clock.advance(100);
  await later;
  assert.equal(left.at(-1), 500);
});

test("time limit › invalid › LocalProtocolError, and nothing waits", async () => {
  await using fake = new FakePool();
  for (const timeout of [NaN, -1, "5" as unknown as number]) {
    assert((await errorOf(fake.call({ timeout }))) instanceof LocalProtocolError);
    assert((await errorOf(fake.pool.ready({ timeout }))) instanceof LocalProtocolError);
    const stream = fake.pool.stream(
      fake.workOf({ attendance: "stream", timeout }),
      async function* () {
        yield await Promise.resolve(1);
      },
    );
    assert((await errorOf(stream.next())) instanceof LocalProtocolError);
  }
  assert.equal(fake.attempts.length, 0);
});

test("100,000 calls at once › with one signal › one listener, and each is answered", async () => {
  await using fake = new FakePool({ onEvent: undefined });
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  let done = 0;
  const act = () => Promise.resolve();
  const answers = Array.from(
    { length: 100_000 },
    (_, at) => fake.call({ user: `u${at % 1_000}`, signal, timeout: 0, act }).then(() => done++),
  );
  await fake.clock.advance(30);
  await Promise.all(answers);
  assert.equal(done, 100_000);
  assert.deepEqual([listeners.most, listeners.now], [1, 0]);
});

test("calls at once › aborted, or closed › each gets its error", async () => {
  const count = atFullSize(100_000, 10_000);
  for (const way of ["abort", "close"]) {
    await using fake = new FakePool({ onEvent: undefined });
    const abort = new AbortController();
    const { signal } = abort;
    const names = Array.from(
      { length: count },
      (_, at) => fake.call({ user: `u${at % 10}`, signal, timeout: 0 }).catch(({ name }) => name),
    );
    if (way === "abort") abort.abort();
    else await fake.pool.close();
    const wanted = way === "abort" ? "AbortError" : "ConnectionLostError";
    assert.deepEqual(new Set(await Promise.all(names)), new Set([wanted]));
    assert.equal(fake.pool.stats().queued, 0);
  }
});

// ready() and ping()

test("ready › nothing is open › opens a connection, which the next command has", async () => {
  await using fake = new FakePool();
  const both = Promise.all([fake.pool.ready(), fake.pool.ready()]);
  await fake.clock.advance(20);
  await both;
  assert.equal(fake.attempts.length, 1);
  await fake.pool.ready();
  const answer = fake.call();
  await fake.clock.advance(10);
  assert.equal(await answer, "mail");
  assert.equal(fake.attempts.length, 1);
});

test("ready › connecting fails › rejects at once with the reason, and doesn't try again", async () => {
  await using fake = new FakePool();
  fake.refuse = () => refusal();
  const error = errorOf(fake.pool.ready());
  await fake.clock.advance(20);
  assert.equal((await error).message, "cannot connect: refused");
  await fake.clock.advance(10_000);
  assert.equal(fake.attempts.length, 1);
});

test("ready › too long, aborted, closed › rejects", async () => {
  await using fake = new FakePool();
  fake.connecting = 1_000;
  const abort = new AbortController();
  const errors = Promise.all([
    errorOf(fake.pool.ready({ timeout: 100 })),
    errorOf(fake.pool.ready({ signal: abort.signal })),
    errorOf(fake.pool.ready()),
  ]);
  await fake.clock.advance(100);
  abort.abort("enough");
  await fake.pool.close();
  const [late, aborted, closed] = await errors;
  assert(late instanceof TimeoutError && late.phase === "connect");
  assert.deepEqual([aborted.name, aborted.cause], ["AbortError", "enough"]);
  assert.equal(closed.name, "ConnectionLostError");
  assert.equal((await errorOf(fake.pool.ready())).name, "ConnectionLostError");
  assert.equal(
    (await errorOf(fake.pool.ready({ signal: AbortSignal.abort() }))).name,
    "AbortError",
  );
});

test("ping › on whatever is idle, else on a new connection › resolves when the server has refused it", async () => {
  await using fake = new FakePool({ maxConnections: 2 });
  const first = fake.pool.ping();
  await fake.clock.advance(20);
  await first;
  assert.deepEqual(fake.connections[0].commands, ["dovewire ping"]);
  for (const kind of ["plain", "mail"] as const) {
    const answer = fake.call({ kind });
    await fake.clock.advance(50);
    await answer;
    await fake.pool.ping();
  }
  assert.deepEqual(fake.connections.map(({ commands }) => commands), [
    ["dovewire ping", "plain", "dovewire ping", "dovewire ping"],
    ["mail"],
  ]);
  fake.connections[0].end();
  await settled();
  await fake.pool.ping();
  assert.deepEqual(fake.connections[1].commands, ["mail", "dovewire ping"]);
});

test("ping › the server refuses connections › rejects within its time", async () => {
  await using fake = new FakePool();
  fake.refuse = () => refusal();
  const error = errorOf(fake.pool.ping({ timeout: 300 }));
  await fake.clock.advance(300);
  assert.equal((await error).message, "cannot connect: refused");
});
