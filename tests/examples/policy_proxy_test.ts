import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { serve } from "../../doveadm/server/mod.ts";
import { servePolicyProxy } from "../../examples/policy_proxy.ts";
import { connect } from "../../mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";

test("policy proxy › more commands than it may have connections › wait, and none is lost", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "upstream");
  let running = 0;
  let most = 0;
  await using _upstream = await serve({ path }, async function* () {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    yield "INBOX";
  });
  await using _proxy = await servePolicyProxy({
    path: join(folder.path, "proxy"),
    upstream: `doveadm+unix://${path}`,
    maxConnections: 2,
    rules: { web: { token: "t0ken", commands: ["mailbox list"], users: ["*"] } },
  });
  await using doveadm = connect({ path: join(folder.path, "proxy") }, {
    ...{ password: "t0ken", maxConnections: 10 },
  });
  const users = Array.from({ length: 30 }, (_, at) => `user${at}`);
  const rows = await Promise.all(users.map((user) => doveadm.run("mailbox list", { user })));
  assert.deepEqual(rows, users.map(() => [{ mailbox: "INBOX" }]));
  assert.equal(most, 2);
});
