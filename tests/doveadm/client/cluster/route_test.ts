/** Which server of a cluster gets a user's commands. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  connect,
  DoveadmCluster,
  DoveadmHttpCluster,
  LocalProtocolError,
} from "../../../../mod.ts";
import { Routes } from "../../../../doveadm/client/cluster/routes.ts";
import { TypedCall } from "../../../../doveadm/client/typed_call.ts";
import { VirtualClock } from "../../../harness/virtual_clock.ts";
import { errorOf } from "../fake_server.ts";
import { failure, FakeCluster, lost, refusal } from "./fake_cluster.ts";

const pair = ["doveadm://a", "doveadm://b"];

test("a cluster without a route › commands › go to the first server", async () => {
  await using cluster = new FakeCluster(pair);
  assert.deepEqual([await cluster.call("alice"), await cluster.call()], ["a", "a"]);
  assert.deepEqual(cluster.events, []);
});

test("a route function › users › have their own servers, which are remembered for a while", async () => {
  const asked: string[] = [];
  await using cluster = new FakeCluster(pair, {
    routeLifetime: 1_000,
    async route(user) {
      asked.push(user);
      await Promise.resolve();
      return user === "bob" ? "doveadm://b" : user === "carol" ? "doveadm://c:7" : undefined;
    },
  });
  for (let turn = 0; turn < 2; turn++) {
    const users = ["alice", "bob", "carol", "__proto__"];
    const hosts = await Promise.all(users.map((user) => cluster.call(user)));
    assert.deepEqual(hosts, ["a", "b", "c", "a"]);
  }
  assert.equal(await cluster.call(), "a");
  // That there is no answer for a user isn't remembered.
  assert.deepEqual(asked.sort(), ["__proto__", "__proto__", "alice", "alice", "bob", "carol"]);
  assert.deepEqual(cluster.told(), ["routed tcp b:24245", "routed tcp c:7"]);
  await cluster.clock.advance(1_000);
  assert.equal(await cluster.call("bob"), "b");
  assert.equal(asked.filter((user) => user === "bob").length, 2);
});

test("a route function › several servers for a user › the second if the first can't be reached", async () => {
  await using cluster = new FakeCluster(pair, { route: () => ["doveadm://b", "doveadm://c"] });
  assert.equal(await cluster.call("alice"), "b");
  cluster.down.set("b", refusal());
  assert.equal(await cluster.call("alice"), "c");
  assert.deepEqual(cluster.told().slice(1), ["failed-over tcp b:24245 tcp c:24245"]);
});

test("a route function › that throws, or returns no target › fails that call alone", async () => {
  await using cluster = new FakeCluster(pair, {
    route: (user) => {
      if (user === "alice") throw new RangeError("no route");
      return user === "bob" ? "mail.example.org" : [];
    },
  });
  const [alice, bob, carol] = await Promise.allSettled([
    cluster.call("alice"),
    cluster.call("bob"),
    cluster.call("carol"),
  ]);
  assert(alice.status === "rejected" && alice.reason instanceof RangeError);
  assert(bob.status === "rejected" && bob.reason instanceof LocalProtocolError);
  assert.deepEqual(carol, { status: "fulfilled", value: "a" });
});

test("a cluster's functions › that fail without an error › fail the call, of many users as well", async () => {
  for (const thrown of [undefined, null, "no", 5]) {
    const fail = () => Promise.reject(thrown);
    await using routed = connect(pair, { route: fail });
    const calls = [
      routed.run("quota get", { user: "alice" }),
      routed.run("quota get", { userFile: "alice\nbob" }),
      routed.rows("quota get", { userFile: "alice\nbob" }).next(),
    ];
    for (const call of calls) {
      await assert.rejects(call, (error: Error) => {
        assert(error instanceof LocalProtocolError, String(error));
        assert.equal(error.cause, thrown);
        return /^"route" failed with .*, which is no Error/.test(error.message);
      });
    }
    await using cluster = new FakeCluster(pair, { referral: fail });
    cluster.acts.set("a", () => {
      throw failure("REFERRAL", "carol@c");
    });
    await assert.rejects(cluster.call("carol"), /^LocalProtocolError: "referral" failed with /);
  }
});

test("clusters › a hole in a list of servers › is no target", async () => {
  // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
  const holed = [, "doveadm://a"] as string[];
  assert.throws(() => connect(holed), /^LocalProtocolError: The target is undefined/);
  await using cluster = new FakeCluster(pair, { route: () => holed });
  await assert.rejects(cluster.call("alice"), LocalProtocolError);
});

test("a route function › that doesn't return › the call's time-out and signal hold", async () => {
  await using cluster = new FakeCluster(pair, { route: () => new Promise(() => {}) });
  const late = errorOf(cluster.call("alice", { timeout: 100 }));
  const controller = new AbortController();
  const aborted = errorOf(cluster.call("bob", { signal: controller.signal }));
  const closed = errorOf(cluster.call("carol"));
  controller.abort();
  await cluster.clock.advance(100);
  assert.equal((await late).name, "TimeoutError");
  assert.equal((await aborted).name, "AbortError");
  await cluster.calls.close();
  assert.equal((await closed).name, "ConnectionLostError");
  assert.deepEqual(cluster.arrived, []);
});

test("a route function › that never returns once › is asked again by a later call", async () => {
  let asked = 0;
  await using cluster = new FakeCluster(pair, {
    route: () => ++asked === 1 ? new Promise<never>(() => {}) : "doveadm://b",
  });
  const first = errorOf(cluster.call("alice", { timeout: 15_000 }));
  await cluster.clock.advance(15_000);
  assert.equal((await first).name, "TimeoutError");
  assert.equal(await cluster.call("alice"), "b");
  assert.equal(asked, 2);
});

test("route: userdb › the field host of users › leads to the server of the list", async () => {
  await using cluster = new FakeCluster(["doveadm://a", "doveadm://B.example.org"], {
    route: "userdb",
  });
  const hosts: Record<string, unknown> = {
    ...{ alice: "b.EXAMPLE.org.", bob: "unknown.example.org", carol: undefined, dave: 7 },
  };
  cluster.acts.set("a", ({ command, user }) => {
    if (command !== "user") return undefined;
    if (user === "nobody") throw failure("NOUSER");
    return [{ username: user, uid: "1", host: hosts[user!] }];
  });
  for (let turn = 0; turn < 2; turn++) assert.equal(await cluster.call("alice"), "B.example.org");
  for (const user of ["bob", "carol", "dave", "nobody"]) {
    assert.equal(await cluster.call(user), "a");
  }
  for (const user of ["alice", "bob", "carol"]) {
    await cluster.call(user);
    assert.equal(cluster.arrived.filter((line) => line === `a user ${user}`).length, 1);
  }
  assert.deepEqual(cluster.told(), ["routed tcp B.example.org:24245"]);
});

test("route: userdb › a lookup that fails or is lost › is tried elsewhere, or says that nothing was sent", async () => {
  await using cluster = new FakeCluster(pair, { route: "userdb" });
  cluster.acts.set("a", () => {
    throw lost();
  });
  cluster.acts.set("b", ({ command }) => command === "user" ? [{ host: "b" }] : undefined);
  assert.equal(await cluster.call("alice"), "b");
  cluster.acts.set("a", () => {
    throw failure("TEMPFAIL");
  });
  const error = await errorOf(cluster.call("bob"));
  assert.equal(error.name, "ConnectError");
  assert.match(error.message, /^The server of "bob" could not be looked up: /);
  assert.equal((error as unknown as { sent: boolean }).sent, false);
});

test("a mask as user › a command without the catalogue › asks for no route", async () => {
  await using cluster = new FakeCluster(pair, { route: () => "doveadm://b" });
  assert.equal(await cluster.call("*"), "a");
});

test("a call for many users › with a route › each user's command goes to the user's server", async () => {
  await using cluster = new FakeCluster(pair, {
    route: (user) => `doveadm://${user === "bob" ? "b" : "a"}`,
  });
  const call = new TypedCall("quota get", { userFile: "alice\nbob" });
  const source = await cluster.calls.forUsers(call, false, {});
  assert.equal(source.width, 8);
  assert.equal((await cluster.calls.forUsers(call, true, {})).width, 4);
  const hosts = await Promise.all(["alice", "bob"].map(async (user) => {
    for await (const answer of source.ask([user], {})) {
      if (answer.type === "rows") return answer.rows[0].host;
    }
  }));
  assert.deepEqual(hosts, ["a", "b"]);
});

test("routes › of more users than are remembered › the oldest are forgotten", () => {
  const routes = new Routes(Infinity, new VirtualClock(), 3);
  const routeOf = (user: string) => ({ servers: [], user });
  for (const user of ["one", "two", "__proto__"]) routes.set(user, routeOf(user));
  routes.set("one", routeOf("one again"));
  routes.set("four", routeOf("four"));
  const names = ["one", "two", "__proto__", "four"].map((user) => routes.get(user)?.user);
  assert.deepEqual(names, ["one again", undefined, "__proto__", "four"]);
});

test("a route function › more than 1,000 servers › is an error", async () => {
  await using cluster = new FakeCluster(pair, { route: (user) => `doveadm://${user}.example.org` });
  await Promise.all(Array.from({ length: 998 }, (_, at) => cluster.call(`user${at}`)));
  assert.match((await errorOf(cluster.call("late"))).message, /more than 1000 servers/);
});

test("a route function › a server's URL with TLS, and without in the list › is an error, not a plain connection", async () => {
  for (const url of ["doveadms://localhost:1", "doveadm+starttls://localhost:1"]) {
    await using plain = connect(["doveadm://localhost:1"], { route: () => url });
    const error = await errorOf(plain.run("mailbox list", { user: "ann" }));
    assert(error instanceof LocalProtocolError);
    assert.match(error.message, /^tcp localhost:1 is named with encryption, and was named before/);
    // The other way round it stays encrypted.
    await using encrypted = connect([url], { route: () => "doveadm://localhost:1" });
    const other = await errorOf(encrypted.run("mailbox list", { user: "ann" }, { timeout: 1 }));
    assert(!(other instanceof LocalProtocolError), String(other));
  }
});

test("connect › a list of targets › returns the client for their protocol", async () => {
  await using own = connect([{ path: "/one" }, "doveadm://two"]);
  assert(own instanceof DoveadmCluster);
  assert.equal(own.peer, "unix /one, tcp two:24245");
  assert.deepEqual([...own.stats().servers.keys()], ["unix /one", "tcp two:24245"]);
  await using web = connect(["http://one", "https://two"]);
  assert(web instanceof DoveadmHttpCluster);
});

test("connect › an invalid list, or invalid options › throws", () => {
  const lists: readonly (readonly string[])[] = [
    [],
    ["doveadm://one", "http://two"],
    ["http://one", "doveadm://two"],
    ["one"],
    ["doveadm://one", "doveadms://one"],
  ];
  for (const list of lists) assert.throws(() => connect(list), LocalProtocolError, `${list}`);
  for (const list of [null, undefined, 5, {}, { length: 1 }]) {
    const targets = list as unknown as string[];
    assert.throws(() => new DoveadmCluster(targets), /The servers are no array/);
    assert.throws(() => new DoveadmHttpCluster(targets), /The servers are no array/);
  }
  const options: readonly object[] = [
    ...[0, -1, NaN, "5", null].map((maxQueue) => ({ maxQueue })),
    { route: "user" },
    { route: 1 },
    { referral: "yes" },
    { maxReferrals: -1 },
    { maxReferrals: NaN },
    { routeLifetime: NaN },
    { routeLifetime: -1 },
  ];
  for (const option of options) {
    assert.throws(() => connect(pair, option), LocalProtocolError, JSON.stringify(option));
    assert.throws(() => connect(["http://one"], option), LocalProtocolError);
  }
});
