/**
 * Bodies over HTTP that are no batch, and parameters of commands that are no good.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, decodeUtf8 } from "../../../../core/mod.ts";
import { apiOf, failure, post, recording, run, success } from "./requests.ts";

test("HTTP API › a body that is no batch › gets Dovecot's text, and nothing runs", async () => {
  const { api, requests } = recording();
  const who = '["who",{},"a"]';
  for (
    const [body, text] of [
      ["{}", "JSON parse error: Root is not an array"],
      ['{"who', "JSON parse error: Root is not an array"],
      [`[${who}] x`, "JSON parse error: Spurious data at end of JSON text"],
      [`[${who},`, "JSON parse error: Encountered end of input inside array"],
      [`[${who},["who",{`, "JSON parse error: Encountered end of input inside object"],
      [`[${who},["who`, "JSON parse error: Encountered end of input inside string"],
      [`[${who},["who\\"`, "JSON parse error: Encountered end of input inside string"],
      [`[${who} ${who}]`, `JSON parse error: Expected ',' or ']', but encountered '['`],
      [`[${who},"x"]`, "Command must be a JSON array"],
      [`[${who},[]]`, "Command name must be a string"],
      [`[${who},[1,{},"a"]]`, "Command name must be a string"],
      [`[${who},["who",[],"a"]]`, "Parameters must be contained in a JSON object"],
      [`[${who},["who",{}]]`, "Command ID must be a string"],
      [`[${who},["nonsense"]]`, "Command ID must be a string"],
      [`[${who},["who",{},"a",1]]`, "Unexpected JSON element at end of command"],
      [`[${who},["who",{"mask":1},"a"]]`, "Parameter `mask' must be string or array"],
      [`[${who},["who",{"mask":[1]},"a"]]`, /^Command parameter array can only contain/],
      [`[${who},["save",{"user":"a","file":7},"a"]]`, "Parameter `file' must be a string"],
      [`[${who},["save",{"user":"a","allUsers":null},"a"]]`, /^Parameter `all-users' must be/],
      [`[${who},["who",{"mask":"a","mask":"b"},"a"]]`, "Parameter `mask' is duplicated"],
      [`[${who},["mailboxList",{"userFile":["a"]},"a"]]`, "Parameter `user-file' must be a string"],
      [
        `[${who},["who",{"mask":"a\nb"},"a"]]`,
        /^JSON parse error: String contains an invalid char/,
      ],
      [
        `[${who},["who",{"separateConnections":"yes"},"a"]]`,
        "Parameter `separate-connections' must be `true' or `false', not `yes'",
      ],
    ] as const
  ) {
    const response = await api(post(body));
    assert.equal(response.status, 400, body);
    const got = await response.text();
    if (typeof text === "string") assert.equal(got, `${text}\r\n`, body);
    else assert.match(got, text, body);
  }
  assert.deepEqual(requests, []);
});

test("HTTP API of 2.3 › a body that is no batch › gets the text of that version", async () => {
  const { api, requests } = recording({ version: "2.3" });
  const who = '["who",{},"a"]';
  for (
    const [body, text] of [
      ["{", "Request must be a JSON array"],
      ["", "JSON parse error: Missing '}'"],
      [`[${who}] x`, "JSON parse error: Unexpected data at the end"],
      [`[${who} ${who}]`, "JSON parse error: Expected ',' or '}' after array value"],
      [`[${who},]`, "JSON parse error: Invalid data as value"],
      ['[["who",{x:1}]]', "JSON parse error: Expected string as object key"],
      ['[["who",{"x",1}]]', "JSON parse error: Expected ':' after key"],
      ['["\\x"]', "JSON parse error: Invalid escape string"],
      [`[${who},["mailboxList",{"user":{}},"a"]]`, "Command ID must be a string"],
      ['[["who",{"mask":"a\\\nb"},"a"]]', "JSON parse error: Invalid escape string"],
      ['[["who",{"mask":"a\\u0000b"},"a"]]', "JSON parse error: \\u0000 not supported in strings"],
      ['[["who",{"mask":"\\ud83dx"},"a"]]', "JSON parse error: Invalid unicode escape seen"],
    ]
  ) {
    const response = await api(post(body));
    assert.equal(`${response.status} ${await response.text()}`, `400 ${text}\r\n`, body);
  }
  for (const wrong of [{ file: 7 }, { userFile: ["alice"] }]) {
    const answer = await run(api, "save", { user: "alice", ...wrong });
    assert.deepEqual(answer[1], { type: "invalidRequest", exitCode: 0 });
  }
  assert.deepEqual(requests, []);
});

test("HTTP API › a NUL or half of a surrogate pair › is refused wherever it is, and nothing runs", async () => {
  const who = '["who",{},"a"]';
  const mistakes = [
    ["\\u0000", "String contains escaped NUL character"],
    ["\\ud83d", "String contains lonely Unicode high surrogate '\\uD83D'"],
    ["\\ud83d\\ud83d\\ude00", "String contains lonely Unicode high surrogate '\\uD83D'"],
    ["\\uDE00", "String contains lonely Unicode low surrogate '\\uDE00'"],
  ] as const;
  for (const version of ["2.3", "2.4"] as const) {
    const { api, requests } = recording({ version });
    for (const [mistake, why] of mistakes) {
      for (
        const command of [
          `["wh${mistake}",{},"a"]`,
          `["who",{"ma${mistake}sk":"a"},"a"]`,
          `["who",{"mask":"${mistake}a"},"a"]`,
          `["who",{"mask":["a","a${mistake}"]},"a"]`,
          `["mailboxList",{"user":"a${mistake}*"},"a"]`,
          `["mailboxList",{"userFile":"a\\n${mistake}"},"a"]`,
          `["who",{},"${mistake}"]`,
          // Input carries a NUL.
          ...(mistake === "\\u0000" ? [] : [`["save",{"user":"a","file":"a${mistake}b"},"a"]`]),
        ]
      ) {
        const response = await api(post(`[${who},${command}]`));
        const text = await response.text();
        assert.equal(response.status, 400, command);
        if (version === "2.4") assert.equal(text, `JSON parse error: ${why}\r\n`, command);
      }
    }
    assert.equal(requests.length, 0);
    await run(api, "who", { mask: "\u{1f600}\ufeff\u2028" });
    assert.deepEqual(requests.pop()?.args, ["--mask=\u{1f600}\ufeff\u2028"]);
  }
});

test("HTTP API of 2.3 › control characters as they are › are taken", async () => {
  const saved: string[] = [];
  const api = apiOf(async ({ user = "", input }) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of input) pieces.push(piece);
    saved.push(user, decodeUtf8(concat(pieces)));
    return [];
  }, { version: "2.3" });
  const file = 'Subject: "a"\n\n\\ \u{1f600}\t\x01\r\n';
  const literal = file.replace(/["\\]/g, "\\$&");
  const response = await api(post(`[["save",{"user":"a\tb","file":"${literal}"},"a"]]`));
  assert.equal(await response.text(), '[["doveadmResponse",[],"a"]]');
  assert.deepEqual(saved, ["a\tb", file]);
});

test("HTTP API › values that the catalogue refuses › are the handler's to judge, as on a socket", async () => {
  const { api, requests } = recording();
  for (
    const [command, parameters, args] of [
      ["expunge", { query: ["all"] }, ["--query=all"]],
      ["flagsAdd", { flag: ["pa(ren"], query: ["x"] }, ["--flag=pa(ren", "--query=x"]],
      ["fetch", { field: ["nonsense"], query: ["1"] }, ["--field=nonsense", "--query=1"]],
      ["fetch", { field: [], query: [] }, ["--field="]],
    ] as const
  ) {
    assert.deepEqual(await run(api, command, { user: "alice", ...parameters }), success([]));
    assert.deepEqual(requests.pop()?.args, args);
  }
  for (const user of ["", null]) {
    assert.deepEqual(await run(api, "mailboxList", { user }), success([]));
    assert.equal(requests.pop()?.user, "");
  }
  // Its rows would have no titles.
  const fetching = apiOf(() => ["1"]);
  const parameters = { user: "alice", field: ["nonsense"], query: ["all"] };
  const answer = await run(fetching, "fetch", parameters, { prefer: "doveadm-log" });
  assert.deepEqual(answer.slice(0, 3), failure(64));
  assert.match(JSON.stringify(answer[3]), /no field \\"nonsense\\"/);
});

test("HTTP API of 2.3 › a boolean that is no boolean › counts for an option of a mail command only", async () => {
  const { api, requests } = recording({ version: "2.3" });
  for (const value of ["yes", 1, "TRUE", "1"]) {
    await run(api, "mailboxList", { user: "alice", subscriptions: value, allUsers: value });
    const { user, args } = requests.pop()!;
    assert.deepEqual({ user, args }, { user: "alice", args: ["--subscriptions"] }, `${value}`);
    await run(api, "who", { separateConnections: value });
    assert.deepEqual(requests.pop()?.args, [], `${value}`);
  }
  await run(api, "who", { separateConnections: "true" });
  assert.deepEqual(requests.pop()?.args, ["--separate-connections"]);
  await run(api, "mailboxList", { user: "alice", subscriptions: false });
  assert.deepEqual(requests.pop()?.args, []);
});

test("HTTP API › parameters at which Dovecot dies › are answered with USAGE, and why is in the log", async () => {
  const { api, requests } = recording();
  for (
    const [command, parameters, why] of [
      ["mailboxList", {}, /acts on a user's mail/],
      ["mailboxStatus", { user: "alice" }, /needs the parameter/],
    ] as const
  ) {
    assert.deepEqual(await run(api, command, parameters), failure(64), command);
    const [, , , { log, code }] = await run(api, command, parameters, {
      prefer: "doveadm-log",
    }) as [0, 0, 0, { log: { message: string }[]; code: string }];
    assert.equal(code, "USAGE");
    assert.match(log[0].message, why);
  }
  assert.deepEqual(requests, []);
});
