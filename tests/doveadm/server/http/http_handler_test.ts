import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CommandFailure,
  DovewireError,
  httpHandler,
  type HttpHandlerOptions,
  LocalProtocolError,
  policy,
  type ServerRequest,
} from "../../../../doveadm/server/mod.ts";
import {
  apiOf,
  authorization,
  failure,
  password,
  post,
  recording,
  run,
  success,
} from "./requests.ts";

test("HTTP API › parameters › become the arguments that socket clients send", async () => {
  const { api, requests } = recording();
  await run(api, "mailboxStatus", {
    user: "alice",
    field: ["messages", "vsize"],
    "mailbox-mask": "INBOX",
    totalSum: true,
  });
  const [{ name, args, user, hasInput, extraFields, client }] = requests;
  assert.equal(name, "mailbox status");
  assert.deepEqual(
    [...args].sort(),
    ["--field=messages", "--field=vsize", "--mailbox-mask=INBOX", "--total-sum"],
  );
  assert.equal(user, "alice");
  assert.equal(hasInput, false);
  assert.deepEqual(extraFields, {});
  assert.deepEqual(client, { address: "http", username: "doveadm", minor: 3 });
});

test("HTTP API › integers, numbers in strings, false › are read as Dovecot reads them", async () => {
  const { api, requests } = recording();
  await run(api, "index", { user: "alice", mailboxMask: ["A"], maxRecent: 5, queue: false });
  await run(api, "index", { user: "alice", mailboxMask: ["A"], maxRecent: "4294967295" });
  assert.deepEqual(requests.map(({ args }) => [...args].sort()), [
    ["--mailbox-mask=A", "--max-recent=5"],
    ["--mailbox-mask=A", "--max-recent=4294967295"],
  ]);
  for (const maxRecent of ["x", 1.5, "99999999999999999999", null, [], {}]) {
    const answer = await run(api, "index", { user: "alice", mailboxMask: ["A"], maxRecent });
    assert.deepEqual(answer, failure(0, "invalidRequest"), String(maxRecent));
  }
  assert.equal(requests.length, 2);
});

test("HTTP API › a command's input › arrives as the bytes of its parameter", async () => {
  const mail = `Subject: Grüße\r\n\r\n.\r\n${"😀".repeat(40_000)}\0`;
  let input = "";
  const api = apiOf(async (request) => {
    assert.equal(request.hasInput, true);
    assert.deepEqual(request.args, ["--mailbox=INBOX"]);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    for await (const piece of request.input) input += decoder.decode(piece);
    return [];
  });
  const saved = await run(api, "save", { user: "alice", mailbox: "INBOX", file: mail });
  assert.deepEqual(saved, success([]));
  assert.equal(input, mail);
});

test("HTTP API › values of each kind › become rows with the catalogue's titles", async () => {
  const api = apiOf(async function* ({ name }) {
    await Promise.resolve();
    if (name === "user") return yield { text: '{"userList":["alice"]}' };
    yield "1";
    yield new TextEncoder().encode('Grüße "x"\n');
    yield (async function* () {
      await Promise.resolve();
      yield Uint8Array.of(0xc3);
      yield Uint8Array.of(0xa9, 0xff, 0x00);
    })();
  });
  const parameters = { user: "alice", field: ["uid", "HDR.Subject", "text"], query: ["all"] };
  assert.deepEqual(
    await run(api, "fetch", parameters),
    success([{ uid: "1", "hdr.subject": 'Grüße "x"\n', text: "é\ufffd\0" }]),
  );
  assert.deepEqual(await run(api, "user", { userMask: ["*"] }), success({ userList: ["alice"] }));
});

test("HTTP API › a field that Dovecot 2.4.1 lacks › is not among the columns", async () => {
  const guid = "0123456789abcdef0123456789abcdef";
  const values = ["INBOX", "3", "0", "4", "1", "3", "7", "99", guid, "1700000000"];
  const api = apiOf(() => values);
  const [, rows] = await run(api, "mailboxStatus", {
    ...{ user: "alice", field: ["all"], mailboxMask: ["*"] },
  });
  const [row] = rows as Record<string, string>[];
  assert.deepEqual(Object.values(row), values);
  assert.equal(row.guid, guid);
  assert(!("deleted" in row));
});

test("HTTP API › failures of the handler › have the forms of Dovecot", async () => {
  const failing = async (error: unknown) => {
    const reported: unknown[] = [];
    const api = apiOf(() => {
      throw error;
    }, { onError: (error) => reported.push(error) });
    return { answer: await run(api, "who"), reported };
  };
  for (
    const [code, answer] of [
      ["NOUSER", failure(67)],
      ["NOTFOUND", failure(68)],
      ["", failure(0, "unknownMethod")],
      ["REFERRAL", failure(0, "internalError")],
      ["NOPERM", failure(77)],
      ["UNKNOWN", failure(-1)],
    ] as const
  ) {
    const { answer: got, reported } = await failing(new CommandFailure(code));
    assert.deepEqual(got, answer, code);
    assert.deepEqual(reported, []);
  }
  const { answer, reported } = await failing(new Error("a mistake"));
  assert.deepEqual(answer, failure(75));
  assert.match(String(reported), /a mistake/);
});

test("HTTP API › a batch › runs in order, its answers have their tags, a failure stops nothing", async () => {
  const order: string[] = [];
  const api = apiOf(({ name, user }) => {
    order.push(`${name} ${user}`);
    if (user === "bob") throw new CommandFailure("NOUSER");
    return name === "mailbox list" ? ["INBOX", "Sent"] : [];
  });
  const response = await api(post([
    ["mailboxList", { user: "alice" }, "same"],
    ["mailboxList", { user: "bob" }, "same"],
    ["nonsense", { a: { b: [] } }, ""],
    ["who", {}, "\u2028\n"],
  ]));
  assert.deepEqual(await response.json(), [
    ["doveadmResponse", [{ mailbox: "INBOX" }, { mailbox: "Sent" }], "same"],
    ["error", { type: "exitCode", exitCode: 67 }, "same"],
    ["error", { type: "unknownMethod", exitCode: 0 }, ""],
    ["doveadmResponse", [], "\u2028\n"],
  ]);
  assert.deepEqual(order, ["mailbox list alice", "mailbox list bob", "who undefined"]);
});

test("HTTP API › names of prototypes › are names like others", async () => {
  const { api, requests } = recording();
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.deepEqual(await run(api, name), failure(0, "unknownMethod"));
    const body = `[["who",{${JSON.stringify(name)}:{"x":1}},"t"]]`;
    assert.deepEqual((await (await api(post(body))).json())[0], failure(0, "invalidRequest"));
    const listed = await run(api, "mailboxList", { user: name, mailboxMask: [name] });
    assert.deepEqual(listed, success([]));
    assert.equal(requests.at(-1)!.user, name);
  }
  assert.equal(({} as Record<string, unknown>).x, undefined);
});

test("HTTP API › a command for many users › runs for each, and rows have the names", async () => {
  const asked: unknown[] = [];
  const api = apiOf(({ name, user, args }) => {
    asked.push([name, user ?? args[0]]);
    if (name === "user") return [{ text: '{"userList":["alice","bob","gone"]}' }];
    if (user === "gone") throw new CommandFailure("NOUSER");
    return user === "bob" ? ["INBOX", "Sent"] : ["INBOX"];
  });
  const rows = [["alice", "INBOX"], ["bob", "INBOX"], ["bob", "Sent"]]
    .map(([username, mailbox]) => ({ username, mailbox }));
  assert.deepEqual(await run(api, "mailboxList", { allUsers: true }), success(rows));
  assert.deepEqual(await run(api, "mailboxList", { user: "*@x" }), success(rows));
  const userFile = "alice\nbob\r\n\n";
  assert.deepEqual(await run(api, "mailboxList", { userFile }), success(rows));
  assert.deepEqual(await run(api, "mailboxList", { userFile: "gone\nbob" }), failure(67));
  assert.deepEqual(asked.slice(0, 5), [
    ["user", "--user-mask=*"],
    ...["alice", "bob", "gone"].map((user) => ["mailbox list", user]),
    ["user", "--user-mask=*@x"],
  ]);
});

test("HTTP API › several ways to name users › the same one counts as in that version", async () => {
  for (const version of ["2.3", "2.4"] as const) {
    const chosen: unknown[] = [];
    const api = apiOf(({ name, user, args }) => {
      chosen.push(user ?? args[0]);
      return name === "user" ? [{ text: '{"userList":[]}' }] : [];
    }, { version });
    const isOld = version === "2.3";
    for (
      const [parameters, expected] of [
        [{ user: "b*", allUsers: true }, isOld ? "--user-mask=b*" : "--user-mask=*"],
        [{ user: "bob", allUsers: true }, "--user-mask=*"],
        [{ user: "bob", allUsers: false }, "bob"],
        [{ userFile: "ann", allUsers: true }, isOld ? "ann" : "--user-mask=*"],
        [{ userFile: "ann", user: "b*" }, "ann"],
      ] as const
    ) {
      await run(api, "mailboxList", parameters);
      assert.deepEqual(chosen.splice(0), [expected], `${version} ${JSON.stringify(parameters)}`);
    }
  }
});

test("HTTP API › one of many users fails › the others are asked, and rows are kept on request", async () => {
  const api = apiOf(function* ({ name, user, log }) {
    if (name === "user") return yield { text: '{"userList":["alice","bob","carol"]}' };
    yield "INBOX";
    if (user !== "bob") return;
    log("error", "bob's disk");
    throw new CommandFailure("TEMPFAIL");
  });
  assert.deepEqual(await run(api, "mailboxList", { user: "*" }), failure(75));
  const prefer = "doveadm-log, doveadm-rows";
  assert.deepEqual(await run(api, "mailboxList", { user: "*" }, { prefer }), [
    "doveadmResponse",
    ["alice", "bob", "carol"].map((username) => ({ username, mailbox: "INBOX" })),
    "t",
    {
      error: { type: "exitCode", exitCode: 75 },
      code: "TEMPFAIL",
      log: [{ level: "error", message: "bob's disk" }],
    },
  ]);
});

test("HTTP API › a client asks for the log › each answer has it, and a failure its code and detail", async () => {
  const api = apiOf(({ name, log }) => {
    log("info", "a line");
    if (name === "who") return [];
    throw new CommandFailure("REFERRAL", { detail: "alice@host", log: "elsewhere" });
  });
  const headers = { prefer: 'wait=5, Doveadm-Log;x="y"' };
  const lines = [{ level: "info", message: "a line" }];
  const response = await api(post([["who", {}, "t"], ["reload", {}, "t"]], { headers }));
  assert.equal(response.headers.get("preference-applied"), "doveadm-log");
  assert.deepEqual(await response.json(), [
    [...success([]), { log: lines }],
    [...failure(0, "internalError"), {
      code: "REFERRAL",
      detail: "alice@host",
      log: [...lines, { level: "error", message: "elsewhere" }],
    }],
  ]);
  assert.deepEqual(await run(api, "who"), success([]));
});

test("HTTP API › a client asks for rows before a failure › whole rows come with the error", async () => {
  const api = apiOf(function* ({ args }) {
    yield* ["1", "one", "2"];
    if (args.includes("--query=done")) yield "two";
    throw new CommandFailure("NOTFOUND");
  });
  const parameters = { user: "alice", field: ["uid", "hdr.subject"], query: ["all"] };
  const prefer = "doveadm-rows";
  assert.deepEqual(await run(api, "fetch", parameters), failure(68));
  assert.deepEqual(await run(api, "fetch", parameters, { prefer }), [
    "doveadmResponse",
    [{ uid: "1", "hdr.subject": "one" }],
    "t",
    { error: { type: "exitCode", exitCode: 68 } },
  ]);
  const none = apiOf(() => {
    throw new CommandFailure("NOTFOUND");
  });
  assert.deepEqual(await run(none, "fetch", parameters, { prefer }), [...failure(68), {}]);
});

test("HTTP API › a client asks for base64 › raw bytes and what isn't UTF-8 come as it", async () => {
  const mail = Uint8Array.from({ length: 100_003 }, (_, at) => at * 7 & 255);
  const api = apiOf(async function* () {
    yield "1";
    yield Uint8Array.of(0xff);
    yield (async function* () {
      for (let at = 0; at < mail.length; at += 1000) {
        await Promise.resolve();
        yield mail.subarray(at, at + 1000);
      }
    })();
    yield* ["2", "Grüße", "short"];
    await Promise.resolve();
  });
  const parameters = { user: "a", field: ["uid", "hdr.subject", "text"], query: ["all"] };
  const [, rows] = await run(api, "fetch", parameters, { prefer: "doveadm-base64" });
  const [first, second] = rows as Record<string, string & { base64: string }>[];
  const bytes = (coded: { base64: string }) =>
    Uint8Array.from(atob(coded.base64), (character) => character.charCodeAt(0));
  assert.equal(first.uid, "1");
  assert.deepEqual(first["hdr.subject"], { base64: "/w==" });
  assert.deepEqual(bytes(first.text), mail);
  assert.deepEqual(second, { uid: "2", "hdr.subject": "Grüße", text: { base64: "c2hvcnQ=" } });
});

test("HTTP API › commands of one's own › are listed, and have their parameters and titles", async () => {
  const requests: ServerRequest[] = [];
  const api = apiOf((request) => {
    requests.push(request);
    return request.name === "session list" ? ["a", "1", "b", "2"] : [];
  }, {
    commands: ["who", {
      name: "session list",
      parameters: { since: "integer", deepScan: "boolean", tag: "array", note: "string" },
      required: ["since"],
      columns: ({ deepScan }) => deepScan ? ["id", "__proto__"] : ["id", "age"],
    }, { name: "note put", mail: true, parameters: { text: "string" }, input: "text" }],
  });
  const get = new Request("http://localhost/doveadm/v1", { headers: { authorization } });
  const list = await (await api(get)).json();
  assert.deepEqual(
    list.map(({ command }: { command: string }) => command),
    ["who", "sessionList", "notePut"],
  );
  assert.deepEqual(list[1].parameters[1], { name: "deepScan", type: "boolean" });
  const since = { since: 5, tag: ["x", "-y"], note: "" };
  assert.deepEqual(
    await run(api, "sessionList", since),
    success([{ id: "a", age: "1" }, { id: "b", age: "2" }]),
  );
  assert.deepEqual(requests[0].args, ["--since=5", "--tag=x", "--tag=-y", "--note="]);
  const deep = await api(post([["session-list", { since: 5, deepScan: true }, "t"]]));
  assert.match(await deep.text(), /\{"id":"a","__proto__":"1"\}/);
  assert.deepEqual(await run(api, "sessionList"), failure(64));
  assert.deepEqual(await run(api, "notePut", { user: "alice", text: "x" }), success([]));
  assert.equal(requests.at(-1)!.hasInput, true);
  assert.deepEqual(await run(api, "mailboxList", { user: "a" }), failure(0, "unknownMethod"));
});

test("HTTP API › a handler's mistakes › are TEMPFAIL, and the server's log has them", async () => {
  for (
    const [reply, why] of [
      [["a"], /ended within a row/],
      [["a", "b", "c", "d", 5], /returned a number/],
      [[{ text: "{}" }, "x"], /after a \{ text \}/],
    ] as const
  ) {
    const reported: unknown[] = [];
    const api = apiOf(() => reply as unknown as string[], {
      onError: (error) => reported.push(error),
    });
    assert.deepEqual(await run(api, "who"), failure(75));
    assert.match(String(reported), why);
  }
  const api = apiOf(() => ["value"]);
  assert.deepEqual(await run(api, "reload"), failure(75));
  const unlisted = apiOf(({ name }) => name === "user" ? ["x"] : []);
  assert.deepEqual(await run(unlisted, "mailboxList", { user: "*" }), failure(75));
});

test("HTTP API › a policy › lets each key run what its rule allows", async () => {
  const { authenticate, guard } = policy({
    "web shop": { token: "shop", commands: ["quota get"], users: ["*@example.org"] },
    "operator": { token: "ops", commands: ["*"], users: ["*"], trusted: true },
  });
  const clients: unknown[] = [];
  const api = httpHandler(
    guard(({ client }) => {
      clients.push(client.username);
      return [];
    }),
    { authenticate },
  );
  const key = (key: string) => ({ authorization: `X-Dovecot-API ${btoa(key)}` });
  const quota = (user: string) => run(api, "quotaGet", { user }, key("shop"));
  assert.deepEqual(await quota("ann@example.org"), success([]));
  assert.deepEqual(await quota("ann@example.net"), failure(0, "unAuthorized"));
  assert.deepEqual(await quota("*@example.org"), failure(0, "unAuthorized"));
  assert.deepEqual(await run(api, "who", {}, key("shop")), failure(0, "unAuthorized"));
  assert.deepEqual(await run(api, "who", {}, key("ops")), success([]));
  const basic = { authorization: `Basic ${btoa("anybody:ops")}` };
  assert.deepEqual(await run(api, "who", {}, basic), success([]));
  assert.deepEqual(clients, ["web shop", "operator", "operator"]);
});

test("HTTP API › credentials › let in who has them, and nobody else", async () => {
  const api = httpHandler(() => [], { password: "pässword:x", apiKey: "k3y", refusalDelay: 0 });
  const base64 = (text: string) =>
    btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
  const status = async (authorization?: string) => {
    const headers = authorization === undefined ? undefined : { authorization };
    return (await api(new Request("http://localhost/", { headers }))).status;
  };
  assert.equal(await status(`Basic ${base64("doveadm:pässword:x")}`), 200);
  assert.equal(await status(`bASIC  ${base64("doveadm:pässword:x")}`), 200);
  assert.equal(await status(`x-dovecot-api ${base64("k3y")}`), 200);
  for (
    const wrong of [
      undefined,
      "",
      "Basic",
      "Basic ",
      "Basic =",
      `Basic ${base64("doveadm:wrong")}`,
      `Basic ${base64("doveadm")}`,
      `Basic ${base64("root:pässword:x")}`,
      `Basic ${base64(":pässword:x")}`,
      `X-Dovecot-API ${base64("k3")}`,
      `X-Dovecot-API ${base64("k3yy")}`,
      "X-Dovecot-API k3y",
      `Bearer ${base64("k3y")}`,
      `Basic ${"A".repeat(9000)}`,
    ]
  ) {
    assert.equal(await status(wrong), 401, wrong);
  }
});

test("HTTP API › a page of another site › can't make a browser send commands", async () => {
  const { api, requests } = recording();
  const headers = { "sec-fetch-site": "cross-site" };
  assert.equal((await api(post([["who", {}, "t"]], { headers }))).status, 403);
  assert.deepEqual(requests, []);
});

test("HTTP API › invalid options › are refused with the reason", () => {
  for (
    const [options, why] of [
      [{}, /nobody could log in/],
      [{ password: "" }, /"password" is empty/],
      [{ password, authenticate: () => "x" }, /Leave one of them out/],
      [{ password, maxRequests: 0 }, /"maxRequests" is 0/],
      [{ password, maxRequests: NaN }, /"maxRequests" is NaN/],
      [{ password, timeout: NaN }, /timeout/],
      ...["bodyTimeout", "timeout", "stallTimeout"].map((name) =>
        [{ password, [name]: null }, new RegExp(`"${name}" is null`)] as const
      ),
      [{ password, version: "2.5" }, /"version" is "2.5"/],
      [{ password, bodyTimeout: -1 }, /bodyTimeout/],
      [{ password, limits: { body: NaN } }, /"limits.body" is NaN/],
      [{ password, limits: { boddy: 1 } }, /no limit "boddy"/],
      [{ password, commands: ["nonsense"] }, /"nonsense" is not a command/],
      [{ password, version: "2.4", commands: ["director status"] }, /not a command of Dovecot 2.4/],
      [{ password, commands: [{ name: "" }] }, /needs a name/],
      [{ password, commands: [{ name: "x", parameters: { "a-b": "string" } }] }, /camel case/],
      [{ password, commands: [{ name: "x", required: ["y"] }] }, /not one of its parameters/],
      [{ password, refusalDelay: Infinity }, /refusalDelay/],
    ] as const
  ) {
    assert.throws(
      () => httpHandler(() => [], options as unknown as HttpHandlerOptions),
      (error: unknown) =>
        error instanceof LocalProtocolError && error instanceof DovewireError &&
        why.test(error.message),
      String(why),
    );
  }
});
