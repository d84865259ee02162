/** Clusters of two real servers, of which one is stopped in the middle. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  CommandError,
  connect,
  ConnectionLostError,
  type DoveadmClient,
  type DoveadmCluster,
  type DoveadmClusterOptions,
  DovewireError,
  type PoolEvent,
} from "../../../../mod.ts";
import type { Dovecot } from "../../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../../harness/leftovers.ts";
import { warmUpFetch } from "../../http/warm_up.ts";
import { freePort, homes, hosts, type Link, startMember } from "./pair.ts";

before(warmUpFetch);

type User = keyof typeof homes;
const users = Object.keys(homes) as User[];

/** What became of a mail that was to be saved. */
type Fate = "done" | "unsure" | "never";

/** A client of both servers. */
function clientOf(port: number, password: string, options: DoveadmClusterOptions): DoveadmCluster {
  return connect(hosts.map((host) => `doveadm://${host}:${port}` as const), {
    password,
    ...options,
  });
}

/** How often each mail of a user was saved at a server. */
async function savedAt({ socket }: Dovecot, user: User): Promise<Map<string, number>> {
  // The user's own server: its socket knows no other.
  await using doveadm = connect({ path: socket });
  const saved = new Map<string, number>();
  const fetch = { user, field: ["hdr.subject"], query: ["all"] } as const;
  for (const { "hdr.subject": subject } of await doveadm.run("fetch", fetch)) {
    saved.set(subject, (saved.get(subject) ?? 0) + 1);
  }
  return saved;
}

/** Checks that each mail was saved once, if it was, and none where its error denies it. */
function checkSaves(saved: ReadonlyMap<string, number>, saves: ReadonlyMap<string, Fate>): void {
  for (const [subject, fate] of saves) {
    const count = saved.get(subject) ?? 0;
    const isRight = fate === "done" ? count === 1 : fate === "never" ? count === 0 : count < 2;
    assert(isRight, `${subject}, ${fate}, was saved ${count} times`);
  }
}

/** Saves mails for a user, one after the other, and lists them, as long as it is told to. */
class Caller {
  readonly user: User;
  /** By subject. */
  readonly saves = new Map<string, Fate>();
  readonly errors: DovewireError[] = [];
  answered = 0;
  isOver = false;
  readonly #doveadm: DoveadmCluster;
  #changed = () => {};

  constructor(doveadm: DoveadmCluster, user: User) {
    this.#doveadm = doveadm;
    this.user = user;
  }

  async run(): Promise<void> {
    for (let number = 0; !this.isOver; number++) {
      const subject = `${this.user}-${number}`;
      this.saves.set(subject, "unsure");
      try {
        const file = `Subject: ${subject}\n\nx\n`;
        const save = { user: this.user, mailbox: "INBOX", file };
        await this.#doveadm.run("save", save, { timeout: 0 });
        this.saves.set(subject, "done");
        this.answered++;
      } catch (error) {
        assert(error instanceof DovewireError, `${error}`);
        if (!error.sent) this.saves.set(subject, "never");
        this.errors.push(error);
      }
      this.#changed();
    }
  }

  /** Resolves when so many more commands were answered. */
  async hasAnswers(more: number): Promise<void> {
    const until = this.answered + more;
    while (this.answered < until) await new Promise<void>((resolve) => this.#changed = resolve);
  }
}

/** Lets callers run until the end. */
function startAll(callers: readonly Caller[]): AsyncDisposable & { end(): Promise<void> } {
  const running = Promise.all(callers.map((caller) => caller.run()));
  running.catch(() => {});
  const end = async () => {
    for (const caller of callers) caller.isOver = true;
    await running;
  };
  return { end, [Symbol.asyncDispose]: end };
}

for (const [version, link] of [["2.4", "referral"], ["2.3", "proxy"]] as const) {
  test(`a cluster on ${version} › by ${link}, its first server stopped and started again › goes on`, async () => {
    const port = await freePort();
    const [first, second] = hosts.map((host) => ({ host, port, link }));
    const one = await startMember(version, first);
    await using two = await startMember(version, second);
    await leavingNothing(async () => {
      const events: PoolEvent[] = [];
      const onEvent = (event: PoolEvent) => events.push(event);
      await using doveadm = clientOf(port, one.password, { onEvent });
      await doveadm.ready();
      const alice = new Caller(doveadm, "alice");
      const bob = new Caller(doveadm, "bob");
      await using running = startAll([alice, bob]);
      await Promise.all([alice.hasAnswers(5), bob.hasAnswers(5)]);
      // While the server lists its mails, more are saved.
      const saves = new Map(alice.saves);
      checkSaves(await savedAt(one, "alice"), saves);
      await one.stop();
      await bob.hasAnswers(5);
      // The server that is started again has new mailboxes.
      for (const [subject, fate] of alice.saves) if (fate === "done") alice.saves.delete(subject);
      await using again = await startMember(version, first);
      await Promise.all([alice.hasAnswers(5), bob.hasAnswers(5)]);
      await running.end();
      checkSaves(await savedAt(again, "alice"), alice.saves);
      checkSaves(await savedAt(two, "bob"), bob.saves);

      // A server that stops can't look up users any more, however long it takes for that.
      const lossesOf = ({ errors }: Caller) =>
        errors.filter((it) => !(it instanceof CommandError && it.code === "TEMPFAIL"));
      const [losses, bobLosses] = [lossesOf(alice), lossesOf(bob)];
      for (const error of [...losses, ...bobLosses]) {
        assert(error instanceof ConnectionLostError && error.sent, error.stack);
      }
      // At most what was under way when the server stopped; a proxy that can't reach its target gives no answer.
      assert(bobLosses.length <= 1, `${bobLosses.length} losses`);
      if (link === "referral") assert(losses.length <= 1, `${losses.length} losses`);
      const told = new Set<string>(events.map(({ type }) => type));
      assert(told.has("failed-over"), [...told].join());
      assert.equal(told.has("referred"), link === "referral");
    });
  });
}

test("a cluster on 2.4 › referrals of streams, of commands for many users and without the catalogue › are followed", async () => {
  const port = await freePort();
  const [first, second] = hosts.map((host) => ({ host, port, link: "referral" as Link }));
  await using one = await startMember("2.4", first);
  await using _two = await startMember("2.4", second);
  await leavingNothing(async () => {
    await using doveadm = clientOf(port, one.password, { routeLifetime: 1 });
    const file = new Blob(["Subject: y\n\ny\n"]).stream();
    await doveadm.run("save", { user: "bob", mailbox: "INBOX", file: "Subject: x\n\nx\n" });
    const fetch = { user: "bob", field: ["hdr.subject"], query: ["all"] } as const;
    const subjects: string[] = [];
    for await (const row of doveadm.rows("fetch", fetch)) subjects.push(row["hdr.subject"]);
    assert.deepEqual(subjects, ["x"]);
    const quotas = await doveadm.run("quota get", { allUsers: true });
    assert.deepEqual(quotas.map(({ username }) => username), ["alice", "alice", "bob", "bob"]);
    const { fields } = await doveadm.send({ name: "mailbox list", user: "bob" });
    assert.deepEqual(fields, ["INBOX"]);
    await assert.rejects(doveadm.run("save", { user: "bob", mailbox: "INBOX", file }), {
      code: "REFERRAL",
      referral: { user: "bob", host: hosts[1] },
    });
    await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }), { code: "NOUSER" });
  });
});

test("one server of 2.4 › that refers to another › is an error with user and host", async () => {
  const port = await freePort();
  await using one = await startMember("2.4", { host: hosts[0], port, link: "referral" });
  for (const list of [[`doveadm://${hosts[0]}:${port}`], `doveadm://${hosts[0]}:${port}`]) {
    await using doveadm = connect(list as string, { password: one.password });
    await assert.rejects(doveadm.run("mailbox list", { user: "bob" }), {
      code: "REFERRAL",
      referral: { user: "bob", host: hosts[1] },
    });
  }
});

for (const version of ["2.3", "2.4"] as const) {
  test(`a cluster on ${version} › the field host of the user database, over TCP and HTTP › leads to the user's server`, async () => {
    const port = await freePort();
    const members = hosts.map((host) => ({ host, port, link: "userdb" as Link }));
    await using one = await startMember(version, members[0]);
    await using two = await startMember(version, members[1]);
    await leavingNothing(async () => {
      const { password } = one;
      const urls = [one, two].map(({ httpPort }) => `http://127.0.0.1:${httpPort}` as const);
      const clients: readonly DoveadmClient[] = [
        clientOf(port, password, { route: "userdb" }),
        connect(urls, {
          password,
          route: "userdb",
          // No URL of the list has that host.
          referral: (_user, host) => urls[hosts.indexOf(host as (typeof hosts)[number])],
        }),
      ];
      for (const [at, doveadm] of clients.entries()) {
        for (const user of users) {
          await doveadm.run("mailbox create", { user, mailbox: [`from-${at}`] });
        }
        const rows = await doveadm.run("mailbox list", { allUsers: true });
        assert.equal(rows.length, 2 * (at + 2));
        await doveadm.close();
      }
      for (const [server, user] of [[one, "alice"], [two, "bob"]] as const) {
        await using doveadm = connect({ path: server.socket });
        const rows = await doveadm.run("mailbox list", { user });
        assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort(), ["INBOX", "from-0", "from-1"]);
      }
    });
  });
}

test("a cluster over HTTP › its first server stopped › goes on at the second", async () => {
  const port = await freePort();
  const members = hosts.map((host) => ({ host, port, link: "userdb" as Link }));
  const one = await startMember("2.4", members[0]);
  await using two = await startMember("2.4", members[1]);
  await leavingNothing(async () => {
    const urls = [one, two].map(({ httpPort }) => `http://127.0.0.1:${httpPort}` as const);
    const events: PoolEvent[] = [];
    const onEvent = (event: PoolEvent) => events.push(event);
    await using doveadm = connect(urls, { password: one.password, onEvent });
    await doveadm.ready();
    await doveadm.run("mailbox create", { user: "bob", mailbox: ["at-one"] });
    await one.stop();
    const rows = await doveadm.run("mailbox list", { user: "bob" }, { idempotent: true });
    assert.deepEqual(rows, [{ mailbox: "INBOX" }]);
    const outcomes = await doveadm.runAll([["who"], ["mailbox list", { user: "alice" }]]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "fulfilled"]);
    assert(events.some(({ type }) => type === "failed-over"));
  });
});
