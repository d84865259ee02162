import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import { ImapClient, serve } from "../../../imap/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";
import { Random } from "../../harness/random.ts";
import { runKeyClients } from "./key_clients.ts";
import { createKeys } from "./keys.ts";

test("XKEYSYNC › many clients while keys come and go › all end with exactly the store's keys", async () => {
  const store = new MemoryKeyStore({ maxKeys: Infinity });
  const random = new Random(1);
  const { listener, connect } = memoryListener({ cut: () => 1 + random.below(300) });
  const errors: unknown[] = [];
  await using _ = serve(listener, {
    authenticate: ({ user, password }) => password === "s3cret" ? user : undefined,
    commands: xkeyCommands(store),
    onError: (error) => void errors.push(error),
  });
  const { updates, returns } = await runKeyClients({
    store,
    users: ["alice", "bob", "carol"],
    clients: 50,
    changes: 300,
    keys: await createKeys(30),
    connect: (username) =>
      ImapClient.connect({ hostname: "mail.example.org" }, {
        username,
        password: "s3cret",
        connector: connect,
      }),
    random,
  });
  assert.deepEqual(errors, []);
  assert(updates > 1000, `${updates} updates`);
  assert(returns > 20, `${returns} returns`);
});
