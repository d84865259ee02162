/** Many clients over a relay that freezes their connections, and moves from process to process. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SqliteKeyStore } from "../../../examples/xkeysync/sqlite_key_store.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { supervise } from "../../../transports/handover/mod.ts";
import { listen } from "../../../transports/mod.ts";
import { Random } from "../../harness/random.ts";
import { atFullSize } from "../../harness/soak.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { runKeyClients } from "./key_clients.ts";
import { createKeys } from "./keys.ts";

const clients = atFullSize(500, 30);
const changes = atFullSize(200, 40);
const upgrades = atFullSize(5, 2);

const place = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

test("XKEYSYNC › clients of a relay that freezes and moves while keys come and go › all end with the store's keys", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "keys.db");
  const store = await SqliteKeyStore.open(path, { maxKeys: Infinity, busyTimeout: 0 });
  await using server = serve(await listen(place), {
    authenticate: ({ user }) => user,
    ...{ maxConnections: Infinity, maxConnectionsPerAddress: Infinity },
    maxUnauthenticated: Infinity,
  });
  assert(server.address.transport === "tcp");
  const errors: unknown[] = [];
  await using supervisor = await supervise({
    listen: place,
    worker: fileURLToPath(new URL("key_worker.ts", import.meta.url)),
    args: [String(server.address.port), `sqlite:${path}`],
    onHangUp: false,
    ...{ readyTimeout: 0, handoverTimeout: 0 },
    onError: (error) => errors.push(error),
  });
  const { hostname, port } = supervisor.address as { hostname: string; port: number };
  const moves: number[] = [];
  let begun = 0;
  let upgrading: Promise<void> | undefined;
  try {
    const { updates, losses } = await runKeyClients({
      ...{ store, clients, changes },
      users: Array.from({ length: 10 }, (_, at) => `user${at}`),
      keys: await createKeys(30),
      connect: (username) =>
        ImapClient.connect({ hostname, port }, {
          ...{ username, password: "s3cret" },
          ...{ connectTimeout: 0, handshakeTimeout: 0 },
        }),
      random: new Random(1),
      async onChange(change) {
        const step = Math.floor(changes / (upgrades + 1));
        if (change % step === step - 1) await upgrading;
        // Keys go on to change meanwhile.
        if (change % step !== 1 || change === 1 || begun === upgrades) return;
        begun++;
        upgrading = supervisor.upgrade().then(({ moved, left }) => {
          assert.equal(left, 0);
          moves.push(moved);
        });
      },
    });
    await upgrading;
    assert(updates > clients, `${updates} updates`);
    assert.equal(losses, 0);
  } finally {
    store.close();
  }
  assert.equal(moves.length, upgrades);
  assert(moves.every((moved) => moved > clients / 2), String(moves));
  assert.deepEqual(errors, []);
});
