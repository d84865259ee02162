/** Numbers among the options of a server: which are refused, and what time limits do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../../mod.ts";
import { serve } from "../../../doveadm/server/mod.ts";
import { bytes, hello, rest, setUp, sleep } from "./memory_server.ts";
import { until } from "../../harness/until.ts";

test("options › no login at all, impossible logins, invalid numbers › are refused", async () => {
  const handler = () => [];
  const cases: (readonly [Parameters<typeof serve>[0], RegExp])[] = [
    [{ hostname: "127.0.0.1", port: 0 }, /neither "password" nor "authenticate"/],
    [{ path: "/nowhere/socket", mode: 0o666 }, /neither "password" nor "authenticate"/],
    [
      { hostname: "127.0.0.1", port: 0, password: "x", authenticate: () => "x" },
      /Both "password" and "authenticate"/,
    ],
    [{ hostname: "127.0.0.1", port: 0, password: "" }, /"password" is empty/],
    [{ hostname: "127.0.0.1", port: 0, password: "x", maxMinor: 7 }, /"maxMinor" is 7/],
    [
      { hostname: "127.0.0.1", port: 0, password: "x", limits: { backlog: 0 } },
      /"limits.backlog" is 0/,
    ],
  ];
  const place = { hostname: "127.0.0.1", port: 0, password: "x" };
  const times = ["handshakeTimeout", "idleTimeout", "stallTimeout"];
  const limits = ["handshakeLine", "commandLine", "backlog"];
  for (const value of [NaN, -1, -Infinity, "5" as unknown as number, null as unknown as number]) {
    for (const name of [...times, "maxConnections", "refusalDelay"]) {
      cases.push([{ ...place, [name]: value }, new RegExp(`"${name}" is "?${value}`)]);
    }
    for (const name of limits) {
      cases.push([
        { ...place, limits: { [name]: value } },
        new RegExp(`"limits.${name}" is "?${value}`),
      ]);
    }
  }
  for (const name of limits) {
    cases.push([{ ...place, limits: { [name]: 0 } }, new RegExp(`"limits.${name}" is 0`)]);
  }
  cases.push([{ ...place, maxConnections: 0 }, /"maxConnections" is 0/]);
  cases.push([{ ...place, refusalDelay: Infinity }, /"refusalDelay" is Infinity/]);
  for (const [options, message] of cases) {
    await assert.rejects(serve(options, handler), (error) => {
      assert(error instanceof LocalProtocolError, `${error}`);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("time limits › logging in, a command, more input, reading a reply › close the connection", async () => {
  await using setup = await setUp(async function* ({ name, input }) {
    if (name === "long") await sleep(1000);
    if (name === "save") { for await (const _ of input); }
    if (name === "large") yield new Uint8Array(10_000_000);
  }, { handshakeTimeout: 400, idleTimeout: 400, stallTimeout: 400 });
  const closes = async (lines: string, expected: string) => {
    const raw = await setup.dial();
    await raw.write(bytes(lines));
    assert.equal(await rest(raw), expected);
  };
  await closes("VERSION\tdoveadm", "");
  await closes("VERSION\tdoveadm-server\t1\t0\n", "+\n");
  await closes("VERSION\tdoveadm-server\t1\t0\n\t\tlong\n", "+\n\n+\n");
  await closes("VERSION\tdoveadm-server\t1\t0\n\t\tsave\nhalf a mess", "+\n\n-TEMPFAIL\n");
  const raw = await setup.dial();
  await raw.write(bytes("VERSION\tdoveadm-server\t1\t0\n\t\tlarge\n"));
  await until(() => setup.errors.length === 5, "the one that doesn't read was aborted");
  assert.match(
    setup.errors.join("\n"),
    /didn't log in within 400 ms[^]*sent nothing[^]*read nothing/,
  );
  await raw.close();
});

test("time limits › a client that sends a byte now and then › has no longer to log in", async () => {
  await using setup = await setUp(() => [], { handshakeTimeout: 100 });
  const raw = await setup.dial();
  const reading = rest(raw);
  let isOver = false;
  void reading.then(() => {
    isOver = true;
  });
  for (let at = 0; at < 500 && !isOver; at++) {
    await raw.write(bytes("V")).catch(() => {});
    await sleep(10);
  }
  assert.equal(await reading, "");
});

test("time limits › 0 and Infinity › are no limits", async () => {
  for (const limit of [0, Infinity]) {
    await using setup = await setUp(async function* ({ name, input }) {
      if (name === "save") { for await (const _ of input); }
      if (name === "large") yield new Uint8Array(1_000_000);
      yield "done";
    }, { handshakeTimeout: limit, idleTimeout: limit, stallTimeout: limit });
    const raw = await setup.dial();
    const pause = () => sleep(60);
    await raw.write(bytes("VERSION\tdoveadm-"));
    await pause();
    await raw.write(bytes("server\t1\t0\n"));
    await pause();
    await raw.write(bytes("\t\tsave\nhalf "));
    await pause();
    await raw.write(bytes("a mess\n.\n\t\tlarge\n"));
    await pause();
    const heard = rest(raw);
    await raw.closeWrite();
    assert.match(await heard, /^\+\ndone\t\n\+\n[^]*done\t\n\+\n$/);
    assert.deepEqual(setup.errors, []);
  }
});

test("time limits › of more than 24.8 days › don't close the connection at once", async () => {
  const limit = 2 ** 33;
  await using setup = await setUp(() => ["in"], {
    handshakeTimeout: limit,
    idleTimeout: limit,
    stallTimeout: limit,
  });
  const raw = await setup.dial();
  await raw.write(hello);
  await sleep(30);
  await raw.write(bytes("\t\twho\n"));
  await raw.closeWrite();
  assert.equal(await rest(raw), "+\nin\t\n+\n");
});

test("idleTimeout › a handler that doesn't read the input › isn't counted", async () => {
  await using setup = await setUp(async ({ input }) => {
    await sleep(500);
    let size = 0;
    for await (const chunk of input) size += chunk.length;
    return [String(size)];
  }, { idleTimeout: 300 });
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tsave\n"));
  const answer = rest(raw);
  await raw.write(new Uint8Array(300_000).fill(65));
  await raw.write(bytes("\n.\n"));
  await raw.closeWrite();
  assert.equal(await answer, "+\n300000\t\n+\n");
  assert.deepEqual(setup.errors, []);
});

test("close › timeout NaN, negative or no number, or no options › is refused, and nothing is closed", async () => {
  await using setup = await setUp(() => ["in"]);
  for (const timeout of [NaN, -1, "5" as unknown as number]) {
    await assert.rejects(setup.server.close({ timeout }), LocalProtocolError);
  }
  for (const options of [5, null, "5"]) {
    await assert.rejects(setup.server.close(options as never), LocalProtocolError);
  }
  await using connection = await setup.open();
  assert.deepEqual((await connection.send({ name: "who" })).fields, ["in"]);
});

test("close › timeout 0 or Infinity › waits as long as a command takes", async () => {
  for (const timeout of [0, Infinity]) {
    let hasBegun = false;
    const setup = await setUp(async ({ signal }) => {
      hasBegun = true;
      await sleep(200);
      return [signal.aborted ? "aborted" : "done"];
    });
    await using connection = await setup.open();
    const answer = connection.send({ name: "index" });
    await until(() => hasBegun, "the command began");
    await setup.server.close({ timeout });
    assert.deepEqual((await answer).fields, ["done"]);
  }
});

test("signal › has aborted by the time of serve(), or aborts often › closes once", async () => {
  const controller = new AbortController();
  const setups = await Promise.all(
    Array.from({ length: 3 }, () => setUp(() => [], { signal: controller.signal })),
  );
  controller.abort();
  for (const { server } of setups) await server.finished;
  await assert.rejects(setUp(() => [], { signal: controller.signal }), /abort/i);
});
