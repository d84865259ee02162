/** Refused logins over sockets: how long they are delayed, for whom, and what that costs. */

import assert from "node:assert/strict";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { AuthenticationError, connect } from "../../../mod.ts";
import { type DoveadmServer, serve, type ServeOptions } from "../../../doveadm/server/mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { sleep } from "./memory_server.ts";
import { until } from "../../harness/until.ts";

const password = "s3cret";
const place = { hostname: "127.0.0.1", port: 0 };
const loginWith = (password: string) =>
  `VERSION\tdoveadm-server\t1\t0\nPLAIN\t${btoa(`\0doveadm\0${password}`)}\n`;

/** A server, and what it reported. */
async function start(options: Partial<ServeOptions> & { refusalDelay?: number }) {
  const errors: unknown[] = [];
  const server = await serve({
    ...place,
    ...("authenticate" in options ? {} : { password }),
    onError: (error) => errors.push(error),
    ...options,
  } as ServeOptions, () => ["in"]);
  return { server, errors, [Symbol.asyncDispose]: () => server.close({ timeout: 1 }) };
}

function raw({ address }: DoveadmServer): Socket {
  const socket = address.transport === "tcp"
    ? dial({ host: "127.0.0.1", port: address.port, allowHalfOpen: true })
    : dial({ path: address.path, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** Sends something and returns what comes back until the end, and after how many milliseconds. */
function exchange(server: DoveadmServer, lines: string, { halfClose = false } = {}) {
  const socket = raw(server);
  const start = performance.now();
  let heard = "";
  if (halfClose) socket.end(lines);
  else socket.write(lines);
  return new Promise<{ heard: string; time: number }>((resolve) => {
    socket.setEncoding("utf8").on("data", (chunk) => heard += chunk);
    const done = () => {
      socket.destroy();
      resolve({ heard, time: performance.now() - start });
    };
    socket.on("end", done);
    socket.on("close", done);
  });
}

/** How long a login with the right password takes. */
async function rightLogin(server: DoveadmServer): Promise<number> {
  const start = performance.now();
  await using doveadm = connect(server.address, { password });
  assert.deepEqual((await doveadm.send({ name: "who" })).fields, ["in"]);
  return performance.now() - start;
}

test("refusals › wrong and right passwords over TCP › wrong ones are refused later each time", async () => {
  await using setup = await start({ refusalDelay: 100 });
  const { server } = setup;
  const times: number[] = [];
  for (let at = 0; at < 4; at++) {
    const { heard, time } = await exchange(server, loginWith(`wrong${at}`));
    assert.equal(heard, "-\n-\n");
    times.push(time);
    await rightLogin(server);
  }
  [100, 200, 400, 800].forEach((least, at) => assert(times[at] > least - 5, `${times}`));
  // While a refusal waits, right passwords don't.
  await using other = await start({ refusalDelay: 60_000 });
  const refused = exchange(other.server, loginWith("wrong"));
  let isRefused = false;
  void refused.then(() => isRefused = true);
  await until(() => other.errors.length === 1, "it was refused");
  await rightLogin(other.server);
  assert.equal(isRefused, false);
  await other.server.close({ timeout: 1 });
  await refused;
  assert.equal(setup.errors.length, 4);
  for (const error of [...setup.errors, ...other.errors]) {
    assert(error instanceof AuthenticationError);
    assert.match(error.message, /could not log in: the password is wrong\.$/);
  }
});

test("refusals › many wrong passwords at once › each counts at once", async () => {
  await using setup = await start({ refusalDelay: 50 });
  const all = await Promise.all(
    Array.from({ length: 30 }, (_, at) => exchange(setup.server, loginWith(`wrong${at}`))),
  );
  const slow = all.filter(({ time }) => time > 790);
  // All but the first four wait for the longest.
  assert(slow.length >= 26, all.map(({ time }) => time.toFixed()).join(" "));
});

test("authenticate › refuses, or throws › is delayed as well", async () => {
  await using setup = await start({
    refusalDelay: 150,
    authenticate(_, password) {
      if (password === "broken") throw new Error("The database is away.");
      return undefined;
    },
  });
  const first = await exchange(setup.server, loginWith("wrong"));
  const second = await exchange(setup.server, loginWith("broken"));
  assert(first.time > 145 && second.time > 295, `${first.time} ${second.time}`);
  assert.equal(setup.errors.length, 3);
});

test("authenticate › returns something other than a name › the login is refused", async () => {
  for (const wrong of [null, true, 1, {}]) {
    await using setup = await start({
      refusalDelay: 0,
      authenticate: () => wrong as unknown as string,
    });
    assert.equal((await exchange(setup.server, loginWith("x"))).heard, "-\n-\n");
    assert.match(String(setup.errors[0]), /"authenticate" returned a/);
  }
});

test("refusals › a wrong password at a UNIX socket › is refused at once", async () => {
  await using folder = await temporaryFolder();
  const errors: unknown[] = [];
  await using server = await serve({
    path: join(folder.path, "socket"),
    password,
    refusalDelay: 60_000,
    onError: (error) => errors.push(error),
  }, () => []);
  for (let at = 0; at < 3; at++) {
    assert.equal((await exchange(server, loginWith("wrong"))).heard, "-\n-\n");
  }
  assert.equal(errors.length, 3);
});

test("a delayed refusal › the client closes its side › comes no sooner", async () => {
  await using setup = await start({ refusalDelay: 300 });
  const { heard, time } = await exchange(setup.server, loginWith("wrong"), { halfClose: true });
  assert.equal(heard, "-\n-\n");
  assert(time > 295, `${time}`);
});

test("a delayed refusal › the client is reset › frees its place, and it counts", async () => {
  await using setup = await start({ refusalDelay: 30_000 });
  const sockets = [0, 300_000].map((size) => {
    const socket = raw(setup.server);
    socket.resume();
    socket.write(loginWith("wrong") + "x".repeat(size));
    return socket;
  });
  await until(() => setup.errors.length === 2, "both were refused");
  assert.equal(setup.server.connections, 2);
  for (const socket of sockets) socket.resetAndDestroy();
  await until(() => setup.server.connections === 0, "their places were free");
});

test("a delayed refusal › takes longer than handshakeTimeout › still comes", async () => {
  await using setup = await start({ refusalDelay: 400, handshakeTimeout: 200 });
  const { heard, time } = await exchange(setup.server, loginWith("wrong"));
  assert.equal(heard, "-\n-\n");
  assert(time > 395);
  assert.equal(setup.errors.length, 1);
});

test("a delayed refusal › the server closes › the connection closes at once, and no timer is left", async () => {
  await leavingNothing(async () => {
    const setup = await start({ refusalDelay: 60_000 });
    const refused = [1, 2, 3].map(() => exchange(setup.server, loginWith("wrong")));
    await until(() => setup.errors.length === 3, "all were refused");
    await setup.server.close();
    for (const { heard } of await Promise.all(refused)) assert.equal(heard, "-\n");
  });
});

test("delayed refusals › at maxConnections › are the first to lose their place", async () => {
  await using setup = await start({ refusalDelay: 60_000, maxConnections: 3 });
  const { server, errors } = setup;
  // It has taken longest to log in, and will.
  const slow = raw(server);
  slow.write("VERSION\tdoveadm-server\t1\t0\n");
  await until(() => server.connections === 1, "the first was there");
  let ended = 0;
  for (let at = 0; at < 20; at++) {
    void exchange(server, loginWith("wrong")).then(() => ended++);
    await until(
      () => errors.filter((error) => error instanceof AuthenticationError).length === at + 1,
      "it was refused",
    );
  }
  assert(server.connections <= 3);
  await until(() => ended === 18, "all but the last two lost their places");
  assert(await rightLogin(server) < 30_000);
  slow.write(loginWith(password).split("\n")[1] + "\n\t\twho\n");
  slow.end();
  let heard = "";
  for await (const chunk of slow) heard += String(chunk);
  assert.equal(heard, "-\n+\nin\t\n+\n");
});

test("a login that is refused › the client's name has control characters › shows as escapes", async () => {
  await using setup = await start({ refusalDelay: 0 });
  const name = "bob\x1b[2J\x07\u202e\x9b31m\nFeb 30 sshd: root logged in";
  const utf8 = String.fromCharCode(...new TextEncoder().encode(`\0${name}\0hunter2`));
  await exchange(setup.server, `VERSION\tdoveadm-server\t1\t0\nPLAIN\t${btoa(utf8)}\n`);
  const message = String(setup.errors[0]);
  assert.match(message, /there is no "bob\\x1b\[2J\\x07\\u202e\\x9b31m\\nFeb 30/);
  // deno-lint-ignore no-control-regex -- there must be none of these
  assert.doesNotMatch(message, /[\x00-\x1f\x7f-\x9f\u202e]/);
  assert.doesNotMatch(message, /hunter2/);
});

test("guessing › 200 connections that don't wait for their refusals › are bounded by maxConnections", async () => {
  await using setup = await start({ refusalDelay: 60_000, maxConnections: 20 });
  const { server, errors } = setup;
  let most = 0;
  const sockets = Array.from({ length: 200 }, (_, at) => {
    const socket = raw(server);
    socket.write(loginWith(`wrong${at}`));
    socket.on("data", () => most = Math.max(most, server.connections));
    return socket;
  });
  await until(() => errors.length >= 200, "all were looked at");
  assert(most <= 20, `${most}`);
  assert(await rightLogin(server) < 30_000);
  for (const socket of sockets) socket.destroy();
  await sleep(0);
});
