import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import { MemoryKeyStore } from "../../../examples/xkeysync/memory_key_store.ts";
import type { PublicKey } from "../../../examples/xkeysync/public_key.ts";
import { ImapClient } from "../../../imap/client.ts";
import { ImapCommandError } from "../../../imap/client_errors.ts";
import { astringOf } from "../../../core/imap/mod.ts";
import { connectToKeys, created, deleted, end, talkTo } from "./key_server.ts";
import { createKeys, pemOf } from "./keys.ts";

const unknown = ["00", "ff"].map((byte) => byte.repeat(32));

/** A store of alice with these keys. */
async function storeOf(keys: readonly PublicKey[]): Promise<MemoryKeyStore> {
  const store = new MemoryKeyStore({ maxKeys: Infinity });
  for (const key of keys) await store.add("alice", key);
  return store;
}

test("XKEYSYNC › a list with duplicates, deleted and missing keys › gets each change once, in order", async () => {
  const [one, two, three] = await createKeys(3);
  const store = await storeOf([three, one, two]);
  await using connection = connectToKeys(store);
  const client = await talkTo(connection);
  const known = [unknown[1], two.fingerprint, unknown[0], two.fingerprint, unknown[1]];
  await client.say(`a XKEYSYNC ${known.join(" ")}\r\n`);
  await client.hears(deleted(unknown[0]) + created(one) + created(three) + deleted(unknown[1]));
  await client.hears(`${end}+ OK\r\n`);
  await client.say("DONE\r\n");
  await client.hears("a OK xkeysync complete\r\n");
});

test("XKEYSYNC › a complete list › gets the continuation alone", async () => {
  const keys = await createKeys(2);
  await using connection = connectToKeys(await storeOf(keys));
  const client = await talkTo(connection);
  await client.say(`a XKEYSYNC ${keys.map(({ fingerprint }) => fingerprint).join(" ")}\r\n`);
  await client.hears("+ OK\r\n");
  await client.say("done\r\nb XKEYSYNC\r\n");
  await client.hears(`a OK xkeysync complete\r\n${keys.map(created).join("")}${end}+ OK\r\n`);
  await client.say("DONE\r\n");
  await client.hears("b OK xkeysync complete\r\n");
});

test("XKEYSYNC › changes to the store › are told as they come, those of others aren't", async () => {
  const [one, two] = await createKeys(2);
  const store = await storeOf([]);
  await using connection = connectToKeys(store);
  const client = await talkTo(connection);
  await client.say("a XKEYSYNC\r\n");
  await client.hears("+ OK\r\n");
  await store.add("bob", two);
  await store.add("alice", one);
  await client.hears(created(one) + end);
  await store.add("alice", two);
  await client.hears(created(two) + end);
  await store.remove("alice", one.fingerprint);
  await client.hears(deleted(one.fingerprint) + end);
  // Nothing has changed when the command looks.
  await Promise.all([store.add("alice", one), store.remove("alice", one.fingerprint)]);
  await client.say("DONE\r\n");
  await client.hears("a OK xkeysync complete\r\n");
});

test("XKEYSYNC › keys that change while a group is written › are told in the next one", async () => {
  // As large as keys may be, so that a group is more than a connection holds.
  const keys = Array.from({ length: 600 }, (_, at): PublicKey => ({
    fingerprint: String(at).padStart(64, "0"),
    pem: `${at}`.padEnd(1024, "x"),
  }));
  const store = await storeOf(keys.slice(0, 500));
  await using connection = connectToKeys(store);
  await using client = await ImapClient.open(connection.transport);
  const told: string[] = [];
  const groups: number[] = [];
  for await (const response of client.longCommand("XKEYSYNC")) {
    if (response.type !== "untagged") continue;
    // The server has written as much as it can, and waits.
    if (told.length === 0) {
      await store.remove("alice", keys[0].fingerprint);
      await store.remove("alice", keys[499].fingerprint);
      for (const key of keys.slice(500)) await store.add("alice", key);
    }
    const [what, value] = response.values.map((item) => astringOf(item));
    if (what === "OK") groups.push(told.length);
    else told.push(`${what} ${value}`);
    if (groups.length === 2) break;
  }
  assert.deepEqual(told.slice(0, 500), keys.slice(0, 500).map(({ pem }) => `CREATED ${pem}`));
  assert.deepEqual(told.slice(500), [
    `DELETED ${keys[0].fingerprint}`,
    `DELETED ${keys[499].fingerprint}`,
    ...keys.slice(500).map(({ pem }) => `CREATED ${pem}`),
  ]);
  assert.deepEqual(groups, [500, 602]);
});

test("XKEYSYNC › DONE sent at once › gets the first group, the continuation and the end", async () => {
  const keys = await createKeys(2);
  await using connection = connectToKeys(await storeOf(keys));
  const client = await talkTo(connection);
  await client.say(`a XKEYSYNC ${unknown[0]}\r\nDONE\r\nb XKEYSYNC\r\nDoNe\r\nc NOOP\r\n`);
  const all = `${keys.map(created).join("")}${end}+ OK\r\n`;
  await client.hears(`${deleted(unknown[0])}${all}a OK xkeysync complete\r\n`);
  await client.hears(`${all}b OK xkeysync complete\r\nc OK `);
});

test("XKEYSYNC › another line than DONE › is BAD, with its literal eaten, and the next command runs", async () => {
  for (const line of ["", "DONE ", "x NOOP", "x XKEYADD {9+}\r\nb LOGOUT", "x".repeat(100_000)]) {
    const store = await storeOf([]);
    await using connection = connectToKeys(store);
    const client = await talkTo(connection);
    await client.say(`a XKEYSYNC\r\n`);
    await client.hears("+ OK\r\n");
    await client.say(`${line}\r\nc XKEYSYNC\r\n`);
    assert.match(await client.line(), /^a BAD Expected DONE/);
    await client.hears("+ OK\r\n");
    const [key] = await createKeys(1);
    await store.add("alice", key);
    await client.hears(created(key) + end);
    await client.say("DONE\r\n");
    await client.hears("c OK xkeysync complete\r\n");
  }
});

test("XKEYSYNC › what is no fingerprint › is BAD and isn't sent back", async () => {
  await using connection = connectToKeys(await storeOf([]));
  const client = await talkTo(connection);
  const good = unknown[0];
  const bad = [
    "ab",
    `${good}0`,
    good.replaceAll("0", "G"),
    "FF".repeat(32),
    `{64+}\r\n${"0".repeat(60)}\r\n\r\n`,
    `{64+}\r\n\r\na OK ${"0".repeat(57)}`,
    "()",
    `(${good})`,
    `${good} ab`,
  ];
  for (const fingerprint of bad) {
    await client.say(`a XKEYSYNC ${fingerprint}\r\n`);
    assert.match(await client.line(), /^a BAD /);
  }
  await client.say(`b XKEYSYNC "${good}" {64+}\r\n${good}\r\n`);
  await client.hears(`${deleted(good)}${end}+ OK\r\n`);
});

test("XKEYSYNC › nothing new › sends the keepalive", async () => {
  await using connection = connectToKeys(await storeOf([]), { keepaliveInterval: 5 });
  const client = await talkTo(connection);
  await client.say(`a XKEYSYNC\r\n`);
  // On a busy machine one may come before the command has looked into the store.
  let heard = "";
  while (!/(?:\* OK still syncing\r\n[^]*){2}/.test(heard) || !heard.includes("+ OK\r\n")) {
    heard += await client.line();
  }
  assert.match(heard, /^(?:\* OK still syncing\r\n)*\+ OK\r\n(?:\* OK still syncing\r\n)*$/);
});

test("XKEYSYNC › each way that it ends › stops watching the store", async () => {
  const ends: readonly ((connection: ReturnType<typeof connectToKeys>) => Promise<void>)[] = [
    async ({ transport }) => await transport.write(new TextEncoder().encode("DONE\r\n")),
    async ({ transport }) => await transport.write(new TextEncoder().encode("x\r\n")),
    async ({ transport }) => await transport.closeWrite(),
    async ({ transport }) => await transport.close(),
  ];
  for (const act of ends) {
    let watching = 0;
    const store = new MemoryKeyStore();
    const counting: KeyStore = {
      list: (user) => store.list(user),
      add: (user, key) => store.add(user, key),
      remove: (user, fingerprint) => store.remove(user, fingerprint),
      async watch(user, onChange) {
        const stop = await store.watch(user, onChange);
        watching++;
        return () => {
          watching--;
          stop();
        };
      },
    };
    await using connection = connectToKeys(counting);
    const client = await talkTo(connection);
    await client.say("a XKEYSYNC\r\n");
    await client.hears("+ OK\r\n");
    assert.equal(watching, 1);
    await act(connection);
    await connection.transport.closeWrite().catch(() => {});
    await connection.ended;
    assert.equal(watching, 0);
    assert.deepEqual(connection.errors, []);
  }
});

test("XKEYSYNC › a store that fails › is NO, and the next command runs", async () => {
  const store = await storeOf([]);
  let isBroken = true;
  const breaking: KeyStore = {
    list: (user) => isBroken ? Promise.reject(new Error("no database")) : store.list(user),
    add: () => Promise.reject(new Error("no database")),
    remove: () => Promise.resolve(false),
    watch: (user, onChange) => store.watch(user, onChange),
  };
  await using connection = connectToKeys(breaking);
  const client = await talkTo(connection);
  const [key] = await createKeys(1);
  await client.say("a XKEYSYNC\r\n");
  assert.match(await client.line(), /^a NO /);
  await client.say(`b XKEYADD {${key.pem.length}+}\r\n${key.pem}\r\n`);
  assert.match(await client.line(), /^b NO /);
  isBroken = false;
  await client.say("c XKEYSYNC\r\n");
  await client.hears("+ OK\r\n");
  assert.deepEqual(connection.errors.map(String), Array(2).fill("Error: no database"));
});

test("XKEYSYNC › a store that fails for a while › is asked again, until the client is done", async () => {
  const [one, two] = await createKeys(2);
  const store = await storeOf([]);
  let failures = 0;
  const failing: KeyStore = {
    list: (user) => failures-- > 0 ? Promise.reject(new Error("no database")) : store.list(user),
    add: (user, key) => store.add(user, key),
    remove: () => Promise.resolve(false),
    watch: (user, onChange) => store.watch(user, onChange),
  };
  await using connection = connectToKeys(failing);
  const client = await talkTo(connection);
  await client.say("a XKEYSYNC\r\n");
  await client.hears("+ OK\r\n");
  failures = 2;
  await store.add("alice", one);
  await client.hears(created(one) + end);
  failures = Infinity;
  await store.add("alice", two);
  await client.say("DONE\r\n");
  assert.match(await client.line(), /^a NO /);
  assert.deepEqual(connection.errors.map(String), ["Error: no database"]);
});

test("XKEYADD › a key › is added in its normal form, and told to others", async () => {
  const [key, other] = await createKeys(2);
  const store = await storeOf([]);
  await using connection = connectToKeys(store);
  await using watching = connectToKeys(store);
  const [client, watcher] = [await talkTo(connection), await talkTo(watching)];
  await watcher.say("w XKEYSYNC\r\n");
  await watcher.hears("+ OK\r\n");
  const base64 = key.pem.split("\n").slice(1, -2).join("");
  const text = pemOf(base64).replaceAll("\n", "\r\n");
  await client.say(`a XKEYADD {${text.length}}\r\n`);
  assert.match(await client.line(), /^\+ /);
  await client.say(`${text}\r\n`);
  await client.hears(`a OK [XKEYADD ${key.fingerprint}] key added\r\n`);
  await watcher.hears(created(key) + end);
  await client.say(`b XKEYADD {${other.pem.length}+}\r\n${other.pem}\r\n`);
  await client.hears(`b OK [XKEYADD ${other.fingerprint}] key added\r\n`);
  assert.deepEqual(await store.list("alice"), [key, other]);
});

test("XKEYADD › what can't be added › is refused with the reason", async () => {
  const keys = await createKeys(11);
  const store = new MemoryKeyStore();
  for (const key of keys.slice(0, 10)) await store.add("alice", key);
  await using connection = connectToKeys(store);
  await using client = await ImapClient.open(connection.transport);
  const cases: readonly [readonly string[], "NO" | "BAD", RegExp][] = [
    [[keys[10].pem], "NO", /^max devices already reached$/],
    [[keys[0].pem], "NO", /^duplicate public key$/],
    [["no key"], "NO", /^invalid public key$/],
    [[pemOf("x".repeat(1000))], "BAD", /^invalid key; too long$/],
    [[keys[0].pem, "more"], "BAD", /./],
    [[], "BAD", /./],
  ];
  for (const [args, status, message] of cases) {
    await assert.rejects(client.command("XKEYADD", args), (error: Error) => {
      assert(error instanceof ImapCommandError);
      assert.equal(error.status, status);
      assert.match(error.text, message);
      return true;
    });
  }
  assert.deepEqual(await store.list("alice"), keys.slice(0, 10));
});

test("XKEY › as a capability › is listed after the login", async () => {
  await using connection = connectToKeys(await storeOf([]));
  await using client = await ImapClient.open(connection.transport);
  assert.equal(client.capabilities.filter((name) => name === "XKEY").length, 1);
});
