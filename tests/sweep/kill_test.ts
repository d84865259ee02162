/** Sweeps of processes that are killed, over an embedded server that counts for whom commands came. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { serve } from "../../doveadm/server/mod.ts";
import { fileJournal } from "../../sweep/mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { atFullSize, isSoak } from "../harness/soak.ts";
import { Random } from "../harness/random.ts";
import { startSweep, type SweepProcess } from "./sweep_process.ts";

const count = atFullSize(1_000_000, 1_500);
const kills = atFullSize(10, 2);
const concurrency = 20;

/** A server that knows how often each user's command came, and can wait for a number of them. */
async function startCountingServer(path: string) {
  const runs = new Uint8Array(count);
  let total = 0;
  let waiting: { readonly total: number; readonly resolve: () => void } | undefined;
  const server = await serve({ path }, async function* ({ name, user = "" }) {
    if (name === "user") {
      yield {
        text: JSON.stringify({ userList: Array.from({ length: count }, (_, at) => `user${at}`) }),
      };
      return;
    }
    runs[Number(user.slice(4))]++;
    total++;
    if (waiting !== undefined && total >= waiting.total) waiting.resolve();
    yield "INBOX";
  });
  return {
    url: `doveadm+unix://${path}`,
    runs,
    /** Resolves when so many more commands came. */
    more(commands: number): Promise<void> {
      return new Promise((resolve) => waiting = { total: total + commands, resolve });
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** How far a journal says that its sweep is. */
async function readJournal(path: string) {
  const journal = fileJournal(path);
  const text = await journal.load();
  await journal.close!();
  if (text === undefined) return { position: 0, open: new Map<number, boolean>() };
  const { position, open } = JSON.parse(text);
  return {
    position: position as number,
    open: new Map<number, boolean>(open.map(([index, , begun]: number[]) => [index, begun === 1])),
  };
}

/** The users whose end was noted, with how often they had run by then. */
class Noted {
  readonly #runs = new Map<number, number>();
  #position = 0;
  /** Those that a run may begin again. */
  #open = new Set<number>();

  /** Notes what is new in a journal. */
  update({ position, open }: Awaited<ReturnType<typeof readJournal>>, runs: Uint8Array): void {
    for (let at = this.#position; at < position; at++) this.#open.add(at);
    this.#position = position;
    for (const at of this.#open) {
      if (open.has(at)) continue;
      this.#runs.set(at, runs[at]);
      this.#open.delete(at);
    }
  }

  /** The users who ran again after that. */
  again(runs: Uint8Array): number[] {
    return [...this.#runs].filter(([at, before]) => runs[at] !== before).map(([at]) => at);
  }
}

/** How much the memory of processes grew, in MiB, each at most. */
function growthOf(processes: readonly SweepProcess[], kind: "memory" | "resident"): number[] {
  return processes.map(({ lines }) => {
    const seen = lines.flatMap((line) => "memory" in line ? [line[kind]] : []);
    return Math.max(...seen) - seen[0];
  });
}

/** Kills a sweep several times, and goes on; returns all its processes, the last of which ended by itself. */
async function killAgainAndAgain(
  folder: string,
  options: { readonly idempotent: boolean; readonly users: number | "everybody" },
) {
  const server = await startCountingServer(join(folder, "server"));
  await using _ = server;
  const journal = join(folder, "journal");
  const random = new Random(7);
  const noted = new Noted();
  const processes: SweepProcess[] = [];
  for (let kill = 0; kill <= kills; kill++) {
    const process = startSweep({ url: server.url, journal, concurrency, ...options });
    processes.push(process);
    if (kill < kills) {
      await Promise.race([server.more(1 + random.below(Math.floor(count / kills))), process.over]);
      process.child.kill("SIGKILL");
    }
    await process.over;
    const now = await readJournal(journal);
    const begun = [...now.open.values()].filter((begun) => begun).length;
    assert(begun <= concurrency, `${begun} were under way`);
    noted.update(now, server.runs);
  }
  assert.deepEqual(noted.again(server.runs), [], "users ran again whose end was noted");
  assert.equal((await readJournal(journal)).position, count);
  assert.equal((await readJournal(journal)).open.size, 0);
  const lines = processes.flatMap(({ lines }) => lines);
  assert.equal(lines.at(-1)?.type, "ended");
  const growth = growthOf(processes, "memory");
  if (isSoak) {
    console.log(`  memory in use grew by ${growth.join(", ")} MiB`);
    console.log(`  resident memory grew by ${growthOf(processes, "resident").join(", ")} MiB`);
  }
  return { runs: server.runs, lines, growth };
}

test("sweep, idempotent › killed again and again › everybody ran, and nobody again whose end was noted", async () => {
  await using folder = await temporaryFolder();
  const { runs, lines, growth } = await killAgainAndAgain(folder.path, {
    ...{ idempotent: true, users: count },
  });
  assert.equal(runs.findIndex((times) => times === 0), -1);
  const twice = runs.reduce((sum, times) => sum + times - 1, 0);
  assert(twice <= kills * concurrency, `${twice} ran again`);
  assert.deepEqual(lines.filter(({ type }) => type === "failed"), []);
  assert(Math.max(...growth) <= 64, `the memory grew by ${growth} MiB`);
});

test("sweep, not idempotent, everybody › killed again and again › nobody ran twice, and who was under way has sent: true", async () => {
  await using folder = await temporaryFolder();
  const { runs, lines } = await killAgainAndAgain(folder.path, {
    ...{ idempotent: false, users: "everybody" },
  });
  assert.equal(runs.findIndex((times) => times > 1), -1);
  const failed = lines.filter((line) => line.type === "failed");
  assert(failed.every(({ sent, code }) => sent && code === "interrupted"));
  assert(failed.length <= kills * concurrency, `${failed.length} failed`);
  const interrupted = new Set(failed.map(({ user }) => user));
  for (let at = 0; at < count; at++) {
    assert(runs[at] === 1 || interrupted.has(`user${at}`), `user${at} did not run`);
  }
});
