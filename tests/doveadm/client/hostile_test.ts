/**
 * A man in the middle between a client that wants TLS and a real Dovecot: whatever he does, he gets
 * neither the password nor a command.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import {
  connect,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../mod.ts";
import { type Certificates, certificates } from "../../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";

/** How the attacker changes the bytes that pass: returns those to pass on. */
interface Attack {
  /** From the server to the client. */
  readonly toClient?: (chunk: Buffer, man: Man) => Buffer;
  /** From the client to the server. */
  readonly toServer?: (chunk: Buffer, man: Man) => Buffer;
}

/** A conversation, seen from the middle. */
interface Man {
  readonly client: Socket;
  readonly server: Socket;
  /** All bytes of the client that the attacker could read. */
  readonly heard: Buffer[];
}

/** A proxy, and what it received. */
interface Proxy extends AsyncDisposable {
  readonly port: number;
  heard(): string;
}

async function startProxy(upstream: number, attack: Attack): Promise<Proxy> {
  const heard: Buffer[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connectSocket(upstream, "127.0.0.1");
    const man = { client, server, heard };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        server.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      heard.push(chunk);
      const passed = attack.toServer?.(chunk, man) ?? chunk;
      if (passed.length > 0) server.write(passed);
    });
    server.on("data", (chunk: Buffer) => {
      const passed = attack.toClient?.(chunk, man) ?? chunk;
      if (passed.length > 0) client.write(passed);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    heard: () => Buffer.concat(heard).toString("latin1"),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** A command's name that occurs nowhere else. */
const command = "mailbox list";

/** Runs a command through the proxy, over TLS or not at all, and gives what became of it. */
async function errorThrough(
  scheme: "doveadms" | "doveadm+starttls",
  { port }: Proxy,
  { password, ca, handshakeTimeout = 20_000, timeout = 60_000 }: {
    readonly password: string;
    readonly ca: string;
    readonly handshakeTimeout?: number;
    readonly timeout?: number;
  },
): Promise<DovewireError> {
  await using doveadm = connect(`${scheme}://localhost:${port}` as `doveadm:${string}`, {
    password,
    tls: { caCerts: [ca] },
    ...{ handshakeTimeout, timeout },
  });
  try {
    await doveadm.run(command, { user: "alice" });
  } catch (error) {
    assert(error instanceof DovewireError, String(error));
    return error;
  }
  assert.fail("the command was answered");
}

function assertHeardNothing(proxy: Proxy, { password }: Dovecot): void {
  const heard = proxy.heard();
  assert(heard.startsWith("VERSION\t") || heard.startsWith("\x16"), JSON.stringify(heard));
  const login = Buffer.from(`\0doveadm\0${password}`).toString("base64");
  for (const secret of [password, login, "PLAIN", command, "alice"]) {
    assert(!heard.includes(secret), `${JSON.stringify(secret)} was heard`);
  }
}

/** Runs a test against real servers of both versions. */
function testHostile(
  name: string,
  run: (dovecot: Dovecot, certificates: Certificates) => Promise<void>,
): void {
  for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
    test(`man in the middle, Dovecot ${version} › ${name}`, async () => {
      const made = await certificates();
      await using dovecot = await startDovecot({ version, tls: made.good });
      await run(dovecot, made);
    });
  }
}

testHostile("listens › learns neither password nor mail", async (dovecot, { ca }) => {
  for (
    const [scheme, port] of [
      ["doveadm+starttls", dovecot.port],
      ["doveadms", dovecot.tlsPort!],
    ] as const
  ) {
    await using proxy = await startProxy(port, {});
    await using doveadm = connect(`${scheme}://localhost:${proxy.port}`, {
      password: dovecot.password,
      tls: { caCerts: [ca] },
    });
    const rows = await doveadm.run(command, { user: "alice" });
    assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort()[0], "INBOX");
    assertHeardNothing(proxy, dovecot);
  }
});

testHostile("removes STARTTLS › gets no password", async (dovecot, { ca }) => {
  const attacks: Record<string, Attack> = {
    // The server never gets it and goes on unencrypted; so would the client's commands.
    "takes the line away": {
      toServer: (chunk) =>
        Buffer.from(chunk.toString("latin1").replace("STARTTLS\n", ""), "latin1"),
    },
    // As if the socket were one that needs no login.
    "says that no login is needed": {
      toClient: (chunk) => Buffer.from(chunk.toString("latin1").replace(/^-\n/m, "+\n"), "latin1"),
    },
    "refuses it": {
      toServer: (chunk, { client }) => {
        if (!chunk.includes("STARTTLS")) return chunk;
        client.write("-\n");
        return Buffer.alloc(0);
      },
    },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    await using proxy = await startProxy(dovecot.port, attack);
    const { password } = dovecot;
    // Some of this ends by the time limit alone: connecting is tried again.
    const error = await withEnoughTime(1_500, (timeout) =>
      errorThrough("doveadm+starttls", proxy, {
        ...{ password, ca, handshakeTimeout: timeout / 1.5, timeout },
      }), () => proxy.heard() !== "");
    assert(!error.sent, what);
    assert(
      error instanceof ConnectError || error instanceof RemoteProtocolError ||
        error instanceof ConnectionLostError ||
        // Runtimes read a few bytes of a peer without TLS as the beginning of a TLS record.
        error instanceof TimeoutError,
      `${what}: ${error}`,
    );
    assertHeardNothing(proxy, dovecot);
  }
});

testHostile("injects a reply after STARTTLS › it isn't used", async (dovecot, { ca }) => {
  const injected = Buffer.from("+\n");
  const attacks: Record<string, Attack> = {
    "before it": {
      toClient: (chunk) =>
        chunk.toString("latin1").endsWith("-\n") ? Buffer.concat([chunk, injected]) : chunk,
    },
    "after it": {
      toServer: (chunk, { client }) => {
        if (chunk.includes("STARTTLS")) client.write(injected);
        return chunk;
      },
    },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    await using proxy = await startProxy(dovecot.port, attack);
    const error = await errorThrough("doveadm+starttls", proxy, { password: dovecot.password, ca });
    assert(!error.sent, `${what}: ${error}`);
    assert(
      error instanceof ConnectError || error instanceof RemoteProtocolError,
      `${what}: ${error}`,
    );
    assertHeardNothing(proxy, dovecot);
  }
});

testHostile("has another certificate › gets no command", async (dovecot, made) => {
  for (const pair of [made.selfSigned, made.wrongName, made.expired] as const) {
    const heard: Buffer[] = [];
    const hear = (socket: Socket) => {
      socket.on("data", (chunk: Buffer) => heard.push(chunk));
      socket.on("error", () => {});
    };
    // From the first byte: he ends TLS himself.
    const impostor = createTlsServer({ cert: pair.cert, key: pair.key }, hear);
    impostor.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
    const { port } = impostor.address() as AddressInfo;
    // By STARTTLS: he lets the greeting pass, and passes the client on to himself then.
    await using proxy = await startProxy(dovecot.port, {
      toServer: (chunk, { client }) => {
        const end = chunk.indexOf("STARTTLS\n");
        if (end === -1) return chunk;
        client.removeAllListeners("data");
        const other = connectSocket(port, "127.0.0.1");
        other.on("error", () => {});
        other.write(chunk.subarray(end + "STARTTLS\n".length));
        client.pipe(other).pipe(client);
        client.on("close", () => other.destroy());
        return Buffer.alloc(0);
      },
    });
    try {
      for (
        const [scheme, place] of [
          ["doveadms", { ...proxy, port }],
          ["doveadm+starttls", proxy],
        ] as const
      ) {
        const error = await errorThrough(scheme, place, {
          password: dovecot.password,
          ca: made.ca,
        });
        assert(error instanceof ConnectError && !error.sent, `${scheme}: ${error}`);
        assert.match(error.message, /certificate/i);
      }
      assert.equal(Buffer.concat(heard).length, 0, "something was said over TLS");
      assertHeardNothing(proxy, dovecot);
    } finally {
      await new Promise((resolve) => impostor.close(resolve));
    }
  }
});

testHostile("offers an older version › gets no password", async (dovecot, { ca }) => {
  const versions: Record<string, (text: string) => string> = {
    "1.1": (text) => text.replace(/^(VERSION\tdoveadm-client\t1\t)\d+$/m, "$11"),
    "1.0, which has no such line": (text) => text.replace(/^VERSION\t.*\n/, ""),
  };
  for (const [version, downgrade] of Object.entries(versions)) {
    await using proxy = await startProxy(dovecot.port, {
      toClient: (chunk) => Buffer.from(downgrade(chunk.toString("latin1")), "latin1"),
    });
    const error = await errorThrough("doveadm+starttls", proxy, { password: dovecot.password, ca });
    assert(error instanceof RemoteProtocolError && !error.sent, `${version}: ${error}`);
    assert.match(error.message, /has no STARTTLS/);
    assertHeardNothing(proxy, dovecot);
  }
});
