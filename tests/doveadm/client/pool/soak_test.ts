/**
 * Fifty callers of six kinds of commands at a real server, while its processes are killed, it is reloaded,
 * a proxy cuts, delays and resets connections, and one call in fifty is aborted.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import {
  AbortError,
  CommandError,
  connect,
  ConnectionLostError,
  type Doveadm,
  DovewireError,
  type PoolEvent,
  TimeoutError,
} from "../../../../mod.ts";
import { type Dovecot, startDovecot } from "../../../harness/dovecot/dovecot.ts";
import { leavingNothing } from "../../../harness/leftovers.ts";
import { atFullSize, isSoak } from "../../../harness/soak.ts";
import { countListeners } from "../../../harness/signal_listeners.ts";
import { startRoughProxy } from "./rough_proxy.ts";

const commands = atFullSize(200_000, 2_000);
/** When no more commands are sent, in milliseconds: a busy machine takes its time. */
const longest = atFullSize(Infinity, 20_000);
const callers = 50;
const users = Array.from({ length: 12 }, (_, at) => `user${at}`);
const mails = 20;

/** What became of a mail that was to be saved. */
type Fate = "done" | "unsure" | "never";

/** What a caller needs. */
interface Scene {
  readonly doveadm: Doveadm;
  readonly dovecot: Dovecot;
  readonly random: (below: number) => number;
  /** By subject. */
  readonly saves: Map<string, Fate>;
}

/** How a command is called: by its options, and for what user. */
interface Call {
  readonly user: string;
  readonly number: number;
  readonly options: { readonly signal: AbortSignal; readonly timeout: number };
}

/** The kinds of commands, with how many of a hundred are of each. Each checks its answer. */
const kinds:
  readonly (readonly [share: number, act: (scene: Scene, call: Call) => Promise<void>])[] = [
    [40, async ({ doveadm }, { options }) => {
      for (const row of await doveadm.run("who", {}, options)) assert.fail(JSON.stringify(row));
    }],
    [28, async ({ doveadm, dovecot }, { user, options }) => {
      const again = { ...options, idempotent: true };
      const [row] = await doveadm.run("user", { userMask: [user] }, again);
      assert.equal(row.username, user);
      assert.equal(row.home, `${dovecot.folder}/mail/${user}`);
    }],
    [16, async ({ doveadm }, { user, options }) => {
      const again = { ...options, idempotent: true };
      const rows = await doveadm.run("mailbox list", { user }, again);
      assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort(), ["INBOX", `of-${user}`]);
    }],
    [8, async ({ doveadm, saves }, { user, number, options }) => {
      const subject = `${user}-${number}`;
      const file = `Subject: ${subject}\n\n${".\n".repeat(number % 50)}`;
      try {
        await doveadm.run("save", { user, mailbox: "INBOX", file }, options);
        saves.set(subject, "done");
      } catch (error) {
        saves.set(subject, error instanceof DovewireError && error.sent ? "unsure" : "never");
        throw error;
      }
    }],
    [5, async ({ doveadm }, { user, options }) => {
      const mailbox = `of-${user}`;
      const fetch = { user, field: ["uid", "hdr.subject"], query: ["mailbox", mailbox] } as const;
      let uid = 0;
      for await (const row of doveadm.rows("fetch", fetch, options)) {
        assert.deepEqual(row, { uid: ++uid, "hdr.subject": `${user}: ${uid}` });
      }
      assert.equal(uid, mails);
    }],
    [3, async ({ doveadm, dovecot }, { options }) => {
      const [row] = await doveadm.run("instance list", {}, options);
      assert.equal(row.path, `${dovecot.folder}/run`);
    }],
  ];

function kindAt(place: number): (typeof kinds)[number][1] {
  let at = 0;
  while (place >= kinds[at][0]) place -= kinds[at++][0];
  return kinds[at][1];
}

/** Whether a call may fail so, in these circumstances. */
function isExpected(error: unknown, isAborted: boolean): boolean {
  if (error instanceof AbortError) return isAborted;
  // The server can't look up a user while its auth process restarts.
  if (error instanceof CommandError) return error.code === "TEMPFAIL";
  return error instanceof ConnectionLostError || error instanceof TimeoutError;
}

/** Kills a process that has had a command. */
async function killOne(dovecot: Dovecot, random: Scene["random"]): Promise<void> {
  const workers = (await dovecot.processes()).filter(({ command }) =>
    /doveadm.*\[.* /.test(command)
  );
  if (workers.length === 0) return;
  try {
    process.kill(workers[random(workers.length)].pid, "SIGKILL");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error;
  }
}

/** Gives each user a mailbox of its own with mails. */
async function prepare({ socket }: Dovecot): Promise<void> {
  await using doveadm = connect({ path: socket });
  await Promise.all(users.map(async (user) => {
    const mailbox = `of-${user}`;
    await doveadm.run("mailbox create", { user, mailbox: [mailbox] });
    for (let mail = 1; mail <= mails; mail++) {
      const file = `Subject: ${user}: ${mail}\n\nx\n`;
      await doveadm.run("save", { user, mailbox, file });
    }
  }));
}

/** How often each mail was saved. */
async function savedMails({ socket }: Dovecot): Promise<Map<string, number>> {
  // The server has just been reloaded, and a process of it killed: it may have to wait for what they held.
  await using doveadm = connect({ path: socket }, { timeout: 300_000 });
  const saved = new Map<string, number>();
  for (const user of users) {
    const query = ["mailbox", "INBOX"];
    const fetch = { user, field: ["hdr.subject"], query } as const;
    for await (const { "hdr.subject": subject } of doveadm.rows("fetch", fetch)) {
      saved.set(subject, (saved.get(subject) ?? 0) + 1);
    }
  }
  return saved;
}

function memory(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().rss / 1024 / 1024;
}

test(`soak › ${commands} commands of six kinds › each is answered once, rightly, or says whether it ran`, async () => {
  await using dovecot = await startDovecot({
    ...{ users, mail: {}, quota: "10G" },
    // A killed process leaves the lock files of a maildir, for which the next command waits a minute.
    extraConfig: "mail_location = sdbox:~/sdbox\nmail_fsync = never\n",
  });
  await prepare(dovecot);
  let seed = 20_260_105;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  await using proxy = await startRoughProxy(dovecot.socket);
  const saves = new Map<string, Fate>();
  const ended = new Map<number, number>();
  const outcomes: Record<string, number> = {};
  const chores: Promise<void>[] = [];
  let sent = 0;
  await leavingNothing(async () => {
    const doveadm = connect({ hostname: "127.0.0.1", port: proxy.port }, {
      ...{ maxConnections: 16, maxLifetime: 3_000, handshakeTimeout: 5_000 },
      onEvent: (event: PoolEvent) => {
        if (event.type === "ended") ended.set(event.call, (ended.get(event.call) ?? 0) + 1);
      },
    });
    const scene: Scene = { doveadm, dovecot, random, saves };
    const shared = new AbortController();
    const listeners = countListeners(shared.signal);
    let last = 0;
    let after = 0;
    const endsAt = performance.now() + longest;
    const caller = async () => {
      while (last < commands && performance.now() < endsAt) {
        const number = ++last;
        if (number % 200 === 0) chores.push(killOne(dovecot, random));
        if (number % Math.floor(commands / 11) === 0) process.kill(dovecot.pid, "SIGHUP");
        if (number === Math.floor(commands / 4)) after = memory();
        const own = number % 50 === 0 ? new AbortController() : undefined;
        const timer = own && setTimeout(() => own.abort("one in fifty"), random(15));
        const options = { signal: own?.signal ?? shared.signal, timeout: 30_000 };
        const call = { user: users[random(users.length)], number, options };
        let outcome = "answered";
        try {
          await kindAt(random(100))(scene, call);
        } catch (error) {
          if (!isExpected(error, own?.signal.aborted === true)) throw error;
          const { name, sent } = error as DovewireError;
          outcome = `${name}, ${sent ? "sent" : "not sent"}`;
        }
        clearTimeout(timer);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
    await Promise.all(chores);
    const grown = memory() - after;
    const { totals, ...rest } = doveadm.stats();
    await doveadm.close();
    console.log(
      `  ${JSON.stringify(outcomes)}; ${JSON.stringify(totals)}; ${await proxy.end()} cuts; ` +
        `the resident memory grew by ${grown.toFixed(1)} MiB after a quarter of them`,
    );
    assert.deepEqual([rest.running, rest.queued, listeners.now], [0, 0, 0]);
    assert.equal(totals.calls, last);
    assert.equal(totals.succeeded + totals.failed, last);
    assert.equal(totals.succeeded, outcomes.answered);
    sent = last;
    // Of few commands it grows by what the runtime compiles.
    if (isSoak) assert(grown < 64, `the resident memory grew by ${grown} MiB`);
  });
  assert.equal(ended.size, sent);
  assert.deepEqual(new Set(ended.values()), new Set([1]));
  assert(outcomes.answered > sent * 0.8, `only ${outcomes.answered} were answered`);
  const saved = await savedMails(dovecot).catch(async (error) => {
    console.log((await dovecot.log()).slice(-10_000));
    throw error;
  });
  for (const [subject, fate] of saves) {
    const count = saved.get(subject) ?? 0;
    const isRight = fate === "done" ? count === 1 : fate === "never" ? count === 0 : count < 2;
    assert(isRight, `${subject}, ${fate}, was saved ${count} times`);
  }
});
