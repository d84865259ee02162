import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortError,
  connect,
  ConnectionLostError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { openSockets, socketsDownTo } from "../../harness/sockets.ts";
import { counting, errorOf, silence, told } from "./clients.ts";

test("DoveadmHttp › close() during a request › the request gets a ConnectionLostError", async () => {
  await using server = await silence();
  await leavingNothing(async () => {
    const http = connect(server.url, { password: "s3cret" });
    const work = errorOf(http.run("mailbox list", { user: "bob" }), ConnectionLostError);
    await server.asked;
    await http.close();
    const error = await work;
    assert.equal(error.sent, true);
    assert.match(error.message, /The client of http:.* was closed/);
  }, server);
});

test("DoveadmHttp › signals and time-outs, of requests and of what comes before them › say whether it was sent", async () => {
  await using server = await silence();
  await leavingNothing(async () => {
    const { http, requests } = counting(server.url, { timeout: 0 });
    const sockets = openSockets();
    const calls: readonly (readonly [boolean, (options: object) => Promise<unknown>])[] = [
      [true, (options) => http.run("mailbox list", { user: "bob" }, options)],
      [true, (options) => http.rows("mailbox list", { user: "bob" }, options).next()],
      [true, (options) => http.send({ name: "mailbox list", user: "bob" }, options)],
      [true, (options) => http.call("mailboxList", {}, options)],
      // These wait for the list of commands.
      [false, (options) => http.run("replicator status", {}, options)],
      [false, (options) => http.send({ name: "who", args: ["-x"] }, options)],
      // And these for their input.
      [false, (options) => http.run("save", { user: "bob", file: endless() }, options)],
      [
        false,
        (options) => http.send({ name: "save", user: "bob", input: endless() }, options),
      ],
    ];
    for (const [sent, call] of calls) {
      const late = await errorOf(call({ timeout: 20 }), TimeoutError);
      await socketsDownTo(sockets, server);
      assert.equal(late.sent, sent);
      const controller = new AbortController();
      const given = errorOf(call({ signal: controller.signal }), AbortError);
      setTimeout(() => controller.abort(new Error("enough")), 20);
      const error = await given;
      await socketsDownTo(sockets, server);
      assert.equal(error.sent, sent);
      assert.match(String(error.cause), /enough/);
      requests.length = 0;
      const ahead = await errorOf(call({ signal: AbortSignal.abort() }), AbortError);
      assert.equal(ahead.sent, false);
      assert.deepEqual(requests, []);
    }
    const signal = AbortSignal.timeout(20);
    const outcomes = await http.runAll(
      [["mailbox list", { user: "bob" }], ["mailbox list", { user: "alice" }]],
      { signal },
    );
    assert.deepEqual(told(outcomes), ["AbortError", "AbortError"]);
    await http.close();
  }, server);
});

/** An input that never comes, and never ends. */
async function* endless(): AsyncGenerator<string> {
  yield "Subject: x\n";
  await new Promise(() => {});
}

test("DoveadmHttp › a list of commands that failed › is requested again", async () => {
  const methods = [{ command: "who", parameters: [] }];
  const answers = [
    new Response("[", { status: 200 }),
    Response.json(methods),
    Response.json([["doveadmResponse", [], "0"]]),
  ];
  const asked: unknown[] = [];
  const http = connect("http://127.0.0.1:9/", {
    fetch(_, init): Promise<Response> {
      asked.push(init?.method);
      return Promise.resolve(answers.shift()!);
    },
  });
  const run = () => http.run("replicator add", { userMask: "x" });
  await errorOf(run(), RemoteProtocolError);
  assert.deepEqual(await run(), []);
  assert.deepEqual(asked, ["GET", "GET", "POST"]);
});

test("DoveadmHttp › a list of commands for several calls › goes on when one of them is aborted", async () => {
  let answer = (_: Response) => {};
  let asked = 0;
  const http = connect("http://127.0.0.1:9/", {
    fetch(_, init): Promise<Response> {
      asked++;
      if (init?.method === "POST") {
        return Promise.resolve(Response.json([["doveadmResponse", [], "0"]]));
      }
      return new Promise((resolve, reject) => {
        answer = resolve;
        init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
      });
    },
  });
  const controller = new AbortController();
  const { signal } = controller;
  const first = errorOf(http.run("replicator add", { userMask: "x" }, { signal }), AbortError);
  const second = http.run("replicator add", { userMask: "x" });
  controller.abort();
  await first;
  answer(Response.json([]));
  assert.deepEqual(await second, []);
  assert.equal(asked, 2);
});

test("DoveadmHttp › an answer that one call of several can't read › does not fail the others", async () => {
  const http = connect("http://127.0.0.1:9/", {
    fetch: () =>
      Promise.resolve(Response.json([
        ["doveadmResponse", [{ nosuch: "INBOX" }, { mailbox: "Sent" }], "0"],
        ["doveadmResponse", [{ mailbox: "INBOX" }], "1"],
      ])),
  });
  const user = "bob";
  const outcomes = await http.runAll([["mailbox list", { user }], ["mailbox list", { user }]]);
  assert.deepEqual(told(outcomes), ["RemoteProtocolError", [{ mailbox: "INBOX" }]]);
});
