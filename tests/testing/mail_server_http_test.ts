/**
 * The embedded server over HTTP, on each runtime.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Buffer } from "node:buffer";
import { connect as dial } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { CommandError, connect, DoveadmHttp } from "../../mod.ts";
import { type MailServer, startMailServer } from "../../testing/mod.ts";
import { leavingNothing } from "../harness/leftovers.ts";
import { ensureProgram } from "../harness/programs.ts";
import { temporaryFolder } from "../harness/sockets.ts";

const mail = "From: bob@example.org\nSubject: Lunch?\n\nAt noon?\n";
const users = { alice: { mailboxes: { INBOX: [mail], Sent: [] } }, bob: {} };

/** Sends a batch by plain `fetch`. */
function post(server: MailServer, authorization: string, batch: unknown): Promise<Response> {
  return fetch(server.http!.endpoint, {
    method: "POST",
    // A connection that stays open would count as left over.
    headers: { authorization, connection: "close" },
    body: JSON.stringify(batch),
  });
}

const lists = ["mailboxList", { user: "alice" }, "a"];
// Dovecot lists INBOX last.
const mailboxes = [{ mailbox: "Sent" }, { mailbox: "INBOX" }];

for (const version of ["2.3", "2.4"] as const) {
  test(`embedded ${version} over HTTP › this package's client › shares the mail with clients of the socket`, async () => {
    await using server = await startMailServer({ version, users, http: true });
    await using overHttp = connect(server.http!.url);
    assert(overHttp instanceof DoveadmHttp);
    await using overSocket = connect(server.url);
    const query = ["mailbox", "INBOX", "subject", "lunch"];
    await overHttp.run("flags add", { user: "alice", flag: ["\\Flagged"], query });
    const [{ flags }] = await overSocket.run("fetch", { user: "alice", field: ["flags"], query });
    assert(flags.includes("\\Flagged"));
    await overSocket.run("mailbox create", { user: "alice", mailbox: ["New"] });
    assert.deepEqual(await overHttp.run("mailbox list", { user: "alice" }), [
      { mailbox: "New" },
      ...mailboxes,
    ]);
    await assert.rejects(
      overHttp.run("mailbox list", { user: "nobody" }),
      (error) => error instanceof CommandError && error.code === "NOUSER",
    );
    const commands = await overHttp.commands();
    const names = commands.map(({ command }) => command);
    assert(names.includes("flagsAdd") && !names.includes("dictGet"), names.join(" "));
    // Only 2.4 has this parameter.
    const isNew = commands.some(({ parameters }) =>
      parameters.some(({ name }) => name === "noUserdbLookup")
    );
    assert.equal(isNew, version === "2.4");
  });
}

test("embedded server over HTTP › curl › gets rows by the URL with the password", async () => {
  await using server = await startMailServer({ users, http: true });
  const run = promisify(execFile);
  const options = ["--silent", "--show-error", "--noproxy", "*"];
  const curl = await ensureProgram("curl");
  const { stdout } = await run(curl, [
    ...options,
    ...["--header", "Content-Type: application/json", "--data", JSON.stringify([lists])],
    server.http!.url,
  ]);
  assert.deepEqual(JSON.parse(stdout), [["doveadmResponse", mailboxes, "a"]]);
  const listed = await run(curl, [
    ...options,
    "--user",
    `doveadm:${server.password}`,
    server.http!.endpoint,
  ]);
  assert(JSON.parse(listed.stdout).length > 20);
});

test("embedded server over HTTP › the password, the key, none › only these log in", async () => {
  const http = { apiKey: "k3y", refusalDelay: 0 };
  await using server = await startMailServer({ users, http, settings: { password: "s3cret" } });
  assert.equal(server.http!.url, server.http!.endpoint.replace("//", "//doveadm:s3cret@"));
  assert.equal(server.http!.apiKey, "k3y");
  for (
    const [authorization, status] of [
      [`X-Dovecot-API ${btoa("k3y")}`, 200],
      [`Basic ${btoa("doveadm:s3cret")}`, 200],
      [`X-Dovecot-API ${btoa("s3cret")}`, 401],
      [`Basic ${btoa("alice:s3cret")}`, 401],
      ["", 401],
    ] as const
  ) {
    const response = await post(server, authorization, [lists]);
    assert.equal(response.status, status, authorization);
    const text = await response.text();
    if (status === 200) assert.deepEqual(JSON.parse(text), [["doveadmResponse", mailboxes, "a"]]);
  }
});

test("embedded server over HTTP › beside each kind of login of the socket › has a login of its own, or the same", async () => {
  await using folder = await temporaryFolder();
  const place = { path: `${folder.path}/socket` };
  {
    await using server = await startMailServer({ users, place, http: true });
    assert.equal(server.password, undefined);
    await using doveadm = connect(server.http!.url);
    assert.deepEqual(await doveadm.run("mailbox list", { user: "alice" }), mailboxes);
  }
  {
    await using server = await startMailServer({ users, place, http: { apiKey: "k3y" } });
    assert.deepEqual([server.http!.password, server.http!.url], [undefined, server.http!.endpoint]);
    const response = await post(server, `X-Dovecot-API ${btoa("k3y")}`, []);
    assert.deepEqual(await response.json(), []);
  }
  const authenticate = (name: string, password: string) => password === "own" ? name : undefined;
  await using server = await startMailServer({ users, http: true, settings: { authenticate } });
  assert.equal(server.http!.password, undefined);
  assert.equal((await post(server, `Basic ${btoa("eve:own")}`, [])).status, 200);
});

test("embedded server over HTTP › invalid options, a port in use › rejects, and nothing listens", async () => {
  await leavingNothing(async () => {
    await assert.rejects(
      startMailServer({ users, http: { maxRequests: NaN } }),
      /"maxRequests" is NaN/,
    );
    await assert.rejects(startMailServer({ users, http: { password: "" } }), /"password" is empty/);
    await assert.rejects(
      startMailServer({ users, http: null as unknown as boolean }),
      /"http" is not an object/,
    );
    await assert.rejects(
      startMailServer({ users, http: { apiKey: "k3y", authenticate: () => "x" } }),
      /Besides "authenticate"/,
    );
    await using server = await startMailServer({ users, http: true });
    assert(server.http!.address.transport === "tcp");
    const { port } = server.http!.address;
    await assert.rejects(
      startMailServer({ users, http: { port } }),
      new RegExp(`Cannot listen at tcp 127\\.0\\.0\\.1:${port}: another server listens`),
    );
  });
});

test("embedded server over HTTP › it closes, in each way › nothing is left, with idle clients as well", async () => {
  const controller = new AbortController();
  const ways: readonly ((server: MailServer) => unknown)[] = [
    (server) => server.close(),
    (server) => server.server.close(),
    () => controller.abort(),
  ];
  await leavingNothing(async () => {
    for (const close of ways) {
      const settings = { password: "s3cret", signal: controller.signal };
      const server = await startMailServer({ users, settings, http: true });
      assert(server.http!.address.transport === "tcp");
      const { port } = server.http!.address;
      // One keeps its connection, one has sent half a request, and one nothing, which Bun leaves open.
      const texts = [
        ...["OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHo"],
        ...("Bun" in globalThis ? [] : [""]),
      ];
      const clients = texts.map((text) => {
        const socket = dial(port, "127.0.0.1");
        socket.on("error", () => {}).resume();
        socket.write(text);
        return {
          answered: new Promise((resolve) => socket.once("data", resolve)),
          closed: new Promise((resolve) => socket.once("close", resolve)),
        };
      });
      await clients[0].answered;
      await close(server);
      await Promise.all(clients.map(({ closed }) => closed));
      await server.close();
    }
  });
});

test("embedded server over HTTP › it closes while a long answer is read › the client gets all of it", async () => {
  const long = `Subject: x\n\n${"0123456789abcdef".repeat(65_536)}\n`;
  const server = await startMailServer({
    users: { alice: { mailboxes: { INBOX: [long, long, long, long] } } },
    http: true,
  });
  const authorization = `Basic ${Buffer.from(`doveadm:${server.password}`).toString("base64")}`;
  const query = { user: "alice", field: ["body"], query: ["all"] };
  const response = await post(server, authorization, [["fetch", query, "a"]]);
  const [text] = await Promise.all([response.text(), server.close()]);
  assert.equal(JSON.parse(text)[0][1].length, 4);
  await assert.rejects(post(server, authorization, []));
});
