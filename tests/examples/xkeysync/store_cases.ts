/**
 * What each key store has to do, for tests of one.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import { connectToKeys, created, deleted, end, talkTo } from "./key_server.ts";
import { createKeys } from "./keys.ts";
import { until } from "../../harness/until.ts";

/** Stores over the same keys, as two processes have them; the same one if there can't be two. */
export interface OpenStores extends AsyncDisposable {
  readonly store: KeyStore;
  readonly other: KeyStore;
}

/** Opens empty stores in which each user may have that many keys. */
export type OpenStore = (maxKeys: number) => Promise<OpenStores>;

/** Counts calls. */
export class Calls {
  count = 0;
  readonly add = (): void => void this.count++;

  /** Resolves when there is another call than those before. */
  async after(act: () => Promise<unknown>): Promise<void> {
    const { count } = this;
    await act();
    await until(() => this.count > count, "a call");
  }
}

/** Tests a store. */
export function testKeyStore(subject: string, open: OpenStore): void {
  test(`${subject} › keys of users › are kept apart`, async () => {
    await using opened = await open(10);
    const { store, other } = opened;
    const [one, two] = await createKeys(2);
    const users = ["alice", "__proto__", "ALICE", "bob:*?'\"; DROP TABLE keys", "ü".repeat(500)];
    for (const user of users) assert.equal(await store.add(user, one), "added");
    assert.equal(await other.add("__proto__", two), "added");
    for (const user of users) {
      const keys = [...await other.list(user)].sort((a, b) =>
        a.fingerprint < b.fingerprint ? -1 : 1
      );
      assert.deepEqual(keys, user === "__proto__" ? [one, two] : [one], user);
    }
    assert.deepEqual(await store.list("constructor"), []);
    assert.equal(await other.remove("alice", two.fingerprint), false);
    assert.equal(await other.remove("alice", "__proto__"), false);
    assert.equal(await other.remove("alice", one.fingerprint), true);
    assert.equal(await store.remove("alice", one.fingerprint), false);
    assert.deepEqual(await store.list("alice"), []);
  });

  test(`${subject} › the same key, and one too many › aren't added`, async () => {
    await using opened = await open(2);
    const { store, other } = opened;
    const [one, two, three] = await createKeys(3);
    const outcomes = [];
    for (const key of [one, one, two, three, one]) outcomes.push(await store.add("alice", key));
    assert.deepEqual(outcomes, ["added", "duplicate", "added", "full", "duplicate"]);
    assert.equal(await other.add("alice", two), "duplicate");
    assert.equal(await other.add("alice", three), "full");
    assert.equal((await other.list("alice")).length, 2);
  });

  test(`${subject} › many at once › keep the limit`, async () => {
    await using opened = await open(5);
    const { store, other } = opened;
    const keys = await createKeys(20);
    const outcomes = await Promise.all(
      keys.flatMap((key) => [store.add("alice", key), other.add("alice", key)]),
    );
    assert.equal(outcomes.filter((outcome) => outcome === "added").length, 5);
    assert.equal((await store.list("alice")).length, 5);
  });

  test(`${subject} › each change › is told to all who watch that user, in each process`, async () => {
    await using opened = await open(10);
    const { store, other } = opened;
    const [one, two] = await createKeys(2);
    const [near, far, bob] = [new Calls(), new Calls(), new Calls()];
    const stopFirst = await store.watch("alice", near.add);
    const stopSecond = await store.watch("alice", near.add);
    const stopFar = await other.watch("alice", far.add);
    const stopBob = await other.watch("bob", bob.add);
    await near.after(() =>
      far.after(() => bob.after(() => other.add("bob", one).then(() => store.add("alice", one))))
    );
    const { count } = bob;
    await near.after(() => far.after(() => other.add("alice", two)));
    await near.after(() => far.after(() => store.remove("alice", one.fingerprint)));
    assert.equal(bob.count, count);
    stopFirst();
    stopFirst();
    await near.after(() => other.remove("alice", two.fingerprint));
    stopSecond();
    const ended = near.count;
    const stopThird = await store.watch("alice", far.add);
    stopSecond();
    await far.after(() => store.add("alice", one));
    assert.equal(near.count, ended);
    for (const stop of [stopThird, stopFar, stopBob]) stop();
  });

  test(`${subject} › over two relays › each client is told each change once`, async () => {
    await using opened = await open(10);
    const { store, other } = opened;
    const [one, two] = await createKeys(2);
    await using nearConnection = connectToKeys(store);
    await using farConnection = connectToKeys(other);
    const clients = [await talkTo(nearConnection), await talkTo(farConnection)];
    for (const client of clients) {
      await client.say("a XKEYSYNC\r\n");
      await client.hears("+ OK\r\n");
    }
    const heard = (text: string) => Promise.all(clients.map((client) => client.hears(text)));
    await store.add("alice", one);
    await heard(created(one) + end);
    await other.add("alice", two);
    await heard(created(two) + end);
    await other.remove("alice", one.fingerprint);
    await heard(deleted(one.fingerprint) + end);
    for (const client of clients) await client.say("DONE\r\n");
    await heard("a OK xkeysync complete\r\n");
  });
}
