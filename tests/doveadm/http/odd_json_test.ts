/** Answers whose JSON has another shape than Dovecot's, or names that mean something to JavaScript. */

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import {
  CommandError,
  connect,
  type DoveadmHttp,
  DovewireError,
  LocalProtocolError,
  RemoteProtocolError,
} from "../../../mod.ts";
import { clientOf, rowsResponse } from "./answering.ts";

const list = { user: "tss" };
const columns = { field: ["messages"], mailboxMask: ["*"] } as const;
const status = { user: "tss", ...columns } as const;

const calls: Readonly<Record<string, (http: DoveadmHttp) => Promise<unknown>>> = {
  "mailbox list": (http) => http.run("mailbox list", list),
  "mailbox status": (http) => http.run("mailbox status", status),
  "many users": (http) => http.run("mailbox status", { user: "*", ...columns }),
  "a list of users": (http) => http.run("mailbox status", { userFile: "a\nb", ...columns }),
  "user": (http) => http.run("user", { userMask: ["*"] }),
  "rows": (http) => Array.fromAsync(http.rows("mailbox list", list)),
  "send": (http) => http.send({ name: "mailbox list", user: "tss" }),
  "stream": (http) => Array.fromAsync(http.stream({ name: "user", args: ["*"] })),
  "call": (http) => http.call("mailboxList", list),
  "runAll": async (http) => {
    const outcomes = await http.runAll([["mailbox list", list], ["user", { userMask: ["*"] }]]);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert(outcome.reason instanceof DovewireError);
    }
  },
  "commands": (http) => http.commands(),
  "a call that asks for the version": (http) => http.run("replicator status", {}),
};

/** Names that objects have anyway, or that they take specially. */
const names = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "then",
  "length",
];

const odd = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, "", "x", "INBOX", "0", "exitCode"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.uniqueArray(
      fc.constantFrom("mailbox", "messages", "userList", "username", "type", ...names),
      {
        maxLength: 3,
      },
    ).chain((keys) =>
      fc.tuple(...keys.map(() => tie("value"))).map((values) =>
        // Not as members of a literal: "__proto__" should be one like the others.
        Object.fromEntries(keys.map((key, at) => [key, values[at]]))
      )
    ),
  ),
})).value;

const bodies = fc.oneof(
  odd,
  odd.map((value) => [value]),
  odd.map((value) => [["doveadmResponse", value, "0"]]),
  odd.map((value) => [["doveadmResponse", [{ mailbox: value, messages: value }], "0"]]),
  odd.map((value) => [["doveadmResponse", [value], "0"]]),
  odd.map((value) => [["doveadmResponse", { userList: value }, "0"]]),
  odd.map((value) => [["doveadmResponse", { tss: value }, "0"]]),
  odd.map((value) => [["error", value, "0"]]),
  odd.map((value) => [["error", { type: value, exitCode: value }, "0"]]),
  odd.map((value) => [["error", { type: "exitCode", exitCode: value }, "0"]]),
  odd.map((value) => [["doveadmResponse", [], value]]),
  odd.map((value) => [[value, [], "0"]]),
  odd.map((value) => [{ command: value, parameters: value }]),
  odd.map((value) => [{ command: "who", parameters: [value] }]),
  odd.map((value) => [{ command: "who", parameters: [{ name: value, type: "string" }] }]),
);

for (const [name, call] of Object.entries(calls)) {
  test(`HTTP odd JSON › any answer to ${name} › a value or an error of dovewire's`, async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const http = clientOf(() => new Response(JSON.stringify(body)));
        const error = await call(http).then(() => undefined, (error) => error);
        if (error === undefined) return;
        assert(error instanceof DovewireError, `${error?.stack}`);
        assert.match(
          error.name,
          /^(RemoteProtocolError|ConnectionLostError|CommandError|PartialFailure)$/,
        );
      }),
      { numRuns: 300, seed: 1 },
    );
  });
}

async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await work.then((value) => assert.fail(JSON.stringify(value)), (error) => error);
  assert(error instanceof RemoteProtocolError, `${error?.stack}`);
  assert.equal(error.sent, true);
  assert.match(error.message, message);
}

test("HTTP odd JSON › a list or an object where a column has one value › refused by name", async () => {
  for (const value of [[], ["x"], {}, { toString: 1 }, [[[]]]]) {
    const http = clientOf(() => rowsResponse({ mailbox: value, messages: "1", username: "tss" }));
    await refused(http.run("mailbox list", list), /where "mailbox" should have one value/);
    const users = clientOf(() => rowsResponse({ mailbox: "x", messages: "1", username: value }));
    await refused(
      users.run("mailbox status", { user: "*", ...columns }, { iterate: "server" }),
      /where "username" should have one value/,
    );
    // call() takes anything as it is.
    const [row] = await http.call("mailboxList", list) as [{ mailbox: unknown }];
    assert.deepEqual(row.mailbox, value);
    const { fields } = await http.send({ name: "mailbox list", user: "tss" });
    assert.deepEqual(fields, [JSON.stringify(value), "1", "tss"]);
  }
});

test("HTTP odd JSON › null › refused for a column that always has a value", async () => {
  const http = clientOf(() => rowsResponse({ mailbox: null }));
  await refused(http.run("mailbox list", list), /"mailbox" is null/);
  const quota = { root: "User quota", type: "STORAGE", value: "1", limit: null, percent: "0" };
  const [row] = await clientOf(() => rowsResponse(quota)).run("quota get", list);
  assert.equal(row.limit, null);
});

test("HTTP odd JSON › columns that an object inherits › are missing", async () => {
  const http = clientOf(() =>
    new Response('[["doveadmResponse",[{"__proto__":{"mailbox":"x"}}],"0"]]')
  );
  await refused(http.run("mailbox list", list), /came without "mailbox"/);
  const none = clientOf(() => rowsResponse({}));
  await refused(none.run("mailbox list", list), /came without "mailbox"/);
});

test("HTTP odd JSON › fields and mailboxes named like members of every object › values like others", async () => {
  for (const name of names) {
    const http = clientOf(() => rowsResponse({ mailbox: name, messages: "3" }));
    assert.deepEqual(await http.run("mailbox status", status), [{ mailbox: name, messages: 3 }]);
    const body = `[["doveadmResponse",[{"mailbox":"x","${name}":"y"}],"0"]]`;
    const more = clientOf(() => new Response(body));
    assert.deepEqual(await more.run("mailbox list", list), [{ mailbox: "x" }]);
    const [row] = await more.call("mailboxList", list) as [object];
    assert.deepEqual(Object.entries(row), [["mailbox", "x"], [name, "y"]]);
    assert.deepEqual(
      (await more.send({ name: "mailbox list", user: "tss" })).fields,
      ["x", "y"],
    );
    const failing = clientOf(() => new Response(`[["error",{"type":"${name}"},"0"]]`));
    await assert.rejects(
      failing.run("mailbox list", list),
      (error) => error instanceof CommandError && error.code === "UNKNOWN",
    );
    const inherited = clientOf(() =>
      new Response('[["error",{"__proto__":{"type":"exitCode","exitCode":67}},"0"]]')
    );
    await refused(inherited.run("mailbox list", list), /an error without a type/);
  }
});

test("HTTP odd JSON › a list of commands with more in it › what is known of it", async () => {
  const http = clientOf(() =>
    Response.json([{
      command: "who",
      parameters: [{ name: "mask", type: "array", more: [{}] }],
      more: 1,
    }])
  );
  assert.deepEqual(await http.commands(), [
    { command: "who", parameters: [{ name: "mask", type: "array" }] },
  ]);
});

test("HTTP odd JSON › nesting of any depth › no overflow of the stack", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  for (const body of [deep, `[["doveadmResponse",{"a":${deep}},"0"]]`]) {
    const http = clientOf(() => new Response(body));
    await refused(http.call("x"), /nested deeper than 64|stands where/);
    const error = await http.commands().then(() => assert.fail("it went well"), (error) => error);
    assert(error instanceof RemoteProtocolError, `${error}`);
  }
});

/** What a caller's `fetch` may return in place of a response. */
const noResponses: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  "an empty object": () => ({}),
  "a body that was read": async () => {
    const response = new Response("[]");
    await response.text();
    return response;
  },
  "a body that is being read": () => {
    const response = new Response("[]");
    response.body!.getReader();
    return response;
  },
  "a body that is a stream of Node": () => ({
    ...{ status: 200, headers: new Headers(), body: Readable.from(["[]"]) },
  }),
  "a body that is a text": () => ({ status: 200, headers: new Headers(), body: "[]" }),
  "no headers": () => ({ status: 401, body: null }),
  "a body of texts": () => {
    const body = new ReadableStream({ start: (controller) => controller.enqueue("[]") });
    return { status: 200, headers: new Headers(), body };
  },
};

for (const [what, respond] of Object.entries(noResponses)) {
  test(`a fetch of the caller's › ${what} › LocalProtocolError`, async () => {
    const given = () => Promise.resolve(respond()) as Promise<Response>;
    await using http = connect("http://127.0.0.1:1", { fetch: given });
    const calls = [() => http.run("mailbox list", list), () => http.ready()];
    for (const call of calls) {
      await assert.rejects(call, (error: Error) => {
        assert(error instanceof LocalProtocolError, String(error));
        assert.match(error.message, /^"fetch" returned something else/);
        return true;
      });
    }
  });
}
