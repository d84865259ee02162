/** Calls for many users: what becomes of the others if some fail. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  CommandError,
  ConnectionLostError,
  LocalProtocolError,
  PartialFailure,
  type RunOptions,
} from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { errorOf } from "./fake_server.ts";
import { clientOf, codesOf, inbox, names, outcomeOf, type Reply, ways } from "./users_world.ts";

const all = { allUsers: true } as const;

const replies: Readonly<Record<string, Reply>> = {
  alice: ["INBOX"],
  bob: { code: "TEMPFAIL" },
  carol: "lost",
  dave: ["INBOX", "Sent"],
  erin: { code: "NOTFOUND" },
  frank: [],
  grace: ["INBOX"],
};
const mixed = { users: Object.keys(replies), reply: (user: string) => replies[user] };
const failures = { bob: "TEMPFAIL", carol: "connection-lost", erin: "NOTFOUND" };
const rows = [inbox("alice"), inbox("dave"), { username: "dave", mailbox: "Sent" }, inbox("grace")];

for (const way of ways) {
  test(`many users, ${way} › some fail, in run() › the others' rows, and an error for each`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf(way, mixed);
      for (const whose of [all, { user: "*" }, { userFile: mixed.users.join("\n") }] as const) {
        const error = await errorOf(client.run("mailbox list", whose));
        assert.deepEqual(codesOf(error), failures);
        assert(error instanceof PartialFailure);
        assert.deepEqual(error.rows, rows);
        assert.equal(error.code, "partial-failure");
        assert.equal(error.command, "mailbox list");
        assert.equal(error.sent, true);
        assert.equal(error.answered, 4);
        assert.deepEqual(error.unasked, []);
        assert.match(error.message, /^"mailbox list" failed for 3 of 7 users: /);
        assert.match(error.message, /"bob" \(TEMPFAIL\)/);
        assert.equal(error.cause, [...error.failures.values()][0]);
        assert(error.failures.get("carol") instanceof ConnectionLostError);
      }
      await client.close();
    });
  });

  test(`many users, ${way} › some fail, in rows() › the others' rows, then the error without them`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf(way, mixed);
      const { items, error } = await outcomeOf(client.rows("mailbox list", all));
      const byName = (a: { username: string }, b: { username: string }) =>
        a.username < b.username ? -1 : a.username > b.username ? 1 : 0;
      assert.deepEqual(items.toSorted(byName), rows);
      assert.deepEqual(codesOf(error), failures);
      assert.deepEqual((error as PartialFailure).rows, []);
      await client.close();
    });
  });

  test(`many users, ${way} › some fail, in runAll() › that of each call`, async () => {
    const { client } = clientOf(way, mixed);
    const [one, many, none] = await client.runAll([
      ["mailbox list", { user: "dave" }],
      ["mailbox list", all],
      ["mailbox list", { user: "z*" }],
    ]);
    assert(one.status === "fulfilled" && one.value.length === 2);
    assert(many.status === "rejected");
    assert.deepEqual(codesOf(many.reason), failures);
    assert(none.status === "fulfilled" && none.value.length === 0);
    await client.close();
  });

  test(`many users, ${way} › "mailbox list" of the same user twice in a list › asked once`, async () => {
    const { client, seen } = clientOf(way, { reply: () => ["INBOX"] });
    const userFile = "b\na\n\nb\r\n a \nb";
    assert.deepEqual(await client.run("mailbox list", { userFile }), [inbox("b"), inbox("a")]);
    assert.deepEqual(seen.users.sort(), ["a", "b"]);
    await client.close();
  });

  test(`many users, ${way} › names of an object's members › users like any other`, async () => {
    const users = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const { client } = clientOf(way, {
      users,
      reply: (user) => user === "constructor" ? { code: "TEMPFAIL" } : ["INBOX"],
    });
    const error = await errorOf(client.run("mailbox list", all));
    assert.deepEqual(codesOf(error), { constructor: "TEMPFAIL" });
    const others = users.filter((user) => user !== "constructor").map(inbox);
    assert.deepEqual((error as PartialFailure).rows, others);
    await client.close();
  });

  test(`many users, ${way} › a mask or a list without users › no rows, and no command`, async () => {
    const { client, seen } = clientOf(way, { users: ["alice"], reply: () => ["INBOX"] });
    for (const whose of [{ user: "z*" }, { userFile: "\n \r\n" }]) {
      assert.deepEqual(await client.run("mailbox list", whose), []);
      assert.deepEqual(await outcomeOf(client.rows("mailbox list", whose)), { items: [] });
    }
    assert.deepEqual(seen.users, []);
    await client.close();
  });

  test(`many users, ${way} › a user that is gone › skipped if the server listed it, a failure in a list`, async () => {
    const { client } = clientOf(way, {
      users: ["alice", "gone", "bob"],
      reply: (user) => user === "gone" ? { code: "NOUSER" } : ["INBOX"],
    });
    const told: string[] = [];
    const onUserError = (user: string) => void told.push(user);
    const both = [inbox("alice"), inbox("bob")];
    assert.deepEqual(await client.run("mailbox list", all, { onUserError }), both);
    assert.deepEqual(told, []);
    const listed = { userFile: "alice\ngone\nbob" };
    const error = await errorOf(client.run("mailbox list", listed, { onUserError }));
    assert.deepEqual(codesOf(error), { gone: "NOUSER" });
    assert.deepEqual((error as PartialFailure).rows, both);
    assert.deepEqual(told, ["gone"]);
    await client.close();
  });

  test(`many users, ${way} › the listing fails half way › its error, and no command`, async () => {
    const { client, seen } = clientOf(way, { ...mixed, listing: "DATAERR" });
    for (
      const work of [
        client.run("mailbox list", all),
        outcomeOf(client.rows("mailbox list", { user: "a*" })).then(({ error }) => {
          throw error;
        }),
      ]
    ) {
      const error = await errorOf(work);
      assert(error instanceof CommandError);
      assert.deepEqual([error.command, error.code, error.exitCode], ["user", "DATAERR", 65]);
      assert.match(error.message, /lists the users for "mailbox list".*"userFile"\.$/);
    }
    assert.deepEqual(seen.users, []);
    await client.close();
  });

  test(`many users, ${way} › onUserError says "ignore" › no error for that user`, async () => {
    const { client } = clientOf(way, mixed);
    const onUserError = (_: string, error: Error) =>
      error instanceof ConnectionLostError ? undefined : "ignore";
    const error = await errorOf(client.run("mailbox list", all, { onUserError }));
    assert.deepEqual(codesOf(error), { carol: "connection-lost" });
    const ignoring: RunOptions = { onUserError: () => "ignore" };
    assert.deepEqual(await client.run("mailbox list", all, ignoring), rows);
    await client.close();
  });

  test(`many users, ${way} › onUserError says "stop" › nobody else is asked, and the error names the rest`, async () => {
    const { client, seen } = clientOf(way, {
      reply: (user) => user === "user3" ? { code: "TEMPFAIL" } : ["INBOX"],
    }, { maxConnections: 2 });
    const userFile = names(1000).join("\n");
    const stopping: RunOptions = { onUserError: () => "stop" };
    const error = await errorOf(client.run("mailbox list", { userFile }, stopping));
    assert.deepEqual(codesOf(error), { user3: "TEMPFAIL" });
    assert(error instanceof PartialFailure);
    const asked = new Set(seen.users);
    assert(asked.size < 20, `${asked.size} were asked`);
    assert.deepEqual(error.unasked, names(1000).filter((name) => !asked.has(name)));
    assert.deepEqual(error.rows.length, asked.size - 1);
    assert.match(error.message, /ended before \d+ of 1000 users were asked\./);
    await client.close();
  });

  test(`many users, ${way} › onUserError throws, or returns nonsense › that is the error, and nothing is left`, async () => {
    await leavingNothing(async () => {
      const { client, seen } = clientOf(way, mixed);
      const thrown = new RangeError("enough");
      const throwing = {
        onUserError: (): undefined => {
          throw thrown;
        },
      };
      assert.equal(await errorOf(client.run("mailbox list", all, throwing)), thrown);
      const { error } = await outcomeOf(client.rows("mailbox list", all, throwing));
      assert.equal(error, thrown);
      const odd = { onUserError: () => "go on" as "stop" };
      const nonsense = await errorOf(client.run("mailbox list", all, odd));
      assert(nonsense instanceof LocalProtocolError);
      assert.match(nonsense.message, /"onUserError" returned "go on"\./);
      // Nobody but this would wait for its rejection.
      const late = { onUserError: (() => Promise.reject(thrown)) as unknown as () => "stop" };
      const promised = await errorOf(client.run("mailbox list", all, late));
      assert.match(promised.message, /"onUserError" returned an object\./);
      assert.equal(seen.running, 0);
      await client.close();
    });
  });

  test(`many users, ${way} › an input that can be read only once › every user gets the whole of it`, async () => {
    const { client, seen } = clientOf(way, { users: names(5), reply: () => [] });
    const pieces = (function* () {
      yield "Subject: Hello\n\n";
      yield "Hello.\n";
    })();
    const save = { ...all, mailbox: "INBOX", file: pieces };
    assert.deepEqual(await client.run("save", save), []);
    assert.deepEqual([...seen.inputs.keys()].sort(), names(5));
    for (const input of seen.inputs.values()) assert.match(input, /Subject: Hello.*Hello\./s);
    const failing = (function* () {
      yield "Subject: Hello\n\n";
      throw new Error("no more");
    })();
    const error = await errorOf(client.run("save", { ...save, file: failing }));
    assert(error instanceof AbortError);
    assert.equal(error.sent, false);
    assert.equal(seen.users.length, 5);
    await client.close();
  });

  test(`many users, ${way} › an input that never comes, and a signal › AbortError at once`, async () => {
    await leavingNothing(async () => {
      const { client } = clientOf(way, { users: names(5), reply: () => [] });
      const controller = new AbortController();
      const never = {
        async *[Symbol.asyncIterator](): AsyncGenerator<string> {
          controller.abort();
          await new Promise(() => {});
          yield "";
        },
      };
      const save = { ...all, mailbox: "INBOX", file: never };
      const { signal } = controller;
      assert(await errorOf(client.run("save", save, { signal })) instanceof AbortError);
      await client.close();
    });
  });

  test(`many users, ${way} › options that are invalid › LocalProtocolError, and nothing is sent`, async () => {
    const { client, seen } = clientOf(way, mixed);
    // deno-lint-ignore no-explicit-any -- the types refuse such options
    const odd: any[] = [
      { order: "name" },
      { iterate: "both" },
      { onUserError: "ignore" },
      { userTimeout: NaN },
      { userTimeout: -1 },
      { timeout: -1 },
    ];
    for (const options of odd) {
      const [name] = Object.keys(options);
      for (
        const work of [
          client.run("mailbox list", all, options),
          client.rows("mailbox list", all, options).next(),
          client.runAll([["mailbox list", all]], options),
        ]
      ) {
        const error = await errorOf(work);
        assert(error instanceof LocalProtocolError);
        assert(error.message.startsWith(`"${name}" is `), error.message);
      }
    }
    const list = { userFile: "alice" };
    const server = await errorOf(client.run("mailbox list", list, { iterate: "server" }));
    assert(server instanceof LocalProtocolError);
    assert.match(server.message, /"userFile"/);
    assert.deepEqual(seen.users, []);
    await client.close();
  });
}
