import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { DovecotVersion } from "../../core/doveadm/catalogue/mod.ts";
import { serve } from "../../doveadm/server/mod.ts";
import { type HttpGatewayOptions, startHttpGateway } from "../../examples/http_gateway.ts";
import { withCheckedArguments } from "../../examples/pass_on.ts";
import { type PolicyProxyOptions, servePolicyProxy } from "../../examples/policy_proxy.ts";
import { AuthenticationError, connect, LocalProtocolError } from "../../mod.ts";
import { temporaryFolder } from "../harness/sockets.ts";
import { argumentsToRun } from "../harness/this_runtime.ts";

test("policy proxy › more commands than it may have connections › wait, and none is lost", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "upstream");
  let running = 0;
  let most = 0;
  await using _upstream = await serve({ path }, async function* () {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    yield "INBOX";
  });
  await using _proxy = await servePolicyProxy({
    path: join(folder.path, "proxy"),
    upstream: `doveadm+unix://${path}`,
    maxConnections: 2,
    rules: { web: { token: "t0ken", commands: ["mailbox list"], users: ["*"] } },
  });
  await using doveadm = connect({ path: join(folder.path, "proxy") }, {
    ...{ password: "t0ken", maxConnections: 10 },
  });
  const users = Array.from({ length: 30 }, (_, at) => `user${at}`);
  const rows = await Promise.all(users.map((user) => doveadm.run("mailbox list", { user })));
  assert.deepEqual(rows, users.map(() => [{ mailbox: "INBOX" }]));
  assert.equal(most, 2);
});

const rules = { web: { token: "t0ken", commands: ["*"], users: ["*"] } };
const upstream = "doveadm+unix:///run/dovecot/doveadm-server";

test("policy proxy, HTTP gateway › options with which no command could succeed › nothing listens", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "proxy");
  for (
    const [options, message] of [
      ...[0, -1, NaN, null, "5"].map((maxConnections) =>
        [{ maxConnections }, /"maxConnections" is .*from 1 on/] as const
      ),
      [{ upstream: undefined }, /target is undefined/],
      [{ upstream: "/run/dovecot/doveadm-server" }, /target is not a URL/],
      [{ upstream: "doveadm://x:s3cret@ho st" }, /target is not a URL/],
      [{ upstreamPassword: 5 }, /"password" is empty/],
      [{ version: "2.5" }, /"version" is "2\.5"/],
      [{ version: null }, /"version" is null/],
    ] as const
  ) {
    const refused = (error: unknown) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, message);
      return !error.message.includes("s3cret");
    };
    const given = { rules, upstream, ...options } as unknown as PolicyProxyOptions;
    await assert.rejects(servePolicyProxy({ path, ...given }), refused);
    const place = { hostname: "127.0.0.1", port: 0 };
    await assert.rejects(startHttpGateway({ ...place, ...given } as HttpGatewayOptions), refused);
  }
  assert.deepEqual(await readdir(folder.path), []);
  for (const options of [null, undefined] as unknown as (PolicyProxyOptions & { path: string })[]) {
    await assert.rejects(servePolicyProxy(options), LocalProtocolError);
  }
});

test("policy proxy › a version that is no string, of which it would check nothing › is refused", () => {
  for (const version of [2.4, "2.30", "__proto__"] as unknown as DovecotVersion[]) {
    assert.throws(
      () => withCheckedArguments(() => [], version),
      /Set it to "2.3" or "2.4", in quotes/,
    );
  }
});

test("policy proxy › as a program, SIGTERM after a refused login › the log tells of it, and its socket is gone", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "proxy");
  const file = join(folder.path, "policy.json");
  await writeFile(file, JSON.stringify({ path, upstream, rules }));
  const program = fileURLToPath(new URL("../../examples/policy_proxy.ts", import.meta.url));
  const child = spawn(process.execPath, [...argumentsToRun(program), file]);
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => errors += chunk);
  const ended = once(child, "close");
  try {
    await once(child.stdout, "data");
    await using doveadm = connect({ path }, { password: "wr0ng" });
    await assert.rejects(doveadm.run("reload"), AuthenticationError);
    // Deno would take the child's own kill() for the reason of its end.
    process.kill(child.pid!, "SIGTERM");
    assert.deepEqual(await ended, [0, null], errors);
  } finally {
    child.kill("SIGKILL");
  }
  assert.match(errors, /could not log in/);
  assert(!errors.includes("wr0ng"), errors);
  assert.deepEqual(await readdir(folder.path), ["policy.json"]);
});
