import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import type tls from "node:tls";
import { connect as connectWithBun, listen as listenWithBun } from "../../transports/bun.ts";
import { connect as connectWithDeno, listen as listenWithDeno } from "../../transports/deno.ts";
import { connect as connectWithNode, listen as listenWithNode } from "../../transports/node.ts";
import type {
  Address,
  TlsOptions,
  Transport,
  TransportErrorCode,
} from "../../transports/transport.ts";
import { certificates } from "../harness/certificates.ts";
import { listen as listenAnywhere, openSockets, socketsDownTo } from "../harness/sockets.ts";
import { assertReads, rejectsWith, turn } from "./conformance.ts";
import { connectSocket, next } from "./listening.ts";
import { secureClient, secureServer } from "./tls_ends.ts";

const [connect, listen] = "Deno" in globalThis
  ? [connectWithDeno, listenWithDeno]
  : "Bun" in globalThis
  ? [connectWithBun, listenWithBun]
  : [connectWithNode, listenWithNode];

const { ca, otherCa, good, expired, selfSigned, wrongName, client, otherClient } =
  await certificates();
const port: Address = { transport: "tcp", hostname: "127.0.0.1", port: 0 };

/** A server of `node:tls` that sends the ALPN protocol and the SNI name of its client. */
async function serverWith(options: tls.TlsOptions) {
  return await listenAnywhere("tcp", (socket: Socket) => {
    secureServer(socket, options).then((it) => {
      it.write(`${it.alpnProtocol || "-"} ${(it as { servername?: string }).servername || "-"}`);
    }, () => socket.destroy());
  });
}

/** Connects in both ways. */
function bothWays(address: Address, tls: TlsOptions): (() => Promise<Transport>)[] {
  return [
    () => connect(address, { tls }),
    async () => await (await connect(address)).startTls(tls),
  ];
}

async function textOf(transport: Transport): Promise<string> {
  return new TextDecoder().decode(await transport.read());
}

const trusted: [what: string, server: tls.TlsOptions, client: TlsOptions, says: string][] = [
  ["a good certificate by name", {}, { caCerts: [ca], serverName: "localhost" }, "- localhost"],
  ["a good certificate by address", {}, { caCerts: [ca] }, "- -"],
  ["a certificate of one of several CAs", {}, { caCerts: [otherCa, ca] }, "- -"],
  ["a certificate of one of several CAs in one text", {}, { caCerts: [otherCa + ca] }, "- -"],
  [
    "an ALPN protocol that the client offers",
    { ALPNProtocols: ["imap", "x"] },
    { caCerts: [ca], alpnProtocols: ["y", "x"] },
    "x -",
  ],
  [
    "no ALPN protocol of the client's",
    { ALPNProtocols: ["doveadm"] },
    { caCerts: [ca] },
    "- -",
  ],
  [
    "an empty list of ALPN protocols of the client's",
    { ALPNProtocols: ["imap"] },
    { caCerts: [ca], alpnProtocols: [] },
    "- -",
  ],
  ["a required client certificate", { ca, requestCert: true }, { caCerts: [ca], ...client }, "- -"],
  ["another host's name that the client requests", wrongName, {
    caCerts: [ca],
    serverName: "other.example",
  }, "- other.example"],
  ...Object.entries({ expired, selfSigned, wrongName }).map((
    [name, pair],
  ): (typeof trusted)[number] => [
    `dangerouslyTrustAnyCertificate and a bad certificate (${name})`,
    pair,
    { dangerouslyTrustAnyCertificate: true },
    "- -",
  ]),
];

for (const [what, serverOptions, options, says] of trusted) {
  test(`TLS client › ${what} › is accepted`, async () => {
    await using server = await serverWith(serverOptions);
    for (const open of bothWays(server.address, options)) {
      await using transport = await open();
      assert.equal(await textOf(transport), says);
    }
  });
}

const refused: [
  what: string,
  server: tls.TlsOptions,
  client: TlsOptions,
  code: TransportErrorCode,
  telling: string,
][] = [
  ["an expired certificate", expired, {}, "certificate", "has expired"],
  ["a self-signed certificate", selfSigned, {}, "certificate", '"caCerts"'],
  ["a wrong name", wrongName, {}, "certificate", "is for 192.0.2.1, not for 127.0"],
  [
    "another name than the client requests",
    {},
    { serverName: "mail.example" },
    "certificate",
    "mail.example",
  ],
  ["an unknown CA", {}, { caCerts: [otherCa] }, "certificate", '"caCerts"'],
  ["only the runtime's CAs", {}, { caCerts: undefined }, "certificate", '"caCerts"'],
  [
    "no common ALPN protocol",
    { ALPNProtocols: ["imap"] },
    { alpnProtocols: ["doveadm"] },
    "tls",
    '"alpnProtocols"',
  ],
  ["an empty list of CAs", {}, { caCerts: [] }, "tls", '"caCerts" is empty'],
  ["a CA that isn't PEM", {}, { caCerts: ["rubbish"] }, "tls", "PEM"],
  ["a client certificate without a key", {}, { cert: client.cert }, "tls", '"cert" and "key"'],
];

for (const [what, serverOptions, options, code, telling] of refused) {
  test(`TLS client › ${what} › is refused with the reason`, async () => {
    const before = openSockets();
    {
      await using server = await serverWith(serverOptions);
      for (const open of bothWays(server.address, { caCerts: [ca], ...options })) {
        const { message } = await rejectsWith(code, open(), telling);
        assert.ok(message.startsWith("Cannot start TLS with tcp 127.0.0.1:"), message);
      }
    }
    await socketsDownTo(before);
  });
}

const clients: [
  what: string,
  tls: tls.ConnectionOptions,
  code: TransportErrorCode | undefined,
  telling: string,
][] = [
  ["a good certificate", client, undefined, ""],
  ["no certificate", {}, "certificate", "has no certificate"],
  ["another CA's certificate", otherClient, "certificate", "its certificate"],
  ["no common ALPN protocol", { ...client, ALPNProtocols: ["imap"] }, "tls", '"alpnProtocols"'],
];

for (const [what, options, code, telling] of clients) {
  for (const encryption of ["TLS", "STARTTLS"]) {
    test(`${encryption} listener › it requires a certificate, a client has ${what} › ${code === undefined ? "is accepted" : "is refused"}`, async () => {
      const own: TlsOptions = { ...good, caCerts: [ca], alpnProtocols: ["doveadm"] };
      await using listener = await listen(port, encryption === "TLS" ? { tls: own } : {});
      const socket = await connectSocket(listener.address);
      const securing = secureClient(socket, options);
      securing.catch(() => {});
      await using accepted = await next(listener);
      const reading = encryption === "TLS"
        ? accepted.read()
        : accepted.startTls(own).then((it) => it.read());
      if (code === undefined) {
        (await securing).write("!");
        assert.deepEqual(new Uint8Array(await reading ?? []), Uint8Array.of(33));
      } else {
        await rejectsWith(code, reading, telling);
        await securing.then((it) => it.on("error", () => {}), () => {});
      }
      socket.destroy();
    });
  }
}

test("TLS client › it lacks a required certificate › gets no data", async () => {
  await using listener = await listen(port, { tls: { ...good, caCerts: [ca] } });
  const connecting = connect(listener.address, { tls: { caCerts: [ca] } });
  await using accepted = await next(listener);
  await rejectsWith("certificate", accepted.read());
  // With TLS 1.3 a client's handshake is over before its certificate is looked at.
  await using transport = await connecting;
  // Some runtimes send the reason, some just close.
  assert.equal(await transport.read().catch(() => undefined), undefined);
});

test("TLS listener › no certificate › listen() rejects", async () => {
  await rejectsWith("tls", listen(port, { tls: {} }), '"cert" and "key"');
});

test("STARTTLS client › unencrypted bytes after the request for TLS › startTls() rejects", async () => {
  const ok = new TextEncoder().encode("+OK\n");
  // Whether they come before the handshake or into it is chance. Fewer than five bytes would be taken
  // for the beginning of a record then, and more waited for.
  for (const words of ["+INJECTED\n", "\x16\x03\x03\x00\x05INJECTED\n"]) {
    await using server = await listenAnywhere("tcp", (socket) => {
      socket.write(ok);
      socket.once("data", () => socket.write(words));
    });
    const transport = await connect(server.address);
    await assertReads(transport, ok);
    await transport.write(Uint8Array.of(1));
    await turn();
    const securing = transport.startTls({ caCerts: [ca], serverName: "localhost" });
    await rejectsWith("tls", securing, "Cannot start TLS with ");
    await rejectsWith("closed", transport.read());
  }
});

test("STARTTLS listener › unencrypted bytes after the request for TLS › startTls() rejects", async () => {
  await using listener = await listen(port);
  const socket = await connectSocket(listener.address);
  socket.write("STARTTLS\nINJECTED\n");
  await using accepted = await next(listener);
  await turn();
  await rejectsWith("tls", accepted.startTls({ ...good }), "Cannot start TLS with ");
  await rejectsWith("closed", accepted.read());
  socket.destroy();
});

test("STARTTLS client › startTls() during a read › rejects", async () => {
  await using server = await listenAnywhere("tcp", () => {});
  const transport = await connect(server.address);
  const reading = rejectsWith("closed", transport.read());
  await turn();
  await rejectsWith("tls", transport.startTls({ caCerts: [ca] }), "is pending");
  await reading;
});

test("STARTTLS client › the old transport after startTls() › only close() works", async () => {
  await using server = await serverWith({});
  const plain = await connect(server.address);
  const transport = await plain.startTls({ caCerts: [ca] });
  assert.equal(transport.peer, plain.peer);
  await rejectsWith("closed", plain.read(), "startTls()");
  await rejectsWith("closed", plain.write(Uint8Array.of(1)), "startTls()");
  await rejectsWith("closed", plain.closeWrite(), "startTls()");
  assert.equal(await textOf(transport), "- -");
  const reading = assert.rejects(transport.read());
  await plain.close();
  await reading;
});

test("TLS client › a signal aborts during the handshake › connect() rejects", async () => {
  const before = openSockets();
  await using server = await listenAnywhere("tcp", () => {});
  const controller = new AbortController();
  const { signal } = controller;
  const connecting = connect(server.address, { signal, tls: { caCerts: [ca] } });
  const rejected = rejectsWith("aborted", connecting);
  await turn();
  controller.abort(new Error("no time"));
  assert.equal((await rejected).cause, signal.reason);
  await socketsDownTo(before + 2);
});

test("TLS › close() during the handshake, at either end › the other calls reject", async () => {
  await using server = await listenAnywhere("tcp", () => {});
  const plain = await connect(server.address);
  const securing = rejectsWith("closed", plain.startTls({ caCerts: [ca] }));
  await turn();
  await plain.close();
  await securing;
  await using listener = await listen(port, { tls: { ...good } });
  const socket = await connectSocket(listener.address);
  const accepted = await next(listener);
  const reading = rejectsWith("closed", accepted.read());
  await turn();
  await accepted.close();
  await reading;
  socket.destroy();
});

test("TLS client › the server ends the connection, or doesn't speak TLS › connect() rejects with the reason", async () => {
  await using gone = await listenAnywhere(
    "tcp",
    (socket) => socket.once("data", () => socket.end()),
  );
  await rejectsWith(
    "reset",
    connect(gone.address, { tls: { caCerts: [ca] } }),
    "Check that it speaks TLS",
  );
  await using plain = await listenAnywhere("tcp", (socket) => socket.write("VERSION\tx\t1\t2\n"));
  await rejectsWith("tls", connect(plain.address, { tls: { caCerts: [ca] } }), "Cannot start TLS");
});

/** Checks that nothing works with a transport whose connection was reset. */
async function rejectsAll(opening: Promise<Transport>): Promise<void> {
  await using transport = await opening;
  const write = () => rejectsWith("reset", transport.write(new Uint8Array(100_000)));
  await Promise.all([rejectsWith("reset", transport.read()), write()]);
  await rejectsWith("reset", transport.read());
  await write();
}

// Neither end knows yet that the connection is reset when it writes the last bytes of its handshake.
for (const encryption of ["TLS", "STARTTLS"]) {
  const name = `${encryption} › a reset after the peer's last bytes of the handshake`;

  test(`${name}, a server's end › all operations reject`, async () => {
    await using listener = await listen(port, encryption === "TLS" ? { tls: { ...good } } : {});
    for (let i = 0; i < 20; i++) {
      const socket = await connectSocket(listener.address);
      void secureClient(socket).then(() => setImmediate(() => socket.resetAndDestroy()));
      const accepted = await next(listener);
      await rejectsAll(
        encryption === "TLS" ? Promise.resolve(accepted) : accepted.startTls({ ...good }),
      );
    }
  });

  test(`${name}, a client's end › all operations reject`, async () => {
    await using server = await listenAnywhere("tcp", (socket) => {
      const SNICallback: tls.TlsOptions["SNICallback"] = (_name, done) => {
        // Sends all of its handshake.
        done(null);
        setImmediate(() => socket.resetAndDestroy());
      };
      void secureServer(socket, { SNICallback }).catch(() => {});
    });
    for (let i = 0; i < 20; i++) {
      const [withTls, withStartTls] = bothWays(server.address, {
        caCerts: [ca],
        serverName: "localhost",
      });
      await rejectsAll(encryption === "TLS" ? withTls() : withStartTls());
    }
  });
}

if ("Bun" in globalThis) {
  test('bun.ts › startTls() over a UNIX socket › rejects with "unsupported"', async () => {
    await using server = await listenAnywhere("unix", () => {});
    const transport = await connect(server.address);
    await rejectsWith("unsupported", transport.startTls({}), "Bun");
  });
}
