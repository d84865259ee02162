/** The pool and servers that hang, end at any byte, or come late. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import {
  connect,
  ConnectionLostError,
  type Doveadm,
  type DoveadmOptions,
  DovewireError,
  type PoolEvent,
  TimeoutError,
} from "../../../../mod.ts";
import { withEnoughTime } from "../../../harness/enough_time.ts";
import { leavingNothing } from "../../../harness/leftovers.ts";
import { listen, type Listening, listenNowhere } from "../../../harness/sockets.ts";

const list = { name: "mailbox list", user: "alice" };

const handshake = "VERSION\tdoveadm-client\t1\t2\n+\n";
const reply = "\0\0\0\0\x06INBOX\t\0\0\0\0\x03\n+\n";

function clientOf({ address }: Listening, options: DoveadmOptions = {}): Doveadm {
  return connect(address.transport === "unix" ? { path: address.path } : address, options);
}

/** Says the bytes as answers to what arrives: the handshake to the first bytes, a reply to a command. */
function answer(socket: Socket, say: (bytes: string) => void): void {
  let heard = "";
  let isGreeted = false;
  socket.on("data", (chunk: Uint8Array) => {
    heard += Buffer.from(chunk).toString("latin1");
    if (!isGreeted && heard.includes("\n")) {
      isGreeted = true;
      say(handshake);
    }
    for (let at; (at = heard.indexOf("\tmailbox list\n")) !== -1;) {
      heard = heard.slice(at + 1);
      say(reply);
    }
  });
  socket.on("end", () => socket.end());
}

test("hostile › a server that accepts and never answers › calls end in their time, with few connections", async () => {
  let connections = 0;
  await using server = await listen("tcp", (socket) => {
    connections++;
    socket.resume();
    socket.on("end", () => socket.end());
  });
  await leavingNothing(async () => {
    await using doveadm = clientOf(server, { handshakeTimeout: 50, maxConnections: 3 });
    const calls = Array.from(
      { length: 200 },
      (_, at) =>
        doveadm.send({ ...list, user: `u${at}` }, { timeout: 700 }).then(
          () => assert.fail("it was answered"),
          (error) => {
            assert(error instanceof TimeoutError, String(error));
            assert(!error.sent);
          },
        ),
    );
    await Promise.all(calls);
  });
  assert(connections < 15, `${connections} connections`);
});

test("hostile › a server that shakes hands and answers nothing › each call ends in its time", async () => {
  await using server = await listen("tcp", (socket) => {
    socket.write(handshake);
    socket.resume();
    socket.on("end", () => socket.end());
  });
  await leavingNothing(async () => {
    await using doveadm = clientOf(server, { maxConnections: 3 });
    const callAll = (timeout: number) =>
      Promise.all(
        Array.from(
          { length: 20 },
          (_, at) =>
            doveadm.send({ ...list, user: `u${at}` }, { timeout, idempotent: true }).then(
              () => assert.fail("it was answered"),
              (error: DovewireError) => `${error.name} ${error.sent}`,
            ),
        ),
      );
    const outcomes = await withEnoughTime(
      300,
      callAll,
      (it) => it.some((one) => / true/.test(one)),
    );
    assert.deepEqual(new Set(outcomes), new Set(["TimeoutError true", "TimeoutError false"]));
  });
});

for (const way of ["end", "destroy", "resetAndDestroy"] as const) {
  test(`hostile › the first connection ends after any number of bytes, by ${way}() › sent is right, and repeats are allowed ones`, async () => {
    for (let cut = 0; cut < handshake.length + reply.length; cut++) {
      for (const idempotent of [false, true]) {
        let commands = 0;
        let connections = 0;
        await using server = await listen("tcp", (socket) => {
          const isFirst = ++connections === 1;
          let left = cut;
          answer(socket, (bytes) => {
            if (bytes === reply) commands++;
            if (!isFirst) return void socket.write(bytes, "latin1");
            const piece = bytes.slice(0, left);
            left -= piece.length;
            const finish = () => left <= 0 && piece.length < bytes.length && socket[way]();
            if (piece === "") finish();
            else socket.write(piece, "latin1", finish);
          });
        });
        await using doveadm = clientOf(server);
        const how = `cut at ${cut}, ${idempotent ? "" : "not "}idempotent`;
        try {
          const { fields } = await doveadm.send(list, { idempotent });
          assert.deepEqual(fields, ["INBOX"], how);
          if (!idempotent) assert.equal(commands, 1, how);
        } catch (error) {
          assert(error instanceof ConnectionLostError, `${how}: ${error}`);
          assert(!idempotent, `${how}: ${error}`);
          assert(error.sent, how);
          assert(commands <= 1, how);
        }
      }
    }
  });
}

test("hostile › nothing listens for a while › the calls wait, and are answered once it does", async () => {
  await using nowhere = await listenNowhere("unix");
  const { address } = nowhere;
  assert(address.transport === "unix");
  const { path } = address;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    answer(socket, (bytes) => socket.write(bytes, "latin1"));
  });
  let failures = 0;
  const onEvent = ({ type }: PoolEvent) => {
    if (type !== "open-failed" || ++failures !== 15) return;
    void rm(path).then(() => server.listen(path));
  };
  await leavingNothing(async () => {
    await using doveadm = connect({ path }, { onEvent });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => doveadm.send({ ...list, user: `u${at % 12}` })),
    );
    assert(answers.every(({ fields }) => fields[0] === "INBOX"));
    assert(failures >= 15 && failures < 25, `${failures}`);
    await doveadm.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

test("hostile › each connection ends after its first answer › all calls are answered, some of them later", async () => {
  let connections = 0;
  await using server = await listen("tcp", (socket) => {
    connections++;
    answer(socket, (bytes) => {
      socket.write(bytes, "latin1");
      if (bytes === reply) socket.end();
    });
  });
  await leavingNothing(async () => {
    await using doveadm = clientOf(server, { maxConnections: 4 });
    let lost = 0;
    await Promise.all(Array.from({ length: 100 }, async (_, at) => {
      try {
        const { fields } = await doveadm.send({ ...list, user: `u${at}` });
        assert.deepEqual(fields, ["INBOX"]);
      } catch (error) {
        // The end arrived when the command had been written.
        assert(error instanceof ConnectionLostError && error.sent, String(error));
        lost++;
      }
    }));
    assert(lost <= 75, `${lost} of 100 were lost`);
    assert(connections >= 25);
  });
});

test("hostile › connections that end as soon as they are open › no more than a few a second are tried", async () => {
  let connections = 0;
  await using server = await listen("tcp", (socket) => {
    connections++;
    socket.end(handshake);
    socket.resume();
  });
  await leavingNothing(async () => {
    await using doveadm = clientOf(server, { spares: 2, maxConnections: 5 });
    const errors = await Promise.all(
      Array.from(
        { length: 50 },
        (_, at) =>
          doveadm.send({ ...list, user: `u${at}` }, { timeout: 1_000 }).then(
            () => assert.fail("it was answered"),
            (error) => error,
          ),
      ),
    );
    for (const error of errors) assert(error instanceof DovewireError, String(error));
  });
  assert(connections < 30, `${connections} connections`);
});
