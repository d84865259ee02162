import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  ConnectionLostError,
  type DovewireError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../../core/errors.ts";
import { asSent } from "../../../../doveadm/client/pool/pool_errors.ts";
import { errorOf, type FakeConnection, FakePool, refusal, type TestCall } from "./fake_pool.ts";

/** Ends its connection the first times that it runs. */
function dying(fake: FakePool, times: number, sent: boolean): NonNullable<TestCall["act"]> {
  let runs = 0;
  return (connection: FakeConnection) => {
    if (++runs > times) return fake.clock.wait(10).then(() => "done");
    connection.end(sent);
    return new Promise(() => {});
  };
}

test("retry › a command that was never sent › is sent on other connections, as long as its time lasts", async () => {
  await using fake = new FakePool();
  const answer = fake.call({ act: dying(fake, 6, false) });
  await fake.clock.advance(10_000);
  assert.equal(await answer, "done");
  assert.equal(fake.started.length, 7);
  assert.deepEqual(
    new Set(fake.eventsOf("retried").map(({ reason }) => reason)),
    new Set(["unsent"]),
  );
});

test("retry › never sent, and its time is over › the error says that it wasn't sent", async () => {
  await using fake = new FakePool();
  const error = errorOf(fake.call({ act: dying(fake, Infinity, false), timeout: 1_000 }));
  await fake.clock.advance(1_000);
  const { sent } = await error as DovewireError;
  assert.equal(sent, false);
});

test("retry › a command that was sent › isn't sent again", async () => {
  await using fake = new FakePool();
  const error = errorOf(fake.call({ act: dying(fake, 1, true) }));
  await fake.clock.advance(1_000);
  assert(await error instanceof ConnectionLostError);
  assert.equal((await error as DovewireError).sent, true);
  assert.equal(fake.started.length, 1);
});

test("retry › sent, and idempotent › is sent up to three times", async () => {
  for (const times of [1, 2, 3]) {
    await using fake = new FakePool();
    const call = fake.call({ act: dying(fake, times, true), idempotent: true });
    const outcome = call.then((answer) => answer, (error) => error);
    await fake.clock.advance(5_000);
    if (times < 3) assert.equal(await outcome, "done");
    else {
      assert((await outcome) instanceof ConnectionLostError);
      assert.equal((await outcome as DovewireError).sent, true);
    }
    assert.equal(fake.started.length, Math.min(times + 1, 3));
  }
});

test("retry › idempotent, and its input comes in pieces › isn't sent again", async () => {
  await using fake = new FakePool();
  const call = { idempotent: true, attendance: "input" } as const;
  const error = errorOf(fake.call({ ...call, act: dying(fake, 1, true) }));
  await fake.clock.advance(1_000);
  assert(await error instanceof ConnectionLostError);
  assert.equal(fake.started.length, 1);
});

for (
  const failure of [
    new AbortError("aborted", { sent: true }),
    new TimeoutError("command", "too long", { sent: true }),
    new RemoteProtocolError("broken", { sent: true }),
    new TypeError("no"),
  ]
) {
  test(`retry › idempotent, and ${failure.name} › isn't sent again`, async () => {
    await using fake = new FakePool();
    const act = () => Promise.reject(failure);
    const error = errorOf(fake.call({ idempotent: true, act }));
    await fake.clock.advance(1_000);
    assert.equal(await error, failure);
    assert.equal(fake.started.length, 1);
  });
}

test("retry › sent once, and its time is over before it is sent again › the error says that it was sent", async () => {
  await using fake = new FakePool();
  fake.refuse = (attempt) => attempt > 1 ? refusal() : undefined;
  const error = errorOf(
    fake.call({ idempotent: true, timeout: 1_000, act: dying(fake, Infinity, true) }),
  );
  await fake.clock.advance(1_000);
  assert.equal((await error as DovewireError).sent, true);
  assert.equal((await error).name, "ConnectionLostError");
});

test("retry › sent once, and aborted or closed before it is sent again › the error says that it was sent", async () => {
  for (const way of ["abort", "close"]) {
    await using fake = new FakePool();
    fake.refuse = (attempt) => attempt > 1 ? refusal() : undefined;
    const abort = new AbortController();
    const options = { idempotent: true, signal: abort.signal };
    const error = errorOf(fake.call({ ...options, act: dying(fake, Infinity, true) }));
    await fake.clock.advance(200);
    if (way === "abort") abort.abort("enough");
    else await fake.pool.close();
    assert.equal((await error as DovewireError).sent, true);
    assert.equal((await error).name, way === "abort" ? "AbortError" : "ConnectionLostError");
  }
});

test("retry › a stream › is begun again until it has yielded something", async () => {
  for (const [sent, idempotent] of [[false, false], [true, true]]) {
    await using fake = new FakePool();
    const work = fake.workOf({ attendance: "stream", idempotent });
    let runs = 0;
    const seen: number[] = [];
    const loop = (async () => {
      const values = fake.pool.stream(work, async function* (connection) {
        await Promise.resolve();
        if (++runs < 3) {
          await connection.close();
          throw new ConnectionLostError("lost", { sent });
        }
        yield* [1, 2, 3];
      });
      for await (const value of values) seen.push(value);
    })();
    await fake.clock.advance(2_000);
    await loop;
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(runs, 3);
  }
});

test("a command › what asks for it, or reads its answer, throws › it has failed, and the next one runs", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  const broken = (): never => {
    throw new TypeError("broken");
  };
  const work = fake.workOf({ user: "alice" });
  const errors = [
    errorOf(fake.pool.run(work, broken, () => {})),
    errorOf(fake.pool.run(work, () => Promise.resolve(), broken)),
  ];
  const next = fake.call({ user: "alice" });
  await fake.clock.advance(1_000);
  for (const error of errors) assert.equal((await error).message, "broken");
  assert.equal(await next, "mail");
  const { succeeded, failed } = fake.pool.stats().totals;
  assert.deepEqual({ succeeded, failed }, { succeeded: 1, failed: 2 });
});

test("retry › errors that an earlier attempt makes sent › keep their class, message and cause", () => {
  const cause = new Error("why");
  const abort = asSent(new AbortError("x", { cause })) as AbortError;
  assert.deepEqual([abort.name, abort.message, abort.cause, abort.sent], [
    ...["AbortError", "x", cause, true],
  ]);
  const timeout = asSent(new TimeoutError("connect", "x")) as TimeoutError;
  assert.deepEqual([timeout.name, timeout.phase, timeout.sent], ["TimeoutError", "connect", true]);
  const broken = asSent(new RemoteProtocolError("x", { limit: "reply" })) as RemoteProtocolError;
  assert.deepEqual([broken.name, broken.limit, broken.sent], [
    "RemoteProtocolError",
    "reply",
    true,
  ]);
  assert.equal((asSent(refusal()) as Error).name, "ConnectionLostError");
  const other = new TypeError("x");
  assert.equal(asSent(other), other);
});
