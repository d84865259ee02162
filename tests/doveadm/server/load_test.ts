/**
 * Many clients, and bad ones, against one server process. What it costs is printed.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import * as net from "node:net";
import { test } from "node:test";
import { AuthenticationError, DoveadmConnection } from "../../../mod.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import { atFullSize } from "../../harness/soak.ts";
import { type ServerProcess, startServerProcess } from "./server_process.ts";

const hostname = "127.0.0.1";
const password = "s3cret";
const hello = "VERSION\tdoveadm-server\t1\t2\n";

async function clientOf({ port }: ServerProcess): Promise<DoveadmConnection> {
  const transport = await connectTransport({ transport: "tcp", hostname, port });
  return await DoveadmConnection.open(transport, { password });
}

/** A client's mailboxes, which are named after it. */
async function checkMailboxes(client: DoveadmConnection, at: number): Promise<void> {
  const { fields } = await client.send({ name: "mailbox list", user: `user${at}` });
  assert.deepEqual([...fields].sort(), ["INBOX", `user${at}`]);
}

/** A bare socket to the server, which heeds nothing. */
function rawSocket({ port }: ServerProcess): Socket {
  const socket = net.connect({ port, host: hostname, allowHalfOpen: true });
  socket.on("error", () => {});
  socket.resume();
  return socket;
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (!socket.connecting) resolve();
    else socket.once("connect", resolve).once("close", () => resolve());
  });
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

/** Resolves when the server closed the connection, or broke it off. */
function over(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("end", resolve);
    socket.once("close", () => resolve());
  });
}

/** How many commands each of the many clients sends, and how often one has a wrong password. */
const rounds = atFullSize(100, 10);
const wrongPasswords = atFullSize(10_000, 1_000);

test("server load › 1,000 clients at once with many commands each › all are answered, none crossed", async () => {
  await using server = await startServerProcess({ users: 1000, password });
  const before = server.memory();
  const start = performance.now();
  const clients = await Promise.all(Array.from({ length: 1000 }, () => clientOf(server)));
  const connected = performance.now();
  let most = server.memory();
  await Promise.all(clients.map(async (client, at) => {
    for (let round = 0; round < rounds; round++) {
      await checkMailboxes(client, at);
      if (at === 0) most = Math.max(most, server.memory());
    }
  }));
  const seconds = (performance.now() - connected) / 1000;
  most = Math.max(most, server.memory());
  await Promise.all(clients.map((client) => client.close()));
  console.log(
    `  1,000 clients, ${rounds} commands each: connected in ${
      ((connected - start) / 1000).toFixed(1)
    } s, ` +
      `${
        (1000 * rounds / seconds).toFixed(0)
      } commands/s (client and server on the same cores); the ` +
      `server's memory: ${before.toFixed(0)} MiB at rest, ${most.toFixed(0)} MiB at most`,
  );
  assert(most - before < 400, `its memory grew by ${most - before} MiB`);
});

test("server load › bad clients › cost bounded memory, and other sessions don't notice", async () => {
  const maxConnections = 300;
  await using server = await startServerProcess({
    users: 1,
    password,
    maxConnections,
    // 10,000 refusals would take hours.
    refusalDelay: 0,
  });
  await using client = await clientOf(server);
  await checkMailboxes(client, 0);
  const before = server.memory();
  const figures: string[] = [];
  let answers = 0;

  /** Runs bad clients while the good one goes on. */
  async function endure(what: string, badness: () => Promise<void>): Promise<void> {
    let isOver = false;
    let most = 0;
    const others = (async () => {
      while (!isOver) {
        await checkMailboxes(client, 0);
        answers++;
        most = Math.max(most, server.memory());
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    try {
      await badness();
    } finally {
      isOver = true;
      await others;
    }
    figures.push(`${what}: ${Math.round(most - before)} MiB more at most`);
    assert(most - before < 300, figures.at(-1));
    await using another = await clientOf(server);
    await checkMailboxes(another, 0);
  }

  await endure("200 clients that send garbage", async () => {
    const garbage = new Uint8Array(100_000).map((_, at) => (at * 7919) >> 3);
    await Promise.all(Array.from({ length: 200 }, async (_, at) => {
      const socket = rawSocket(server);
      const end = over(socket);
      if (at % 2 === 1) socket.write(hello + `PLAIN\t${btoa(`\0doveadm\0${password}`)}\n`);
      socket.write(garbage);
      await end;
      socket.destroy();
      await closed(socket);
    }));
  });

  await endure("a gigabyte without a newline, before and after the login", async () => {
    for (const start of ["", hello, hello + `PLAIN\t${btoa(`\0doveadm\0${password}`)}\n`]) {
      const socket = rawSocket(server);
      const end = over(socket);
      let isOver = false;
      void end.then(() => {
        isOver = true;
      });
      socket.write(start);
      const chunk = new Uint8Array(1_048_576).fill(0x78);
      let sent = 0;
      for (; sent < 1024 && !isOver && !socket.destroyed; sent++) {
        const isFull = !socket.write(chunk);
        if (isFull) {
          await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), end]);
        }
      }
      await end;
      assert(sent < 64, `the server took ${sent} MiB of it`);
      socket.destroy();
      await closed(socket);
    }
  });

  await endure("a client that pipelines 200,000 commands and reads nothing", async () => {
    const socket = net.connect({ port: server.port, host: hostname });
    socket.on("error", () => {});
    socket.pause();
    socket.write(hello + `PLAIN\t${btoa(`\0doveadm\0${password}`)}\n`);
    socket.write("\tuser0\tmailbox list\n".repeat(200_000));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    socket.destroy();
    await closed(socket);
  });

  await endure(`half a handshake, then silence: ${maxConnections + 200} times`, async () => {
    const sockets: Socket[] = [];
    for (let at = 0; at < maxConnections + 200; at++) {
      const socket = rawSocket(server);
      socket.write("VERSION\tdoveadm");
      sockets.push(socket);
    }
    await Promise.all(sockets.map(connected));
    // A client that logs in replaces one that doesn't.
    for (let at = 0; at < 20; at++) {
      await using another = await clientOf(server);
      await checkMailboxes(another, 0);
    }
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(closed));
  });

  await endure("a flood of connections, 500 at a time", async () => {
    for (let round = 0; round < atFullSize(10, 2); round++) {
      const sockets = Array.from({ length: 500 }, () => rawSocket(server));
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (const socket of sockets) socket.destroy();
      await Promise.all(sockets.map(closed));
    }
  });

  await endure(`a wrong password, ${wrongPasswords} times`, async () => {
    const { port } = server;
    const tries = async () => {
      for (let at = 0; at < wrongPasswords / 20; at++) {
        const transport = await connectTransport({ transport: "tcp", hostname, port });
        await assert.rejects(
          DoveadmConnection.open(transport, { password: `wrong${at}` }),
          AuthenticationError,
        );
      }
    };
    await Promise.all(Array.from({ length: 20 }, tries));
  });

  const errors = await server.errors();
  const refused = Object.entries(errors).find(([kind]) => kind.includes("password is wrong"));
  assert.equal(refused?.[1], wrongPasswords, JSON.stringify(errors));
  assert(client.isOpen);
  console.log(
    [
      `  bad clients, beside a good one that got ${answers} answers meanwhile`,
      `  (the server's memory at rest: ${before.toFixed(0)} MiB)`,
      ...figures.map((line) => `    ${line}`),
    ].join("\n"),
  );
});
