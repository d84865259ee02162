/**
 * `dovewire trace --live`: what passes through it, and what it says of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "../../mod.ts";
import { startMailServer } from "../../testing/mod.ts";
import { connect as connectTo, type Transport } from "../../transports/mod.ts";
import { certificates } from "../harness/certificates.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { endOf, listen, type SocketEnd, temporaryFolder } from "../harness/sockets.ts";
import { startLiveTrace } from "./live_trace.ts";
import { runWords } from "./run.ts";

const users = { alice: { mailboxes: { INBOX: ["Subject: Hi\n\nHello.\n"], Sent: [] } } };

/** Connects to where a trace listens. */
async function connectAt(place: string): Promise<Transport> {
  const [hostname, port] = place.split(":");
  return await connectTo(
    place.startsWith("/")
      ? { transport: "unix", path: place }
      : { transport: "tcp", hostname, port: Number(port) },
  );
}

/** A server of bytes; `accepted` returns its ends of connections, in their order. */
async function startServer() {
  const waiting: ((end: SocketEnd) => void)[] = [];
  const ends: SocketEnd[] = [];
  const server = await listen("tcp", (socket) => {
    const end = endOf(socket);
    const take = waiting.shift();
    if (take === undefined) ends.push(end);
    else take(end);
  });
  const { address } = server;
  if (address.transport !== "tcp") assert.fail();
  return {
    place: `127.0.0.1:${address.port}`,
    accepted: () => {
      const end = ends.shift();
      return end === undefined
        ? new Promise<SocketEnd>((resolve) => waiting.push(resolve))
        : Promise.resolve(end);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

async function readAll(source: Pick<Transport, "read">): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = await source.read()) !== undefined;) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

for (const kind of ["tcp", "unix"] as const) {
  test(`live trace › a client of the library over ${kind} › gets its answers, and leaves nothing`, async () => {
    await leavingNothing(async () => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, "server");
      await using server = await startMailServer({
        users,
        ...(kind === "unix" ? { place: { path } } : {}),
        settings: { password: "hunter22" },
      });
      const recording = join(folder.path, "recording.jsonl");
      const listening = kind === "unix" ? join(folder.path, "trace") : "127.0.0.1:0";
      const { address } = server;
      const target = address.transport === "unix" ? address.path : `127.0.0.1:${address.port}`;
      await using trace = await startLiveTrace([
        ...[listening, target, "--record", recording],
      ]);
      const [hostname, port] = trace.place.split(":");
      {
        const through = kind === "unix" ? { path: trace.place } : { hostname, port: Number(port) };
        await using doveadm = connect(through, { password: "hunter22", spares: 0 });
        const rows = await doveadm.run("mailbox list", { user: "alice" });
        assert.deepEqual(rows.map(({ mailbox }) => mailbox).sort(), ["INBOX", "Sent"]);
        await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }));
      }
      await trace.sees(/^conversation 1 ends: 2 commands/m);
      const { output, errors, code } = await trace.end();
      assert.equal(code, 0);
      assert.match(output, /command 1 +mailbox list .*for alice\n/);
      assert.match(output, /value 1 +row \d +mailbox +INBOX\n/);
      assert.match(output, /reply 2 +-NOUSER \(/);
      assert.match(errors, /gets all bytes as they are, passwords too/);
      for (const text of [output, errors]) assert.doesNotMatch(text, /hunter22|aHVudGVyMjI/);

      // Only its owner can read it, and it gives the same trace again.
      assert.equal((await stat(recording)).mode & 0o777, 0o600);
      assert.match(await readFile(recording, "utf8"), /"from":"client","bytes":"/);
      assert.equal((await runWords(["trace", recording])).output, output);
      const again = await runWords([
        ...["trace", "--live", "127.0.0.1:0", path, "--record", recording],
      ]);
      assert.match(again.errors, /exists already/);
    });
  });
}

test("live trace › bytes of no protocol, both ways at once › pass unchanged, with half-closes", async () => {
  await leavingNothing(async () => {
    await using server = await startServer();
    await using trace = await startLiveTrace(["127.0.0.1:0", server.place]);
    const client = await connectAt(trace.place);
    const end = await server.accepted();
    const there = Array.from({ length: 300_000 }, (_, at) => String.fromCharCode(at * 7 % 256));
    const back = Array.from({ length: 300_000 }, (_, at) => String.fromCharCode(at * 11 % 256));
    const say = async (to: Pick<Transport, "write" | "closeWrite">, what: readonly string[]) => {
      await to.write(bytes(what.join("")));
      await to.closeWrite();
    };
    const [, heard] = await Promise.all([say(client, there), readAll(end)]);
    assert(heard === there.join(""));
    // The client has ended, and still gets everything.
    const [, answer] = await Promise.all([say(end, back), readAll(client)]);
    assert(answer === back.join(""));
    await client.close();
    await end.close();
    await trace.sees(/^conversation 1 ends: .* 300000 bytes of the client, 300000 of the server/m);
    assert.equal((await trace.end()).code, 0);
  });
});

test("live trace › a client that reads nothing › holds back the server", async () => {
  await leavingNothing(async () => {
    await using server = await startServer();
    await using trace = await startLiveTrace(["127.0.0.1:0", server.place]);
    const client = await connectAt(trace.place);
    const end = await server.accepted();
    const chunk = new Uint8Array(1024 * 1024);
    const size = 64;
    let written = 0;
    const writing = (async () => {
      for (; written < size; written++) await end.write(chunk);
      await end.closeWrite();
    })();
    // A machine that is so slow that this takes a pause for the end sees fewer chunks.
    for (let before = -1, same = 0; same < 5; before = written) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      same = before === written ? same + 1 : 0;
    }
    // The buffers of the systems take far less than all of it.
    assert(written < 48, `${written} MiB were written`);
    assert.equal((await readAll(client)).length, size * chunk.length);
    await writing;
    await client.close();
    await end.close();
    await trace.end();
  });
});

test("live trace › a server that is down › is told for each connection, which is closed", async () => {
  await leavingNothing(async () => {
    let place: string;
    {
      await using server = await startServer();
      place = server.place;
    }
    await using trace = await startLiveTrace(["127.0.0.1:0", place]);
    for (const nth of [1, 2]) {
      const client = await connectAt(trace.place);
      assert.equal(await client.read().catch(() => undefined), undefined);
      await client.close();
      await trace.sees(
        new RegExp(`conversation ${nth} ends: 0 commands.*; Cannot connect to tcp 127`),
      );
    }
    assert.equal((await trace.end()).code, 0);
  });
});

test("live trace › many connections at once, one of which breaks › are numbered, and the others go on", async () => {
  await leavingNothing(async () => {
    await using server = await startServer();
    await using trace = await startLiveTrace(["127.0.0.1:0", server.place]);
    const count = 50;
    const clients: Transport[] = [];
    const ends: SocketEnd[] = [];
    for (let nth = 0; nth < count; nth++) {
      clients.push(await connectAt(trace.place));
      ends.push(await server.accepted());
    }
    await ends[0].close();
    await clients[0].read().catch(() => {});
    await clients[0].close();
    await Promise.all(
      clients.slice(1).map(async (client, at) => {
        await client.write(bytes(`VERSION\tdoveadm-server\t1\t0\n\tuser${at}\twho\n`));
        await client.closeWrite();
        assert.match(await readAll(ends[at + 1]), new RegExp(`user${at}\t`));
        await ends[at + 1].write(bytes("+\n\n+\n"));
        await ends[at + 1].close();
        assert.equal(await readAll(client), "+\n\n+\n");
        await client.close();
      }),
    );
    for (let nth = 2; nth <= count; nth++) {
      await trace.sees(new RegExp(`^conversation ${nth} ends: 1 command`, "m"));
    }
    const { output } = await trace.end();
    for (let nth = 2; nth <= count; nth++) {
      assert.match(output, new RegExp(`^ .* ${nth} client .*who for user${nth - 2}$`, "m"));
    }
  });
});

test("live trace › Ctrl-C while conversations run › closes them, and writes the page", async () => {
  await leavingNothing(async () => {
    await using server = await startServer();
    await using folder = await temporaryFolder();
    const page = join(folder.path, "page.html");
    await using trace = await startLiveTrace(["127.0.0.1:0", server.place, "--html", page]);
    const client = await connectAt(trace.place);
    const end = await server.accepted();
    await client.write(bytes("VERSION\tdoveadm-server\t1\t0\n\t\twh"));
    await trace.sees(/version +the client offers 1\.0/);
    const { code, output } = await trace.end();
    assert.equal(code, 0);
    assert.match(output, /mistake: The trace ends within a line/);
    assert.match(output, /conversation 1 ends: .*; the trace ended\n$/);
    assert.match(await readFile(page, "utf8"), /the client offers/);
    for (const side of [client, end]) {
      await side.read().catch(() => {});
      await side.close();
    }
    await assert.rejects(connectAt(trace.place));
  });
});

test("live trace › a page that can't be written › is refused before anybody connects", async () => {
  await using folder = await temporaryFolder();
  for (const page of [folder.path, join(folder.path, "missing", "page.html")]) {
    // What is traced would be lost at Ctrl-C, which nobody presses here.
    const words = ["trace", "--live", "127.0.0.1:0", "127.0.0.1:1", "--html", page];
    const { code, errors } = await runWords(words);
    assert.equal(code, 64);
    assert.match(errors, /^dovewire: The page can't be written: .*\n$/);
  }
});

test("live trace › a target with TLS › is encrypted, and the client isn't", async () => {
  const { good, ca } = await certificates();
  await using folder = await temporaryFolder();
  const caFile = join(folder.path, "ca.pem");
  await writeFile(caFile, ca);
  await using server = await startMailServer({
    users,
    settings: { password: "hunter22", tls: good },
  });
  if (server.address.transport !== "tcp") assert.fail();
  await using trace = await startLiveTrace([
    ...["127.0.0.1:0", `doveadms://localhost:${server.address.port}`, "--ca", caFile],
  ]);
  const [hostname, port] = trace.place.split(":");
  {
    await using doveadm = connect({ hostname, port: Number(port) }, {
      ...{ password: "hunter22", spares: 0 },
    });
    assert.equal((await doveadm.run("mailbox list", { user: "alice" })).length, 2);
  }
  const { output } = await trace.end();
  assert.match(output, /value 1 +row \d +mailbox +INBOX\n/);
  // What the client encrypts itself passes through, and is not decoded.
  await using blind = await startLiveTrace(["127.0.0.1:0", `127.0.0.1:${server.address.port}`]);
  const [, blindPort] = blind.place.split(":");
  {
    await using doveadm = connect({ hostname: "localhost", port: Number(blindPort), tls: true }, {
      ...{ password: "hunter22", spares: 0, tls: { caCerts: [ca] } },
    });
    assert.equal((await doveadm.run("mailbox list", { user: "alice" })).length, 2);
  }
  const ended = await blind.end();
  assert.match(ended.output, /client +0 tls +To see it, .*doveadms:\/\/HOST:PORT/);
  assert.match(ended.output, /note: TLS from the first byte: nothing of it can be decoded\./);
});
