import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../core/mod.ts";
import { LocalProtocolError, RemoteProtocolError } from "../../mod.ts";
import { everybody, sweep } from "../../sweep/mod.ts";
import { NameStore } from "../../sweep/name_store.ts";
import { UserListReader } from "../../sweep/user_list_reader.ts";
import { clientOf, ways } from "../doveadm/client/users_world.ts";
import { atFullSize } from "../harness/soak.ts";
import { all, names } from "./memory_journal.ts";

/** The names that a reader finds in a text that comes in pieces of a size. */
function read(text: string, size: number): string[] {
  const reader = new UserListReader();
  const bytes = encodeUtf8(text);
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    found.push(...reader.push(bytes.slice(at, at + size)));
  }
  reader.end();
  return found;
}

/** Something that streams like a client. */
function streaming(...chunks: readonly string[]): Parameters<typeof everybody>[0] {
  async function* fields() {
    for (const text of [chunks]) {
      yield (async function* () {
        for (const chunk of text) {
          await Promise.resolve();
          yield encodeUtf8(chunk);
        }
      })();
    }
  }
  return { stream: fields } as unknown as Parameters<typeof everybody>[0];
}

test("user list › cut into pieces of any size › the same names", () => {
  const users = [
    "alice",
    "bob@example.org",
    'q"uo\\te',
    "käthe",
    "line\nfeed",
    "\ud83d\ude00",
    "",
    "[]{},:",
  ];
  for (const space of [undefined, 2]) {
    const text = JSON.stringify({ userList: users }, undefined, space);
    for (let size = 1; size <= text.length; size++) assert.deepEqual(read(text, size), users);
  }
  assert.deepEqual(read('{"userList":["\\u0061\\ud83d\\ude00"]}', 1), ["a\ud83d\ude00"]);
  assert.deepEqual(read('{"userList":[]}', 1), []);
  assert.deepEqual(read("{}", 1), []);
});

test("user list › any other text › is the server's mistake, at any cut", () => {
  const wrong = [
    ...[
      "",
      "[",
      "null",
      '"alice"',
      "{",
      '{"userList"',
      '{"userList":[',
      '{"userList":["a"',
      '{"userList":["a',
    ],
    ...['{"userList":["a"]', '{"userList":["a",]}', '{"userList":[,]}', '{"userList":["a" "b"]}'],
    ...['{"userList":[5]}', '{"userList":[null]}', '{"userList":[["a"]]}', '{"userList":{"a":1}}'],
    ...[
      '{"alice":{"uid":"5"}}',
      '{"nosuch":{"error":"userdb lookup"}}',
      '{"userList":["a"]}x',
      "{}{}",
    ],
    ...[
      '{"userList":["\\q"]}',
      // As bytes, it would be another user's name.
      '{"userList":["\\ud800"]}',
      '{"userList":["a\n"]}',
      '{"userList":["a"],}',
      "{,}",
      '{"userList","a"}',
    ],
    '{"__proto__":["a"]}',
  ];
  for (const text of wrong) {
    for (const size of [1, 3, 1000]) {
      assert.throws(() => read(text, size), RemoteProtocolError, text);
    }
  }
});

test("user list › a name without an end › fails at its limit", () => {
  const reader = new UserListReader();
  reader.push(encodeUtf8('{"userList":["'));
  assert.throws(() => {
    for (let at = 0; at < 100; at++) reader.push(encodeUtf8("x".repeat(1000)));
  }, /a name of more than 65536 bytes/);
});

test("names in little memory › many, some twice, taken meanwhile › each once, in their order", () => {
  const count = atFullSize(1_000_000, 50_000);
  const store = new NameStore(5);
  const taken: string[] = [];
  const take = () => {
    const name = store.take();
    if (name !== undefined) taken.push(name);
  };
  for (let at = 0; at < count; at++) {
    assert.equal(store.add(`käthe-${at}@example.org`), true);
    if (at % 7 === 0) assert.equal(store.add(`käthe-${at >> 1}@example.org`), false);
    if (at % 3 === 0) take();
  }
  assert.equal(store.count, count);
  store.finish();
  while (taken.length < count) take();
  assert.equal(store.take(), undefined);
  for (let at = 0; at < count; at++) assert.equal(taken[at], `käthe-${at}@example.org`);
});

test("names in little memory › of any length, to the end of a chunk › come back as they were", () => {
  const store = new NameStore(1);
  const expected: string[] = [];
  for (let at = 0; at < 300; at++) {
    const name = `${at}-`.padEnd(1 + at * 37 % 65_000, "x");
    expected.push(name);
    store.add(name);
    if (at % 2 === 0) assert.equal(store.take(), expected[at / 2]);
  }
  store.finish();
  for (let at = 150; at < 300; at++) assert.equal(store.take(), expected[at]);
});

for (const way of ways) {
  test(`everybody, ${way} › a sweep over a server's users › each once, and the total is known`, async () => {
    const users = [...names(800), ...names(5)];
    const { client } = clientOf(way, { users, reply: () => ["INBOX"] });
    const listing = everybody(client);
    const results = await all(
      sweep(listing, (user, context) => client.run("mailbox list", { user }, context)),
    );
    assert.equal(listing.total, 800);
    assert.deepEqual(results.map(({ user }) => user).sort(), names(800).sort());
    assert(results.every(({ ok }) => ok));
    const some = everybody(client, { mask: "user12*" });
    assert.deepEqual(await all(some), names(800).filter((name) => name.startsWith("user12")));
    await client.close();
  });

  test(`everybody, ${way} › a listing that fails › the names before it, and its error at the end`, async () => {
    const { client } = clientOf(way, { users: names(10), listing: "TEMPFAIL", reply: () => [] });
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const { user } of sweep(everybody(client), () => {})) seen.push(user);
    }, { name: "CommandError" });
    if (way === "TCP") assert.equal(seen.length, 10);
    await client.close();
  });
}

test("everybody › a loop that takes its time › the text is read to its end meanwhile", async () => {
  let read = 0;
  const chunks = names(500).map((name, at) => `${at === 0 ? '{"userList":[' : ","}"${name}"`);
  const client = {
    async *stream() {
      yield (async function* () {
        for (const chunk of [...chunks, "]}"]) {
          await Promise.resolve();
          read++;
          yield encodeUtf8(chunk);
        }
      })();
    },
  } as unknown as Parameters<typeof everybody>[0];
  const listing = everybody(client);
  const loop = listing[Symbol.asyncIterator]();
  assert.equal(listing.total, undefined);
  assert.equal((await loop.next()).value, "user0");
  while (listing.total === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(read, 501);
  assert.equal(listing.total, 500);
});

test("everybody › names beyond the limit › fail, naming it", async () => {
  const listing = everybody(streaming(JSON.stringify({ userList: names(100) })), { maxBytes: 300 });
  await assert.rejects(all(listing), { name: "RemoteProtocolError", limit: "maxBytes" });
});

test("everybody › no answer at all › is the server's mistake", async () => {
  await assert.rejects(all(everybody(streaming())), RemoteProtocolError);
});

test("everybody › left early › ends the listing", async () => {
  const { client, seen } = clientOf("TCP", { users: names(20_000), reply: () => [] });
  for await (const name of everybody(client)) {
    assert.equal(name, "user0");
    break;
  }
  assert.deepEqual(await client.run("mailbox list", { user: "a" }), []);
  assert.deepEqual(seen.users, ["a"]);
  await client.close();
});

test("everybody › invalid options › are refused by name", () => {
  const { client } = clientOf("TCP", { reply: () => [] });
  for (const mask of ["alice", "", "-*", 5, null]) {
    assert.throws(() => everybody(client, { mask: mask as string }), /"mask"/);
  }
  for (const maxBytes of [0, -1, NaN, "5"]) {
    assert.throws(() => everybody(client, { maxBytes: maxBytes as number }), /"maxBytes"/);
  }
  assert.throws(() => everybody(client, { timeout: -1 }), LocalProtocolError);
});

test("everybody › asked for several names at once › each comes", async () => {
  const client = {
    async *stream() {
      yield (async function* () {
        yield new TextEncoder().encode('{"userList":["a","b"]}');
      })();
    },
  } as unknown as Parameters<typeof everybody>[0];
  const iterator = everybody(client)[Symbol.asyncIterator]();
  const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
  assert.deepEqual(steps.map(({ value }) => value), ["a", "b", undefined]);
});
