import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionKind } from "../../../../core/doveadm/catalogue/mod.ts";
import { FakePool } from "./fake_pool.ts";

const kinds: readonly ConnectionKind[] = ["mail", "plain", "fresh"];

for (const flood of kinds) {
  for (const maxConnections of [1, 2, 3, 10]) {
    test(`fairness › a flood of ${flood} commands on ${maxConnections} connections › others get their turn`, async () => {
      await using fake = new FakePool({ maxConnections });
      const all = Array.from({ length: 500 }, () => fake.call({ kind: flood }));
      await fake.clock.advance(100);
      for (const kind of kinds.filter((kind) => kind !== flood)) {
        const other = fake.call({ name: "other", kind });
        let isOver = false;
        void other.then(() => isOver = true);
        // On one connection it waits for those before it.
        const patience = maxConnections === 1 ? 20_000 : 150;
        for (let time = 0; time < patience && !isOver; time += 10) await fake.clock.advance(10);
        assert(isOver, `a ${kind} command waited for more than ${patience} ms`);
      }
      const left = fake.pool.stats().queued;
      if (maxConnections > 1) assert(left > 0, "the flood was over");
      await fake.clock.advance(60_000);
      await Promise.all(all);
    });
  }
}

test("fairness › floods of all kinds › each has a part of the connections until it is done", async () => {
  await using fake = new FakePool({ maxConnections: 9 });
  // A fresh command takes as long as another and its connection's opening.
  const takes = { mail: 30, plain: 30, fresh: 10 };
  const done: Record<ConnectionKind, number> = { mail: 0, plain: 0, fresh: 0 };
  const all = Array.from(
    { length: 200 },
    () => kinds.map((kind) => fake.call({ kind, takes: takes[kind] }).then(() => done[kind]++)),
  );
  await fake.clock.advance(1_000);
  const { mail, plain, fresh } = done;
  for (const count of [mail, plain, fresh]) {
    assert(count > 60 && count < 120, JSON.stringify(done));
  }
  // Connections keep their kind.
  assert(fake.eventsOf("closed").filter(({ reason }) => reason === "room").length < 20);
  await fake.clock.advance(10_000);
  await Promise.all(all.flat());
});

test("fairness › calls at random › none waits for more of those called after it than there are connections", async () => {
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  for (let round = 0; round < 40; round++) {
    const maxConnections = 1 + random(8);
    await using fake = new FakePool({ maxConnections });
    const answers: Promise<unknown>[] = [];
    for (let call = 0; call < 150; call++) {
      const kind = kinds[random(10) < 8 ? round % 3 : random(3)];
      answers.push(fake.call({ name: `${call}`, kind, takes: 5 + random(10) }));
      if (random(4) === 0) await fake.clock.advance(random(30));
    }
    await fake.clock.advance(30_000);
    await Promise.all(answers);
    // Each connection can serve its kind for as long as another is opened, some 20 ms.
    const bound = maxConnections * 8;
    for (const [place, name] of fake.started.entries()) {
      const overtaking = fake.started.slice(0, place).filter((other) =>
        Number(other) > Number(name)
      );
      assert(overtaking.length <= bound, `${overtaking.length} overtook ${name} in ${round}`);
    }
  }
});

test("fairness › a single command of another kind › doesn't make connections change their kind back and forth", async () => {
  await using fake = new FakePool({ maxConnections: 4 });
  const flood = Promise.all(Array.from({ length: 400 }, () => fake.call()));
  await fake.clock.advance(100);
  for (let call = 0; call < 5; call++) {
    const answer = fake.call({ kind: "plain" });
    await fake.clock.advance(60);
    await answer;
  }
  assert(fake.connections.length <= 10, `${fake.connections.length} connections were opened`);
  await fake.clock.advance(10_000);
  await flood;
});
