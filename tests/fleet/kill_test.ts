/** Three worker processes of a fleet, of which two are killed. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { Fleet, type FleetResult } from "../../fleet/mod.ts";
import { startRedis } from "../harness/redis.ts";
import { atFullSize, isSoak } from "../harness/soak.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { all, names } from "../sweep/memory_journal.ts";
import { startCountingServer } from "./counting_server.ts";
import { startWorker } from "./worker_process.ts";

const count = atFullSize(20_000, 300);
const concurrency = 10;

for (const idempotent of [true, false]) {
  const kind = idempotent ? "idempotent" : "not idempotent";
  test(`fleet, ${kind} › two of three workers are killed › every user is accounted for`, async () => {
    await using folder = await temporaryFolder();
    await using redis = await startRedis();
    await using server = await startCountingServer(join(folder.path, "server"));
    const options = { name: "kills", redis: redis.url };
    await using fleet = new Fleet(options);
    await fleet.enqueue(names(count), { batch: 50 });
    const settings = {
      ...{ ...options, url: server.url, idempotent, concurrency },
      ...{ lockDuration: 5_000, stalledInterval: 500 },
    };
    const workers = await Promise.all([1, 2, 3].map(() => startWorker(settings)));
    let killed = 0;
    server.onCommand = () => {
      if (killed < 2 && server.total >= (killed + 1) * count / 3) workers[killed++].kill("SIGKILL");
    };
    const results = await all<FleetResult<unknown>>(fleet.results());
    assert.equal(killed, 2);
    const ended = once(workers[2], "exit");
    workers[2].stdin!.end();
    await ended;
    const users = results.map(({ user }) => user);
    assert.equal(new Set(users).size, users.length, "a user has two results");
    assert.deepEqual(users.sort(), names(count).sort());
    const failed = results.filter((result) => !result.ok);
    const again = [...server.runs.values()].reduce((sum, runs) => sum + runs - 1, 0);
    if (idempotent) {
      assert.deepEqual(failed, []);
      // A busy machine may make the others lose their locks, too.
      if (isSoak) assert(again <= 2 * concurrency, `${again} ran again`);
      assert.equal(server.runs.size, count);
    } else {
      assert.equal(again, 0);
      if (isSoak) assert(failed.length <= 2 * concurrency, `${failed.length} failed`);
      assert(failed.every(({ sent, error }) => sent && error.code === "interrupted"));
      for (const user of names(count)) {
        assert(server.runs.has(user) || failed.some((result) => result.user === user), user);
      }
    }
  });
}
