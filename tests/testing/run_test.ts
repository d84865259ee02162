import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "../../doveadm/client/command_error.ts";
import { PartialFailure } from "../../doveadm/client/partial_failure.ts";
import { findCommand } from "../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../core/mod.ts";
import { commandNames } from "../../testing/mail_handler.ts";
import { cases, fails } from "./run_cases.ts";
import { bytes, lunch, start } from "./run_scene.ts";

test("embedded server › each command › has a case here and an entry in the catalogue", () => {
  assert.deepEqual(Object.keys(cases).sort(), [...commandNames].sort());
  for (const name of commandNames) assert.notEqual(findCommand(name), undefined, name);
});

for (const [name, check] of Object.entries(cases)) {
  test(`embedded server › run("${name}") › rows and effects`, async () => {
    await using scene = await start();
    await check(scene);
    assert(scene.reached.includes(name));
  });
}

test("embedded server › one user, masks, user files, all users, no user › rows of each", async () => {
  await using scene = await start();
  const { doveadm, system } = scene;
  const names = commandNames.filter((name) => findCommand(name)!.mail);
  assert(names.length > 10);
  const field = ["messages"] as const;
  const inbox = { field, mailboxMask: ["INBOX"] } as const;
  const both = [{ username: "alice", mailbox: "INBOX", messages: 2 }, {
    username: "bob",
    mailbox: "INBOX",
    messages: 1,
  }];
  const status = await doveadm.run("mailbox status", { user: "alice", ...inbox });
  assert.deepEqual(status, [{ mailbox: "INBOX", messages: 2 }]);
  assert.deepEqual(await doveadm.run("mailbox status", { allUsers: true, ...inbox }), both);
  assert.deepEqual(await doveadm.run("mailbox status", { user: "*", ...inbox }), both);
  assert.deepEqual(await doveadm.run("mailbox status", { user: "b?b", ...inbox }), [both[1]]);
  assert.deepEqual(await doveadm.run("mailbox status", { user: "z*", ...inbox }), []);
  // Spaces around names are ignored.
  const userFile = "bob\r\n\n alice \n";
  assert.deepEqual(
    await doveadm.run("mailbox status", { userFile, ...inbox }),
    [both[1], both[0]],
  );
  await fails("NOUSER", doveadm.run("mailbox status", { user: "zoe", ...inbox }));
  // A failure for one user is thrown after all users were processed.
  system.users.get("bob")!.create("Only");
  const rows: unknown[] = [];
  const only = { allUsers: true, field, mailboxMask: ["Only"] } as const;
  await assert.rejects(
    async () => {
      for await (const row of doveadm.rows("mailbox status", only)) rows.push(row);
    },
    (error) => {
      assert(error instanceof PartialFailure);
      const failures = [...error.failures].map(([user, error]) => {
        assert(error instanceof CommandError);
        return [user, error.code];
      });
      assert.deepEqual(failures, [["alice", "NOTFOUND"]]);
      return true;
    },
  );
  assert.deepEqual(rows, [{ username: "bob", mailbox: "Only", messages: 0 }]);
});

test("embedded server › rows() and parallel commands › rows as they arrive", async () => {
  await using scene = await start();
  const { doveadm, inbox } = scene;
  const mails = { user: "alice", field: ["uid", "text"], query: ["mailbox", "INBOX"] } as const;
  const rows: unknown[] = [];
  for await (const row of doveadm.rows("fetch", mails)) rows.push(row);
  assert.deepEqual(rows, [{ uid: 3, text: lunch }, { uid: 7, text: bytes }]);
  assert.deepEqual(await doveadm.run("fetch", mails), rows);
  for await (const { uid } of doveadm.rows("fetch", mails)) {
    assert.equal(uid, 3);
    break;
  }
  const users: unknown[] = [];
  for await (const row of doveadm.rows("user", { userMask: ["*"] })) users.push(row);
  assert.deepEqual(users, [{ username: "alice" }, { username: "bob" }]);
  for await (const _ of doveadm.rows("reload")) assert.fail("it has no rows");

  const [search, nobody, who, wrong] = await doveadm.runAll([
    ["search", { user: "alice", query: ["seen"] }],
    ["search", { user: "zoe", query: ["seen"] }],
    ["who"],
    ["fetch", { user: "alice", field: ["mime.parts"], query: ["all"] }],
  ]);
  assert(search.status === "fulfilled" && who.status === "fulfilled");
  assert.deepEqual(search.value, [{ "mailbox-guid": inbox.guid, uid: 3 }]);
  assert.equal(who.value.length, 2);
  assert(nobody.status === "rejected" && nobody.reason instanceof CommandError);
  assert.equal(nobody.reason.code, "NOUSER");
  assert(wrong.status === "rejected" && wrong.reason instanceof LocalProtocolError);
});

test("client › invalid parameters › refused, nothing is sent", async () => {
  await using scene = await start();
  const { doveadm, reached } = scene;
  // JavaScript callers have no type checks.
  const run = (name: string, parameters: object) =>
    doveadm.run(name as "fetch", parameters as { user: string; field: ["uid"]; query: ["all"] });
  const user = "alice";
  const query = ["all"];
  for (
    const [name, parameters, message] of [
      ["fetch", { user, field: ["nosuch"], query }, /no field "nosuch".* "uid"/],
      // 2.3 lacks the fields of 2.4.
      [
        "fetch",
        { user, field: ["uid", "mime.parts"], query },
        /"mime.parts" was added in Dovecot 2\.4/,
      ],
      [
        "mailbox status",
        { user, field: ["deleted"], mailboxMask: ["*"] },
        /"deleted" was added in/,
      ],
      ["fetch", { user, field: ["uid"] }, /needs the parameter "query"/],
      ["fetch", { user, field: ["uid"], query: [] }, /needs the parameter "query"/],
      ["fetch", { user, field: ["uid"], query: "all" }, /"query" of "fetch" has to be an array/],
      ["fetch", { user, field: ["uid"], query, bogus: 1 }, /no parameter "bogus"/],
      ["fetch", { user, field: ["uid"], query: ["a\0b"] }, /"query" of "fetch" contains a NUL/],
      ["fetch", { field: ["uid"], query }, /acts on a user's mail/],
      ["save", { user, file: bytes, uid: 5 }, /no parameter "uid" on Dovecot 2\.3/],
      ["index", { user, mailboxMask: ["*"], maxRecent: 0.5 }, /"maxRecent".* a 64-bit integer/],
      ["move", { user, destinationMailbox: "a", sourceType: "x", query }, /can only be "user"/],
      ["mail dict get", { user, filterName: "a", key: "b" }, /not a command of Dovecot 2\.3/],
      ["nosuch", { user }, /no command "nosuch"/],
    ] as const
  ) {
    await assert.rejects(run(name, parameters), (error) => {
      assert(error instanceof LocalProtocolError, `${name}: ${error}`);
      assert.match(error.message, message);
      return true;
    });
    await assert.rejects(async () => {
      for await (const _ of doveadm.rows(name as "who", parameters as object)) assert.fail();
    }, LocalProtocolError);
  }
  assert.deepEqual(reached, []);
  // The connection still works.
  assert.equal((await run("fetch", { user, field: ["uid"], query })).length, 2);
});
