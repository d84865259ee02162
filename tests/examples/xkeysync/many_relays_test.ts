/**
 * Many clients over relays that are processes of their own, and get killed, with one store.
 *
 * @module
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConnectError, ConnectionLostError } from "../../../core/mod.ts";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import { RedisKeyStore } from "../../../examples/xkeysync/redis_key_store.ts";
import { SqliteKeyStore } from "../../../examples/xkeysync/sqlite_key_store.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { listen } from "../../../transports/mod.ts";
import { Random } from "../../harness/random.ts";
import { startRedis } from "../../harness/redis.ts";
import { atFullSize } from "../../harness/soak.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { RelayProgram } from "../imap_relay/program.ts";
import { runKeyClients } from "./key_clients.ts";
import { createKeys } from "./keys.ts";

const clients = atFullSize(500, 40);
const changes = atFullSize(300, 60);
const kills = atFullSize(6, 2);

/** On a busy machine a login among 500 takes its time. */
const noTimeouts = { connectTimeout: 0, handshakeTimeout: 0 };

const manyConnections = {
  maxConnections: 2 * clients,
  maxConnectionsPerAddress: 2 * clients,
};

/** Relays in front of one server. A relay that is killed is replaced by another one. */
class Relays implements AsyncDisposable {
  readonly #configPath: string;
  readonly #relays: { readonly program: RelayProgram; readonly port: number }[] = [];
  readonly #random = new Random(2);
  #isClosed = false;

  constructor(configPath: string) {
    this.#configPath = configPath;
  }

  async start(): Promise<void> {
    const program = new RelayProgram([this.#configPath]);
    this.#relays.push({ program, port: await program.port() });
  }

  /** Kills a relay, and starts another one. */
  async kill(): Promise<void> {
    const [{ program }] = this.#relays.splice(this.#random.below(this.#relays.length), 1);
    program.kill();
    await program.exit();
    assert.equal(program.errors, "");
    await this.start();
  }

  /** Connects to one of them. */
  async connect(username: string): Promise<ImapClient> {
    while (!this.#isClosed) {
      try {
        // While the only one is replaced, there is none.
        const { port } = this.#random.pick(this.#relays) ?? { port: 1 };
        const target = { hostname: "127.0.0.1", port };
        const login = { username, password: "s3cret", ...noTimeouts };
        return await ImapClient.connect(target, login);
      } catch (error) {
        if (!(error instanceof ConnectError || error instanceof ConnectionLostError)) throw error;
      }
      await sleep(10);
    }
    throw new Error("The relays are closed.");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { program } of this.#relays) program.kill();
    await Promise.all(this.#relays.map(({ program }) => program.exit()));
  }
}

/** Runs clients over as many relays, which have the store that the configuration names. */
async function runRelays(count: number, configured: string, store: KeyStore): Promise<void> {
  await using folder = await temporaryFolder();
  const place = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  await using server = serve(await listen(place), {
    authenticate: ({ user }) => user,
    ...manyConnections,
    maxUnauthenticated: Infinity,
  });
  const path = join(folder.path, "relay.json");
  const config = {
    listen: { hostname: "127.0.0.1", port: 0 },
    upstream: server.address,
    commands: ["xkeysync"],
    store: configured,
    freezeAfter: 1,
    limits: { ...manyConnections, maxUnauthenticated: 2 * clients },
  };
  const { hostname, port } = server.address as { hostname: string; port: number };
  await writeFile(path, JSON.stringify({ ...config, upstream: { hostname, port } }));
  await using relays = new Relays(path);
  await Promise.all(Array.from({ length: count }, () => relays.start()));
  const { updates, losses } = await runKeyClients({
    ...{ store, clients, changes },
    users: Array.from({ length: 10 }, (_, at) => `user${at}`),
    keys: await createKeys(30),
    connect: (user) => relays.connect(user),
    random: new Random(1),
    async onChange(change) {
      if (change % Math.floor(changes / (kills + 1)) === 1 && change > 1) await relays.kill();
    },
  });
  assert(updates > clients, `${updates} updates`);
  assert(losses > clients / 4, `${losses} lost connections`);
}

test("key stores › two relays that are killed, and Redis › all clients end with exactly its keys", async () => {
  await using redis = await startRedis();
  const store = await RedisKeyStore.open(redis.url, { maxKeys: Infinity, timeout: 0 });
  try {
    await runRelays(2, `unix://${redis.path}`, store);
  } finally {
    store.close();
  }
});

test("key stores › a relay that is killed, and SQLite › all clients end with exactly its keys", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "keys.db");
  const store = await SqliteKeyStore.open(path, { maxKeys: Infinity, busyTimeout: 0 });
  try {
    await runRelays(1, `sqlite:${path}`, store);
  } finally {
    store.close();
  }
});
