import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { TLSSocket, type TLSSocketOptions } from "node:tls";
import { connect as connectHere } from "../../transports/cloudflare.ts";
import {
  type Address,
  type ConnectOptions,
  peerName,
  type Transport,
} from "../../transports/transport.ts";
import { certificates, type Pair } from "../harness/certificates.ts";
import {
  endOf,
  listen,
  listenAndNeverAccept,
  type Listening,
  listenNowhere,
} from "../harness/sockets.ts";
import {
  assertEnd,
  assertReads,
  type Conversation,
  mebibyte,
  rejectsWith,
  testConversations,
  testTransport,
  tooMuch,
  turn,
} from "../transports/conformance.ts";
import { connectIn } from "./remote_transport.ts";
import { canStartWorkers, type StartedWorker, startWorker } from "./workerd.ts";

const encoder = new TextEncoder();

/** How a conversation is encrypted. */
type Encryption = "clear" | "TLS" | "STARTTLS";

test("cloudflare.ts › in another runtime › connect() rejects", async () => {
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
  await rejectsWith("unsupported", connectHere(address), "cloudflare:sockets");
});

if (canStartWorkers) {
  for (const encryption of ["clear", "TLS", "STARTTLS"] as const) {
    const name = `cloudflare.ts in workerd, ${encryption}`;
    const subject = {
      name,
      open: () => open(encryption),
      much: 12 * mebibyte,
      whenPeerCloses: "reset",
      keepsWhatIsWritten: true,
      refusesTls: encryption !== "clear",
    } as const;
    // TLS is the platform's, and makes no difference to how much is read ahead.
    if (encryption === "clear") testTransport(subject);
    else testConversations(subject);
    testBreaking(name, encryption);
  }
  testConnecting("cloudflare.ts in workerd");
  testOptions("cloudflare.ts in workerd");
  testCertificates("cloudflare.ts in workerd");
  testInjection("cloudflare.ts in workerd");
}

function testBreaking(name: string, encryption: Encryption): void {
  test(`${name} › a reset during a read › this and all later operations reject`, async () => {
    await using conversation = await open(encryption);
    const { transport, socket } = conversation;
    const rejected = rejectsWith("reset", transport.read(), transport.peer);
    await turn();
    socket.resetAndDestroy();
    await rejected;
    await rejectsWith("reset", transport.read());
    await rejectsWith("reset", transport.write(Uint8Array.of(1)));
  });

  test(`${name} › a reset during a read and a blocked write › both reject`, async () => {
    await using conversation = await open(encryption);
    const { transport, socket } = conversation;
    const rejected = [
      rejectsWith("reset", transport.write(tooMuch)),
      rejectsWith("reset", transport.read()),
    ];
    await turn();
    socket.resetAndDestroy();
    await Promise.all(rejected);
  });

  if (encryption !== "clear") return;

  test(`${name} › a reset after this side has ended › reading just ends`, async () => {
    await using conversation = await open(encryption);
    const { transport, socket } = conversation;
    await transport.closeWrite();
    socket.resetAndDestroy();
    await assertEnd(transport);
  });
}

function testConnecting(name: string): void {
  test(`${name} › a transport › has its peer's name`, async () => {
    await using server = await listen("tcp", () => {});
    await using transport = await connect(server.address);
    assert.equal(transport.peer, peerName(server.address));
  });

  test(`${name} › an IPv6 address and a host's name › are connected to`, async () => {
    for (const hostname of ["::1", "localhost"]) {
      const server = createServer((socket) => void socket.end("!"));
      await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
      const { port } = server.address() as AddressInfo;
      await using transport = await connect({ transport: "tcp", hostname, port });
      await assertReads(transport, encoder.encode("!"));
      server.close();
    }
  });

  test(`${name} › a closed port, a missing host, an invalid port › rejects with what to check`, async () => {
    await using nowhere = await listenNowhere("tcp");
    const address = { transport: "tcp", hostname: "nowhere.invalid", port: 1 } as const;
    for (const to of [nowhere.address, address, { ...address, port: 70_000 }]) {
      const { message } = await rejectsWith("other", connect(to), peerName(to));
      assert.match(message, /the platform says ".+" and not why\. Look at/);
    }
  });

  test(`${name} › a signal that has aborted, or aborts at once › rejects`, async () => {
    let connections = 0;
    await using server = await listen("tcp", () => connections++);
    const gone = AbortSignal.abort(new Error("no time"));
    await rejectsWith("aborted", connect(server.address, { signal: gone }));
    await turn();
    assert.equal(connections, 0);
    const controller = new AbortController();
    const rejected = rejectsWith("aborted", connect(server.address, controller));
    controller.abort(new Error("no time"));
    assert.equal((await rejected).cause, controller.signal.reason);
  });

  test(`${name} › a signal aborts while the server doesn't accept › rejects`, async () => {
    await using server = await listenAndNeverAccept();
    const controller = new AbortController();
    const rejected = rejectsWith("aborted", connect(server.address, controller));
    await turn();
    controller.abort(new Error("no time"));
    await rejected;
  });

  test(`${name} › a signal aborts during the handshake › rejects`, async () => {
    const connected = Promise.withResolvers<void>();
    await using server = await listen("tcp", () => connected.resolve());
    const controller = new AbortController();
    const { signal } = controller;
    const rejected = rejectsWith("aborted", connect(server.address, { signal, tls: {} }));
    await connected.promise;
    controller.abort(new Error("no time"));
    await rejected;
  });

  test(`${name} › a connection of another request › all calls reject and say why`, async () => {
    await using server = await listen("tcp", (socket) => socket.write("!"));
    assert(server.address.transport === "tcp");
    await using worker = await startWorker("tests/workers/memoising_worker.ts");
    const url = new URL(`/${server.address.port}`, worker.url);
    assert.deepEqual(await (await fetch(url)).json(), []);
    const messages: string[] = await (await fetch(url)).json();
    assert.equal(messages.length, 3);
    for (const message of messages) assert.match(message, /belongs to the request that opened it/);
  });

  test(`${name} › many connections › leave no socket`, async () => {
    const open = new Set<Socket>();
    const drained: (() => void)[] = [];
    await using server = await listen("tcp", (socket) => {
      open.add(socket);
      socket.on("close", () => {
        open.delete(socket);
        if (open.size === 0) { for (const resolve of drained) resolve(); }
      });
      socket.pipe(socket);
    });
    const talk = async () => {
      await using transport = await connect(server.address);
      await transport.write(Uint8Array.of(1));
      await assertReads(transport, Uint8Array.of(1));
    };
    for (let i = 0; i < 6; i++) await Promise.all(Array.from({ length: 50 }, talk));
    if (open.size > 0) await new Promise<void>((resolve) => drained.push(resolve));
  });
}

function testOptions(name: string): void {
  test(`${name} › options that the platform doesn't support › rejects and names them`, async () => {
    await using server = await listen("tcp", () => {});
    const unix = { transport: "unix", path: "/run/socket" } as const;
    await rejectsWith("unsupported", connect(unix), "Workers have no UNIX sockets");
    for (
      const tls of [
        { caCerts: ["…"] },
        { cert: "…", key: "…" },
        { dangerouslyTrustAnyCertificate: true },
      ]
    ) {
      const [option] = Object.keys(tls);
      await rejectsWith("unsupported", connect(server.address, { tls }), option);
      const transport = await connect(server.address);
      await rejectsWith("unsupported", transport.startTls(tls), option);
      await rejectsWith("closed", transport.write(Uint8Array.of(1)));
    }
  });
}

function testCertificates(name: string): void {
  for (const kind of ["expired", "selfSigned", "wrongName"] as const) {
    test(`${name} › a bad certificate (${kind}) › rejects`, async () => {
      const pair = (await certificates())[kind];
      await using server = await listenWithTls(pair);
      const { message } = await rejectsWith("other", connect(server.address, { tls: {} }));
      assert.match(message, /whether its certificate is for that name/);
      // It may show in either.
      const talking = async () => {
        await using transport = await (await connect(server.address)).startTls({});
        const reading = rejectsWith("tls", transport.read(), '"localhost"');
        await rejectsWith("tls", transport.write(Uint8Array.of(1)), "the handshake failed");
        await reading;
        await transport.read();
      };
      await rejectsWith("tls", talking(), '"localhost"');
    });
  }

  test(`${name} › serverName differs from the host's › the certificate must have that name`, async () => {
    const { wrongName } = await certificates();
    await using server = await listenWithTls(wrongName);
    const tls = { serverName: "other.example" };
    await using transport = await connect(server.address, { tls });
    await transport.write(Uint8Array.of(1, 2, 3));
    await assertReads(transport, Uint8Array.of(1, 2, 3));
    const talking = async () => {
      await using other = await connect(server.address, { tls: { serverName: "an.example" } });
      await other.write(Uint8Array.of(1));
    };
    await rejectsWith("tls", talking(), '"an.example"');
  });

  test(`${name} › a server without TLS › rejects`, async () => {
    await using server = await listen("tcp", (socket) => socket.pipe(socket));
    await rejectsWith("other", connect(server.address, { tls: {} }));
    const talking = async () => {
      await using transport = await (await connect(server.address)).startTls({});
      await transport.write(Uint8Array.of(1));
    };
    await rejectsWith("tls", talking());
  });
}

function testInjection(name: string): void {
  /** A server with STARTTLS; an attacker injects bytes before the handshake. */
  async function inject(words: string, evil: string, late: boolean): Promise<Listening> {
    const { good } = await certificates();
    return await listen("tcp", (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write(words);
        if (evil !== "" && !late) socket.write(evil);
        socket.once("readable", () => {
          if (late) socket.write(evil);
          const encrypted = new TLSSocket(socket, { isServer: true, ...good });
          encrypted.on("error", () => {});
          encrypted.pipe(encrypted);
        });
      });
    });
  }

  test(`${name} › bytes injected after STARTTLS › rejects`, async () => {
    for (const late of [false, true]) {
      // More than one read takes, so that some of it is left.
      await using server = await inject("x".repeat(4096), "+\n", late);
      const transport = await connect({ ...server.address, hostname: "localhost" } as Address);
      await transport.write(encoder.encode("STARTTLS\n"));
      await assertReads(transport, encoder.encode("x".repeat(4096)));
      const talking = transport.startTls({}).then(async (encrypted) => {
        await encrypted.write(encoder.encode("PLAIN\n"));
        await encrypted.read();
      });
      await rejectsWith("tls", talking);
    }
  });

  test(`${name} › STARTTLS without injected bytes › the conversation goes on encrypted`, async () => {
    await using server = await inject("go", "", false);
    const transport = await connect({ ...server.address, hostname: "localhost" } as Address);
    await transport.write(encoder.encode("STARTTLS\n"));
    await assertReads(transport, encoder.encode("go"));
    await using encrypted = await transport.startTls({});
    await encrypted.write(encoder.encode("PLAIN\n"));
    await assertReads(encrypted, encoder.encode("PLAIN\n"));
  });
}

let started: Promise<StartedWorker> | undefined;
after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

/** Connects from within a Worker. */
async function connect(address: Address, options?: ConnectOptions): Promise<Transport> {
  started ??= startWorker("tests/workers/transport_worker.ts");
  return await connectIn(await started, address, options);
}

/** An echo that speaks TLS from the first byte. */
async function listenWithTls(pair: Pair): Promise<Listening> {
  const server = await listen("tcp", (socket) => {
    const encrypted = new TLSSocket(socket, { isServer: true, ...pair });
    encrypted.on("error", () => {});
    encrypted.pipe(encrypted);
  });
  return { ...server, address: { ...server.address, hostname: "localhost" } as Address };
}

/** A conversation with a server here, from within a Worker. */
async function open(encryption: Encryption): Promise<Conversation & { readonly socket: Socket }> {
  const { good } = await certificates();
  const accepted = Promise.withResolvers<Socket>();
  const server = await listen("tcp", (socket) => accepted.resolve(socket));
  const address = { ...server.address, hostname: "localhost" } as Address;
  const connecting = connect(address, encryption === "TLS" ? { tls: {} } : {});
  const socket = await accepted.promise;
  let end = socket;
  if (encryption !== "clear") {
    end = new TLSSocket(
      socket,
      { isServer: true, allowHalfOpen: true, ...good } as TLSSocketOptions,
    );
    end.on("error", () => {});
  }
  const peer = endOf(end);
  let transport = await connecting;
  if (encryption === "STARTTLS") {
    transport = await transport.startTls({});
    // This side has to speak first.
    await transport.write(Uint8Array.of(1));
    await assertReads(peer, Uint8Array.of(1));
  }
  return {
    transport,
    peer,
    socket,
    async [Symbol.asyncDispose](): Promise<void> {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
