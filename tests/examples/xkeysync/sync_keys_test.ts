import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import type { PublicKey } from "../../../examples/xkeysync/public_key.ts";
import { syncKeys } from "../../../examples/xkeysync/sync_keys.ts";
import { ImapClient } from "../../../imap/client.ts";
import { startTalk } from "../../imap/scripted_end.ts";
import { connectToKeys } from "./key_server.ts";
import { createKeys } from "./keys.ts";

function byFingerprint(keys: readonly PublicKey[]): Map<string, PublicKey> {
  return new Map(keys.map((key) => [key.fingerprint, key]));
}

test("syncKeys › known keys of which some are gone › become the store's, and stay so", async () => {
  const [one, two, three] = await createKeys(3);
  const store = new MemoryKeyStore();
  await store.add("alice", two);
  await store.add("alice", three);
  await using connection = connectToKeys(store);
  await using client = await ImapClient.open(connection.transport);
  const keys = byFingerprint([one, two]);
  const sizes: number[] = [];
  for await (const { size } of syncKeys(client, keys)) {
    assert.deepEqual(new Map([...keys].sort()), byFingerprint(await sorted(store)));
    sizes.push(size);
    if (sizes.length === 1) await store.add("alice", one);
    else if (sizes.length === 2) await store.remove("alice", two.fingerprint);
    else break;
  }
  assert.deepEqual(sizes, [2, 3, 2]);
  // The connection goes on.
  await client.command("NOOP");
});

async function sorted(store: MemoryKeyStore): Promise<PublicKey[]> {
  const keys = [...await store.list("alice")];
  return keys.sort((a, b) => a.fingerprint < b.fingerprint ? -1 : 1);
}

test("syncKeys › its signal › ends the command", async () => {
  await using connection = connectToKeys(new MemoryKeyStore());
  await using client = await ImapClient.open(connection.transport);
  const controller = new AbortController();
  for await (const _ of syncKeys(client, new Map(), { signal: controller.signal })) {
    controller.abort();
  }
  await client.command("NOOP");
});

test("syncKeys › other responses › are skipped, and a key that is none is an error", async () => {
  await using talk = await startTalk();
  const { client, server } = talk;
  const keys = new Map<string, PublicKey>();
  const loop = (async () => {
    for await (const _ of syncKeys(client, keys));
  })();
  await server.hears("C1 XKEYSYNC\r\n");
  await server.say("* 1 EXISTS\r\n* OK still syncing\r\n+ OK\r\n* XKEYSYNC OK\r\n");
  const [key] = await createKeys(1);
  await server.say(`* XKEYSYNC CREATED {${key.pem.length}}\r\n${key.pem}\r\n`);
  await server.say("* XKEYSYNC CREATED {3}\r\nabc\r\n");
  await server.hears("DONE\r\n");
  await server.say("C1 OK done\r\n");
  await assert.rejects(loop, /can't be read/);
  assert.deepEqual([...keys.values()], [key]);
});
