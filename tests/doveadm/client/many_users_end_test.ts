/** Calls for many users that end before the last one. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  ConnectError,
  PartialFailure,
  RemoteProtocolError,
  TimeoutError,
} from "../../../mod.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { errorOf } from "./fake_server.ts";
import {
  clientOf,
  codesOf,
  inbox,
  names,
  outcomeOf,
  type Reply,
  ways,
  type World,
} from "./users_world.ts";

const all = { allUsers: true } as const;

for (const way of ways) {
  test(`many users, ${way} › a loop that is left early › no more users are asked, and nothing is left`, async () => {
    await leavingNothing(async () => {
      const users = names(2000);
      const { client, seen } = clientOf(way, { users, reply: () => ["INBOX"] });
      let taken = 0;
      for await (const _ of client.rows("mailbox list", all)) if (++taken === 100) break;
      const asked = seen.users.length;
      assert(asked < 1500, `${asked} were asked`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(seen.users.length, asked);
      // The client is as good as before.
      assert.equal((await client.run("mailbox list", { user: "user7" })).length, 1);
      await client.close();
    });
  });

  test(`many users, ${way} › the signal aborts in the middle › AbortError, and nobody else is asked`, async () => {
    await leavingNothing(async () => {
      const controller = new AbortController();
      const { client, seen } = clientOf(way, {
        users: names(500),
        reply: (user) => {
          if (user === "user100") controller.abort("enough");
          return ["INBOX"];
        },
      });
      const { signal } = controller;
      const error = await errorOf(client.run("mailbox list", all, { signal }));
      assert(error instanceof AbortError);
      assert.equal(error.cause, "enough");
      assert.equal(error.sent, true);
      assert.match(error.message, /^"mailbox list" was aborted/);
      const asked = seen.users.length;
      assert(asked < 500);
      const early = await outcomeOf(client.rows("mailbox list", all, { signal }));
      assert(early.error instanceof AbortError);
      assert.equal(early.error.sent, false);
      assert.equal(seen.users.length, asked);
      await client.close();
    });
  });

  test(`many users, ${way} › the signal aborts while a row is used › AbortError instead of the next`, async () => {
    await leavingNothing(async () => {
      const controller = new AbortController();
      const { client } = clientOf(way, { users: names(500), reply: () => ["INBOX"] });
      const { signal } = controller;
      let taken = 0;
      const error = await errorOf((async () => {
        for await (const _ of client.rows("mailbox list", all, { signal })) {
          taken++;
          controller.abort();
        }
      })());
      assert(error instanceof AbortError);
      assert.equal(taken, 1);
      await client.close();
    });
  });

  test(`many users, ${way} › the time for all is over › the rows so far, and whom it was not enough for`, async () => {
    await leavingNothing(async () => {
      const users = names(50);
      const world = {
        users,
        reply: (user: string): Reply => user < "user3" ? ["INBOX"] : "silence",
      };
      const { client } = clientOf(way, world, { maxConnections: 2 });
      let limit = 0;
      const error = await withEnoughTime(1000, (timeout) => {
        limit = timeout;
        return errorOf(client.run("mailbox list", all, { timeout }));
      }, (error) => error instanceof PartialFailure && error.failures.size > 0);
      assert(error instanceof PartialFailure);
      assert(error.cause instanceof TimeoutError);
      assert(error.message.includes(`more than ${limit} ms for all users together`), error.message);
      const asked = new Set([
        ...error.rows.map(({ username }) => username),
        ...error.failures.keys(),
      ]);
      assert.deepEqual(new Set(Object.values(codesOf(error))), new Set(["timeout"]));
      assert.deepEqual(error.unasked, users.filter((user) => !asked.has(user)));
      assert(error.unasked.length >= 20);
      assert.equal(error.answered, error.rows.length);

      const nobody = await outcomeOf(
        client.rows("mailbox list", { userFile: "user5\nuser6" }, { timeout: 100 }),
      );
      assert(nobody.error instanceof PartialFailure || nobody.error instanceof TimeoutError);
      await client.close();
    });
  });

  test(`many users, ${way} › the time is over while others wait for the first, order: "users" › their rows, and its failure`, async () => {
    await leavingNothing(async () => {
      // A few of them are what may be kept in memory.
      const large = Array.from({ length: 100 }, (_, at) => `${at}-`.padEnd(500, "x"));
      const world = {
        users: names(30),
        reply: (user: string): Reply => user === "user0" ? "silence" : large,
      };
      const { client } = clientOf(way, world);
      const { items, error } = await withEnoughTime(
        1000,
        (timeout) => outcomeOf(client.rows("mailbox list", all, { order: "users", timeout })),
        ({ error }) => error instanceof PartialFailure && error.answered > 2,
      );
      assert.equal(codesOf(error).user0, "timeout");
      assert(error instanceof PartialFailure);
      assert(error.unasked.length > 10);
      const { answered, failures, unasked } = error;
      assert.equal(answered + failures.size + unasked.length, 30);
      assert(answered > 2 && items.length >= 100 * answered);
      await client.close();
    });
  });

  test(`many users, ${way} › one who isn't answered in time › its TimeoutError, and the others' rows`, async () => {
    await leavingNothing(async () => {
      const users = names(40);
      const world = {
        users,
        reply: (user: string): Reply => user === "user20" ? "silence" : ["INBOX"],
      };
      const { client } = clientOf(way, world);
      const others = users.filter((user) => user !== "user20").map(inbox);
      const error = await withEnoughTime(
        1500,
        (userTimeout) => errorOf(client.run("mailbox list", all, { userTimeout })),
        (error) => error instanceof PartialFailure && error.failures.size === 1,
      );
      assert.equal(codesOf(error).user20, "timeout");
      assert(error instanceof PartialFailure);
      assert.deepEqual(error.rows, others);
      await client.close();
    });
  });

  test(`many users, ${way} › a caller who takes longer than the time for all › it is the server's time that counts`, async () => {
    const { client } = clientOf(way, { users: names(10), reply: () => ["INBOX"] });
    const take = async (timeout: number) => {
      let taken = 0;
      for await (const _ of client.rows("mailbox list", all, { timeout })) {
        if (++taken < 3) await new Promise((resolve) => setTimeout(resolve, 0.7 * timeout));
      }
      return taken;
    };
    const isEnough = (taken: unknown) => typeof taken === "number";
    assert.equal(
      await withEnoughTime(1000, (it) => take(it).catch((error) => error), isEnough),
      10,
    );
    await client.close();
  });

  test(`many users, ${way} › the server is gone › its error, or the rows so far and who is left`, async () => {
    await leavingNothing(async () => {
      let isDown = true;
      const world: World = {
        reply: (user) => {
          if (user !== "user30") return ["INBOX"];
          isDown = true;
          return "lost";
        },
        isDown: () => isDown,
      };
      const options = { maxConnections: 3, timeout: 1000 };
      const userFile = names(1000).join("\n");
      const { client: first } = clientOf(way, world, options);
      const none = await errorOf(first.run("mailbox list", { userFile }));
      assert(none instanceof ConnectError, `${none.stack}`);
      await first.close();
      isDown = false;
      const { client } = clientOf(way, world, options);
      const error = await errorOf(client.run("mailbox list", { userFile }));
      assert(error instanceof PartialFailure);
      assert(error.cause instanceof ConnectError, `${(error.cause as Error)?.stack}`);
      assert(error.rows.length > 0 && error.rows.length < 100);
      const { failures, answered, unasked } = error;
      assert.equal(answered + failures.size + unasked.length, 1000);
      assert(failures.size <= 20, `${failures.size} failed`);
      await client.close();
    });
  });

  test(`many users, ${way} › rows of all together above a limit › RemoteProtocolError, and nothing is left`, async () => {
    await leavingNothing(async () => {
      const world = { users: names(100), reply: () => ["INBOX", "Sent"] };
      for (const limits of [{ values: 150 }, { reply: 300 }]) {
        const { client, seen } = clientOf(way, world, { limits });
        const error = await errorOf(
          client.run("mailbox list", { userFile: world.users.join("\n") }),
        );
        assert(error instanceof RemoteProtocolError, `${error.stack}`);
        assert.equal(error.limit, Object.keys(limits)[0]);
        assert.match(error.message, /rows\(\), or raise "limits\./);
        assert.equal(seen.running, 0);
        const rows = await outcomeOf(
          client.rows("mailbox list", { userFile: world.users.join("\n") }),
        );
        assert.equal(rows.items.length, 200);
        await client.close();
      }
    });
  });
}
