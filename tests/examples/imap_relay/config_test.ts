import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkConfig, ConfigError, readConfig } from "../../../examples/imap_relay/config.ts";
import { temporaryFolder } from "../../harness/sockets.ts";

const listen = { hostname: "127.0.0.1", port: 0 };
const upstream = { hostname: "127.0.0.1", port: 143 };
const good = { listen, upstream, commands: ["xkeysync"] };

test("relay's configuration › complete or short › is taken", () => {
  assert.deepEqual({ ...checkConfig(good) }, {
    listen: { ...listen, tls: undefined },
    upstream: { ...upstream, tls: undefined },
    commands: ["xkeysync"],
    programs: undefined,
    store: undefined,
    freezeAfter: undefined,
    limits: undefined,
    doveadm: undefined,
  });
  const long = {
    listen: { ...listen, tls: { cert: "a", key: "b", starttls: "required" } },
    upstream: { ...upstream, tls: { caCerts: "c", serverName: "d", starttls: "required" } },
    commands: ["xexec", "xdoveadm"],
    programs: {
      uptime: {
        argv: ["/usr/bin/uptime", "-p"],
        words: { pattern: "[a-z]+", max: 2 },
        timeout: 1000,
        maxOutput: 100,
      },
    },
    store: "memory",
    freezeAfter: 5000,
    limits: { maxConnections: 5, maxConnectionsPerAddress: 2, maxUnauthenticated: 3 },
    doveadm: { url: "doveadm+unix:///run/dovecot/doveadm-server", password: "e" },
  };
  assert.deepEqual(checkConfig(long), long);
});

test("relay's configuration › a mistake › is told with its place and what is right", () => {
  const cases: readonly [unknown, RegExp][] = [
    [null, /The configuration must be an object/],
    [[], /The configuration must be an object/],
    [{ ...good, listen: undefined }, /"listen" is missing/],
    [{ ...good, listen: [] }, /"listen" must be an object/],
    [{ ...good, listen: { port: 1 } }, /"listen.hostname" is missing/],
    [{ ...good, listen: { hostname: "", port: 1 } }, /"listen.hostname" must be a text/],
    [{ ...good, listen: { hostname: "a" } }, /"listen.port" must be a number from 0 to 65535/],
    [{ ...good, upstream: { hostname: "a", port: 0 } }, /"upstream.port" must be a number from 1/],
    [{ ...good, upstream: { hostname: "a", port: "143" } }, /"upstream.port" must be a number/],
    [{ ...good, listen: { ...listen, tls: true } }, /"listen.tls" must be an object/],
    [{ ...good, listen: { ...listen, tls: { cert: "a" } } }, /"listen.tls.key" is missing/],
    [
      { ...good, listen: { ...listen, tls: { cert: "a", key: "b", starttls: "yes" } } },
      /"listen.tls.starttls" must be "offered" or "required"/,
    ],
    [{ ...good, commands: undefined }, /"commands" must be a list of "xkeysync"/],
    [{ ...good, commands: "xkeysync" }, /"commands" must be a list/],
    [{ ...good, commands: ["xfoo"] }, /"commands" must be a list of "xkeysync"/],
    [{ ...good, store: 1 }, /"store" must be a text/],
    [{ ...good, freezeAfter: "1" }, /"freezeAfter" must be a whole number from 1 on/],
    [{ ...good, limits: { maxConnections: 0.5 } }, /"limits.maxConnections" must be a whole/],
    [{ ...good, limits: { maxConnectionsPerAddress: 0 } }, /PerAddress" must be a whole number/],
    [{ ...good, commands: ["xexec"] }, /"programs" is missing, which the command "xexec" needs/],
    [{ ...good, commands: ["xdoveadm"] }, /"doveadm" is missing, which the command "xdoveadm"/],
    [{ ...good, programs: { a: {} } }, /"programs.a.argv" must be a list of texts/],
    [{ ...good, programs: { a: { argv: [1] } } }, /"programs.a.argv" must be a list of texts/],
    [{ ...good, programs: { a: { argv: ["/a"], env: {} } } }, /"programs.a.env" is unknown/],
    [{ ...good, programs: { a: { argv: ["/a"], words: {} } } }, /"programs.a.words.pattern" is/],
    [{ ...good, doveadm: {} }, /"doveadm.url" is missing/],
    [{ ...good, prot: 1 }, /"prot" is unknown\. There are "listen", .* and "freezeAfter" here/],
    [{ ...good, listen: { ...listen, prot: 1 } }, /"listen.prot" is unknown/],
    [JSON.parse('{"__proto__": {}}'), /"listen" is missing/],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => checkConfig(value), (error: Error) => {
      assert(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
});

test("relay's configuration › a file › has paths relative to its folder, and errors name it", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const path = join(folder, "relay.json");
  writeFileSync(
    path,
    JSON.stringify({
      listen: { ...listen, tls: { cert: "cert.pem", key: "/etc/key.pem" } },
      upstream: { ...upstream, tls: { caCerts: "ca.pem" } },
      commands: [],
      store: "./store.ts",
    }),
  );
  const config = await readConfig(path);
  assert.deepEqual(config.listen.tls, {
    cert: join(folder, "cert.pem"),
    key: "/etc/key.pem",
    starttls: undefined,
  });
  assert.equal(config.upstream.tls?.caCerts, join(folder, "ca.pem"));
  assert.equal(config.store, join(folder, "store.ts"));
  const stores = [
    ["sqlite:keys.db", `sqlite:${join(folder, "keys.db")}`],
    ["sqlite:/var/keys.db", "sqlite:/var/keys.db"],
    ["redis://:s3cret@h:1/2", "redis://:s3cret@h:1/2"],
    ["unix:///run/redis.sock", "unix:///run/redis.sock"],
    ["memory", "memory"],
  ];
  for (const [store, complete] of stores) {
    writeFileSync(path, JSON.stringify({ ...good, store }));
    assert.equal((await readConfig(path)).store, complete);
  }
  for (const store of ["valkey://:s3cret@h", "REDIS://:s3cret@h", "redis:/:s3cret@h"]) {
    writeFileSync(path, JSON.stringify({ ...good, store }));
    await assert.rejects(readConfig(path), (error: Error) => {
      assert.match(error.message, /relay\.json: "store" is a URL that isn't Redis's/);
      return error instanceof ConfigError && !error.message.includes("s3cret");
    });
  }
  writeFileSync(path, '{\n  "doveadm": { "password": "s3cret" },,\n}');
  await assert.rejects(readConfig(path), (error: Error) => {
    assert(error instanceof ConfigError);
    assert.match(error.message, /relay\.json is no JSON/);
    assert.doesNotMatch(error.message, /s3cret/);
    return true;
  });
  writeFileSync(path, "{}");
  await assert.rejects(readConfig(path), /relay\.json: "listen" is missing/);
  await assert.rejects(readConfig(join(folder, "none.json")), /none\.json can't be read/);
});
