/** Referrals from one server of a cluster to another. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "../../../../mod.ts";
import { errorOf } from "../fake_server.ts";
import { type Arrived, failure, FakeCluster, refusal } from "./fake_cluster.ts";

/** A server that refers all users to another. */
const to = (detail: string) => () => {
  throw failure("REFERRAL", detail);
};

/** The error of a referral that isn't followed. */
async function refused(promise: Promise<unknown>): Promise<CommandError> {
  const error = await errorOf(promise);
  assert(error instanceof CommandError, error.stack);
  assert.equal(error.code, "REFERRAL");
  return error;
}

const pair = ["doveadm://a:7", "doveadm://b.example.org:8", "doveadm://b.example.org:7"];

test("a referral › to a server of the list › is followed and remembered", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", to("al@example.com@B.example.org"));
  const hops: unknown[] = [];
  cluster.acts.set("b.example.org", ({ options }) => void hops.push(options.hop));
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(await cluster.call("alice@example.com"), "b.example.org");
  }
  assert.deepEqual(cluster.arrived, [
    "a test alice@example.com",
    "b.example.org test al@example.com",
    "b.example.org test al@example.com",
  ]);
  // The port is that of the server that refers.
  assert.deepEqual(cluster.told(), ["referred tcp a:7 tcp b.example.org:7"]);
  assert.deepEqual(hops, [
    { user: "al@example.com", proxyTtl: 4 },
    { user: "al@example.com", proxyTtl: undefined },
  ]);
  const [event] = cluster.events;
  assert(event.type === "referred");
  assert.deepEqual([event.user, event.userThere, event.referrals], [
    ...["alice@example.com", "al@example.com", 1],
  ]);
});

test("a referral › to a host that isn't in the list › is an error with user and host", async () => {
  for (const detail of ["alice@c", "alice@__proto__", "a@b@[::1]"]) {
    await using cluster = new FakeCluster(pair);
    cluster.acts.set("a", to(detail));
    const error = await refused(cluster.call("alice"));
    const at = detail.lastIndexOf("@");
    assert.deepEqual(error.referral, { user: detail.slice(0, at), host: detail.slice(at + 1) });
    assert.match(error.message, /The list of servers has no ".*", and the password is sent/);
    assert.deepEqual(cluster.arrived, ["a test alice"]);
  }
});

test("a referral › that the function referral allows or refuses › is followed, or an error", async () => {
  const asked: string[][] = [];
  await using cluster = new FakeCluster(pair, {
    referral: (user, host) => {
      asked.push([user, host]);
      return host === "c" ? "doveadm://c" : host === "d" ? "doveadm://d:9" : undefined;
    },
  });
  cluster.acts.set("a", ({ user }) => to(`${user}@${user === "carol" ? "c" : user}`)());
  assert.equal(await cluster.call("carol"), "c");
  assert.equal(await cluster.call("d"), "d");
  assert.equal((await refused(cluster.call("x"))).referral?.host, "x");
  assert.deepEqual(asked, [["carol", "c"], ["d", "d"], ["x", "x"]]);
  assert.deepEqual(cluster.told(), ["referred tcp a:7 tcp c:7", "referred tcp a:7 tcp d:9"]);
});

test("a referral › without a user, without a host, to many users or a NUL › is an error", async () => {
  const names = ["", "*", "al\0ice"].map((user) => `${user}@b.example.org`);
  for (const detail of ["", "b.example.org", "alice@", ...names]) {
    await using cluster = new FakeCluster(pair);
    cluster.acts.set("a", to(detail));
    const { referral } = await refused(cluster.call("alice"));
    assert.equal(referral === undefined, !names.slice(1).includes(detail), detail);
    assert.deepEqual(cluster.arrived, ["a test alice"]);
  }
});

test("referrals › in a circle › end with an error", async () => {
  await using cluster = new FakeCluster(["doveadm://a", "doveadm://b"]);
  cluster.acts.set("a", to("alice@b"));
  cluster.acts.set("b", to("alice@a"));
  assert.match((await refused(cluster.call("alice"))).message, /refer the user to each other/);
  assert.deepEqual(cluster.arrived, ["a test alice", "b test alice"]);
});

test("referrals › in a row › are followed as often as maxReferrals says, with less proxy-ttl each time", async () => {
  for (const maxReferrals of [0, 1, 4, Infinity]) {
    const hosts = Array.from({ length: 8 }, (_, at) => `h${at}`);
    await using cluster = new FakeCluster(hosts.map((host) => `doveadm://${host}`), {
      maxReferrals,
    });
    const ttls: (number | undefined)[] = [];
    for (const [at, host] of hosts.entries()) {
      cluster.acts.set(host, ({ options }: Arrived) => {
        ttls.push(options.hop?.proxyTtl);
        if (at < 7) to(`alice@h${at + 1}`)();
      });
    }
    if (maxReferrals === Infinity) {
      assert.equal(await cluster.call("alice"), "h7");
      continue;
    }
    const { message } = await refused(cluster.call("alice"));
    assert.match(message, new RegExp(`${maxReferrals} referrals were followed before it`));
    const rest = Array.from({ length: maxReferrals }, (_, at) => maxReferrals - at);
    assert.deepEqual(ttls, [undefined, ...rest]);
  }
});

test("referrals › of a command with a proxy-ttl › count it down", async () => {
  await using cluster = new FakeCluster(["doveadm://a", "doveadm://b", "doveadm://c"]);
  const ttls: (number | undefined)[] = [];
  cluster.acts.set("a", to("alice@b"));
  cluster.acts.set("b", ({ options }) => {
    ttls.push(options.hop?.proxyTtl);
    return to("alice@c")();
  });
  await refused(cluster.call("alice", { extraFields: { "proxy-ttl": "2" } }));
  await refused(cluster.call("bob", { extraFields: { "proxy-ttl": "1" } }));
  assert.deepEqual(ttls, [1]);
  assert.deepEqual(cluster.arrived, ["a test alice", "b test alice", "a test bob"]);
});

test("a referral › of a stream that has yielded, or of an input in pieces › is an error, and remembered", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set(
    "a",
    ({ user }) => user === "alice" ? ["x", failure("REFERRAL", "x@y")] : to("bob@b.example.org")(),
  );
  const items: unknown[] = [];
  await refused((async () => {
    for await (const item of cluster.calls.stream({ name: "test", user: "alice" }, {})) {
      items.push(item);
    }
  })());
  assert.deepEqual(items, ["x"]);
  const input = (async function* () {
    yield "x";
  })();
  assert.match((await refused(cluster.call("bob", { input }))).message, /call again/);
  assert.equal(await cluster.call("bob"), "b.example.org");
});

test("a stream › that is referred before its first item › begins at the other server", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", to("alice@b.example.org"));
  cluster.acts.set("b.example.org", () => ["x", "y"]);
  const items: unknown[] = [];
  for await (const item of cluster.calls.stream({ name: "test", user: "alice" }, {})) {
    items.push(item);
  }
  assert.deepEqual(items, ["x", "y"]);
});

test("a user's commands › while the first is referred › keep their order and run one at a time", async () => {
  await using cluster = new FakeCluster(pair);
  const log: string[] = [];
  let running = 0;
  const act = (host: string) => async ({ command }: Arrived) => {
    assert.equal(++running, 1);
    await cluster.clock.wait(command.length);
    running--;
    if (host === "a") to("alice@b.example.org")();
    log.push(command);
  };
  for (const host of ["a", "b.example.org"]) cluster.acts.set(host, act(host));
  const names = ["1----", "2-", "3---", "4"];
  const all = Promise.all(names.map((name) => cluster.call("alice", { name })));
  await cluster.clock.advance(1_000);
  await all;
  assert.deepEqual(log, names);
  assert.equal(cluster.arrived.filter((line) => line.startsWith("a ")).length, 1);
});

test("a referral › back to a server that can't be reached › waits for that", async () => {
  await using cluster = new FakeCluster(["doveadm://a", "doveadm://b"]);
  cluster.down.set("a", refusal());
  cluster.acts.set("b", to("alice@a"));
  const call = cluster.call("alice");
  await cluster.clock.advance(1_000);
  cluster.down.clear();
  await cluster.clock.advance(6_000);
  assert.equal(await call, "a");
  const { length } = cluster.arrived;
  assert(length > 5 && length < 20, `${length} attempts`);
});

test("a remembered referral › whose server is gone › is forgotten, and the first server asked again", async () => {
  await using cluster = new FakeCluster(pair);
  cluster.acts.set("a", to("alice@b.example.org"));
  await cluster.call("alice");
  cluster.acts.delete("a");
  cluster.down.set("b.example.org", refusal());
  assert.equal(await cluster.call("alice"), "a");
  assert.deepEqual(cluster.told().slice(1), ["failed-over tcp b.example.org:7 tcp a:7"]);
});
