import assert from "node:assert/strict";
import { after, test } from "node:test";
import { certificates } from "../harness/certificates.ts";
import { type Dovecot, type DovecotVersion, startDovecot } from "../harness/dovecot/dovecot.ts";
import { withEnoughTime } from "../harness/enough_time.ts";
import { listen, listenNowhere } from "../harness/sockets.ts";
import type { Questions, WorkerAnswer } from "./client_worker.ts";
import { canStartWorkers, type StartedWorker, startWorker } from "./workerd.ts";

if (canStartWorkers) {
  testClient();
  testExample();
}

function testClient(): void {
  for (const version of ["2.3", "2.4"] satisfies DovecotVersion[]) {
    for (const scheme of ["doveadm", "doveadms", "doveadm+starttls"]) {
      testConversation(version, scheme);
    }
  }
  testFailures();
}

function testConversation(version: DovecotVersion, scheme: string): void {
  const targetOf = ({ port, tlsPort }: Dovecot) =>
    `${scheme}://localhost:${scheme === "doveadms" ? tlsPort : port}`;

  test(`client in workerd › commands to Dovecot ${version} by ${scheme} › answers and errors as elsewhere`, async () => {
    const dovecot = await server(version);
    const target = targetOf(dovecot);
    const mailboxes = { name: "mailbox list", user: "alice" };
    const messages = { name: "mailbox status", user: "alice", args: ["messages", "INBOX"] };
    const [listed, counted, missing, wrong, none, again] = await ask(dovecot, {
      target,
      requests: [
        mailboxes,
        messages,
        { name: "mailbox list", user: "nobody" },
        { name: "mailbox status", user: "alice", args: ["nonsense", "INBOX"] },
        { name: "no such command" },
        messages,
      ],
    });
    assert("fields" in listed, JSON.stringify(listed));
    assert.deepEqual([...listed.fields].sort(), ["INBOX", "Projects", "Projects/2024", "Sent"]);
    assert.deepEqual(counted, { fields: ["INBOX", "3"] });
    assert("code" in missing && missing.code === "NOUSER", JSON.stringify(missing));
    // That Dovecot closes the connection then, and the next request gets another.
    assert("name" in wrong && wrong.name === "ConnectionLostError", JSON.stringify(wrong));
    assert("name" in none, JSON.stringify(none));
    assert.deepEqual(again, counted);
  });

  test(`client in workerd › a large mail to and from Dovecot ${version} by ${scheme} › is saved and streamed`, async () => {
    const dovecot = await server(version);
    const target = targetOf(dovecot);
    const mail = `Subject: large\n\n${`${"0123456789abcdef".repeat(64)}\n`.repeat(200)}`;
    const save = { name: "save", user: "bob", args: ["-m", "INBOX"], input: mail };
    const [saved] = await ask(dovecot, { target, requests: [save] });
    assert("fields" in saved, JSON.stringify(saved));
    const fetch = {
      name: "fetch",
      user: "bob",
      args: ["text", "mailbox", "INBOX", "subject", "large"],
    };
    const [fetched] = await ask(dovecot, { target, requests: [fetch], isStreamed: true });
    assert("sizes" in fetched, JSON.stringify(fetched));
    assert(fetched.sizes.some((size) => size >= mail.length), JSON.stringify(fetched));
  });
}

function testFailures(): void {
  test("client in workerd › a bad password, no server, no answer › the errors of other runtimes", async () => {
    const dovecot = await server();
    const who = { requests: [{ name: "who" }] };
    for (const password of ["wrong", undefined]) {
      const [answer] = await ask(dovecot, { ...who, options: { password } });
      assert("name" in answer && answer.name === "AuthenticationError", JSON.stringify(answer));
    }
    await using nowhere = await listenNowhere("tcp");
    assert(nowhere.address.transport === "tcp");
    const target = `doveadm://127.0.0.1:${nowhere.address.port}`;
    const [refused] = await withEnoughTime(
      200,
      (timeout) => ask(dovecot, { ...who, target, timeout }),
      ([answer]) => "name" in answer && answer.name !== "TimeoutError",
    );
    assert("name" in refused && refused.name === "ConnectError", JSON.stringify(refused));
    assert.match(refused.message, /whether the server listens there/);
    await using silent = await listen("tcp", () => {});
    assert(silent.address.transport === "tcp");
    const [late] = await ask(dovecot, {
      ...who,
      target: `doveadm://127.0.0.1:${silent.address.port}`,
      timeout: 200,
    });
    assert("name" in late && late.name === "TimeoutError", JSON.stringify(late));
  });

  test("client in workerd › a reply is cut short › an error", async () => {
    const dovecot = await server();
    for (const isReset of [false, true]) {
      await using cut = await listen("tcp", (socket) => {
        socket.once("data", () => {
          // A 1.0 server, so that what follows is bare.
          socket.write("VERSION\tdoveadm-client\t1\t0\n+\n");
          socket.once("data", () => {
            socket.write("INBOX\tSe", () => isReset ? socket.resetAndDestroy() : socket.destroy());
          });
        });
      });
      assert(cut.address.transport === "tcp");
      const [answer] = await ask(dovecot, {
        target: `doveadm://127.0.0.1:${cut.address.port}`,
        requests: [{ name: "mailbox list", user: "alice" }],
        timeout: 60_000,
      });
      assert("name" in answer && answer.name === "ConnectionLostError", JSON.stringify(answer));
    }
  });
}

function testExample(): void {
  test("examples/quota_worker.ts › requests for quotas › quotas, or the status of the error", async () => {
    const dovecot = await server();
    await using nowhere = await listenNowhere("tcp");
    assert(nowhere.address.transport === "tcp");
    const url = `doveadm://127.0.0.1:${dovecot.port}`;
    const { password } = dovecot;
    await using worker = await startExample(url, password);
    const get = async (path: string, init?: RequestInit, from: StartedWorker = worker) => {
      const response = await fetch(new URL(path, from.url), init);
      return { status: response.status, body: await response.json() };
    };
    const quotas = await get("/quota/alice");
    assert.equal(quotas.status, 200, JSON.stringify(quotas));
    const storage = quotas.body.find(({ type }: { type: string }) => type === "STORAGE");
    assert.equal(storage.limit, 1_048_576);
    assert.deepEqual(await get("/quota/alice"), quotas);
    assert.deepEqual(await get("/quota/no%20body"), {
      status: 404,
      body: { error: "There is no user no body." },
    });
    assert.equal((await get("/quota/alice", { method: "DELETE" })).status, 405);
    for (const path of ["/", "/quota/", "/quota/a/b", "/quota/%"]) {
      assert.equal((await get(path)).status, 404, path);
    }
    await using wrong = await startExample(url, "wrong");
    assert.deepEqual(await get("/quota/alice", undefined, wrong), {
      status: 502,
      body: { error: "The mail server gave no answer." },
    });
    await using gone = await startExample(`doveadm://127.0.0.1:${nowhere.address.port}`, password);
    assert.deepEqual(await get("/quota/alice", undefined, gone), {
      status: 502,
      body: { error: "The mail server can't be reached." },
    });
  });
}

let started: Promise<StartedWorker> | undefined;
const dovecots = new Map<DovecotVersion, Promise<Dovecot>>();
after(async () => {
  await (await started)?.[Symbol.asyncDispose]();
  for (const dovecot of dovecots.values()) await (await dovecot).stop();
});

/** A Dovecot of each version for all of the tests. */
function server(version: DovecotVersion = "2.3"): Promise<Dovecot> {
  let dovecot = dovecots.get(version);
  if (dovecot === undefined) {
    dovecot = certificates().then(({ good: tls }) => startDovecot({ version, tls }));
    dovecots.set(version, dovecot);
  }
  return dovecot;
}

/** Lets the Worker send requests, to the Dovecot with its password unless the options differ. */
async function ask(
  { port, password }: Dovecot,
  questions: Partial<Questions>,
): Promise<WorkerAnswer[]> {
  started ??= startWorker("tests/workers/client_worker.ts");
  const { url } = await started;
  const target = `doveadm://127.0.0.1:${port}`;
  const body = JSON.stringify({ target, options: { password }, ...questions });
  const response = await fetch(url, { method: "POST", body });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

function startExample(url: string, password: string): Promise<StartedWorker> {
  return startWorker("examples/quota_worker.ts", { DOVEADM_URL: url, DOVEADM_PASSWORD: password });
}
