/** TLS at our server: from the first byte, and by STARTTLS. */

import assert from "node:assert/strict";
import { test } from "node:test";
import tls, { type TLSSocket } from "node:tls";
import { AuthenticationError, connect, ConnectError, LocalProtocolError } from "../../../mod.ts";
import { DoveadmServerProtocol } from "../../../core/doveadm/mod.ts";
import {
  type DoveadmServer,
  serve,
  type ServeOptions,
  type ServeSettings,
} from "../../../doveadm/server/mod.ts";
import { memoryListener } from "../../../transports/memory.ts";
import { certificates } from "../../harness/certificates.ts";

const password = "s3cret";

async function start(settings: ServeSettings): Promise<DoveadmServer & { port: number }> {
  const place = { hostname: "127.0.0.1", port: 0, password };
  const server = await serve({ ...place, ...settings }, ({ name, user }) => [name, user ?? ""]);
  const { address } = server;
  assert(address.transport === "tcp");
  return Object.assign(server, { port: address.port });
}

const request = { name: "mailbox list", user: "alice" };

test("serve › TLS from the first byte › only clients with TLS are answered", async () => {
  const { good: { cert, key }, ca, client, otherClient } = await certificates();
  await using server = await start({ tls: { cert, key } });
  const url = `doveadms://localhost:${server.port}` as const;
  await using doveadm = connect(url, { password, tls: { caCerts: [ca] } });
  assert.deepEqual((await doveadm.send(request)).fields, ["mailbox list", "alice"]);
  // The runtime's own CAs don't know that one.
  await using stranger = connect(url, { password });
  await assert.rejects(stranger.send(request), ConnectError);
  // A client without TLS isn't answered, and doesn't affect others.
  await using clear = connect(`doveadm://localhost:${server.port}`, {
    password,
    handshakeTimeout: 5_000,
  });
  await assert.rejects(clear.send(request));
  assert.deepEqual((await doveadm.send(request)).fields, ["mailbox list", "alice"]);

  await using picky = await start({ tls: { cert, key, caCerts: [ca] } });
  const pickyUrl = `doveadms://localhost:${picky.port}` as const;
  const known = { caCerts: [ca], ...client };
  await using friend = connect(pickyUrl, { password, tls: known });
  assert.deepEqual((await friend.send(request)).fields, ["mailbox list", "alice"]);
  for (const tls of [{ caCerts: [ca] }, { caCerts: [ca], ...otherClient }]) {
    await using other = connect(pickyUrl, { password, tls });
    await assert.rejects(other.send(request));
  }
});

test("ALPN › a doveadm server and a doveadm client › both name doveadm unless the options do", async () => {
  const { good: { cert, key }, ca } = await certificates();
  await using server = await start({ tls: { cert, key } });
  await using other = await start({ tls: { cert, key, alpnProtocols: ["x-admin"] } });
  const protocolOf = (port: number, ALPNProtocols: string[]) =>
    new Promise<string | false | null>((resolve, reject) => {
      const socket: TLSSocket = tls.connect({ port, host: "localhost", ca, ALPNProtocols }, () => {
        resolve(socket.alpnProtocol);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  assert.equal(await protocolOf(server.port, ["imap", "doveadm"]), "doveadm");
  await assert.rejects(protocolOf(server.port, ["imap"]));
  assert.equal(await protocolOf(other.port, ["doveadm", "x-admin"]), "x-admin");

  const caCerts = [ca];
  await using usual = connect(`doveadms://localhost:${server.port}`, {
    password,
    tls: { caCerts },
  });
  assert.deepEqual((await usual.send(request)).fields, ["mailbox list", "alice"]);
  await using stranger = connect(`doveadms://localhost:${other.port}`, {
    password,
    tls: { caCerts },
  });
  await assert.rejects(stranger.send(request), ConnectError);
  await using silent = connect(`doveadms://localhost:${other.port}`, {
    password,
    tls: { caCerts, alpnProtocols: [] },
  });
  assert.deepEqual((await silent.send(request)).fields, ["mailbox list", "alice"]);
});

test("serve › STARTTLS offered and required › answers with TLS, and without only if offered", async () => {
  const { good: { cert, key }, ca } = await certificates();
  for (const starttls of ["offered", "required"] as const) {
    await using server = await start({ tls: { cert, key }, starttls });
    await using doveadm = connect(`doveadm+starttls://localhost:${server.port}`, {
      password,
      tls: { caCerts: [ca] },
    });
    assert.deepEqual((await doveadm.send(request)).fields, ["mailbox list", "alice"]);
    await using clear = connect(`doveadm://localhost:${server.port}`, { password });
    if (starttls === "offered") {
      assert.deepEqual((await clear.send(request)).fields, ["mailbox list", "alice"]);
    } else {
      await assert.rejects(clear.send(request), AuthenticationError);
    }
  }
  await using without = await start({});
  await using doveadm = connect(`doveadm+starttls://localhost:${without.port}`, { password });
  await assert.rejects(doveadm.send(request), (error: Error) => !("sent" in error && error.sent));
});

test("serve › invalid TLS options › an error", async () => {
  const { good: { cert, key }, ca } = await certificates();
  const place = { hostname: "127.0.0.1", port: 0, password };
  const { listener } = memoryListener();
  const tls = { cert, key };
  const invalid: readonly (readonly [options: ServeOptions, message: RegExp])[] = [
    [{ ...place, tls: { cert } }, /"tls" lacks "cert" or "key"/],
    [{ ...place, starttls: "required" }, /"starttls" needs a certificate/],
    [{ ...place, preauthenticated: true, tls, starttls: "required" }, /Leave one out/],
    [{ listener, password, tls }, /Give "tls" to listen\(\)/],
    [
      { ...place, tls: { ...tls, caCerts: [ca] }, starttls: "offered" },
      /Set "starttls" to "required"/,
    ],
  ];
  for (const [options, message] of invalid) {
    await assert.rejects(serve(options, () => []), (error: Error) => {
      assert.match(error.message, message);
      return error instanceof LocalProtocolError;
    });
  }
  assert.throws(
    () => new DoveadmServerProtocol({ preauthenticated: true, starttls: "required" }),
    /TLS is asked for at the login/,
  );
});
