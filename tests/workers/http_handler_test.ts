import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DoveadmHttp } from "../../mod.ts";
import { startDovecot } from "../harness/dovecot/dovecot.ts";
import { canStartWorkers, type StartedWorker, startWorker } from "./workerd.ts";

if (canStartWorkers) {
  testHandler();
  testExample();
}

let started: Promise<StartedWorker> | undefined;
after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
});

/** The URL of the Worker's API, which is started once. */
async function api(): Promise<URL> {
  started ??= startWorker("tests/workers/http_handler_worker.ts");
  return new URL("/doveadm/v1", (await started).url);
}

async function ask(batch: unknown, headers: Readonly<Record<string, string>> = {}) {
  const authorization = `X-Dovecot-API ${btoa("k3y")}`;
  return await fetch(await api(), {
    method: "POST",
    headers: { authorization, ...headers },
    body: typeof batch === "string" ? batch : JSON.stringify(batch),
  });
}

function testHandler(): void {
  test("HTTP API in workerd › batches, failures and bad requests › are answered as elsewhere", async () => {
    const batch = [["mailboxList", { user: "alice" }, "a"], [
      "mailboxList",
      { user: "nobody" },
      "b",
    ]];
    const response = await ask(batch, { prefer: "doveadm-log" });
    assert.equal(response.headers.get("preference-applied"), "doveadm-log");
    assert.deepEqual(await response.json(), [
      ["doveadmResponse", [{ mailbox: "INBOX" }, { mailbox: "alice's" }], "a", { log: [] }],
      ["error", { type: "exitCode", exitCode: 67 }, "b", {
        code: "NOUSER",
        log: [{ level: "error", message: "There is no nobody." }],
      }],
    ]);
    const bad = await ask('[["who"');
    assert.equal(bad.status, 400);
    assert.match(await bad.text(), /^JSON parse error/);
    const refused = await ask([], { authorization: "Basic eDp5" });
    assert.equal(refused.status, 401);
    await refused.body?.cancel();
    const list = await fetch(await api(), {
      headers: { authorization: `Basic ${btoa("doveadm:s3cret")}` },
    });
    assert.equal((await list.json())[0].command, "mailboxMutf7");
  });

  test("HTTP API in workerd › input and answers of megabytes › pass", async () => {
    await using doveadm = new DoveadmHttp(String(await api()), { password: "s3cret" });
    const file = "Subject: x\n\n" + "0123456789abcde\n".repeat(100_000);
    assert.deepEqual(await doveadm.run("save", { user: "alice", mailbox: "INBOX", file }), []);
    let count = 0;
    for await (const { uid } of doveadm.rows("search", { user: "alice", query: ["all"] })) {
      assert.equal(uid, count++);
    }
    assert.equal(count, 20_000);
  });

  test("HTTP API in workerd › clients disconnect › others are answered", async () => {
    const endless = [["fetch", { user: "alice", field: ["text"], query: ["all"] }, "a"]];
    for (let at = 0; at < 5; at++) {
      const reader = (await ask(endless)).body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    const answers = Array.from({ length: 100 }, async (_, at) => {
      const response = await ask([["mailboxList", { user: `user ${at}` }, "a"]]);
      const mailboxes = [{ mailbox: "INBOX" }, { mailbox: `user ${at}'s` }];
      assert.deepEqual(await response.json(), [["doveadmResponse", mailboxes, "a"]]);
    });
    await Promise.all(answers);
  });
}

function testExample(): void {
  test("examples/http_gateway_worker.ts › requests for a Dovecot › are passed on as the rules allow", async () => {
    await using dovecot = await startDovecot({ version: "2.4" });
    await using worker = await startWorker("examples/http_gateway_worker.ts", {
      DOVEADM_URL: `doveadm://127.0.0.1:${dovecot.port}`,
      DOVEADM_PASSWORD: dovecot.password,
      DOVEADM_VERSION: "2.4",
      RULES: JSON.stringify({
        ann: { token: "ann", commands: ["mailbox *"], users: ["alice"] },
        operator: { token: "operator", commands: ["*"], users: ["*"] },
      }),
    });
    const target = String(new URL("/doveadm/v1", worker.url));
    await using ann = new DoveadmHttp(target, { password: "ann" });
    const status = { field: ["messages"], mailboxMask: ["INBOX"] } as const;
    assert.deepEqual(await ann.run("mailbox status", { user: "alice", ...status }), [
      { mailbox: "INBOX", messages: 3 },
    ]);
    await assert.rejects(ann.run("mailbox status", { user: "bob", ...status }), { code: "NOPERM" });
    await assert.rejects(ann.run("who"), { code: "NOPERM" });
    await using operator = new DoveadmHttp(target, { password: "operator" });
    const batch = Array.from(
      { length: 10 },
      () => ["mailbox status", { user: "alice", ...status }] as const,
    );
    for (const outcome of await operator.runAll(batch)) assert.equal(outcome.status, "fulfilled");
  });
}
