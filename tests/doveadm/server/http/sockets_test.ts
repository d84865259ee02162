/**
 * The HTTP API over sockets: by the runtime's own server, and by `node:http`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { connect as dial } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { atFullSize } from "../../../harness/soak.ts";
import { CommandError, DoveadmHttp } from "../../../../mod.ts";
import { type DoveadmHandler, httpHandler } from "../../../../doveadm/server/mod.ts";
import { mailHandler, MailSystem } from "../../../../testing/mod.ts";
import { authorization, password } from "./requests.ts";
import { ways } from "./serving.ts";
import { until } from "../../../harness/until.ts";

/** A connection that sends a text; collects what arrives until `end`. */
function send(url: string, text: string) {
  const { hostname, port } = new URL(url);
  const socket = dial(Number(port), hostname);
  let got = "";
  socket.setEncoding("latin1").on("data", (piece) => got += piece).on("error", () => {});
  socket.write(text);
  const ended = new Promise<string>((resolve) => socket.on("close", () => resolve(got)));
  return { socket, ended, got: () => got };
}

function rawPost(body: string, headers = `Content-Length: ${body.length}\r\n`): string {
  return `POST /doveadm/v1 HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n${headers}\r\n${body}`;
}

for (const [way, serve] of Object.entries(ways)) {
  test(`HTTP API by ${way} › this package's client › gets rows, failures and large answers`, async () => {
    const mails = Array.from({ length: 2000 }, (_, at) => `Subject: ${at}\n\n${"x".repeat(500)}\n`);
    const system = new MailSystem({
      users: { alice: { mailboxes: { INBOX: mails, Sent: [] } }, bob: {} },
    });
    const api = httpHandler(mailHandler(system), { password, version: "2.3" });
    await using server = await serve(api);
    await using doveadm = new DoveadmHttp(server.url, { password });
    const status = { user: "alice", field: ["messages"], mailboxMask: ["INBOX"] } as const;
    assert.deepEqual(await doveadm.run("mailbox status", status), [
      { mailbox: "INBOX", messages: 2000 },
    ]);
    const [alice, bob, nobody] = await doveadm.runAll([
      ["mailbox status", status],
      ["mailbox list", { user: "bob" }],
      ["mailbox list", { user: "nobody" }],
    ]);
    assert.equal(alice.status, "fulfilled");
    assert.equal(bob.status, "fulfilled");
    assert(nobody.status === "rejected" && nobody.reason instanceof CommandError);
    assert.equal(nobody.reason.code, "NOUSER");
    await doveadm.run("save", { user: "bob", mailbox: "INBOX", file: "Subject: ü\n\nx\n" });
    const [saved] = await doveadm.run("fetch", {
      ...{ user: "bob", field: ["hdr.subject"], query: ["all"] },
    });
    assert.equal(saved["hdr.subject"], "ü");
    let count = 0;
    for await (
      const mail of doveadm.rows("fetch", { user: "alice", field: ["text"], query: ["all"] })
    ) {
      assert.match(new TextDecoder().decode(mail.text), new RegExp(`^Subject: ${count++}\n`));
    }
    assert.equal(count, 2000);
    const names = await doveadm.run("user", { userMask: ["*"] });
    assert.equal(names.length, 2);
    const wrong = new DoveadmHttp(server.url, { password: "wrong" });
    await assert.rejects(wrong.ready(), { name: "AuthenticationError" });
    await wrong.close();
  });

  test(`HTTP API by ${way} › many requests at once › each gets its own answer`, async () => {
    const api = httpHandler(async ({ user }) => {
      await delay(1);
      return [user!, `${user} 2`];
    }, { password });
    await using server = await serve(api);
    const answers = await Promise.all(
      Array.from({ length: atFullSize(1000, 200) }, async (_, at) => {
        const { headers, body } = init(at);
        const response = await fetch(server.url, { method: "POST", headers, body });
        assert.equal(response.status, 200);
        return await response.json();
      }),
    );
    answers.forEach(([[kind, rows, tag]], at) => {
      assert.deepEqual([kind, tag], ["doveadmResponse", `tag ${at}`]);
      assert.deepEqual(rows, [{ mailbox: `user ${at}` }, { mailbox: `user ${at} 2` }]);
    });
  });

  test(`HTTP API by ${way} › a client disconnects before the answer › the command is aborted`, async () => {
    let signal: AbortSignal | undefined;
    const api = httpHandler((request) => {
      signal = request.signal;
      return new Promise<never>((_, reject) =>
        request.signal.addEventListener("abort", () => reject(request.signal.reason))
      );
    }, { password });
    await using server = await serve(api);
    const client = send(server.url, rawPost('[["who",{},"a"]]'));
    await until(() => signal !== undefined);
    client.socket.destroy();
    await until(() => signal!.aborted);
  });

  test(`HTTP API by ${way} › a client stops reading › the handler waits, and ends when it disconnects`, async () => {
    let sent = 0;
    let isEnded = false;
    const api = httpHandler(async function* () {
      const value = "x".repeat(65_536);
      try {
        for (;; sent++) {
          await Promise.resolve();
          yield value;
        }
      } finally {
        isEnded = true;
      }
    }, { password });
    await using server = await serve(api);
    const body = '[["mailboxList",{"user":"alice"},"a"]]';
    const client = send(server.url, rawPost(body));
    client.socket.pause();
    // It fills the buffers of the system and of the runtime, and then stands still.
    let before = -1;
    while (sent !== before || sent === 0) {
      before = sent;
      await delay(150);
    }
    assert(sent < 2000, `${sent} values of 64 KiB were made`);
    client.socket.destroy();
    await until(() => isEnded);
  });

  test(`HTTP API by ${way} › a command fails after a long answer began › the response is broken off`, async () => {
    const errors: unknown[] = [];
    const handler: DoveadmHandler = async function* () {
      for (let at = 0; at < 100; at++) {
        await Promise.resolve();
        yield "x".repeat(65_536);
      }
      throw new Error("a mistake");
    };
    const api = httpHandler(handler, { password, onError: (error) => errors.push(error) });
    await using server = await serve(api);
    const { headers } = init(0);
    const body = '[["mailboxList",{"user":"alice"},"a"]]';
    await assert.rejects(async () => {
      const response = await fetch(server.url, { method: "POST", headers, body });
      await response.text();
    });
    assert.match(String(errors.at(-1)), /broken off.*a mistake/);
    const prefer = { ...headers, prefer: "doveadm-rows" };
    const response = await fetch(server.url, { method: "POST", headers: prefer, body });
    const [[kind, rows, , { error }]] = await response.json();
    assert.deepEqual([kind, rows.length, error.exitCode], ["doveadmResponse", 100, 75]);
  });

  test(`HTTP API by ${way} › several requests on one connection › each is answered`, async () => {
    const api = httpHandler(() => [], { password });
    await using server = await serve(api);
    const client = send(server.url, rawPost('[["who",{},"a"]]') + rawPost('[["who",{},"b"]]'));
    await until(() => client.got().includes('"b"]]'));
    assert.match(client.got(), /"a"\]\][^]*HTTP\/1\.1 200 OK/);
    client.socket.destroy();
  });

  test(`HTTP API by ${way} › a body of unknown length, 100-continue, no body › are answered`, async () => {
    const api = httpHandler(() => [], { password });
    await using server = await serve(api);
    const close = "Connection: close\r\n";
    const body = '[["who",{},"a"]]';
    const chunked = `5\r\n${body.slice(0, 5)}\r\nb\r\n${body.slice(5)}\r\n0\r\n\r\n`;
    for (
      const [request, answer] of [
        [rawPost(chunked, `${close}Transfer-Encoding: chunked\r\n`), /200 OK[^]*"a"\]\]/],
        [
          rawPost(body, `${close}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n`),
          /200 OK[^]*"a"\]\]/,
        ],
        [rawPost("", `${close}Content-Length: 0\r\n`), /400 Bad Request[^]*JSON text has no value/],
        [rawPost(body, close + `Content-Length: 99999999\r\n`), /413/],
        [`OPTIONS /doveadm/v1 HTTP/1.1\r\nHost: x\r\n${close}\r\n`, /200 OK/],
      ] as const
    ) {
      const client = send(server.url, request);
      await Promise.race([
        client.ended,
        until(() => client.got() !== "" && answer.test(client.got())),
      ]);
      assert.match(client.got(), answer, request);
      client.socket.destroy();
    }
  });
}

function init(at: number) {
  const body = JSON.stringify([["mailboxList", { user: `user ${at}` }, `tag ${at}`]]);
  return { headers: { authorization }, body };
}

test("HTTP API by node:http › the handler fails › the client gets a status, or a broken response", async () => {
  await using server = await ways["node:http"]((request) => {
    if (request.method === "GET") throw new Error("a mistake");
    let isBegun = false;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (isBegun) controller.error(new Error("a mistake"));
          else controller.enqueue(new Uint8Array(10));
          isBegun = true;
        },
      }),
    );
  });
  const response = await fetch(server.url);
  assert.equal(response.status, 500);
  await response.body?.cancel();
  await assert.rejects(async () => {
    await (await fetch(server.url, { method: "POST" })).text();
  });
});

test("HTTP API by node:http › a refused client's address › is known, and delays refusals", async () => {
  const errors: unknown[] = [];
  const api = httpHandler(() => [], {
    ...{ password, refusalDelay: 1 },
    addressOf: (_, address: string) => address,
    onError: (error, client) => errors.push(client, String(error)),
  });
  await using server = await ways["node:http"](api);
  const response = await fetch(server.url);
  assert.equal(response.status, 401);
  assert.match(response.headers.get("www-authenticate")!, /Basic Realm="doveadm"/);
  assert.deepEqual(errors[0], "http 127.0.0.1");
  assert.match(String(errors[1]), /http 127\.0\.0\.1 could not log in: it sent no credentials/);
});
