import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/errors.ts";
import { ImapRelay, serveRelay } from "../../imap/relay/mod.ts";
import { serve as serveDoveadm } from "../../doveadm/server/mod.ts";
import { ImapClient, ImapServer, serve } from "../../imap/mod.ts";
import { connect as connectDoveadm, DoveadmConnection } from "../../mod.ts";
import { memoryListener, memoryPair } from "../../transports/memory.ts";
import { connect, type HttpResponder, listen, listenHttp, spawn } from "../../transports/mod.ts";
import { fromStreams } from "../../transports/streams.ts";
import {
  type Address,
  type Listener,
  type TlsOptions,
  type Transport,
  TransportError,
} from "../../transports/transport.ts";

const others: readonly unknown[] = [null, true, -1, NaN, 5n, Symbol("5"), {}, [], () => {}];
const tcp = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;

/** That a call rejects, or throws, a `LocalProtocolError` and nothing else, now or later. */
async function checkRefused(call: () => unknown): Promise<void> {
  await assert.rejects(async () => await call(), (error: Error) => {
    return error instanceof LocalProtocolError && !error.message.includes("s3cret");
  }, String(call));
}

test("connect, listen › addresses of other types › LocalProtocolError", async () => {
  const wrong: unknown[] = [undefined, 5, "5", ...others];
  for (const other of [undefined, ...others]) {
    wrong.push({ ...tcp, port: other }, { ...tcp, hostname: other }, { ...tcp, transport: other });
    wrong.push({ transport: "unix", path: other });
  }
  wrong.push({ ...tcp, port: 1.5 }, { ...tcp, port: "24245" });
  wrong.push({ ...tcp, hostname: "" });
  wrong.push({ ...tcp, hostname: "a\0b" }, { transport: "unix", path: "" });
  wrong.push({ ...tcp, hostname: "u:s3cret@host" }, { ...tcp, hostname: "https://host" });
  wrong.push({ transport: "unix", path: "/run/dovecot/doveadm-server\0x" });
  for (const address of wrong) {
    await checkRefused(() => connect(address as Address));
    await checkRefused(() => listen(address as Address));
  }
  for (const other of [undefined, "", ...others]) {
    const answer = () => new Response();
    await checkRefused(() => listenHttp({ ...tcp, hostname: other as string }, answer));
    if (other !== "") {
      await checkRefused(() => listenHttp({ ...tcp, port: other as number }, answer));
    }
  }
  await checkRefused(() => listenHttp(tcp, 5 as unknown as HttpResponder));
  await checkRefused(() => listenHttp(undefined as unknown as typeof tcp, () => new Response()));
  await assert.rejects(connect({ ...tcp, port: 65_536 }), TransportError);
});

test("connect, listen, spawn › options of other types › LocalProtocolError", async () => {
  await checkRefused(() => spawn("true" as unknown as string[]));
  await checkRefused(() => spawn([5] as unknown as string[]));
  for (const other of others) {
    const signal = other as AbortSignal;
    await checkRefused(() => connect(tcp, { signal }));
    await checkRefused(() => spawn(["true"], { signal }));
    if (typeof other === "object" && other !== null) continue;
    const options = { tls: other } as Record<never, never>;
    await checkRefused(() => connect(tcp, options));
    await checkRefused(() => listen(tcp, options));
    await checkRefused(() => connect(tcp, (other ?? null) as Record<never, never>));
  }
});

test("connect, listen, clients, servers › options of TLS of other types › LocalProtocolError that names them", async () => {
  const wrong = { caCerts: "PEM", alpnProtocols: "imap", serverName: 5 };
  const { cert, key } = { cert: "PEM", key: "PEM" };
  for (const [name, value] of Object.entries(wrong)) {
    const tls = { cert, key, [name]: value } as TlsOptions;
    const { listener, connect: connector } = memoryListener();
    const imap = { authenticate: () => "alice", startTls: tls };
    const relay = { connect: () => Promise.resolve(memoryPair()[0]), upstreamStartTls: tls };
    const calls = [
      () => connect(tcp, { tls }),
      () => listen(tcp, { tls }),
      () => connectDoveadm("doveadms://127.0.0.1", { tls }),
      () => DoveadmConnection.open(memoryPair()[0], { tls }),
      () => ImapClient.connect({ hostname: "a", tls: true }, { tls, connector }),
      () => serveDoveadm({ listener, password: "s3cret", tls }, () => []),
      () => serve(listener, imap) instanceof ImapServer,
      () => serveRelay(listener, relay) instanceof ImapRelay,
    ];
    for (const call of calls) {
      await assert.rejects(async () => await call(), (error: Error) => {
        assert(error instanceof LocalProtocolError, `${call}: ${error}`);
        return error.message.startsWith(`"${name}" is not a`);
      });
    }
  }
});

test("doveadm's serve › listeners of other types › LocalProtocolError", async () => {
  for (const other of [undefined, ...others]) {
    const listener = other as Listener;
    await checkRefused(() => serveDoveadm({ listener, password: "s3cret" }, () => []));
  }
});

test("memoryPair, memoryListener › options of other types › LocalProtocolError", async () => {
  for (const capacity of [null, "5", -1, NaN, 5n, Symbol("5")]) {
    const options = { capacity } as { capacity: number };
    await checkRefused(() => memoryPair(options));
    await checkRefused(() => memoryListener(options));
  }
  await checkRefused(() => memoryPair({ cut: 5 as unknown as () => number }));
  const { listener, connect } = memoryListener();
  for (const other of others) {
    await checkRefused(() => connect(tcp, { signal: other as AbortSignal }));
    if (typeof other === "object" && other !== null) continue;
    await checkRefused(() => connect(tcp, other as Record<never, never>));
  }
  await listener.close();
});

test("fromStreams › streams of other types, locked ones › LocalProtocolError, and the other isn't locked", async () => {
  for (const other of [undefined, ...others, new TransformStream().readable.getReader()]) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    await checkRefused(() => fromStreams({ readable, writable: other as typeof writable }));
    await checkRefused(() => fromStreams({ readable: other as typeof readable, writable }));
    assert(!readable.locked && !writable.locked);
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  writable.getWriter();
  await checkRefused(() => fromStreams({ readable, writable }));
  assert(!readable.locked);
});

test("serve, serveRelay, DoveadmConnection › listeners, transports and signals of other types › LocalProtocolError", async () => {
  const relay = { connect: () => Promise.resolve(memoryPair()[0]) };
  const server = { authenticate: () => "alice" };
  for (const other of [undefined, ...others]) {
    const listener = other as Listener;
    await checkRefused(() => serve(listener, server) instanceof ImapServer);
    await checkRefused(() => serveRelay(listener, relay) instanceof ImapRelay);
    await checkRefused(() => DoveadmConnection.open(other as Transport));
    if (other === undefined) continue;
    const options = { signal: other as AbortSignal };
    const free = memoryListener().listener;
    await checkRefused(() => serve(free, { ...server, ...options }));
    await checkRefused(() => serveRelay(free, { ...relay, ...options }));
  }
  const none = null as unknown as typeof server & typeof relay;
  await checkRefused(() => serve(memoryListener().listener, none));
  await checkRefused(() => serveRelay(memoryListener().listener, none));
});
