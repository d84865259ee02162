import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, ConnectionLostError, DovewireError, LocalProtocolError } from "../../mod.ts";
import { sweep, type SweepContext, type SweepOptions } from "../../sweep/mod.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { all, MemoryJournal, names, slowly } from "./memory_journal.ts";

test("sweep › arrays, generators and async ones › each user's result, with its place", async () => {
  const users = names(100);
  for (const input of [users, new Set(users), users.values(), slowly(users)]) {
    const results = await all(sweep(input, (user) => user.toUpperCase()));
    results.sort((one, other) => one.index - other.index);
    assert.deepEqual(
      results,
      users.map((user, index) => ({ ok: true, user, index, value: user.toUpperCase() })),
    );
  }
});

test("sweep › nobody › ends at once", async () => {
  assert.deepEqual(await all(sweep([], () => assert.fail())), []);
  assert.deepEqual(await all(sweep(slowly([]), () => assert.fail())), []);
});

test("sweep › works of different length › results come as they end", async () => {
  const ends = new Map<string, () => void>();
  const results = sweep(["a", "b", "c"], (user) =>
    new Promise<void>((resolve) => {
      ends.set(user, resolve);
    }));
  const first = results.next();
  while (ends.size < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  ends.get("b")!();
  assert.equal((await first).value?.user, "b");
  const second = results.next();
  ends.get("c")!();
  assert.equal((await second).value?.user, "c");
  ends.get("a")!();
  assert.deepEqual((await all(results)).map(({ user }) => user), ["a"]);
});

test("sweep › work that throws › is a result, and the others go on", async () => {
  const lost = new ConnectionLostError("It was lost.", { sent: true });
  const unsent = new ConnectionLostError("It was never sent.");
  const plain = new TypeError("a mistake");
  const thrown: Record<string, unknown> = {
    user1: lost,
    user2: unsent,
    user3: plain,
    user4: "text",
  };
  const results = await all(sweep(names(6), (user) => {
    if (Object.hasOwn(thrown, user)) throw thrown[user];
  }));
  const failures = results.filter((result) => !result.ok);
  assert.equal(results.length, 6);
  assert.deepEqual(failures.map(({ user, error, sent }) => [user, error, sent]).slice(0, 3), [
    ["user1", lost, true],
    ["user2", unsent, false],
    ["user3", plain, true],
  ]);
  assert.equal(failures[3].error.message, "The work threw text.");
  assert.equal(failures[3].error.cause, "text");
});

test("sweep › concurrency › so many at once, results that wait included, and no more are taken", async () => {
  for (const concurrency of [1, 7]) {
    let [running, most, taken] = [0, 0, 0];
    const input = function* () {
      for (const user of names(200)) {
        taken++;
        yield user;
      }
    };
    const work = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 0));
      running--;
    };
    let results = 0;
    for await (const _ of sweep(input(), work, { concurrency })) {
      results++;
      if (results % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      assert(taken - results <= concurrency, `${taken} taken, ${results} results`);
    }
    assert.equal(results, 200);
    assert.equal(most, concurrency);
  }
});

test("sweep › the context › has a signal, the place, and the options of a command", async () => {
  const seen: SweepContext[] = [];
  await all(sweep(["a"], (_, context) => void seen.push(context), { idempotent: true }));
  const { signal, ...others } = seen[0];
  assert(signal instanceof AbortSignal);
  assert.deepEqual(others, { idempotent: true, index: 0, attempt: 1 });
});

test("sweep › names like those of prototypes, and empty ones › are users like others", async () => {
  const users = ["__proto__", "constructor", "", "toString", "__proto__"];
  const journal = new MemoryJournal();
  const options = { journal, perServer: 1, serverOf: (user: string) => user };
  const results = await all(sweep(users, (user) => user, options));
  assert.deepEqual(results.map(({ user }) => user).sort(), users.toSorted());
});

test("sweep › a signal that aborts › begins no more, waits for the rest, and throws", async () => {
  await leavingNothing(async () => {
    const controller = new AbortController();
    const ended: string[] = [];
    const begun: string[] = [];
    const work = async (user: string, { signal }: SweepContext) => {
      begun.push(user);
      if (user === "user3") controller.abort("enough");
      if (user === "user0") return;
      if (user !== "user3") {
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      }
      ended.push(user);
      if (user === "user2") throw new DovewireError("It was aborted.");
    };
    const results: string[] = [];
    const run = async () => {
      const options = { concurrency: 4, signal: controller.signal };
      for await (const { user } of sweep(slowly(names(50)), work, options)) results.push(user);
    };
    await assert.rejects(run(), (error) => {
      assert(error instanceof AbortError);
      assert.equal(error.cause, "enough");
      assert.equal(error.sent, true);
      return true;
    });
    assert.deepEqual(begun.toSorted(), [...ended, "user0"].toSorted());
    assert.deepEqual(results.toSorted(), begun.filter((user) => user !== "user2").toSorted());
  });
});

test("sweep › a signal that has aborted before › begins nobody", async () => {
  const results = sweep(names(3), () => assert.fail(), { signal: AbortSignal.abort() });
  await assert.rejects(all(results), { name: "AbortError", sent: false });
});

test("sweep › a loop that is left › ends the work, and waits for it", async () => {
  await leavingNothing(async () => {
    let running = 0;
    const work = async (user: string, { signal }: SweepContext) => {
      if (user === "user0") return;
      running++;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      running--;
    };
    for await (const _ of sweep(names(9), work)) break;
    assert.equal(running, 0);
  });
});

test("sweep › an input that never yields again › can be left and aborted", async () => {
  const input = async function* () {
    yield "a";
    await new Promise(() => {});
  };
  for await (const { user } of sweep(input(), () => {})) {
    assert.equal(user, "a");
    break;
  }
  const controller = new AbortController();
  const work = () => void setTimeout(() => controller.abort(), 1);
  await assert.rejects(all(sweep(input(), work, { signal: controller.signal })), {
    name: "AbortError",
  });
});

test("sweep › an input that aborts the sweep and never yields › the sweep ends", async () => {
  const controller = new AbortController();
  const input = async function* () {
    controller.abort();
    await new Promise(() => {});
    yield "a";
  };
  await assert.rejects(all(sweep(input(), () => {}, { signal: controller.signal })), {
    name: "AbortError",
  });
});

test("sweep › an input that throws › the work under way ends with results, then its error comes", async () => {
  const wrong = new Error("The list is broken.");
  const input = async function* () {
    yield* names(3);
    await Promise.resolve();
    throw wrong;
  };
  const results: string[] = [];
  const run = async () => {
    const work = () => new Promise((resolve) => setTimeout(resolve, 1));
    for await (const { user } of sweep(input(), work)) results.push(user);
  };
  await assert.rejects(run(), wrong);
  assert.deepEqual(results.toSorted(), names(3));
});

test("sweep › an input of other things than names › is the caller's mistake", async () => {
  for (const wrong of [1, undefined, null, {}]) {
    const results = all(sweep(["a", wrong as string], () => {}));
    await assert.rejects(results, { name: "LocalProtocolError", message: /User 1 of the input/ });
  }
  for (const wrong of ["alice", 5, undefined, null, {}]) {
    assert.throws(() => sweep(wrong as Iterable<string>, () => {}), LocalProtocolError);
  }
  assert.throws(() => sweep([], undefined as unknown as () => void), LocalProtocolError);
});

test("sweep › invalid options › are refused by name before anything begins", () => {
  const wrong: Record<string, readonly unknown[]> = {
    concurrency: [0, -1, NaN, Infinity, "5", null, Object.create(null), Symbol("five")],
    perServer: [0, NaN, -1, 3],
    retries: [-1, NaN, null],
    total: [-1, NaN],
    progressInterval: [-1, NaN, null],
    onProgress: [5],
    serverOf: ["a"],
    journal: [5, 0, true, [], {}, null, "", Object.create(null), new URL("file:///tmp/x")],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const options = { [option]: value } as SweepOptions;
      assert.throws(() => sweep([], () => {}, options), (error) => {
        assert(error instanceof LocalProtocolError, `${option}: ${error}`);
        return option === "journal" || error.message.includes(`"${option}"`);
      });
    }
  }
});

test("sweep › work that throws what has no message › is a result", async () => {
  const work = () => {
    throw Object.create(null);
  };
  const [result] = await all(sweep(["a"], work));
  assert(!result.ok);
  assert.equal(result.error.message, "The work threw an error without a message.");
});
