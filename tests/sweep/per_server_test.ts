import assert from "node:assert/strict";
import { test } from "node:test";
import { sweep } from "../../sweep/mod.ts";
import { all, MemoryJournal, names } from "./memory_journal.ts";

/** Three servers, by the last digit of a name. */
function serverOf(user: string): string {
  return `server${Number(user.slice(4)) % 3}`;
}

test("sweep, perServer › many users of few servers › no server has more at once", async () => {
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const work = async (user: string) => {
    const server = serverOf(user);
    const count = (running.get(server) ?? 0) + 1;
    running.set(server, count);
    most.set(server, Math.max(count, most.get(server) ?? 0));
    await Promise.resolve();
    running.set(server, running.get(server)! - 1);
  };
  const options = { concurrency: 9, perServer: 2, serverOf };
  assert.equal((await all(sweep(names(300), work, options))).length, 300);
  for (const count of most.values()) assert(count <= 2, `${[...most]}`);
  assert.equal(most.size, 3);
});

test("sweep, perServer › a server that hangs › the others' users go ahead, a bounded number", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  let taken = 0;
  const input = function* () {
    for (const user of names(3000)) {
      taken++;
      yield user;
    }
  };
  const work = (user: string) => serverOf(user) === "server0" ? released : undefined;
  const options = {
    ...{ concurrency: 10, perServer: 3, journal: new MemoryJournal() },
    serverOf: (user: string) => Promise.resolve(serverOf(user)),
  };
  const results = sweep(input(), work, options);
  const seen: string[] = [];
  // Of the users of the server that hangs, 3 are under way and 40 wait; all others before them end.
  for (let at = 0; at < 80; at++) seen.push((await results.next()).value!.user);
  assert(seen.every((user) => serverOf(user) !== "server0"));
  const next = results.next();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert(taken < 150, `${taken} were taken`);
  release();
  const rest = [(await next).value!, ...await all(results)];
  assert.equal(new Set([...seen, ...rest.map(({ user }) => user)]).size, 3000);
});

test("sweep, perServer › a server that can't be found › is that user's failure", async () => {
  const none = new Error("no such user");
  const results = await all(sweep(names(4), (user) => user, {
    perServer: 1,
    serverOf: (user) => {
      if (user === "user2") throw none;
      return "one";
    },
  }));
  assert.deepEqual(
    results.filter(({ ok }) => !ok).map((result) => [result.user, !result.ok && result.error]),
    [["user2", none]],
  );
  assert.equal(results.length, 4);
});

test("sweep, serverOf › never answers › the sweep can be left and aborted, and an error of the input ends it", async () => {
  const serverOf = (user: string) => user === "a" ? "one" : new Promise<never>(() => {});
  for await (const { user } of sweep(["a", "b"], () => {}, { serverOf })) {
    assert.equal(user, "a");
    break;
  }
  const controller = new AbortController();
  const { signal } = controller;
  const work = () => void setTimeout(() => controller.abort(), 1);
  await assert.rejects(all(sweep(["a", "b"], work, { serverOf, signal })), { name: "AbortError" });
});

test("sweep, serverOf › aborts the sweep and never answers › the sweep ends", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const serverOf = () => {
    controller.abort();
    return new Promise<never>(() => {});
  };
  await assert.rejects(all(sweep(["a"], () => {}, { serverOf, signal })), { name: "AbortError" });
});

test("sweep, serverOf › called just after the end, and never answers › the sweep ends", async () => {
  // The user is there already when the sweep is aborted.
  for (let turns = 0; turns < 8; turns++) {
    const controller = new AbortController();
    const { signal } = controller;
    const input = async function* () {
      void (async () => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        controller.abort();
      })();
      yield "a";
    };
    const serverOf = () => new Promise<never>(() => {});
    await assert.rejects(all(sweep(input(), () => {}, { serverOf, signal })), {
      name: "AbortError",
    });
  }
});

test("sweep, perServer › killed while users wait for their server › they are begun next time", async () => {
  const journal = new MemoryJournal();
  const controller = new AbortController();
  // The first five have one server, and all but the first of them wait when another begins.
  const options = {
    ...{ concurrency: 10, perServer: 1, journal },
    serverOf: (user: string) => Number(user.slice(4)) < 5 ? "one" : user,
  };
  const begun: string[] = [];
  const work = (user: string, { signal }: { readonly signal: AbortSignal }) => {
    begun.push(user);
    if (user === "user7") controller.abort();
    return new Promise<void>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  };
  await assert.rejects(all(sweep(names(30), work, { ...options, signal: controller.signal })));
  assert.deepEqual(begun, ["user0", "user5", "user6", "user7"]);
  const waiting = journal.open.filter(([, , begun]) => begun === 0).map(([, user]) => user);
  assert.deepEqual(waiting.slice(0, 4), ["user1", "user2", "user3", "user4"]);
  const results = await all(sweep(names(30), () => {}, options));
  assert.equal(results.length, 30);
  const failed = results.filter(({ ok }) => !ok).map(({ user }) => user);
  assert.deepEqual(failed.sort(), begun);
});
