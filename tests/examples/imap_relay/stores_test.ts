/**
 * The relay of the example with the stores that its configuration can name.
 *
 * @module
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startRelay } from "../../../examples/imap_relay.ts";
import { checkConfig, ConfigError } from "../../../examples/imap_relay/config.ts";
import { ImapClient, ImapCommandError, serve } from "../../../imap/mod.ts";
import { listen } from "../../../transports/mod.ts";
import { startRedis } from "../../harness/redis.ts";
import { openSockets, socketsDownTo, temporaryFolder } from "../../harness/sockets.ts";
import { createKeys } from "../xkeysync/keys.ts";
import { until } from "../../harness/until.ts";

const anyPort = { hostname: "127.0.0.1", port: 0 };

/** A server to relay to, and its configuration. */
async function startUpstream() {
  const server = serve(await listen({ transport: "tcp", ...anyPort }), {
    authenticate: ({ user, password }) => password === "s3cret" ? user : undefined,
  });
  assert(server.address.transport === "tcp");
  const { hostname, port } = server.address;
  return {
    config: { listen: anyPort, upstream: { hostname, port }, commands: ["xkeysync"] },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Connects a client of alice to a relay. */
function connectTo({ address }: { readonly address: unknown }): Promise<ImapClient> {
  const target = address as { readonly hostname: string; readonly port: number };
  return ImapClient.connect(target, { username: "alice", password: "s3cret" });
}

test("imap_relay.ts › two relays with one SQLite database › have the same keys", async () => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream();
  const path = join(folder.path, "keys.db");
  const config = checkConfig({ ...upstream.config, store: `sqlite:${path}` });
  const [key] = await createKeys(1);
  const near = await startRelay(config);
  const far = await startRelay(config);
  const client = await connectTo(near);
  await client.command("XKEYADD", [key.pem]);
  const other = await connectTo(far);
  await assert.rejects(other.command("XKEYADD", [key.pem]), /duplicate/);
  for (const closing of [client, other, near, far]) await closing.close();
  // It is closed as well: nobody needs its log any more.
  await until(() => !existsSync(`${path}-wal`), "a closed database");
});

test("imap_relay.ts › a Redis that is down › is NO for keys alone, and told once", async () => {
  const sockets = openSockets();
  {
    await using redis = await startRedis();
    await using upstream = await startUpstream();
    await redis.kill();
    const errors: string[] = [];
    const config = checkConfig({ ...upstream.config, store: redis.url });
    await using relay = await startRelay(config, {
      onError: (error, peer) => void errors.push(`${peer}: ${(error as Error).message}`),
    });
    await using client = await connectTo(relay);
    const [key] = await createKeys(1);
    await assert.rejects(client.command("XKEYADD", [key.pem]), (error: Error) => {
      assert(error instanceof ImapCommandError);
      assert.equal(error.status, "NO");
      return true;
    });
    await client.command("NOOP");
    assert.equal(errors.filter((error) => error.startsWith("store: Redis at redis://")).length, 1);
    await redis.start();
    // Redis may add it, and answer too late.
    const added = () =>
      client.command("XKEYADD", [key.pem])
        .then(() => true, (error: Error) => /duplicate/.test(error.message));
    while (!await added());
  }
  await socketsDownTo(sockets);
});

test("imap_relay.ts › a store that can't be opened › is an error that says so", async () => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream();
  const stores = [
    [
      `sqlite:${join(folder.path, "no", "keys.db")}`,
      /"store" can't be used\. The database .*keys\.db/,
    ],
    [
      "redis://:hunter2@127.0.0.1:bad",
      /"store" can't be used\. Redis at redis:\/\/127\.0\.0\.1:bad/,
    ],
  ] as const;
  for (const [store, message] of stores) {
    await assert.rejects(startRelay(checkConfig({ ...upstream.config, store })), (error: Error) => {
      assert(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
  const none = { argv: [join(folder.path, "none")] };
  const programs = checkConfig({ ...upstream.config, commands: ["xexec"], programs: { none } });
  await assert.rejects(startRelay(programs), /"programs" can't be used: .*none/);
  // A port that is taken frees the store again.
  const taken = await listen({ transport: "tcp", ...anyPort });
  const path = join(folder.path, "keys.db");
  const config = checkConfig({
    ...upstream.config,
    listen: { ...anyPort, port: (taken.address as { readonly port: number }).port },
    store: `sqlite:${path}`,
  });
  await assert.rejects(startRelay(config), /Cannot listen/);
  assert(existsSync(path) && !existsSync(`${path}-wal`));
  await taken.close();
});
