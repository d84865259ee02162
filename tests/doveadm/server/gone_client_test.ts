/** What a handler learns of a client that has gone, or has only closed its side. */

import assert from "node:assert/strict";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connect as dialTls } from "node:tls";
import { serve, type ServeSettings } from "../../../doveadm/server/mod.ts";
import { certificates } from "../../harness/certificates.ts";
import { temporaryFolder } from "../../harness/sockets.ts";
import { until } from "../../harness/until.ts";

const password = "s3cret";
const login = `PLAIN\t${btoa(`\0doveadm\0${password}`)}\n`;
const sleep = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** A server whose handler reads as much of its input as the command says, and waits for its signal. */
async function setUp(
  place: Parameters<typeof serve>[0],
  { reads = 0, ...settings }: ServeSettings & { reads?: number } = {},
) {
  const begun: string[] = [];
  const aborted: string[] = [];
  const errors: string[] = [];
  const server = await serve(
    { ...place, onError: (error) => errors.push(String(error)), ...settings },
    async ({ args: [name], input, signal }) => {
      begun.push(name);
      let size = 0;
      if (reads > 0) {
        for await (const chunk of input) {
          size += chunk.length;
          if (size >= reads) break;
        }
      }
      if (name === "answers") {
        await sleep(2500);
        return [signal.aborted ? "aborted" : "not aborted"];
      }
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      aborted.push(name);
    },
  );
  return {
    server,
    begun,
    aborted,
    errors,
    [Symbol.asyncDispose]: () => server.close({ timeout: 1 }),
  };
}

/** A client over sockets of the runtime, which can be reset. */
function client(address: { port: number } | { path: string }): Socket {
  const socket = "path" in address
    ? dial({ path: address.path, allowHalfOpen: true })
    : dial({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
  socket.on("error", () => {});
  socket.resume();
  return socket;
}

/** Goes away in the least polite way that the socket has. */
function vanish(socket: Socket): void {
  if (socket.remotePort === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Lines of input that need no dot, so many bytes. */
const lines = (size: number) => "0123456\n".repeat(Math.ceil(size / 8));

for (const kind of ["tcp", "unix"] as const) {
  test(`a client that is reset › ${kind}, any version, any size of unread input › aborts its handler`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "socket");
    const place = kind === "unix" ? { path } : { hostname: "127.0.0.1", port: 0 };
    await using setup = await setUp(place, { password });
    const { address } = setup.server;
    const sockets: Socket[] = [];
    for (const minor of [0, 1, 2, 4]) {
      // Bun looks at a UNIX socket that is paused only when bytes are written, and 1.0 has none to spare.
      if (kind === "unix" && minor === 0 && "Bun" in globalThis) continue;
      for (const size of [0, 1_000, 70_000, 300_000, 5_000_000]) {
        const socket = client(address.transport === "tcp" ? address : { path });
        const command = `\talice\tsave\t${minor},${size}\n${lines(size)}`;
        socket.write(`VERSION\tdoveadm-server\t1\t${minor}\n${login}${command}`);
        sockets.push(socket);
      }
    }
    await until(() => setup.begun.length === sockets.length, "all handlers began");
    await sleep(300);
    assert.deepEqual(setup.aborted, []);
    for (const socket of sockets) vanish(socket);
    await until(() => setup.aborted.length === sockets.length, "all handlers were aborted");
    await until(() => setup.server.connections === 0, "all places were free");
    assert.deepEqual(setup.errors, []);
  });
}

test("a client that is reset › TLS, unread input › aborts its handler", async () => {
  const { good: { cert, key }, ca } = await certificates();
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, {
    password,
    tls: { cert, key },
  });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  const sockets = [0, 4].map((minor) => {
    const socket = client(address);
    const secured = dialTls({ socket, ca: [ca], servername: "localhost" });
    secured.on("error", () => {});
    secured.resume();
    secured.write(`VERSION\tdoveadm-server\t1\t${minor}\n${login}\ta\tsave\tx\n`);
    return { socket, secured };
  });
  await until(() => setup.begun.length === 2, "the handlers began");
  for (const { secured } of sockets) secured.write(lines(2_000_000));
  await sleep(300);
  assert.deepEqual(setup.aborted, []);
  for (const { socket } of sockets) socket.resetAndDestroy();
  await until(() => setup.aborted.length === 2, "the handlers were aborted");
  await until(() => setup.server.connections === 0, "the places were free");
});

test("a client that waits › over TLS, its input unread for a while › gets its answer", async () => {
  const { good: { cert, key }, ca } = await certificates();
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, {
    password,
    tls: { cert, key },
  });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  await Promise.all([0, 4].map(async (minor) => {
    const secured = dialTls({ socket: client(address), ca: [ca], servername: "localhost" });
    secured.write(`VERSION\tdoveadm-server\t1\t${minor}\n${login}\ta\tsave\tanswers\n`);
    secured.write(lines(2_000_000));
    let heard = "";
    await new Promise<void>((resolve) => {
      secured.setEncoding("utf8").on("data", (chunk) => {
        heard += chunk;
        if (/aborted\t[^]*\+\n$/.test(heard)) resolve();
      });
    });
    assert.match(heard, /not aborted\t/);
    secured.destroy();
  }));
});

test("a client that is reset › its handler has read some of the input › aborts it", async () => {
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, { password, reads: 200_000 });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  const socket = client(address);
  socket.write(`VERSION\tdoveadm-server\t1\t0\n${login}\ta\tsave\tx\n${lines(3_000_000)}`);
  await until(() => setup.begun.length === 1, "the handler began");
  await sleep(300);
  socket.resetAndDestroy();
  await until(() => setup.aborted.length === 1, "the handler was aborted");
});

test("a client that is reset › many commands sent ahead › aborts the one that runs", async () => {
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, { password });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  const socket = client(address);
  socket.write(`VERSION\tdoveadm-server\t1\t0\n${login}` + "\ta\tindex\tINBOX\n".repeat(200_000));
  await until(() => setup.begun.length === 1, "the handler began");
  await sleep(300);
  socket.resetAndDestroy();
  await until(() => setup.server.connections === 0, "the place was free");
  assert.deepEqual([setup.begun, setup.aborted], [["INBOX"], ["INBOX"]]);
});

test("a client that is reset › it leaves a reply unread › aborts its handler", async () => {
  let isAborted = false;
  await using server = await serve(
    { hostname: "127.0.0.1", port: 0, password },
    async function* ({ signal }) {
      signal.addEventListener("abort", () => isAborted = true);
      for (;;) yield new Uint8Array(100_000);
    },
  );
  const { address } = server;
  assert(address.transport === "tcp");
  const socket = client(address);
  socket.pause();
  socket.write(`VERSION\tdoveadm-server\t1\t0\n${login}\ta\tfetch\tx\n${lines(3_000_000)}`);
  await sleep(500);
  socket.resetAndDestroy();
  await until(() => isAborted, "the handler was aborted");
  await until(() => server.connections === 0, "the place was free");
});

test("a client that is reset › its login is checked, with bytes after it › frees its place", async () => {
  let checks = 0;
  await using server = await serve({
    hostname: "127.0.0.1",
    port: 0,
    handshakeTimeout: 0,
    authenticate: () => {
      checks++;
      return new Promise<undefined>(() => {});
    },
  }, () => []);
  const { address } = server;
  assert(address.transport === "tcp");
  const sockets = [0, 1_000, 300_000, 5_000_000].map((size) => {
    const socket = client(address);
    socket.write(`VERSION\tdoveadm-server\t1\t0\n${login}${lines(size)}`);
    return socket;
  });
  await until(() => checks === 4, "all logins were checked");
  await sleep(300);
  assert.equal(server.connections, 4);
  for (const socket of sockets) socket.resetAndDestroy();
  await until(() => server.connections === 0, "all places were free");
});

test("a client that closes › unread input, protocol 1.1 on › aborts its handler", async () => {
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, { password });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  const sockets = [1, 2, 4].map((minor) => {
    const socket = client(address);
    const command = `\ta\tsave\t${minor}\n${lines(100_000)}`;
    socket.write(`VERSION\tdoveadm-server\t1\t${minor}\n${login}${command}`);
    return socket;
  });
  await until(() => setup.begun.length === 3, "all handlers began");
  await sleep(200);
  // An end, and no reset: all of it has arrived, and nothing was left unread on this side.
  for (const socket of sockets) socket.destroy();
  await until(() => setup.aborted.length === 3, "all handlers were aborted");
  await until(() => setup.server.connections === 0, "all places were free");
});

test("a client that closes its side › after its input, which is unread › gets its answer", async () => {
  await using setup = await setUp({ hostname: "127.0.0.1", port: 0 }, { password });
  const { address } = setup.server;
  assert(address.transport === "tcp");
  const cases = [0, 1, 4].flatMap((minor) => [0, 1_000, 300_000].map((size) => ({ minor, size })));
  const answers = await Promise.all(cases.map(async ({ minor, size }) => {
    const socket = client(address);
    let heard = "";
    socket.setEncoding("utf8").on("data", (chunk) => heard += chunk);
    const command = `\ta\tsave\tanswers\n${lines(size)}.\n`;
    socket.end(`VERSION\tdoveadm-server\t1\t${minor}\n${login}${command}`);
    await new Promise((resolve) => socket.on("end", resolve));
    return `${/(?:not )?aborted\t/.exec(heard)?.[0]}${heard.slice(-3)}`;
  }));
  assert.deepEqual(answers, cases.map(() => "not aborted\t\n+\n"));
  assert.deepEqual(setup.errors, []);
});

test("a client that is reset › after any byte of what it sends › leaves nothing after", async () => {
  const errors: unknown[] = [];
  let running = 0;
  await using server = await serve({
    hostname: "127.0.0.1",
    port: 0,
    password,
    refusalDelay: 50,
    onError: (error) => errors.push(error),
  }, async function* ({ input, signal }) {
    running++;
    try {
      for await (const chunk of input) yield chunk;
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve());
      });
    } finally {
      running--;
    }
  });
  const { address } = server;
  assert(address.transport === "tcp");
  const wrong = login.replace(btoa(`\0doveadm\0${password}`), btoa("\0doveadm\0wrong"));
  for (const credentials of [login, wrong]) {
    const all =
      `VERSION\tdoveadm-server\t1\t4\n${credentials}v\ta\tsave\tx\nSubject: x\n\ntext\n.\n`;
    await Promise.all(Array.from({ length: all.length + 1 }, async (_, size) => {
      const socket = client(address);
      await new Promise<void>((resolve) => socket.write(all.slice(0, size), () => resolve()));
      await sleep(size % 3 * 20);
      socket.resetAndDestroy();
    }));
    await until(() => server.connections === 0 && running === 0, "nothing was left");
  }
  // The only errors are wrong passwords.
  for (const error of errors) assert.match(String(error), /the password is wrong/);
});
