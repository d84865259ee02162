import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "../../../../doveadm/client/command_error.ts";
import { errorOf, FakePool } from "./fake_pool.ts";

test("kinds › mail commands one after the other › share a connection", async () => {
  await using fake = new FakePool();
  for (let call = 0; call < 5; call++) {
    const answer = fake.call({ user: `u${call}` });
    await fake.clock.advance(30);
    await answer;
  }
  assert.deepEqual(fake.connections.map(({ commands }) => commands.length), [5]);
});

test("kinds › plain and mail commands in turns › each share their own", async () => {
  await using fake = new FakePool();
  for (let call = 0; call < 10; call++) {
    const answer = fake.call({ kind: call % 2 === 0 ? "plain" : "mail" });
    await fake.clock.advance(30);
    await answer;
  }
  const commands = fake.connections.map(({ commands }) => [...new Set(commands)]);
  assert.deepEqual(commands, [["plain"], ["mail"]]);
});

test("kinds › fresh commands › each have a connection of their own, which is closed", async () => {
  await using fake = new FakePool({ spares: 0 });
  const answers = Promise.all(Array.from({ length: 25 }, () => fake.call({ kind: "fresh" })));
  await fake.clock.advance(500);
  await answers;
  assert.deepEqual(fake.connections.map(({ commands }) => commands.length), Array(25).fill(1));
  assert(fake.connections.every(({ isOpen }) => !isOpen));
  assert.deepEqual(new Set(fake.eventsOf("closed").map(({ reason }) => reason)), new Set(["used"]));
  assert.equal(fake.most, 10);
});

test("kinds › a command with other needs in each version, of a server that isn't known › is fresh", async () => {
  for (const minor of [2, 3]) {
    await using fake = new FakePool({ spares: 0 });
    fake.minor = minor;
    for (let call = 0; call < 3; call++) {
      const answer = fake.call({ name: "kick", kind: "plain", kindIn24: "fresh" });
      await fake.clock.advance(30);
      await answer;
    }
    const commands = fake.connections.map(({ commands }) => commands.length);
    // It takes a fresh connection in any version; the first one says which that is.
    assert.deepEqual(commands, minor === 2 ? [3] : [1, 1, 1]);
  }
});

test("kinds › the server's version changes while commands wait › each has a connection that is right", async () => {
  await using fake = new FakePool({ maxConnections: 1, spares: 0 });
  const first = fake.call({ kind: "plain" });
  await fake.clock.advance(30);
  await first;
  // The connection stays one of 2.3; a later one is of 2.4.
  fake.minor = 3;
  const mail = fake.call({ kind: "fresh" });
  const kicks = [1, 2, 3].map(() => fake.call({ name: "kick", kind: "plain", kindIn24: "fresh" }));
  await fake.clock.advance(1_000);
  await Promise.all([mail, ...kicks]);
  for (const { commands, minor } of fake.connections) {
    const isRight = minor === 2 || commands.length === 1 || !commands.includes("kick");
    assert(isRight, `${minor}: ${commands}`);
  }
});

test("kinds › a mail command when there may be no other connection › takes over a plain one", async () => {
  await using fake = new FakePool({ maxConnections: 1 });
  for (const kind of ["plain", "mail", "plain", "mail"] as const) {
    const answer = fake.call({ kind });
    await fake.clock.advance(50);
    await answer;
  }
  assert.deepEqual(fake.connections.map(({ commands }) => commands), [
    ["plain", "mail"],
    ["plain", "mail"],
  ]);
  assert.equal(fake.eventsOf("closed")[0].reason, "room");
});

test("kinds › at random, with any number of connections › no connection has what it can't have", async () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  for (let round = 0; round < 60; round++) {
    const maxConnections = 1 + random(6);
    await using fake = new FakePool({ maxConnections, spares: random(3) });
    const answers: Promise<unknown>[] = [];
    for (let call = 0; call < 60; call++) {
      const kind = (["mail", "plain", "fresh"] as const)[random(3)];
      const user = kind === "mail" ? `u${random(4)}` : undefined;
      answers.push(fake.call({ kind, user, takes: random(40) }));
      if (random(3) === 0) await fake.clock.advance(random(60));
    }
    await fake.clock.advance(20_000);
    await Promise.all(answers);
    for (const { commands } of fake.connections) {
      const line = commands.join(" ");
      assert.match(line, /^(fresh|(plain ?)*(mail ?)*)$/, line);
    }
    assert(fake.most <= maxConnections, `${fake.most} of ${maxConnections}`);
  }
});

// A server that takes one mail command a connection

/** What a Dovecot 2.3 with doveadm_port answers to the second mail command of a connection. */
function secondRefused(): CommandError {
  const message = "/run/dovecot/auth-userdb: passdb lookup failed (to see if user is proxied, " +
    "because doveadm_port is set)";
  const reply = { type: "reply", id: 1, ok: false, code: "TEMPFAIL", detail: "" } as const;
  return new CommandError("mailbox list", { ...reply, fields: [], rawFields: [] }, [
    { level: "error", message: "auth-master: passdb lookup(alice): Auth PASS lookup failed" },
    { level: "error", message },
  ]);
}

/** A mail command at such a server. */
function mailCall(fake: FakePool, user: string): Promise<unknown> {
  return fake.call({
    ...{ name: "mailbox list", user },
    act: ({ commands }) =>
      commands.length > 1
        ? Promise.reject(secondRefused())
        : fake.clock.wait(10).then(() => `rows of ${user}`),
  });
}

test("one mail command › the second one is refused › it is sent on a fresh connection, and so are later ones", async () => {
  await using fake = new FakePool();
  const users = Array.from({ length: 6 }, (_, at) => `u${at}`);
  const first = mailCall(fake, "first");
  await fake.clock.advance(30);
  assert.equal(await first, "rows of first");
  const answers = Promise.all(users.map((user) => mailCall(fake, user)));
  await fake.clock.advance(500);
  assert.deepEqual(await answers, users.map((user) => `rows of ${user}`));
  const refused = fake.connections.filter(({ commands }) => commands.length > 1);
  assert.equal(refused.length, 1, "it was found out more than once");
  assert.equal(fake.eventsOf("one-mail-command").length, 1);
  assert.deepEqual(fake.eventsOf("retried").map(({ reason }) => reason), ["refused"]);
  // From here on spares are kept for mail commands.
  const before = fake.attempts.length;
  const later = mailCall(fake, "later");
  await fake.clock.advance(10);
  assert.equal(await later, "rows of later");
  assert.equal(fake.attempts.length, before + 1, "there was no spare");
});

test("one mail command › many run at once when it is found out › each is sent again once", async () => {
  await using fake = new FakePool({ maxConnections: 5 });
  const users = Array.from({ length: 40 }, (_, at) => `u${at}`);
  const answers = Promise.all(users.map((user) => mailCall(fake, user)));
  await fake.clock.advance(2_000);
  assert.deepEqual(await answers, users.map((user) => `rows of ${user}`));
  assert(fake.eventsOf("retried").length <= 5);
  assert.equal(fake.eventsOf("one-mail-command").length, 1);
});

test("one mail command › the first one of a connection fails alike › that is its answer", async () => {
  await using fake = new FakePool();
  const error = errorOf(
    fake.call({ name: "mailbox list", act: () => Promise.reject(secondRefused()) }),
  );
  await fake.clock.advance(100);
  assert.equal((await error as CommandError).code, "TEMPFAIL");
  assert.equal(fake.started.length, 1);
});

test("one mail command › another failure of a second one › that is its answer", async () => {
  await using fake = new FakePool();
  const first = mailCall(fake, "alice");
  await fake.clock.advance(30);
  await first;
  const reply = { type: "reply", id: 1, ok: false, code: "TEMPFAIL", detail: "" } as const;
  const other = new CommandError("mailbox list", { ...reply, fields: [], rawFields: [] }, []);
  const error = errorOf(fake.call({ name: "mailbox list", act: () => Promise.reject(other) }));
  await fake.clock.advance(30);
  assert.equal(await error, other);
});

test("one mail command › an input in pieces, which can't be sent again › has a fresh connection until it is known", async () => {
  await using fake = new FakePool({ spares: 0 });
  const first = mailCall(fake, "alice");
  await fake.clock.advance(30);
  await first;
  const save = { name: "save", user: "bob", attendance: "input" } as const;
  const unsure = fake.call(save);
  await fake.clock.advance(50);
  await unsure;
  assert.deepEqual(fake.connections.map(({ commands }) => commands.length), [1, 1]);
  const second = fake.call({ name: "mailbox list" });
  await fake.clock.advance(50);
  await second;
  const sure = fake.call(save);
  await fake.clock.advance(50);
  await sure;
  assert.deepEqual(fake.connections.map(({ commands }) => commands.length), [3, 1]);
});
