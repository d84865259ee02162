/**
 * A user's program: what `npm_test.ts` compiles and runs where the package is installed. Its argument
 * selects the scenario; it fails with the reason.
 *
 * @module
 */

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  CommandError,
  connect,
  ConnectError,
  type Doveadm,
  type DoveadmLog,
  exitCode,
  TimeoutError,
} from "@dovewire/dovewire";
import { InputQueue } from "@dovewire/dovewire/core";
import { DoveadmClientProtocol } from "@dovewire/dovewire/core/doveadm";
import * as catalogue from "@dovewire/dovewire/core/doveadm/catalogue";
import { encodeFrame } from "@dovewire/dovewire/core/extractor";
import { ExtractorFailure, openExtractor } from "@dovewire/extractor";
import { Maildir, maildirHandler, serveExtractor } from "@dovewire/extractor/server";
import { CommandFailure, serve } from "@dovewire/dovewire/server";
import { type MailServer, startMailServer } from "@dovewire/dovewire/testing";
import { connect as connectTo, Driver, listen } from "@dovewire/dovewire/transports";
import * as bun from "@dovewire/dovewire/transports/bun";
import * as deno from "@dovewire/dovewire/transports/deno";
import * as memory from "@dovewire/dovewire/transports/memory";
import * as node from "@dovewire/dovewire/transports/node";
import * as streams from "@dovewire/dovewire/transports/streams";

const users = { tss: { mailboxes: { INBOX: ["Subject: Hi\n\nHello.\n"], Sent: [] } } };

const scenarios: Readonly<Record<string, () => Promise<void>>> = {
  async imports() {
    for (const adapter of [bun, deno, node]) {
      assert.deepEqual(Object.keys(adapter).sort(), [
        "TransportError",
        "connect",
        "listen",
        "listenHttp",
        "spawn",
        "stdio",
      ]);
    }
    assert.ok(Object.keys(catalogue).length > 0);
    const values = [
      InputQueue,
      DoveadmClientProtocol,
      CommandFailure,
      memory.memoryPair,
      memory.memoryListener,
      streams.fromStreams,
    ];
    for (const value of values) assert.equal(typeof value, "function");
    assert.equal(exitCode("NOUSER"), 67);

    // All modules share one copy of what they share.
    const nowhere = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
    await assert.rejects(node.connect(nowhere), node.TransportError);
    assert.equal(node.TransportError, deno.TransportError);
  },

  async tcp() {
    await using server = await startMailServer({ users });
    assert.ok(server.address.transport === "tcp");
    await using doveadm = connect(server.address, { password: server.password });
    await useAll(doveadm, server);
  },

  async unix() {
    const folder = await mkdtemp(join(tmpdir(), "dovewire-"));
    try {
      const path = join(folder, "socket");
      await using server = await startMailServer({ users, place: { path } });
      await using doveadm = connect({ path });
      await useAll(doveadm, server);
    } finally {
      await rm(folder, { recursive: true });
    }
  },

  async serve() {
    const options = { hostname: "127.0.0.1", port: 0, password: "s3cret" };
    await using server = await serve(options, async function* ({ name, user, input, log }) {
      if (name === "save") {
        let size = 0;
        for await (const chunk of input ?? []) size += chunk.length;
        return yield String(size);
      }
      if (user !== "tss") throw new CommandFailure("NOUSER", { log: `There is no ${user}.` });
      log("info", "found");
      yield* ["INBOX", "Sent"];
    });
    const { address } = server;
    assert.ok(address.transport === "tcp");
    const logged: DoveadmLog[] = [];
    const onLog = (log: DoveadmLog): void => void logged.push(log);
    await using doveadm = connect(address, { password: "s3cret", onLog });
    const { fields } = await doveadm.send({ name: "mailbox list", user: "tss" });
    assert.deepEqual(fields, ["INBOX", "Sent"]);
    assert.match(JSON.stringify(logged), /found/);
    const input = "x".repeat(100_000) + "\n";
    const saved = await doveadm.send({ name: "save", user: "tss", input });
    assert.deepEqual(saved.fields, ["100001"]);
    await assert.rejects(doveadm.send({ name: "mailbox list", user: "no" }), (error) => {
      assert.ok(error instanceof CommandError);
      assert.equal(error.code, "NOUSER");
      assert.match(error.message, /There is no no\./);
      return true;
    });
  },

  async extractor() {
    const path = await mkdtemp(join(tmpdir(), "dovewire-"));
    try {
      for (const name of ["new", "cur", "tmp"]) await mkdir(join(path, name));
      const mail = "From: Joe <joe@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nHello.\n";
      await writeFile(join(path, "new", "1718000000.M1P1.host"), mail);
      const [near, far] = memory.memoryPair();
      const session = serveExtractor(far, maildirHandler(Maildir.open(path)));
      {
        await using extractor = openExtractor({ transport: near });
        const [{ mid, subject, from, seen }] = await extractor.list({ sortBy: "!date" });
        assert.deepEqual([subject, from[0].name, seen], ["Grüße", "Joe", false]);
        const { body } = await extractor.readMail(mid, { markSeen: true });
        assert.match(body.text ?? "", /^Hello\.\r?\n$/);
        const { count, unseen } = await extractor.count();
        assert.deepEqual([count, unseen], [1, 0]);
        assert.deepEqual((await extractor.search({ pattern: "h.llo|ello" })).length, 1);
        await assert.rejects(extractor.move(mid, "Nowhere"), (error) => {
          assert.ok(error instanceof ExtractorFailure);
          assert.equal(error.code, "not-found");
          return true;
        });
      }
      assert.equal(await session, 0);
      assert.equal(encodeFrame(new Uint8Array(5)).length, 9);
    } finally {
      await rm(path, { recursive: true });
    }
  },

  async driver() {
    /** A protocol of one's own: what the peer sent until its end, as one event. */
    class ReadAll {
      #text = "";
      #state: "reading" | "ended" | "over" = "reading";
      readonly deadline = undefined;
      receive(chunk: Uint8Array): void {
        this.#text += new TextDecoder().decode(chunk);
      }
      receiveEnd(): void {
        this.#state = "ended";
      }
      takeOutput(): undefined {}
      handleTimeout(): void {}
      nextEvent(): { readonly type: "end"; readonly text: string } | undefined {
        if (this.#state !== "ended") return undefined;
        this.#state = "over";
        return { type: "end", text: this.#text };
      }
    }

    await using listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 });
    const served = listener.accept().then(async (client) => {
      await client?.write(new TextEncoder().encode("hello"));
      await client?.close();
    });
    const heard: string[] = [];
    const onEvent = ({ text }: { readonly text: string }): void => void heard.push(text);
    await new Driver(new ReadAll(), await connectTo(listener.address), { onEvent }).run();
    await served;
    assert.deepEqual(heard, ["hello"]);
  },

  async errors() {
    let url: string;
    {
      await using server = await startMailServer({ users });
      url = server.url;
      await using doveadm = connect(url);
      await assert.rejects(doveadm.run("mailbox list", { user: "nobody" }), (error) => {
        assert.ok(error instanceof CommandError);
        assert.deepEqual([error.code, error.exitCode, error.sent], ["NOUSER", 67, true]);
        return true;
      });
      const { signal } = new AbortController();
      await doveadm.run("mailbox list", { user: "tss" }, { signal, timeout: 10_000 });
    }
    await using gone = connect(url);
    let error: unknown;
    // On a busy machine a connection may not even be refused in that time.
    for (let timeout = 200; timeout < 60_000; timeout *= 4) {
      error = await gone.run("mailbox list", { user: "tss" }, { timeout }).catch((it) => it);
      if (!(error instanceof TimeoutError)) break;
    }
    assert.ok(error instanceof ConnectError, String(error));
  },
};

/** All ways to call, over one client. */
async function useAll(doveadm: Doveadm, server: MailServer): Promise<void> {
  const [storage] = await doveadm.run("quota get", { user: "tss" });
  assert.equal(storage.limit satisfies number | null, null);

  for (const subject of ["Again", "And again"]) {
    await doveadm.run("save", {
      user: "tss",
      mailbox: "INBOX",
      file: `Subject: ${subject}\r\n\r\n.\r\n`,
    });
  }
  const subjects: unknown[] = [];
  const rows = doveadm.rows("fetch", {
    user: "tss",
    field: ["uid", "hdr.subject", "date.received"],
    query: ["all"],
  });
  for await (const row of rows) {
    assert.ok(row["date.received"] instanceof Date);
    subjects.push(row["hdr.subject"]);
  }
  assert.deepEqual(subjects, ["Hi", "Again", "And again"]);
  assert.equal(server.system.users.get("tss")?.mailboxes.get("INBOX")?.mails.length, 3);

  const { fields } = await doveadm.send({ name: "mailbox list", user: "tss" });
  assert.deepEqual([...fields].sort(), ["INBOX", "Sent"]);

  const args = ["text", "mailbox", "INBOX", "uid", "1"];
  const texts: string[] = [];
  for await (const field of doveadm.stream({ name: "fetch", user: "tss", args })) {
    texts.push(await field.text());
  }
  assert.match(texts.join(), /^Subject: Hi\r?\n\r?\nHello\.\r?\n$/);

  const outcomes = await doveadm.runAll([
    ["mailbox list", { user: "tss" }],
    ["mailbox list", { user: "nobody" }],
  ]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
}

const [, , name] = process.argv;
await scenarios[name]();
console.log(`${name} is fine`);
