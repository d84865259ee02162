import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  CommandError,
  connect,
  ConnectionLostError,
  type Doveadm,
  DoveadmConnection,
  type DoveadmOptions,
} from "../../../mod.ts";
import { connect as connectTransport } from "../../../transports/mod.ts";
import { type Dovecot, startDovecot } from "../../harness/dovecot/dovecot.ts";
import { atFullSize } from "../../harness/soak.ts";
import { argumentsToRun } from "../../harness/this_runtime.ts";
import { largeMail } from "./large_mail.ts";
import {
  besideMail,
  eightBitMail,
  failures,
  fieldsOf,
  manyInOrder,
  messages,
  refused,
  savedMail,
  streams,
  typedRows,
  type Way,
} from "./scenarios.ts";

/** A client for the server's preauthenticated socket. */
function clientOf(dovecot: Dovecot, options?: DoveadmOptions): Doveadm {
  return connect({ path: dovecot.socket }, options);
}

/** One connection to the server's preauthenticated socket. */
async function connectionTo(dovecot: Dovecot): Promise<DoveadmConnection> {
  const transport = await connectTransport({ transport: "unix", path: dovecot.socket });
  return await DoveadmConnection.open(transport);
}

/** The way through that socket. */
function wayTo(dovecot: Dovecot): Way {
  return {
    dovecot,
    isMultiplexed: true,
    connect: (options) => clientOf(dovecot, options),
    open: () => connectionTo(dovecot),
  };
}

/** What is tried every other way as well, by everywhere_test.ts. */
for (
  const [what, act] of [
    ["run() and rows() › typed rows", typedRows],
    ["hundreds of commands at once › answers in their order", manyInOrder],
    ["commands beside mail commands, which would break their connection › answers", besideMail],
    ["commands that fail › errors with the log lines", failures],
    ["streams, also left early or failing › all fields, or an error", streams],
    [
      "a large message › is saved and read unchanged",
      (way: Way) => savedMail(way, eightBitMail(atFullSize(50, 12) * 1024 * 1024)),
    ],
  ] as const
) {
  test(`real Dovecot › ${what}`, async () => {
    await using dovecot = await startDovecot();
    await act(wayTo(dovecot));
  });
}

test("real Dovecot › a preauthenticated socket, one with a password, and TCP › answers", async () => {
  await using dovecot = await startDovecot();
  const { password, port } = dovecot;
  for (
    const doveadm of [
      clientOf(dovecot),
      clientOf(dovecot, { password: "nobody asks for it" }),
      connect(`doveadm+unix://${dovecot.passwordSocket}`, { password }),
      connect(`doveadm://127.0.0.1:${port}`, { password }),
      connect(`doveadm://doveadm:${password}@localhost:${port}`),
      ...[0, 1, 2].map((maxMinor) => clientOf(dovecot, { maxMinor })),
    ]
  ) {
    await using client = doveadm;
    const mailboxes = await fieldsOf(client, { name: "mailbox list", user: "alice" });
    assert.deepEqual([...mailboxes].sort(), ["INBOX", "Projects", "Projects/2024", "Sent"]);
    assert.deepEqual(await fieldsOf(client, messages("alice")), ["INBOX", "3"]);
  }
});

test("real Dovecot › wrong and missing passwords › AuthenticationError", async () => {
  await using dovecot = await startDovecot();
  for (const options of [{}, { password: "wrong" }]) {
    for (
      const target of [{ path: dovecot.passwordSocket }, {
        hostname: "127.0.0.1",
        port: dovecot.port,
      }]
    ) {
      await using doveadm = connect(target, options);
      await refused(doveadm);
    }
  }
});

test("real Dovecot › commands whose rows may come after their reply › all rows", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot);
  for (let at = 0; at < 3; at++) {
    const [path, , , running] = await fieldsOf(doveadm, { name: "instance list" });
    assert.equal(path, join(dovecot.folder, "run"));
    assert.equal(running, "yes");
  }
  const pipelined = await Promise.all(
    ["instance list", "service status", "process status"].map((name) =>
      fieldsOf(doveadm, { name })
    ),
  );
  for (const fields of pipelined) assert(fields.length >= 4);
});

test("real Dovecot › one of fifty commands ends the connection › the others are answered", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot);
  const bad = { name: "fetch", user: "alice", args: ["nosuchfield", "mailbox", "INBOX"] };
  const results = await Promise.allSettled(
    Array.from({ length: 50 }, (_, at) => doveadm.send(at === 25 ? bad : messages("alice"))),
  );
  for (const [at, result] of results.entries()) {
    if (at !== 25) {
      assert(
        result.status === "fulfilled",
        `command ${at}: ${(result as PromiseRejectedResult).reason}`,
      );
      assert.deepEqual(result.value.fields, ["INBOX", "3"]);
      continue;
    }
    assert(result.status === "rejected");
    assert(result.reason instanceof ConnectionLostError);
    assert(result.reason.sent);
    assert.match(result.reason.message, /"fetch" was not answered.*an unknown field/);
  }
});

test("real Dovecot › arguments with special characters › arrive unchanged", async () => {
  await using dovecot = await startDovecot({
    extraConfig: "mail_attribute_dict = file:%h/attributes",
  });
  await using doveadm = clientOf(dovecot);
  const place = ["INBOX", "/private/comment"];
  for (const value of ["a\tb\nc\rd\x01e", "ünï😀", "--user bob", "\x01", "trailing\t", "\x01t"]) {
    // After "--" a value may begin with a hyphen.
    const args = ["--", ...place, value];
    await doveadm.send({ name: "mailbox metadata set", user: "alice", args });
    const get = { name: "mailbox metadata get", user: "alice", args: place };
    assert.deepEqual(await fieldsOf(doveadm, get), [value]);
  }
});

test("real Dovecot › a refused save between other commands › the others are answered", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot);
  const input = "Subject: x\r\n\r\nx\r\n";
  const save = (user: string, ...args: string[]) =>
    doveadm.send({ name: "save", user, args, input });
  const results = await Promise.allSettled([
    doveadm.send(messages("alice")),
    save("nobody", "-m", "INBOX"),
    doveadm.send(messages("alice")),
    save("alice", "--bogus"),
    doveadm.send(messages("alice")),
    save("alice", "-m", "NoSuchBox"),
    save("alice", "-m", "INBOX"),
    doveadm.send(messages("alice")),
  ]);
  assert.deepEqual(
    results.map((result) =>
      result.status === "fulfilled" ? result.value.fields.join(" ") : result.reason.code
    ),
    ["INBOX 3", "NOUSER", "INBOX 3", "USAGE", "INBOX 3", "NOTFOUND", "", "INBOX 4"],
  );
});

test("real Dovecot › a refused message whose lines look like commands › none is run", async () => {
  await using dovecot = await startDovecot();
  const reloads = async () => (await dovecot.log()).match(/SIGHUP|reloading/gi)?.length ?? 0;
  const body = "\t\treload\nv\t\treload\n\t\treload\n";
  for (const input of [body, [body], "Subject: x\n" + body, "v" + body, "\n" + body]) {
    await using doveadm = clientOf(dovecot);
    const args = ["--bogus"];
    await assert.rejects(doveadm.send({ name: "save", user: "bob", args, input }), CommandError);
    await assert.rejects(doveadm.send({ name: "no such command", input }), CommandError);
    assert.deepEqual(await fieldsOf(doveadm, messages("bob")), ["INBOX", "0"]);
  }
  assert.equal(await reloads(), 0);
  await using doveadm = clientOf(dovecot);
  await doveadm.send({ name: "save", user: "bob", args: ["-m", "INBOX"], input: body });
  const fetch = { name: "fetch", user: "bob", args: ["text", "mailbox", "INBOX"] };
  assert.deepEqual(await fieldsOf(doveadm, fetch), [body], "the message was changed");
  // That a reload would have shown is shown by one.
  await doveadm.send({ name: "reload" });
  for (let tries = 0; await reloads() === 0; tries++) {
    assert(tries < 1_200, "a reload doesn't show in the log");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test("real Dovecot › saved messages with dots and line ends of all kinds › are read back unchanged", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot);
  const inputs = [
    "Subject: x\n\n.dot\n..\n.\n",
    "Subject: x\n\nno line end at the end",
    "Subject: x\n\na dot at the end\n.",
    "Subject: x\n\n\n\n\n",
    ".Subject: a dot first\n\nx\n",
    "\t\twho\n\nx\n",
    "x",
    "Subject: bare CRs\n\na\rb\r.\rc\n",
  ];
  for (const [at, input] of inputs.entries()) {
    await doveadm.send({ name: "save", user: "bob", args: ["-m", "INBOX"], input });
    const query = ["text", "mailbox", "INBOX", "uid", String(at + 1)];
    const [text] = await fieldsOf(doveadm, { name: "fetch", user: "bob", args: query });
    assert.equal(text, input);
  }
});

test("real Dovecot › input in pieces, and one that fails midway › is saved, and is not", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot);
  const save = { name: "save", user: "bob", args: ["-m", "INBOX"] };
  async function* pieces(fail: boolean) {
    yield "Subject: x\n";
    await Promise.resolve();
    yield new TextEncoder().encode("\n.");
    if (fail) throw new Error("the disk is gone");
    yield "x\n";
  }
  await doveadm.send({ ...save, input: pieces(false) });
  await doveadm.send({ ...save, input: new Blob(["Subject: y\n\n.y\n"]).stream() });
  const failed = doveadm.send({ ...save, input: pieces(true) });
  await assert.rejects(failed, (error: Error) => {
    assert.equal(error.name, "AbortError");
    assert.equal((error.cause as Error).message, "the disk is gone");
    return true;
  });
  const fetch = { name: "fetch", user: "bob", args: ["text", "mailbox", "INBOX"] };
  assert.deepEqual(await fieldsOf(doveadm, fetch), ["Subject: x\n\n.x\n", "Subject: y\n\n.y\n"]);
});

test("real Dovecot › thousands of pipelined commands on one connection › answers in their order", async () => {
  const count = atFullSize(10_000, 2_000);
  await using dovecot = await startDovecot();
  {
    await using connection = await connectionTo(dovecot);
    const answers: number[] = [];
    await Promise.all(
      Array.from(
        { length: count },
        (_, at) =>
          connection.send({ name: "who" }, { timeout: 300_000 }).then(({ ok }) => {
            assert(ok);
            answers.push(at);
          }),
      ),
    );
    assert.deepEqual(answers, Array.from({ length: count }, (_, at) => at));
  }
  await using connection = await connectionTo(dovecot);
  const users = Array.from({ length: count / 10 }, (_, at) => at % 3 === 0 ? "alice" : "bob");
  const counts = await Promise.all(
    users.map((user) => connection.send({ name: "mailbox list", user }, { timeout: 300_000 })),
  );
  assert.deepEqual(
    counts.map(({ fields }) => fields.length),
    users.map((user) => user === "alice" ? 4 : 1),
  );
});

test("real Dovecot › a reply larger than the memory that may be used › streams through", async () => {
  const size = 200 * 1024 * 1024;
  await using dovecot = await startDovecot({ mail: { alice: { INBOX: [largeMail(size)] } } });
  const program = fileURLToPath(new URL("large_mail.ts", import.meta.url));
  const args = argumentsToRun(program);
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [...args, dovecot.socket, String(size)]);
  const mebibytes = Number(stdout) / 1024 / 1024;
  console.log(
    `  a reply of ${size / 1024 / 1024} MiB: the resident memory grew by ${
      mebibytes.toFixed(1)
    } MiB`,
  );
  // V8 collects buffers that nothing needs after 64 MiB of them, and frees them some time later.
  assert(mebibytes < 128, `the resident memory grew by ${mebibytes} MiB`);
});

test("real Dovecot › a reply above its limit › an error, and other commands are answered", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot, { limits: { reply: 20 } });
  const tooLong = doveadm.send({ name: "mailbox list", user: "alice" });
  await assert.rejects(tooLong, { name: "RemoteProtocolError", limit: "reply", sent: true });
  assert.deepEqual(await fieldsOf(doveadm, messages("alice")), ["INBOX", "3"]);
});

test("real Dovecot › maxConnections of 1 › commands of both kinds are answered", async () => {
  await using dovecot = await startDovecot();
  await using doveadm = clientOf(dovecot, { maxConnections: 1 });
  const mixed = await Promise.all([
    fieldsOf(doveadm, messages("alice")),
    fieldsOf(doveadm, { name: "who" }),
    fieldsOf(doveadm, messages("bob")),
    fieldsOf(doveadm, { name: "user", args: ["alice"] }),
    fieldsOf(doveadm, messages("alice")),
  ]);
  assert.deepEqual(mixed[0], ["INBOX", "3"]);
  assert.deepEqual(mixed[1], []);
  assert.deepEqual(mixed[2], ["INBOX", "0"]);
  assert.deepEqual(Object.keys(JSON.parse(mixed[3][0])), ["alice"]);
  assert.deepEqual(mixed[4], ["INBOX", "3"]);
});
