import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { SqliteKeyStore } from "../../../examples/xkeysync/sqlite_key_store.ts";
import { DovewireError, LocalProtocolError } from "../../../core/mod.ts";
import { output } from "../../harness/dovecot/programs.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { createKeys } from "./keys.ts";
import { Calls, testKeyStore } from "./store_cases.ts";

/** Two stores of one file, as two processes have them. */
async function openStores(maxKeys = 10, options = {}) {
  const folder = await temporaryFolder();
  const path = join(folder.path, "keys.db");
  const settings = { maxKeys, pollInterval: 5, ...options };
  const store = await SqliteKeyStore.open(path, settings);
  const other = await SqliteKeyStore.open(path, settings);
  return {
    store,
    other,
    path,
    async [Symbol.asyncDispose]() {
      store.close();
      other.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

testKeyStore("SQLite key store", openStores);

test("SQLite key store › closed and opened again › has its keys", async () => {
  await using opened = await openStores();
  const { store, path } = opened;
  const [key] = await createKeys(1);
  await store.add("alice", key);
  const later = await SqliteKeyStore.open(path);
  assert.deepEqual(await later.list("alice"), [key]);
  later.close();
  await assert.rejects(later.list("alice"));
  await assert.rejects(later.add("alice", key));
  await assert.rejects(later.watch("alice", () => {}));
});

test("SQLite key store › another process writes › waits for it, or is refused in the end", async () => {
  await using opened = await openStores(10, { busyTimeout: 20 });
  const { store, other, path } = opened;
  const [one, two] = await createKeys(2);
  const writer = new DatabaseSync(path);
  writer.exec("BEGIN IMMEDIATE");
  await assert.rejects(store.add("alice", one), /locked/);
  // Reading goes on meanwhile.
  assert.deepEqual(await store.list("alice"), []);
  const patient = await SqliteKeyStore.open(path, { busyTimeout: 0 });
  const added = patient.add("alice", two);
  writer.exec("COMMIT");
  writer.close();
  assert.equal(await added, "added");
  assert.deepEqual(await other.list("alice"), [two]);
  patient.close();
});

test("SQLite key store › changes that are no longer recorded › are told as well", async () => {
  await using opened = await openStores();
  const { store, other, path } = opened;
  const [one, two, three] = await createKeys(3);
  await store.add("alice", one);
  const calls = new Calls();
  const stop = await store.watch("alice", calls.add);
  // All three are there when the other one looks.
  await calls.after(async () => {
    const database = new DatabaseSync(path);
    database.exec("BEGIN IMMEDIATE");
    database.exec("DELETE FROM changes");
    database.exec("INSERT INTO changes (user) VALUES ('bob'), ('bob')");
    database.exec("DELETE FROM changes WHERE position < (SELECT max(position) FROM changes)");
    database.exec("COMMIT");
    database.close();
    await Promise.resolve();
  });
  await calls.after(() => other.add("alice", two));
  // A backup was put back.
  await calls.after(async () => {
    const database = new DatabaseSync(path);
    database.exec("DELETE FROM changes; DELETE FROM sqlite_sequence; DELETE FROM keys");
    database.close();
    await Promise.resolve();
  });
  await calls.after(() => other.add("alice", three));
  stop();
});

test("SQLite key store › a file that is none, or a wrong option › is an error that says so", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "text.db");
  await writeFile(path, "x".repeat(1000));
  const cases = [[path, /text\.db can't be used: .*not a database/], [
    join(folder.path, "no", "keys.db"),
    /keys\.db can't be used: .*open/,
  ]] as const;
  for (const [bad, message] of cases) {
    await assert.rejects(SqliteKeyStore.open(bad), (error: Error) => {
      assert(error instanceof DovewireError);
      assert.match(error.message, message);
      return true;
    });
  }
  for (const option of ["pollInterval", "busyTimeout", "maxKeys"]) {
    for (const value of [NaN, -1]) {
      const opening = SqliteKeyStore.open(join(folder.path, "keys.db"), { [option]: value });
      await assert.rejects(opening, LocalProtocolError);
    }
  }
});

test("SQLite key store › an outage › is reported once, and changes are told after it", async () => {
  const errors: unknown[] = [];
  await using opened = await openStores(10, { onError: (error: unknown) => errors.push(error) });
  const { store, path } = opened;
  const [key] = await createKeys(1);
  const calls = new Calls();
  const stop = await store.watch("alice", calls.add);
  const database = new DatabaseSync(path);
  database.exec("ALTER TABLE changes RENAME TO hidden");
  while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await assert.rejects(store.add("alice", key), /changes/);
  await calls.after(() => {
    database.exec("ALTER TABLE hidden RENAME TO changes");
    database.exec("INSERT INTO changes (user) VALUES ('alice')");
    return Promise.resolve();
  });
  database.close();
  assert.equal(errors.length, 1);
  stop();
});

// Only Node can run without it.
if (!("Deno" in globalThis || "Bun" in globalThis)) {
  test("SQLite key store › a Node without SQLite › is an error that says which has it", async () => {
    const module = new URL("../../../examples/xkeysync/sqlite_key_store.ts", import.meta.url).href;
    const program = `
      import { SqliteKeyStore } from ${JSON.stringify(module)};
      await SqliteKeyStore.open("keys.db").catch((error) => console.log(String(error)));
    `;
    const args = ["--no-experimental-sqlite", "--input-type=module", "--eval", program];
    assert.match(
      await output(process.execPath, ...args),
      /^DovewireError: This runtime has no SQLite\. Use Node from 22\.13 on/,
    );
  });
}
