/** The pool on real servers: what they refuse, and what becomes of it when their processes end. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  AuthenticationError,
  connect,
  ConnectionLostError,
  type Doveadm,
  DovewireError,
  type PoolEvent,
} from "../../../../mod.ts";
import { type Dovecot, startDovecot } from "../../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../../harness/leftovers.ts";
import { atFullSize } from "../../../harness/soak.ts";

const users = ["alice", "bob", "carol"] as const;

/** The numbers of mailboxes that the users have. */
async function counts(doveadm: Doveadm): Promise<number[]> {
  const rows = await Promise.all(users.map((user) => doveadm.run("mailbox list", { user })));
  return rows.map(({ length }) => length);
}

/** Lists who may ask auth about users' proxies. */
const cure = "service auth {\n  unix_listener auth-userdb {\n    user = nobody\n  }\n}\n";

test("a 2.3 with doveadm_port › mail commands › are answered, on connections of their own", async () => {
  await using dovecot = await startDovecot({ extraConfig: "doveadm_port = 24245\n" });
  await leavingNothing(async () => {
    const events: PoolEvent[] = [];
    const onEvent = (event: PoolEvent) => events.push(event);
    await using doveadm = connect({ path: dovecot.socket }, { onEvent });
    for (let turn = 0; turn < 4; turn++) assert.deepEqual(await counts(doveadm), [4, 1, 1]);
    const file = "Subject: x\n\nx\n";
    await doveadm.run("save", { user: "bob", mailbox: "INBOX", file });
    async function* pieces() {
      yield "Subject: y\n";
      await Promise.resolve();
      yield "\ny\n";
    }
    await doveadm.run("save", { user: "bob", mailbox: "INBOX", file: pieces() });
    const fetch = { name: "fetch", user: "bob", args: ["text", "all"] };
    const texts: string[] = [];
    for await (const field of doveadm.stream(fetch)) texts.push(await field.text());
    assert.deepEqual(texts, [file, "Subject: y\n\ny\n"]);
    await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }), { code: "NOUSER" });
    assert.deepEqual(await doveadm.run("who"), []);
    const of = (type: PoolEvent["type"]) => events.filter((event) => event.type === type);
    assert.equal(of("one-mail-command").length, 1);
    const retried = of("retried");
    assert(retried.length >= 1 && retried.length <= 3, `${retried.length}`);
    for (const event of retried) assert(event.type === "retried" && event.reason === "refused");
  });
});

test("a 2.3 with doveadm_port › an input in pieces as the second mail command › is saved once", async () => {
  await using dovecot = await startDovecot({ extraConfig: "doveadm_port = 24245\n" });
  await using doveadm = connect({ path: dovecot.socket });
  await doveadm.run("mailbox list", { user: "bob" });
  const file = new Blob(["Subject: y\n\ny\n"]).stream();
  await doveadm.run("save", { user: "bob", mailbox: "INBOX", file });
  const [{ messages }] = await doveadm.run("mailbox status", {
    ...{ user: "bob", field: ["messages"], mailboxMask: ["INBOX"] },
  });
  assert.equal(messages, 1);
});

test("a 2.3 with doveadm_port and a listener auth-userdb › mail commands › share a connection", async () => {
  await using dovecot = await startDovecot({ extraConfig: `doveadm_port = 24245\n${cure}` });
  const events: PoolEvent[] = [];
  await using doveadm = connect({ path: dovecot.socket }, {
    ...{ maxConnections: 1, onEvent: (event) => events.push(event) },
  });
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(await counts(doveadm), [4, 1, 1]);
  assert.equal(events.filter(({ type }) => type === "opened").length, 1);
  assert(!events.some(({ type }) => type === "one-mail-command" || type === "retried"));
});

for (const version of ["2.3", "2.4"] as const) {
  test(`ready and ping on ${version} › right and wrong passwords › show at once`, async () => {
    await using dovecot = await startDovecot({ version });
    const { password, port, httpPort, apiKey } = dovecot;
    await leavingNothing(async () => {
      const right = [
        connect({ path: dovecot.socket }),
        connect(`doveadm+unix://${dovecot.passwordSocket}`, { password }),
        connect(`doveadm://127.0.0.1:${port}`, { password }),
        connect(`http://127.0.0.1:${httpPort}`, { password }),
        connect(`http://127.0.0.1:${httpPort}`, { apiKey }),
      ];
      for (const doveadm of right) {
        await doveadm.ready();
        for (let turn = 0; turn < 3; turn++) await doveadm.ping();
        await doveadm.run("mailbox list", { user: "alice" });
        await doveadm.ping();
        assert.equal((await doveadm.run("mailbox list", { user: "alice" })).length, 4);
        await doveadm.close();
        await assert.rejects(doveadm.ping(), ConnectionLostError);
        await assert.rejects(doveadm.ready(), ConnectionLostError);
      }
      for (const options of [{ password: "wrong" }, {}]) {
        const targets = [
          `doveadm+unix://${dovecot.passwordSocket}`,
          `doveadm://127.0.0.1:${port}`,
          `http://127.0.0.1:${httpPort}`,
        ];
        for (const target of targets) {
          await using doveadm = connect(target, options);
          for (const check of [() => doveadm.ready(), () => doveadm.ping()]) {
            await assert.rejects(check(), (error) => {
              assert(error instanceof AuthenticationError, String(error));
              return !error.sent;
            });
          }
        }
      }
    });
  });

  test(`a reload of ${version} › amid commands › each is answered, and connections go on`, async () => {
    await using dovecot = await startDovecot({ version });
    await leavingNothing(async () => {
      const closed: PoolEvent[] = [];
      await using doveadm = connect({ path: dovecot.socket }, {
        onEvent: (event) => event.type === "closed" && closed.push(event),
      });
      assert.deepEqual(await counts(doveadm), [4, 1, 1]);
      for (let reload = 0; reload < 3; reload++) {
        const before = Promise.allSettled([1, 2, 3].map(() => counts(doveadm)));
        await doveadm.run("reload");
        for (const outcome of await before) {
          if (outcome.status === "fulfilled") assert.deepEqual(outcome.value, [4, 1, 1]);
          // The server can't look up a user while its auth process restarts.
          else assert.equal((outcome.reason as DovewireError).code, "TEMPFAIL");
        }
      }
      assert.deepEqual(closed, []);
      for (let tries = 0; !(await counts(doveadm).catch((): number[] => [])).includes(4); tries++) {
        assert(tries < 1_000, "the server doesn't come back");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
  });
}

/** Kills a process, unless it is gone. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error;
  }
}

/** A client whose server loses a process during every fourth command. */
function unlucky(dovecot: Dovecot): { doveadm: Doveadm; settled: () => Promise<unknown> } {
  let started = 0;
  const kills: Promise<void>[] = [];
  const onEvent = ({ type }: PoolEvent) => {
    if (type === "started" && ++started % 4 === 0) kills.push(killOne());
  };
  const killOne = async () => {
    // Only such as have had a command: Dovecot starts no more for a while if one dies at its start.
    const workers = (await dovecot.processes()).filter(({ command }) =>
      /doveadm.*\[.* /.test(command)
    );
    if (workers.length > 0) kill(workers[started % workers.length].pid);
  };
  const doveadm = connect({ path: dovecot.socket }, { onEvent });
  return { doveadm, settled: () => Promise.all(kills) };
}

test("killed processes › amid commands that may be repeated › all are answered", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    const { doveadm, settled } = unlucky(dovecot);
    const rounds = atFullSize(200, 10);
    let failed = 0;
    const isMissed = () => doveadm.stats().totals.retried === 0;
    for (let round = 0; round < rounds || (isMissed() && round < 1_000); round++) {
      const calls = users.map((user) =>
        doveadm.run("mailbox list", { user }, { idempotent: true }).catch((error) => {
          // Three times in a row, which happens.
          assert(error instanceof ConnectionLostError && error.sent, String(error));
          failed++;
          return undefined;
        })
      );
      const [alice] = await Promise.all(calls);
      if (alice !== undefined) assert.equal(alice.length, 4);
    }
    await settled();
    assert(failed < rounds, `${failed} of ${rounds * users.length} failed`);
    assert(!isMissed(), "no process was killed in time");
    await doveadm.close();
  });
});

test("killed processes › amid commands that may not › an error says whether each ran", async () => {
  // A killed process leaves the lock files of a maildir, for which the next command waits a minute.
  const extraConfig = "mail_location = sdbox:~/sdbox\n";
  await using dovecot = await startDovecot({ mail: {}, extraConfig });
  await leavingNothing(async () => {
    const { doveadm, settled } = unlucky(dovecot);
    const rounds = atFullSize(200, 15);
    const outcomes = new Map<string, "done" | "unsure" | "never">();
    for (let round = 0; round < rounds; round++) {
      await Promise.all(users.map(async (user) => {
        const subject = `${user}-${round}`;
        try {
          const file = `Subject: ${subject}\n\nx\n`;
          await doveadm.run("save", { user, mailbox: "INBOX", file });
          outcomes.set(subject, "done");
        } catch (error) {
          assert(error instanceof DovewireError, String(error));
          outcomes.set(subject, error.sent ? "unsure" : "never");
        }
      }));
    }
    await settled();
    await doveadm.close();
    const saved = new Map<string, number>();
    await using after = connect({ path: dovecot.socket });
    for (const user of users) {
      const all = { user, field: ["hdr.subject"], query: ["all"] } as const;
      for (const { "hdr.subject": subject } of await after.run("fetch", all)) {
        saved.set(subject, (saved.get(subject) ?? 0) + 1);
      }
    }
    for (const [subject, outcome] of outcomes) {
      const count = saved.get(subject) ?? 0;
      const isRight = outcome === "done"
        ? count === 1
        : outcome === "never"
        ? count === 0
        : count < 2;
      assert(isRight, `${subject}, ${outcome}, was saved ${count} times`);
    }
    assert.equal(outcomes.size, rounds * users.length);
  });
});

test("process_limit › more connections than it allows › the calls share those that there are", async () => {
  await using dovecot = await startDovecot({ processLimit: 3 });
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket }, {
      ...{ maxConnections: 6, handshakeTimeout: 5_000 },
    });
    const calls = Array.from(
      { length: 60 },
      (_, at) => doveadm.run("mailbox list", { user: users[at % 3] }),
    );
    for (const [at, { length }] of (await Promise.all(calls)).entries()) {
      assert.equal(length, at % 3 === 0 ? 4 : 1);
    }
  });
});
