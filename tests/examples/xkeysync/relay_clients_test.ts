import assert from "node:assert/strict";
import { test } from "node:test";
import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { serveRelay } from "../../../imap/relay/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";
import { listen } from "../../../transports/mod.ts";
import { Random } from "../../harness/random.ts";
import { runKeyClients } from "./key_clients.ts";
import { createKeys } from "./keys.ts";

test("XKEYSYNC › 200 clients over one relay while keys come and go › all end with the store's keys", async () => {
  const store = new MemoryKeyStore({ maxKeys: Infinity });
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const authenticate = (
    { user, password }: { readonly user: string; readonly password: string },
  ) => password === "s3cret" ? user : undefined;
  const noLimits = {
    maxConnections: Infinity,
    maxConnectionsPerAddress: Infinity,
    maxUnauthenticated: Infinity,
  };
  const upstream = memoryListener();
  await using _ = serve(upstream.listener, { authenticate, onError, ...noLimits });
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
  await using relay = serveRelay(listener, {
    connect: ({ signal }) => upstream.connect({ transport: "unix", path: "imap" }, { signal }),
    commands: xkeyCommands(store),
    freezeAfter: 1,
    onError,
    ...noLimits,
  });
  assert(relay.address.transport === "tcp");
  const { hostname, port } = relay.address;
  const { updates, returns } = await runKeyClients({
    store,
    users: Array.from({ length: 10 }, (_, at) => `user${at}`),
    clients: 200,
    changes: 150,
    keys: await createKeys(30),
    connect: (username) =>
      ImapClient.connect({ hostname, port }, {
        ...{ username, password: "s3cret" },
        // On a busy machine a login among 200 takes its time.
        ...{ connectTimeout: 0, handshakeTimeout: 0 },
      }),
    random: new Random(1),
  });
  assert.deepEqual(errors, []);
  assert(updates > 1000, `${updates} updates`);
  assert(returns > 20, `${returns} returns`);
});
