/**
 * The HTTP gateway in front of real Dovecots, compared with their own HTTP.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { serve } from "../../doveadm/server/mod.ts";
import { type HttpGateway, startHttpGateway } from "../../examples/http_gateway.ts";
import { DoveadmHttp } from "../../mod.ts";
import { certificates } from "../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { temporaryFolder } from "../harness/sockets.ts";

const mail = {
  alice: {
    INBOX: ["Subject: Lunch?\n\nNoon?\n", new TextEncoder().encode("Subject: x\n\ny\n")],
    Sent: [],
  },
  bob: { INBOX: ["Subject: For Bob\n\nHello.\n"] },
};

/** A mail that isn't UTF-8. */
const latin1 = Uint8Array.from(
  "Subject: \xfc\n\n\xe4\xf6\xfc\0\x01\r\n",
  (sign) => sign.charCodeAt(0),
);

const rules = {
  operator: { token: "operator", commands: ["*"], users: ["*"], trusted: true },
  ann: { token: "ann", commands: ["mailbox *", "fetch"], users: ["alice"] },
};

function gatewayTo(
  { socket }: Dovecot,
  version: DovecotVersion,
  tls?: { readonly cert: string; readonly key: string },
): Promise<HttpGateway> {
  const upstream = `doveadm+unix://${socket}`;
  return startHttpGateway({ hostname: "127.0.0.1", port: 0, upstream, version, rules, tls });
}

async function ask(
  port: number,
  password: string,
  batch: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}/doveadm/v1`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`doveadm:${password}`)}`, ...headers },
    body: typeof batch === "string" ? batch : JSON.stringify(batch),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("[") ? sorted(JSON.parse(text)) : text };
}

/** Answers with their rows in an order, since servers promise none. */
function sorted(answers: [string, unknown, string][]): unknown {
  return answers.map(([kind, rows, ...rest]) => {
    if (!Array.isArray(rows)) return [kind, rows, ...rest];
    const texts = rows.map((row) => JSON.stringify(row));
    return [kind, texts.sort().map((row) => JSON.parse(row)), ...rest];
  });
}

const inbox = { user: "alice", query: ["mailbox", "INBOX", "all"] };
const batches: readonly unknown[] = [
  [["mailboxList", { user: "alice" }, "a"]],
  [["mailbox list", { user: "alice" }, "a"], ["mailboxList", { user: "nobody" }, "b"]],
  [["mailboxStatus", { user: "alice", field: ["all"], mailboxMask: ["*"] }, "a"]],
  [["mailboxStatus", { allUsers: true, field: "messages", "mailbox-mask": "INBOX" }, "a"]],
  [["mailboxStatus", { user: "b*", field: ["messages"], mailboxMask: ["INBOX"] }, "a"]],
  [["mailboxStatus", { user: "alice", field: ["messages"], mailboxMask: ["None"] }, "a"]],
  [["fetch", { ...inbox, field: ["uid", "HDR.subject", "text", "date.received", "flags"] }, "a"]],
  [["fetch", { ...inbox, field: ["user", "mailbox", "size.physical", "imap.envelope"] }, "a"]],
  [["search", inbox, "a"]],
  [["user", { userMask: ["*"] }, "a"]],
  [["user", { userMask: ["alice"] }, "a"]],
  [["user", { userMask: ["nobody"] }, "a"]],
  [["quotaGet", { user: "alice" }, "a"]],
  [["index", { user: "alice", mailboxMask: "INBOX" }, "a"]],
  [["mailboxCreate", { user: "bob", mailbox: ["INBOX"] }, "a"]],
  [
    ["mailboxCreate", { user: "bob", mailbox: ["New", "Äpfel"] }, "a"],
    ["mailboxDelete", { user: "bob", mailbox: ["New", "Äpfel"] }, "b"],
  ],
  // Not in one batch: 2.3 leaves out commas between their answers.
  [["nonsense", {}, "a"]],
  [["who", { nonsense: 1 }, "a"]],
  [["statsAdd", { name: "n", filter: "event=x", exporter: "none" }, "a"]],
  [["dictGet", { dict: "file:/nonexistent/x", key: "priv/x" }, "a"]],
  "[",
  '[["who", {}]]',
];

for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
  test(`examples/http_gateway.ts › commands to Dovecot ${version} › the answers of its own HTTP`, async () => {
    await using dovecot = await startDovecot({ version, mail });
    await using gateway = await gatewayTo(dovecot, version);
    const spaced = ["fetch", { ...inbox, field: ["uid flags", "seq"] }, "a"];
    for (const batch of [...batches, ...version === "2.3" ? [[spaced]] : []]) {
      const [own, ours] = [
        await ask(dovecot.httpPort, dovecot.password, batch),
        await ask(gateway.port, "operator", batch),
      ];
      assert.deepEqual(ours, own, JSON.stringify(batch));
    }
    await testRepairs(gateway);
    await testPolicy(gateway);
    await testClients(gateway);
  });
}

/** What Dovecot's own HTTP lacks. */
async function testRepairs({ port }: HttpGateway): Promise<void> {
  const everything = { prefer: "doveadm-log, doveadm-rows, doveadm-base64" };
  const missing = ["mailboxStatus", { user: "nobody", field: ["messages"], mailboxMask: ["*"] }];
  const { body } = await ask(port, "operator", [[...missing, "a"]], everything);
  const [[kind, error, , more]] = body as [[string, unknown, string, { log: { level: string }[] }]];
  assert.deepEqual([kind, error], ["error", { type: "exitCode", exitCode: 67 }]);
  assert.match(JSON.stringify(more), /"code":"NOUSER".*nobody/);
  // Dovecot dies of a missing parameter, and of an unknown field.
  for (const parameters of [{ user: "alice" }, { user: "alice", field: ["x"], query: ["all"] }]) {
    const answer = await ask(port, "operator", [["fetch", parameters, "a"]]);
    assert.deepEqual(answer.body, [["error", { type: "exitCode", exitCode: 64 }, "a"]]);
  }
  // On 2.3, a command after one that acts on mail.
  const both = await ask(port, "operator", [["search", inbox, "a"], ["who", {}, "b"]]);
  assert.deepEqual((both.body as unknown[])[1], ["doveadmResponse", [], "b"]);
}

async function testPolicy({ port }: HttpGateway): Promise<void> {
  const list = (user: string, key: string) => ask(port, key, [["mailboxList", { user }, "a"]]);
  const refused = [["error", { type: "unAuthorized", exitCode: 0 }, "a"]];
  assert.equal(JSON.stringify((await list("alice", "ann")).body).includes("INBOX"), true);
  assert.deepEqual((await list("bob", "ann")).body, refused);
  assert.deepEqual((await list("*", "ann")).body, refused);
  assert.deepEqual((await ask(port, "ann", [["who", {}, "a"]])).body, refused);
  assert.equal((await list("alice", "s3cret")).status, 401);
}

/** This package's client, and a mail that isn't UTF-8. */
async function testClients({ port }: HttpGateway): Promise<void> {
  await using doveadm = new DoveadmHttp(`http://127.0.0.1:${port}`, { password: "operator" });
  const large = `Subject: large\n\n${"0123456789abcde\n".repeat(100_000)}`;
  await doveadm.run("save", { user: "bob", mailbox: "INBOX", file: large });
  const query = ["mailbox", "INBOX", "subject", "large"];
  const [{ text }] = await doveadm.run("fetch", { user: "bob", field: ["text"], query });
  assert.equal(new TextDecoder().decode(text), large);
}

test("examples/http_gateway.ts › a mail that isn't UTF-8 › comes byte for byte as base64", async () => {
  const mail = { alice: { INBOX: [latin1] } };
  await using dovecot = await startDovecot({ version: "2.4", mail });
  await using gateway = await gatewayTo(dovecot, "2.4");
  const fetch = [["fetch", { ...inbox, field: ["text", "hdr.subject"] }, "a"]];
  const { body } = await ask(gateway.port, "operator", fetch, { prefer: "doveadm-base64" });
  const [[, [row]]] = body as [[string, [Record<string, { base64: string }>]]];
  const bytes = Uint8Array.from(atob(row.text.base64), (sign) => sign.charCodeAt(0));
  assert.deepEqual(bytes, latin1);
});

test("examples/http_gateway.ts › curl over TLS › gets the answers, by Basic and by key", async () => {
  const { good, ca } = await certificates();
  await using dovecot = await startDovecot({ version: "2.4", mail });
  await using gateway = await gatewayTo(dovecot, "2.4", good);
  await using folder = await temporaryFolder();
  const caFile = join(folder.path, "ca.pem");
  await writeFile(caFile, ca);
  const curl = async (...args: string[]) => {
    const url = `https://localhost:${gateway.port}/doveadm/v1`;
    const { stdout } = await promisify(execFile)("curl", ["-sS", "--cacert", caFile, ...args, url]);
    return stdout;
  };
  const batch = '[["search", {"user": "alice", "query": ["mailbox", "INBOX", "uid", "1"]}, "a"]]';
  const answer = /^\[\["doveadmResponse",\[\{"mailbox-guid":"[\da-f]{32}","uid":"1"\}\],"a"\]\]$/;
  assert.match(await curl("-u", "doveadm:operator", "-d", batch), answer);
  const key = `Authorization: X-Dovecot-API ${btoa("operator")}`;
  const json = "Content-Type: application/json";
  assert.match(
    await curl("--http1.0", "--no-alpn", "-H", key, "-H", json, "--data-binary", batch),
    answer,
  );
  assert.match(await curl("-H", key, "-H", "Transfer-Encoding: chunked", "-d", batch), answer);
  assert.match(await curl("-u", "doveadm:operator"), /^\[\{"command":"mailboxMutf7"/);
  const [head] = (await curl("-i", "-d", batch)).split("\r\n");
  assert.equal(head, "HTTP/1.1 401 Authentication required");
});

test("HTTP gateway › more requests than it may have connections › wait, and none is lost", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "upstream");
  const running = { now: 0, most: 0 };
  const hold = new AbortController();
  await using _upstream = await serve({ path }, async ({ user = "" }) => {
    running.most = Math.max(running.most, ++running.now);
    await (hold.signal.aborted ? undefined : once(hold.signal, "abort"));
    running.now--;
    return [`of-${user}`];
  });
  await using gateway = await startHttpGateway({
    ...{ hostname: "127.0.0.1", port: 0, upstream: `doveadm+unix://${path}`, rules },
    maxConnections: 2,
  });
  const list = (user: string) => ask(gateway.port, "operator", [["mailboxList", { user }, user]]);
  const users = Array.from({ length: 50 }, (_, at) => `user${at}`);
  const answers = users.map(list);
  const leaving = new AbortController();
  const left = fetch(`http://127.0.0.1:${gateway.port}/doveadm/v1`, {
    ...{ method: "POST", signal: leaving.signal, body: '[["mailboxList",{"user":"x"},"x"]]' },
    headers: { authorization: `Basic ${btoa("doveadm:operator")}` },
  });
  while (running.now < 2) await new Promise((resolve) => setTimeout(resolve));
  leaving.abort();
  await assert.rejects(left);
  hold.abort();
  for (const [at, user] of users.entries()) {
    const rows = [{ mailbox: `of-${user}` }];
    assert.deepEqual((await answers[at]).body, [["doveadmResponse", rows, user]]);
  }
  assert.equal(running.most, 2);
});
