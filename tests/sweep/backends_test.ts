/** A sweep over three real servers, of which one is stopped for a while. */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { sweep } from "../../sweep/mod.ts";
import { type Dovecot, startDovecot } from "../harness/dovecot/dovecot.ts";
import { names } from "./memory_journal.ts";

/** Stops all processes of a server, or lets them continue. */
async function signal(dovecot: Dovecot, name: "SIGSTOP" | "SIGCONT"): Promise<void> {
  for (const { pid } of [{ pid: dovecot.pid }, ...await dovecot.processes()]) {
    try {
      process.kill(pid, name);
    } catch (error) {
      // It ended meanwhile.
      if ((error as { code?: unknown }).code !== "ESRCH") throw error;
    }
  }
}

test("sweep over three servers › one is stopped for a while › the others' users end meanwhile, and all in the end", async () => {
  const users = names(60);
  const options = { users, mail: {}, extraConfig: "mail_location = sdbox:~/sdbox\n" };
  await using one = await startDovecot(options);
  await using two = await startDovecot(options);
  await using three = await startDovecot(options);
  const servers = [one, two, three];
  const clients = servers.map(({ socket }) =>
    connect({ path: socket }, { maxConnections: 4, timeout: 10_000, handshakeTimeout: 10_000 })
  );
  const serverOf = (user: string) => String(Number(user.slice(4)) % 3);
  const results = sweep(
    users,
    (user, context) => clients[Number(serverOf(user))].run("mailbox list", { user }, context),
    { concurrency: 12, perServer: 4, serverOf, idempotent: true, retries: 100 },
  );
  await signal(one, "SIGSTOP");
  const ended: string[] = [];
  try {
    for await (const { user, ok } of results) {
      assert(ok, user);
      ended.push(user);
      if (ended.length === 40) {
        assert(ended.every((user) => serverOf(user) !== "0"), `${ended}`);
        await signal(one, "SIGCONT");
      }
    }
  } finally {
    await signal(one, "SIGCONT");
  }
  assert.deepEqual(ended.toSorted(), users.toSorted());
  await Promise.all(clients.map((client) => client.close()));
});
