import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import {
  AbortError,
  connect,
  ConnectError,
  ConnectionLostError,
  type Connector,
  type Doveadm,
  DovewireError,
  TimeoutError,
  type Transport,
  TransportError,
} from "../../../mod.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import { startDovecot } from "../../harness/dovecot/dovecot.ts";
import { signalWorkers, workersOf } from "../../harness/dovecot/workers.ts";
import { withEnoughTime } from "../../harness/enough_time.ts";
import { listen, listenAndNeverAccept, listenNowhere } from "../../harness/sockets.ts";
import { largeMail } from "./large_mail.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { until } from "../../harness/until.ts";

const list = { name: "mailbox list", user: "alice" };
const messages = { name: "mailbox status", user: "alice", args: ["messages", "INBOX"] };

/** The error that a command is rejected with. */
async function errorOf(answer: Promise<unknown>): Promise<DovewireError> {
  const error = await answer.then(() => assert.fail("it was answered"), (error) => error);
  assert(error instanceof DovewireError, String(error));
  return error;
}

test("faults › the server is killed during a reply › ConnectionLostError", async () => {
  await using dovecot = await startDovecot({
    mail: { alice: { INBOX: [largeMail(16 * 1024 * 1024)] } },
  });
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX"] };
    let size = 0;
    const error = await errorOf((async () => {
      for await (const field of doveadm.stream(fetch)) {
        for await (const chunk of field) {
          // The server is stuck writing now: what we don't take, it can't send.
          if (size === 0) await signalWorkers(dovecot, "SIGKILL");
          size += chunk.length;
        }
      }
    })());
    assert(error instanceof ConnectionLostError);
    assert(error.sent);
    assert.match(error.message, /^"fetch" was not answered by unix /);
    assert(size > 0 && size < 16 * 1024 * 1024);
    assert.deepEqual((await doveadm.send(messages)).fields, ["INBOX", "1"]);
  });
});

test("faults › the server ends or resets the connection during a reply › ConnectionLostError", async () => {
  // A fake: a real server can't be made to end its side and go on.
  for (const end of ["end", "resetAndDestroy"] as const) {
    await using server = await listen("tcp", (socket) => {
      socket.write("VERSION\tdoveadm-client\t1\t2\n+\n");
      socket.on("data", (chunk) => {
        if (!chunk.includes("mailbox list")) return;
        socket.write(Buffer.from("\0\0\0\0\x06INBOX\t"), () => socket[end]());
      });
    });
    await leavingNothing(async () => {
      assert(server.address.transport === "tcp");
      await using doveadm = connect(server.address);
      const error = await errorOf(doveadm.send(list));
      assert(error instanceof ConnectionLostError);
      assert(error.sent);
      assert.match(error.message, /"mailbox list" was not answered by tcp 127\.0\.0\.1:\d+/);
    });
  }
});

test("faults › no server at the address › ConnectError", async () => {
  await using tcp = await listenNowhere("tcp");
  await using unix = await listenNowhere("unix");
  await leavingNothing(async () => {
    for (const { address } of [tcp, unix]) {
      await using doveadm = connect(
        address.transport === "unix" ? { path: address.path } : address,
      );
      const calls = [
        (timeout: number) => doveadm.send(list, { timeout }),
        (timeout: number) => doveadm.send({ name: "who" }, { timeout }),
        () => doveadm.ready(),
      ];
      for (const call of calls) {
        const error = await withEnoughTime(
          100,
          (timeout) => errorOf(call(timeout)),
          (error) => !(error instanceof TimeoutError),
        );
        assert(error instanceof ConnectError, String(error));
        assert(!error.sent);
        assert(error.cause instanceof TransportError);
        assert.equal(error.cause.code, "refused");
        assert.match(error.message, /^Cannot connect to (tcp|unix) .*Is Dovecot running/);
      }
    }
  });
});

test("faults › a missing socket file › ConnectError", async () => {
  await leavingNothing(async () => {
    await using doveadm = connect("doveadm+unix:///nowhere/doveadm-server");
    const error = await errorOf(doveadm.send(list));
    assert(error instanceof ConnectError);
    assert.equal((error.cause as TransportError).code, "not-found");
    assert.match(error.message, /unix \/nowhere\/doveadm-server: there is no such socket/);
  });
});

test("faults › the server doesn't shake hands › TimeoutError of the handshake", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket }, { handshakeTimeout: 400 });
    process.kill(dovecot.pid, "SIGSTOP");
    const errors = await withEnoughTime(
      1_000,
      (timeout) =>
        Promise.all(
          [list, { name: "who" }, list].map((request) =>
            errorOf(doveadm.send(request, { timeout }))
          ),
        ),
      (errors) => errors.every((it) => it instanceof TimeoutError && it.phase === "handshake"),
    );
    process.kill(dovecot.pid, "SIGCONT");
    for (const error of errors) {
      assert(error instanceof TimeoutError, String(error));
      assert.equal(error.phase, "handshake");
      assert(!error.sent);
      assert.match(error.message, /unix .* took more than 400 ms/);
    }
    // A busy machine may need longer than that for a handshake, too.
    let fields: readonly string[] = [];
    await until(async () => {
      const outcome = await doveadm.send(messages).catch((error) => error);
      if (outcome instanceof TimeoutError) return false;
      if (outcome instanceof Error) throw outcome;
      fields = outcome.fields;
      return true;
    });
    assert.deepEqual(fields, ["INBOX", "3"]);
  });
});

test("faults › connecting takes too long › TimeoutError of connecting", async () => {
  await using server = await listenAndNeverAccept();
  await leavingNothing(async () => {
    assert(server.address.transport === "tcp");
    await using doveadm = connect(server.address, { connectTimeout: 150 });
    const error = await errorOf(doveadm.send({ name: "who" }, { timeout: 400 }));
    assert(error instanceof TimeoutError, String(error));
    assert.equal(error.phase, "connect");
    assert(!error.sent);
  });
});

test("faults › the server stops answering › TimeoutError of the command", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    await doveadm.send(list);
    await signalWorkers(dovecot, "SIGSTOP");
    const waiting = doveadm.send(messages, { timeout: 100 });
    const after = doveadm.send(messages);
    const error = await errorOf(waiting);
    assert(error instanceof TimeoutError, String(error));
    assert.equal(error.phase, "command");
    assert(error.sent);
    assert.match(
      error.message,
      /within 1?\d\d(\.\d+)? ms\. If it may take longer, raise "timeout"/,
    );
    assert.deepEqual((await after).fields, ["INBOX", "3"], "another connection was needed");
    await signalWorkers(dovecot, "SIGCONT");
  });
});

test("faults › the server stops during a stream › TimeoutError", async () => {
  await using dovecot = await startDovecot({
    mail: { alice: { INBOX: [largeMail(16 * 1024 * 1024)] } },
  });
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX"] };
    let isStopped = false;
    let limit = 0;
    const stopIn = async (timeout: number) => {
      limit = timeout;
      for await (const field of doveadm.stream(fetch, { timeout })) {
        for await (const _ of field) {
          if (isStopped) continue;
          isStopped = true;
          await signalWorkers(dovecot, "SIGSTOP");
        }
      }
    };
    const error = await withEnoughTime(
      1_000,
      (timeout) => errorOf(stopIn(timeout)),
      () => isStopped,
    );
    assert(error instanceof TimeoutError, String(error));
    assert(error.sent);
    assert(
      error.message.includes(`sent no more of its answer to "fetch" for ${limit} ms`),
      error.message,
    );
    await signalWorkers(dovecot, "SIGKILL");
  });
});

test("faults › a stream whose reader pauses › doesn't time out", async () => {
  await using dovecot = await startDovecot({
    mail: { alice: { INBOX: [largeMail(4 * 1024 * 1024)] } },
  });
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX"] };
    const pauseIn = async (timeout: number) => {
      let size = 0;
      for await (const field of doveadm.stream(fetch, { timeout })) {
        for await (const chunk of field) {
          if (size === 0) await new Promise((resolve) => setTimeout(resolve, 1.3 * timeout));
          size += chunk.length;
        }
      }
      return size;
    };
    const outcome = await withEnoughTime(
      1_000,
      (timeout) => pauseIn(timeout).catch((error) => error as Error),
      (outcome) => !(outcome instanceof TimeoutError),
    );
    assert.equal(outcome, 4 * 1024 * 1024);
  });
});

test("cancelling › before a command, while it waits, and after it was sent › AbortError with sent", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    const before = await errorOf(doveadm.send(list, { signal: AbortSignal.abort("never mind") }));
    assert(before instanceof AbortError);
    assert.equal(before.cause, "never mind");
    assert(!before.sent);

    await doveadm.send(list);
    await signalWorkers(dovecot, "SIGSTOP");
    const sent = new AbortController();
    const waiting = new AbortController();
    const answers = [
      doveadm.send(list, { signal: sent.signal }),
      doveadm.send(list, { signal: waiting.signal }),
      doveadm.send(messages),
    ];
    const errors = answers.slice(0, 2).map(errorOf);
    await new Promise((resolve) => setTimeout(resolve, 50));
    waiting.abort();
    assert(!(await errors[1]).sent);
    sent.abort();
    const first = await errors[0];
    assert(first instanceof AbortError);
    assert(first.sent);
    assert.match(first.message, /it was sent and may run all the same/);
    const answer = await answers[2] as { fields: readonly string[] };
    assert.deepEqual(answer.fields, ["INBOX", "3"]);
    await signalWorkers(dovecot, "SIGKILL");
  });
});

test("cancelling › during a stream › AbortError", async () => {
  await using dovecot = await startDovecot({
    mail: { alice: { INBOX: [largeMail(16 * 1024 * 1024)] } },
  });
  await leavingNothing(async () => {
    await using doveadm = connect({ path: dovecot.socket });
    const fetch = { name: "fetch", user: "alice", args: ["text", "mailbox", "INBOX"] };
    const abort = new AbortController();
    const error = await errorOf((async () => {
      for await (const field of doveadm.stream(fetch, { signal: abort.signal })) {
        for await (const _ of field) abort.abort();
      }
    })());
    assert(error instanceof AbortError, String(error));
  });
});

test("closing › with pending commands › they get an error, and nothing is left", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    const doveadm = connect({ path: dovecot.socket });
    await doveadm.send(list);
    await signalWorkers(dovecot, "SIGSTOP");
    process.kill(dovecot.pid, "SIGSTOP");
    const answers = [list, list, { name: "who" }].map((request) => errorOf(doveadm.send(request)));
    const stream = errorOf((async () => {
      for await (const _ of doveadm.stream(list));
    })());
    await new Promise((resolve) => setTimeout(resolve, 20));
    await doveadm.close();
    for (const error of await Promise.all([...answers, stream])) {
      assert(error instanceof ConnectionLostError, String(error));
    }
    assert((await answers[0]).sent);
    assert(!(await answers[1]).sent);
    assert.match((await errorOf(doveadm.send(list))).message, /was closed/);
    assert.match((await errorOf(doveadm.send({ name: "who" }))).message, /was closed/);
    await doveadm.close();
    process.kill(dovecot.pid, "SIGCONT");
    await signalWorkers(dovecot, "SIGKILL");
  });
});

test("connections › idle for less and more than idleTimeout › kept, and closed", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    {
      await using doveadm = connect({ path: dovecot.socket }, { idleTimeout: 600_000 });
      await doveadm.send(list);
      const [worker, ...others] = await workersOf(dovecot);
      assert.deepEqual(others, []);
      await doveadm.send(messages);
      assert.deepEqual(await workersOf(dovecot), [worker], "the connection was not kept");
    }
    await until(async () => (await workersOf(dovecot)).length === 0);
    const reasons: string[] = [];
    await using doveadm = connect({ path: dovecot.socket }, {
      idleTimeout: 500,
      onEvent: (event) => event.type === "closed" && reasons.push(event.reason),
    });
    await doveadm.send(list);
    await until(async () => (await workersOf(dovecot)).length === 0);
    await until(() => Promise.resolve(reasons.length > 0));
    assert.deepEqual(reasons, ["idle"]);
    assert.deepEqual((await doveadm.send(messages)).fields, ["INBOX", "3"]);
  });
});

test("connections › the server has closed an idle one › another one is opened", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    const closed = Promise.withResolvers<void>();
    await using doveadm = connect({ path: dovecot.socket }, {
      onEvent: ({ type }) => type === "closed" && closed.resolve(),
    });
    await doveadm.send(list);
    await signalWorkers(dovecot, "SIGKILL");
    await closed.promise;
    assert.deepEqual((await doveadm.send(messages)).fields, ["INBOX", "3"]);
  });
});

test("connections › more commands than maxConnections › wait, and can be aborted", async () => {
  await using dovecot = await startDovecot();
  await leavingNothing(async () => {
    const open = new Set<Transport>();
    let most = 0;
    const connector: Connector = async (address, options) => {
      const transport = await connectTransport(address, options);
      const close = transport.close.bind(transport);
      transport.close = () => {
        open.delete(transport);
        return close();
      };
      most = Math.max(most, open.add(transport).size);
      return transport;
    };
    await using doveadm = connect({ path: dovecot.socket }, { maxConnections: 2, connector });
    await Promise.all(
      Array.from({ length: 20 }, (_, at) => doveadm.send(at % 3 === 0 ? list : { name: "who" })),
    );
    assert.equal(most, 2);

    const streams = await Promise.all([openStream(doveadm), openStream(doveadm)]);
    const late = await errorOf(doveadm.send({ name: "who" }, { timeout: 100 }));
    assert(late instanceof TimeoutError);
    assert(!late.sent);
    assert.match(late.message, /waited for a connection/);
    for (const stream of streams) await stream.return();
    assert((await doveadm.send({ name: "who" })).ok);
  });
});

/** A stream that has begun and holds its connection. */
async function openStream(doveadm: Doveadm) {
  const stream = doveadm.stream({ name: "fetch", user: "alice", args: ["uid", "all"] });
  assert(!(await stream.next()).done);
  return stream;
}
