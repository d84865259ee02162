import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect, ConnectError, TimeoutError } from "../../../mod.ts";
import { serve, type ServeOptions } from "../../../doveadm/server/mod.ts";
import { TransportError } from "../../../transports/transport.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { temporaryFolder } from "../../harness/sockets.ts";

const handler = () => ["in"];
const who = { name: "who" };

test("UNIX socket › default mode › only for its owner, without login", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "doveadm-server");
  await using server = await serve({ path }, handler);
  assert.deepEqual(server.address, { transport: "unix", path });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await using doveadm = connect(`doveadm+unix://${path}`);
  assert.deepEqual((await doveadm.send(who)).fields, ["in"]);
  await server.close();
  assert(!existsSync(path));
});

test("UNIX socket › another mode, or a password › clients have to log in", async () => {
  await using folder = await temporaryFolder();
  const places: ServeOptions[] = [
    { path: join(folder.path, "a"), mode: 0o666, password: "x" },
    { path: join(folder.path, "b"), password: "x" },
  ];
  for (const place of places) {
    await using _ = await serve(place, handler);
    const { path } = place as { path: string };
    await using doveadm = connect({ path }, { password: "x" });
    assert.deepEqual((await doveadm.send(who)).fields, ["in"]);
    await using stranger = connect({ path });
    await assert.rejects(stranger.send(who), /asked for a password/);
  }
});

test("TCP › port 0 › answers at a free port until the server closes", async () => {
  const server = await serve({ hostname: "127.0.0.1", port: 0, password: "x" }, handler);
  assert(server.address.transport === "tcp" && server.address.port > 0);
  await using doveadm = connect(server.address, { password: "x", idleTimeout: 0 });
  assert.deepEqual((await doveadm.send(who)).fields, ["in"]);
  await server.close();
  const outcome = await withEnoughTime(
    200,
    (timeout) => doveadm.send(who, { timeout }).catch((error) => error),
    (outcome) => !(outcome instanceof TimeoutError),
  );
  assert(outcome instanceof ConnectError, String(outcome));
});

test("serve › an address in use, or a missing folder › rejects", async () => {
  await using server = await serve({ hostname: "127.0.0.1", port: 0, password: "x" }, handler);
  assert(server.address.transport === "tcp");
  const { port } = server.address;
  const places: ServeOptions[] = [
    { hostname: "127.0.0.1", port, password: "x" },
    { path: "/nowhere/at/all/socket" },
  ];
  for (const place of places) {
    await assert.rejects(serve(place, handler), (error) => {
      assert(error instanceof TransportError, `${error}`);
      assert.match(error.message, /^Cannot listen at /);
      return true;
    });
  }
});

test("UNIX socket › a client process is killed during a command › nothing is left", () =>
  leavingNothing(async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "socket");
    const events: string[] = [];
    const until = async (isSo: () => boolean) => {
      for (let turn = 0; !isSo() && turn < 6000; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    let begun = 0;
    await using _ = await serve({ path }, async function* ({ name, signal, input }) {
      try {
        if (name === "save") { for await (const _ of input); }
        begun++;
        for (;;) {
          yield await new Promise<string>((resolve) => setTimeout(resolve, 1, "x".repeat(1000)));
        }
      } finally {
        events.push(`${name}: ${signal.aborted}`);
      }
    });
    for (const [at, input] of [undefined, "Subject: x\n\n"].entries()) {
      const client = connect({ path });
      const answer = client.send({ name: input === undefined ? "fetch" : "save", input });
      const lost = assert.rejects(answer);
      await until(() => begun > at);
      await client.close();
      await lost;
    }
    await until(() => events.length === 2);
    assert.deepEqual(events, ["fetch: true", "save: true"]);
  }));
