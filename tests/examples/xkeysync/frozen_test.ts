/** XKEYSYNC in connections through a relay that are frozen whenever nothing happens. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { xkeyCommands } from "../../../examples/xkeysync/commands.ts";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import { RelaySetup } from "../../imap/relay/relay_setup.ts";
import { created, deleted, end } from "./key_server.ts";
import { createKeys } from "./keys.ts";
import { until } from "../../harness/until.ts";

/** A store in memory that counts who watches it, and fails when it is told to. */
class TestStore implements KeyStore {
  readonly #store = new MemoryKeyStore();
  watching = 0;
  /** Which methods fail. */
  readonly isDown = { list: false, watch: false };
  /** How often one has failed. */
  failures = 0;

  async list(user: string) {
    this.#mayFail("list");
    return await this.#store.list(user);
  }

  readonly add = this.#store.add.bind(this.#store);
  readonly remove = this.#store.remove.bind(this.#store);

  async watch(user: string, onChange: () => void) {
    this.#mayFail("watch");
    const stop = await this.#store.watch(user, onChange);
    this.watching++;
    return () => {
      this.watching--;
      stop();
    };
  }

  #mayFail(method: "list" | "watch"): void {
    if (!this.isDown[method]) return;
    this.failures++;
    throw new Error("no database");
  }
}

/** A client of alice whose XKEYSYNC waits, and the server's end of its connection. */
async function waiting(store: KeyStore) {
  const setup = await RelaySetup.start({ freezeAfter: 1, commands: xkeyCommands(store) });
  const { client, server } = await setup.session();
  await client.say("a XKEYSYNC\r\n");
  await client.hears("+ OK\r\n");
  await server.hears("~2 IDLE\r\n");
  await server.say("+ idling\r\n");
  return { setup, client, server };
}

/** Resolves when the connection is frozen. */
async function frozen({ relay }: RelaySetup): Promise<void> {
  await until(() => relay.frozenConnections === 1);
}

test("XKEYSYNC › in a frozen connection › tells changes, and ends with DONE", async () => {
  const store = new TestStore();
  const [one, two] = await createKeys(2);
  const { setup, client, server } = await waiting(store);
  await using _ = setup;
  await frozen(setup);
  await store.add("alice", one);
  await client.hears(created(one) + end);
  await frozen(setup);
  await store.add("bob", two);
  await store.add("alice", two);
  await client.hears(created(two) + end);
  await frozen(setup);
  await store.remove("alice", one.fingerprint);
  await client.hears(deleted(one.fingerprint) + end);
  await frozen(setup);
  await server.say("* 7 EXISTS\r\n");
  await client.hears("* 7 EXISTS\r\n");
  await frozen(setup);
  assert.equal(store.watching, 1);
  await client.say("DONE\r\n");
  await client.hears("a OK xkeysync complete\r\n");
  assert.equal(store.watching, 0);
  assert.deepEqual(setup.errors, []);
});

test("XKEYSYNC › frozen, ended by a wrong line, its owner or the end › stops watching the store", async () => {
  const ends: ((it: Awaited<ReturnType<typeof waiting>>) => Promise<unknown>)[] = [
    ({ client }) => client.say("x\r\n"),
    ({ setup }) => Promise.resolve(setup.relay.cancelCommands()),
    ({ client }) => client.close(),
    ({ server }) => server.close(),
    ({ setup }) => setup.relay.close({ timeout: 1 }),
  ];
  for (const act of ends) {
    const store = new TestStore();
    const it = await waiting(store);
    await using _ = it.setup;
    await frozen(it.setup);
    assert.equal(store.watching, 1);
    await act(it);
    await until(() => store.watching === 0);
  }
});

test("XKEYSYNC › a store that fails while the connection is frozen › is asked again, and misses nothing", async () => {
  const store = new TestStore();
  const [one, two] = await createKeys(2);
  const { setup, client } = await waiting(store);
  await using _ = setup;
  await frozen(setup);
  store.isDown.list = true;
  await store.add("alice", one);
  await until(() => store.failures === 2);
  // Between two tries it sleeps.
  await frozen(setup);
  await store.add("alice", two);
  await until(() => store.failures > 2);
  store.isDown.list = false;
  await client.hears([one, two].map(created).join("") + end);
  await frozen(setup);
  // At the end it is asked once more.
  store.failures = 0;
  store.isDown.list = true;
  await store.remove("alice", one.fingerprint);
  await until(() => store.failures > 0);
  await client.say("DONE\r\n");
  assert.match(await client.line(), /^a NO /);
  assert.deepEqual(setup.errors.map(String), ["Error: no database"]);
  assert.equal(store.watching, 0);
});

test("XKEYSYNC › a store that can't be watched for a while › is watched later, and misses nothing", async () => {
  const store = new TestStore();
  const [one, two] = await createKeys(2);
  store.isDown.watch = true;
  const { setup, client } = await waiting(store);
  await using _ = setup;
  await frozen(setup);
  await store.add("alice", one);
  await until(() => store.failures === 2);
  store.isDown.watch = false;
  await client.hears(created(one) + end);
  assert.equal(store.watching, 1);
  await store.add("alice", two);
  await client.hears(created(two) + end);
  store.isDown.watch = true;
  await client.say("DONE\r\nb XKEYSYNC\r\n");
  const all = [one, two].map(created).join("");
  await client.hears(`a OK xkeysync complete\r\n${all}${end}+ OK\r\n`);
  await client.close();
  await until(() => setup.relay.connections === 0);
  assert.equal(store.watching, 0);
});
