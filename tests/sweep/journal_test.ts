import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError } from "../../core/mod.ts";
import {
  JournalError,
  sweep,
  SweepInterruptedError,
  type SweepOptions,
  SweepOrderError,
  type SweepResult,
} from "../../sweep/mod.ts";
import { all, MemoryJournal, names, slowly } from "./memory_journal.ts";

/** Takes so many results of a sweep, and then leaves it as a kill would: the journal is copied before. */
async function killedAfter(
  count: number,
  users: readonly string[],
  options: SweepOptions & { readonly journal: MemoryJournal },
): Promise<
  { readonly journal: MemoryJournal; readonly taken: string[]; readonly begun: string[] }
> {
  const taken: string[] = [];
  const begun: string[] = [];
  let journal = options.journal.copy();
  for await (
    const { user } of sweep(slowly(users), async (user) => {
      begun.push(user);
      for (let turn = begun.length % 5; turn > 0; turn--) await Promise.resolve();
    }, options)
  ) {
    journal = options.journal.copy();
    if (taken.length === count) return { journal, taken, begun: [...begun] };
    taken.push(user);
  }
  return { journal: options.journal.copy(), taken, begun };
}

test("sweep, journal › killed at any point, idempotent › everybody ran, and nobody again whose end was noted", async () => {
  const users = names(60);
  for (let kill = 0; kill <= 60; kill += 3) {
    const options = { journal: new MemoryJournal(), concurrency: 4, idempotent: true };
    const first = await killedAfter(kill, users, options);
    const open = first.journal.text === undefined ? [] : first.journal.open.map(([, user]) => user);
    assert(open.length <= 4, `${open}`);
    const again: string[] = [];
    const results = await all(sweep(users, (user) => void again.push(user), {
      ...{ ...options, journal: first.journal },
    }));
    assert.deepEqual(new Set([...first.begun, ...again]), new Set(users));
    const twice = again.filter((user) => first.begun.includes(user));
    assert.deepEqual(
      twice.filter((user) => !open.includes(user) && first.journal.text !== undefined),
      [],
    );
    // The results that were taken, and those of the second run, are everybody's.
    const known = new Set([...first.taken, ...results.map(({ user }) => user)]);
    assert.deepEqual(known, new Set(users));
  }
});

test("sweep, journal › killed at any point, not idempotent › nobody ran twice, and who was under way has sent: true", async () => {
  const users = names(60);
  for (let kill = 0; kill <= 60; kill += 3) {
    const options = { journal: new MemoryJournal(), concurrency: 4 };
    const first = await killedAfter(kill, users, options);
    const begun = (first.journal.text === undefined ? [] : first.journal.open)
      .filter(([, , begun]) => begun === 1).map(([, user]) => user);
    const again: string[] = [];
    const results = await all(sweep(users, (user) => void again.push(user), {
      ...{ ...options, journal: first.journal },
    }));
    const failures = results.filter((result) => !result.ok);
    assert.deepEqual(failures.map(({ user }) => user).sort(), begun.toSorted());
    for (const { error, sent } of failures) {
      assert(error instanceof SweepInterruptedError);
      assert.equal(sent, true);
      assert.equal(error.sent, true);
    }
    const counts = new Map<string, number>();
    for (const user of [...first.begun, ...again]) counts.set(user, (counts.get(user) ?? 0) + 1);
    for (const user of users) assert((counts.get(user) ?? 0) <= 1, `${user} ran twice`);
    const known = new Set([...first.taken, ...results.map(({ user }) => user)]);
    assert.deepEqual(known, new Set(users));
  }
});

test("sweep, journal › a sweep that has ended › begins nobody again, but those who were added after", async () => {
  const journal = new MemoryJournal();
  await all(sweep(names(10), () => {}, { journal }));
  assert.equal(journal.closed, 1);
  assert.deepEqual(journal.open, []);
  assert.deepEqual(await all(sweep(names(10), () => assert.fail(), { journal })), []);
  const more = await all(sweep(names(12), () => {}, { journal }));
  assert.deepEqual(more.map(({ user }) => user).sort(), ["user10", "user11"]);
});

test("sweep, journal › another order, or other users › is an error that says where, and nobody is begun", async () => {
  const users = names(20);
  const { journal } = await killedAfter(10, users, {
    ...{ journal: new MemoryJournal(), concurrency: 3, idempotent: true },
  });
  const [[index, name]] = journal.open;
  const before = journal.text;
  const cases: readonly [readonly string[], RegExp][] = [
    [users.with(2, "other"), /among the first \d+, which were begun, something has changed/],
    [[users[1], users[0], ...users.slice(2)], /something has changed/],
    [users.slice(0, 5), /there are 5 of them, and \d+ were begun/],
    [[], /there are 0 of them/],
    [users.with(index, "other"), new RegExp(`user ${index} .* was "${name}", and is "other" now`)],
  ];
  for (const [other, message] of cases) {
    const results = all(sweep(other, () => assert.fail(), { journal, idempotent: true }));
    await assert.rejects(results, (error) => {
      assert(error instanceof SweepOrderError);
      assert.equal(error.code, "order");
      assert.match(error.message, message);
      return true;
    });
    assert.equal(journal.text, before);
  }
});

test("sweep, journal › its text › stays as small as what is under way, and begins are saved before work", async () => {
  const journal = new MemoryJournal();
  const users = names(3000);
  const work = (user: string) => {
    assert(journal.open.some(([, name, begun]) => name === user && begun === 1), user);
    // The first one stays until the end.
    if (user === "user0") return new Promise<void>((resolve) => setTimeout(resolve, 30));
  };
  const results = await all(sweep(users, work, { journal, concurrency: 10 }));
  assert(results.every(({ ok }) => ok));
  assert(journal.longest < 500, `${journal.longest} characters`);
  assert(journal.saves < 2 * users.length, `${journal.saves} saves`);
});

test("sweep, journal › users from a list › are saved once each, however they end", async () => {
  for (const concurrency of [1, 4, 20]) {
    const journal = new MemoryJournal();
    const work = (_: string, { index }: { readonly index: number }) =>
      new Promise<void>((resolve) => setTimeout(resolve, index % 3));
    await all(sweep(names(100), work, { journal, concurrency }));
    // And once at the end.
    assert(journal.saves <= 101, `${journal.saves} saves`);
  }
});

test("sweep, journal › a text of an earlier version › is gone on from, and written the same way", async () => {
  const users = ["alice", "", "bøb \u{1f600}", "\ud800", "x".repeat(1000), 'e"v\\e'];
  const journal = new MemoryJournal();
  journal.text = JSON.stringify({
    ...{ sweep: 1, position: 5, hash: "6cbed98a8870113c" },
    open: [[2, users[2], 1], [3, users[3], 0]],
  });
  const begun: string[] = [];
  const texts: string[] = [];
  journal.onSave = () => void (journal.text && texts.push(journal.text));
  const results = sweep(users, (user) => void begun.push(user), { journal, idempotent: true });
  await all(results);
  assert.deepEqual(begun, [users[2], users[3], users[5]]);
  for (const text of [...texts, journal.text]) {
    assert.equal(text, JSON.stringify(JSON.parse(text)));
  }
});

test("sweep, journal › saving fails › the sweep ends with a JournalError, and no work is begun after that", async () => {
  const journal = new MemoryJournal();
  const full = new Error("no space left");
  let saves = 0;
  journal.onSave = () => {
    if (++saves > 5) throw full;
  };
  const begun: string[] = [];
  const results: SweepResult<void>[] = [];
  const run = async () => {
    const work = (user: string) => void begun.push(user);
    for await (const result of sweep(names(100), work, { journal, concurrency: 2 })) {
      results.push(result);
    }
  };
  await assert.rejects(run(), (error) => {
    assert(error instanceof JournalError);
    assert.equal(error.cause, full);
    assert.match(error.message, /can't be written: no space left/);
    return true;
  });
  assert.equal(saves, 6);
  assert.deepEqual(results.map(({ user }) => user).sort(), begun.toSorted());
  assert(begun.length < 20);
});

test("sweep, journal › the last save fails › is an error as well", async () => {
  const journal = new MemoryJournal();
  journal.onSave = () => {
    if (journal.saves === 1) throw new Error("no space left");
  };
  const results = await sweep(["a"], () => {}, { journal });
  assert.equal((await results.next()).value?.ok, true);
  await assert.rejects(results.next(), JournalError);
});

test("sweep, journal › reading fails, or it has another text › is a JournalError", async () => {
  const texts = [
    ...["", "{", "null", "5", '"text"', "[]", "{}", '{"sweep":1}'],
    ...[
      '{"sweep":1,"position":-1,"hash":"","open":[]}',
      '{"sweep":1,"position":1.5,"hash":"","open":[]}',
    ],
    ...[
      '{"sweep":1,"position":1,"hash":5,"open":[]}',
      '{"sweep":1,"position":1,"hash":"","open":{}}',
    ],
    '{"sweep":1,"position":1,"hash":"","open":[[1,"a",1]]}',
    '{"sweep":1,"position":1,"hash":"","open":[[0,5,1]]}',
    '{"sweep":1,"position":1,"hash":"","open":[null]}',
  ];
  for (const text of texts) {
    const journal = new MemoryJournal();
    journal.text = text;
    await assert.rejects(all(sweep(["a"], () => assert.fail(), { journal })), (error) => {
      assert(error instanceof JournalError, `${text}: ${error}`);
      assert.match(error.message, /no sweep wrote/);
      return true;
    });
    assert.equal(journal.closed, 1);
  }
  const later = new MemoryJournal();
  later.text = '{"sweep":2}';
  await assert.rejects(all(sweep([], () => {}, { journal: later })), /later version/);
  const broken = new MemoryJournal();
  broken.load = () => Promise.reject(new Error("gone"));
  await assert.rejects(all(sweep([], () => {}, { journal: broken })), /can't be read: gone/);
});

test("sweep, journal › a user that is open twice in its text › is a JournalError, and nobody is begun", async () => {
  const journal = new MemoryJournal();
  for await (const { index } of sweep(names(9), () => {}, { journal })) if (index === 3) break;
  const state = JSON.parse(journal.text!);
  journal.text = JSON.stringify({ ...state, open: [...state.open, ...state.open] });
  const again = sweep(names(9), () => assert.fail(), { journal, idempotent: true });
  await assert.rejects(all(again), /no sweep wrote/);
});

test("sweep, journal › null, as databases return it › there is nothing yet", async () => {
  const journal = new MemoryJournal();
  journal.load = () => Promise.resolve(null as unknown as undefined);
  const results = await all(sweep(["a"], () => {}, { journal }));
  assert.equal(results.length, 1);
  journal.load = () => Promise.resolve({} as string);
  await assert.rejects(all(sweep(["a"], () => assert.fail(), { journal })), /no sweep wrote/);
});

test("sweep, journal › closing fails › is a JournalError, unless the sweep has failed before", async () => {
  const journal = new MemoryJournal();
  for (const close of [() => Promise.reject(new Error("no")), () => assert.fail("no")]) {
    journal.close = close;
    await assert.rejects(all(sweep(["a"], () => {}, { journal })), (error) => {
      assert(error instanceof JournalError);
      assert.match(error.message, /can't be closed: no/);
      return true;
    });
    const signal = AbortSignal.abort();
    await assert.rejects(all(sweep(["a"], () => {}, { journal, signal })), AbortError);
  }
});

test("sweep, journal › aborted while it looks for where it stopped › ends", async () => {
  const journal = new MemoryJournal();
  await all(sweep(names(100), () => {}, { journal }));
  const controller = new AbortController();
  const users = {
    *[Symbol.iterator]() {
      setTimeout(() => controller.abort(), 0);
      for (const user of names(100)) {
        // An input that takes its time, without a turn of the event loop.
        for (const start = performance.now(); performance.now() < start + 2;);
        yield user;
      }
    },
  };
  const again = sweep(users, () => assert.fail(), { journal, signal: controller.signal });
  await assert.rejects(all(again), AbortError);
});

test("sweep, journal › aborted › who succeeded is done, and others go on next time", async () => {
  const journal = new MemoryJournal();
  const controller = new AbortController();
  const work = async (user: string, { signal }: { signal: AbortSignal }) => {
    if (user === "user4") controller.abort();
    if (user === "user0" || user === "user4") return;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  const options = { journal, concurrency: 5 };
  const first: string[] = [];
  await assert.rejects(async () => {
    const results = sweep(names(20), work, { ...options, signal: controller.signal });
    for await (const { user } of results) first.push(user);
  });
  const second = await all(sweep(names(20), (user) => user, options));
  const interrupted = second.filter(({ ok }) => !ok).map(({ user }) => user);
  assert.deepEqual(first.sort(), ["user0", "user4"]);
  assert.deepEqual(interrupted.sort(), ["user1", "user2", "user3"]);
  assert.equal(first.length + second.length, 20);
});

test("sweep, journal › aborted while a begin is saved › that user was not begun", async () => {
  const journal = new MemoryJournal();
  const controller = new AbortController();
  journal.onSave = () => controller.abort();
  const options = { journal, signal: controller.signal };
  await assert.rejects(all(sweep(["a", "b"], () => assert.fail(), options)));
  journal.onSave = () => {};
  const results = await all(sweep(["a", "b"], (user) => user, { journal }));
  assert.deepEqual(results.map((result) => result.ok && result.value).sort(), ["a", "b"]);
});
