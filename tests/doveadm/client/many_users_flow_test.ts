/** Calls for many users: how many are asked at once, and in which order their rows come. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { PartialFailure } from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { atFullSize } from "../../harness/soak.ts";
import { errorOf } from "./fake_server.ts";
import { clientOf, codesOf, inbox, names, outcomeOf, ways } from "./users_world.ts";

const all = { allUsers: true } as const;

for (const way of ways) {
  test(`many users, ${way} › 1,500 of them › all rows in their order, and few at once`, async () => {
    const users = names(1500);
    const { client, seen } = clientOf(way, { users, reply: () => ["INBOX"] }, {
      maxConnections: 7,
    });
    assert.deepEqual(await client.run("mailbox list", all), users.map(inbox));
    assert(seen.most <= 7, `${seen.most} at once`);
    assert.deepEqual(seen.users.toSorted(), users.toSorted());
    await client.close();
  });

  test(`many users, ${way} › order: "users" › rows() yields user after user, whoever answers first`, async () => {
    const users = names(60);
    const { client } = clientOf(way, {
      users,
      reply: async (user) => {
        // Every fifth answers last of those that are asked with it.
        if (Number(user.slice(4)) % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
        return ["INBOX", "Sent"];
      },
    });
    const { items } = await outcomeOf(client.rows("mailbox list", all, { order: "users" }));
    const expected = users.flatMap((username) => [inbox(username), { username, mailbox: "Sent" }]);
    assert.deepEqual(items, expected);
    await client.close();
  });

  test(`many users, ${way} › order: "users" and large answers › the users ahead wait, and all rows come`, async () => {
    const users = names(20);
    const large = Array.from({ length: 50 }, (_, at) => `${at}-`.padEnd(4000, "x"));
    const { client } = clientOf(way, { users, reply: () => large });
    const { items } = await outcomeOf(client.rows("mailbox list", all, { order: "users" }));
    assert.equal(items.length, 1000);
    assert.deepEqual(
      items.map(({ username }) => username),
      users.flatMap((name) => Array(50).fill(name)),
    );
    await client.close();
  });

  test(`many users, ${way} › a caller who stops taking rows › a handful of users are asked meanwhile`, async () => {
    await leavingNothing(async () => {
      const users = names(2000);
      const large = Array.from({ length: 100 }, (_, at) => `${at}-`.padEnd(2000, "x"));
      const { client, seen } = clientOf(way, { users, reply: () => large });
      const rows = client.rows("mailbox list", all);
      for (let at = 0; at < 300; at++) await rows.next();
      const asked = seen.users.length;
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert(seen.users.length <= asked + 20, `${asked}, then ${seen.users.length}`);
      assert(seen.users.length < 40, `${seen.users.length} for three users' rows`);
      await rows.return();
      assert.equal(seen.running, 0);
      await client.close();
    });
  });

  test(`many users, ${way} › as many as there are connections › are asked at the same time`, async () => {
    for (const width of [1, 7]) {
      let arrived = 0;
      let open = () => {};
      const allThere = new Promise<void>((resolve) => open = resolve);
      const { client, seen } = clientOf(way, {
        users: names(50),
        reply: async () => {
          if (++arrived === width) open();
          await allThere;
          return ["INBOX"];
        },
      }, { maxConnections: width });
      assert.equal((await client.run("mailbox list", all)).length, 50);
      assert.equal(seen.most, width);
      await client.close();
    }
  });

  test(`many users, ${way} › rows() of very many, one by one › few users' rows are ahead of the caller`, async () => {
    const users = names(atFullSize(100_000, 2000));
    for (const order of ["arrival", "users"] as const) {
      const { client, seen } = clientOf(way, { users, reply: () => ["INBOX"] });
      let taken = 0;
      let ahead = 0;
      for await (const _ of client.rows("mailbox list", all, { order })) {
        ahead = Math.max(ahead, seen.users.length - ++taken);
      }
      assert.equal(taken, users.length);
      assert(ahead <= 1500, `${ahead} were ahead, ${order}`);
      await client.close();
    }
  });

  test(`many users, ${way} › calls of the same client in the loop, while answers wait › are answered`, async () => {
    const large = Array.from({ length: 100 }, (_, at) => `${at}-`.padEnd(8000, "x"));
    for (const maxConnections of [2, 3, 10]) {
      const { client } = clientOf(way, { users: names(12), reply: () => large }, {
        maxConnections,
      });
      const last = `99-`.padEnd(8000, "x");
      let taken = 0;
      for await (const { username, mailbox } of client.rows("mailbox list", all)) {
        taken++;
        if (mailbox !== last) continue;
        assert.equal((await client.run("mailbox list", { user: username })).length, 100);
        const one = client.rows("mailbox list", { user: "another" });
        assert.equal((await outcomeOf(one)).items.length, 100);
      }
      assert.equal(taken, 12 * 100);
      await client.close();
    }
  });
}

test("many users, HTTP › commands that only read › share requests, the more the quicker they are", async () => {
  const users = names(2000);
  const { client, seen } = clientOf("HTTP", { users, reply: () => ["INBOX"] });
  assert.equal((await client.run("mailbox list", all)).length, 2000);
  assert.equal(seen.requests[0], 1);
  assert(Math.max(...seen.requests) > 10, `${seen.requests}`);
  assert(seen.requests.length < 500, `${seen.requests.length} requests`);
  await client.close();
});

test("many users, HTTP › commands that change something › have requests of their own, unless they may be repeated", async () => {
  const users = names(200);
  const { client, seen } = clientOf("HTTP", { users, reply: () => [] });
  const create = { ...all, mailbox: ["New"] };
  assert.deepEqual(await client.run("mailbox create", create), []);
  assert.deepEqual(seen.requests.splice(0), Array(200).fill(1));
  assert.deepEqual(await client.run("mailbox create", create, { idempotent: true }), []);
  assert(Math.max(...seen.requests) > 10, `${seen.requests}`);
  await client.close();
});

test("many users, HTTP › a request that breaks off › its users are asked again, each alone, and no user twice that was answered", async () => {
  const users = names(400);
  const { client, seen } = clientOf("HTTP", {
    users,
    reply: (user) => user === "user300" ? "lost" : ["INBOX"],
  });
  const error = await errorOf(client.run("mailbox list", all));
  assert.deepEqual(codesOf(error), { user300: "connection-lost" });
  assert.equal((error as PartialFailure).rows.length, 399);
  const times = new Map<string, number>();
  for (const user of seen.users) times.set(user, (times.get(user) ?? 0) + 1);
  assert(Math.max(...times.values()) === 2);
  await client.close();
});

test('many users, HTTP › a request that breaks off, order: "users", large answers › all others\' rows in their order', async () => {
  const users = names(400);
  const large = Array.from({ length: 20 }, (_, at) => `${at}-`.padEnd(2000, "x"));
  const { client, seen } = clientOf("HTTP", {
    users,
    reply: (user) => Number(user.slice(4)) % 100 === 50 ? "lost" : large,
  });
  const { items, error } = await outcomeOf(client.rows("mailbox list", all, { order: "users" }));
  const lost = ["user50", "user150", "user250", "user350"];
  assert.deepEqual(codesOf(error), Object.fromEntries(lost.map((it) => [it, "connection-lost"])));
  const left = users.filter((user) => !lost.includes(user));
  assert.deepEqual([...new Set(items.map(({ username }) => username))], left);
  assert.equal(items.length, 20 * left.length);
  assert(Math.max(...seen.requests) > 1);
  await client.close();
});

test("many users, HTTP › a name with a wildcard in a list › that name's failure, and no mask", async () => {
  const { client, seen } = clientOf("HTTP", { users: names(9), reply: () => ["INBOX"] });
  const error = await errorOf(client.run("mailbox list", { userFile: "user1\nuser*\nuser?" }));
  assert.deepEqual(codesOf(error), { "user*": "local-protocol", "user?": "local-protocol" });
  assert.deepEqual((error as PartialFailure).rows, [inbox("user1")]);
  assert.deepEqual(seen.users, ["user1"]);
  await client.close();
});
