import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import { piecesOf } from "../../../doveadm/client/input.ts";
import {
  AbortError,
  connect,
  type DoveadmClient,
  DoveadmConnection,
  type Input,
  LocalProtocolError,
} from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import { clientOf, errorOf } from "./fake_server.ts";

/** Values that no option of the other types may have. */
const others = { null: null, number: 5, text: "5", symbol: Symbol("5"), bigint: 5n } as const;

const functions = ["onEvent", "onLog", "connector"];
const objects = ["limits", "tls"];
const booleans = ["allowPlaintextPassword", "logPassthrough"];

/** Calls with each value, and checks that the error names the option. */
function checkRefused(name: string, call: (value: unknown) => void): void {
  for (const [type, value] of Object.entries(others)) {
    assert.throws(() => call(value), (error: Error) => {
      assert(error instanceof LocalProtocolError, `${name} ${type}: ${error}`);
      assert(error.message.startsWith(`"${name}" is`), error.message);
      return true;
    });
  }
}

/** The clients of each kind. */
const connects: Readonly<Record<string, (options: object) => DoveadmClient>> = {
  connection: (options) => connect("doveadm://127.0.0.1:1", options),
  cluster: (options) => connect(["doveadm://127.0.0.1:1"], options),
};

for (const [kind, connectWith] of Object.entries(connects)) {
  for (const name of [...functions, ...objects, ...booleans]) {
    test(`options › ${name} of another type, ${kind} › LocalProtocolError when the client is created`, () => {
      checkRefused(name, (value) => connectWith({ [name]: value }));
    });
  }
}

test("options › values without a text in place of numbers › LocalProtocolError that names the option", () => {
  const pool = ["maxConnections", "maxQueue", "spares", "timeout", "idleTimeout"];
  for (const value of [Object.create(null), () => {}, Symbol("5")]) {
    const wrong = [
      ...pool.map((name) => [name, "doveadm://127.0.0.1:1", { [name]: value }] as const),
      ["limits.reply", "doveadm://127.0.0.1:1", { limits: { reply: value } }] as const,
      ["limits.reply", "http://127.0.0.1:1", { limits: { reply: value } }] as const,
      ["limits.values", "http://127.0.0.1:1", { limits: { values: value } }] as const,
    ];
    for (const [name, target, options] of wrong) {
      assert.throws(() => connect(target, options), (error: Error) => {
        assert(error instanceof LocalProtocolError, `${name}: ${error}`);
        return /^"[a-zA-Z.]+" is (?:an object|a function|Symbol\(5\))[.:] /.test(error.message);
      });
    }
  }
});

test("options › referral of another type › LocalProtocolError when the client is created", () => {
  checkRefused("referral", (referral) => connects.cluster({ referral }));
});

for (const name of ["fetch", "limits", "allowPlaintextPassword"]) {
  test(`options › ${name} of another type, HTTP › LocalProtocolError when the client is created`, () => {
    checkRefused(name, (value) => connect("http://127.0.0.1:1", { [name]: value }));
  });
}

test("options › password, maxMinor, starttls or timeZone invalid › LocalProtocolError when the client is created", () => {
  const wrong = [
    ...[{ password: null }, { password: "" }, { username: 5 }, { maxMinor: 9 }, {
      limits: { reply: 0 },
    }],
    ...[{ starttls: null }, { starttls: "offered" }, { timeZone: "Nowhere" }, { timeZone: null }],
  ];
  for (const options of wrong) {
    const named = new RegExp(`^"(?:limits\\.)?${Object.keys(options.limits ?? options)[0]}" is `);
    for (const connectWith of Object.values(connects)) {
      assert.throws(() => connectWith(options), (error: Error) => {
        return error instanceof LocalProtocolError && named.test(error.message);
      }, JSON.stringify(options));
    }
  }
  assert.throws(
    () => connect("http://127.0.0.1:1", { password: null as unknown as string }),
    /^LocalProtocolError: "password" is not a string/,
  );
});

test("options › null instead of an object › LocalProtocolError", () => {
  const none = null as unknown as Record<never, never>;
  const targets = ["doveadm://127.0.0.1:1", "http://127.0.0.1:1", ["doveadm://127.0.0.1:1"]];
  for (const target of targets) {
    assert.throws(
      () => connect(target, none),
      /^LocalProtocolError: The options are not an object/,
    );
  }
});

test("targets › neither a URL nor an object › LocalProtocolError that says what to give", () => {
  for (const target of [undefined, null, 5, true, Symbol("5"), 5n]) {
    for (const given of [target, [target]]) {
      assert.throws(
        () => connect(given as unknown as string),
        /^LocalProtocolError: The target is .*Give a URL, or an object/,
      );
    }
  }
});

test("calls › options and requests of another type › LocalProtocolError, and nothing is sent", async () => {
  await using doveadm = connect("doveadm://127.0.0.1:1");
  const anything = doveadm as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const request = { name: "mailbox list", user: "alice" };
  const params = { user: "alice" };
  const calls: readonly (readonly [string, ...unknown[]])[] = [
    ["send", undefined],
    ["send", null],
    ["send", { ...request, name: 5 }],
    ["send", { ...request, args: "INBOX" }],
    ["send", { ...request, args: null }],
    ...[null, 5, "a", [], new Map()].map((extraFields) =>
      ["send", { ...request, extraFields }] as const
    ),
    ["send", { ...request, input: "a message" }],
    ["send", { ...request, name: "save", input: null }],
    ["send", { ...request, name: "save", input: 5 }],
    ["send", { ...request, name: "save", input: new Uint16Array(1) }],
    ["send", request, null],
    ["run", 5n, params],
    ["run", Symbol("mailbox list"), params],
    ["run", ["mailbox list"], params],
    ["send", request, { signal: {} }],
    ["send", request, { signal: null }],
    ["send", request, { idempotent: "no" }],
    ...[null, 5, "x", false, () => params, [params], new Map([["user", "alice"]])].flatMap(
      (wrong) => [["run", "who", wrong], ["runAll", [["who", wrong]]]] as const,
    ),
    ["run", "mailbox list", params, null],
    ["run", "mailbox list", params, { signal: "5" }],
    ["run", "mailbox list", params, { idempotent: 1 }],
    ["run", "mailbox list", params, { order: 5n }],
    ["run", "mailbox list", { user: "*" }, { onUserError: null }],
    ["runAll", null],
    ["runAll", [null]],
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    ["runAll", [, ["mailbox list", params]]],
    ["ready", null],
    ["ping", { signal: 5 }],
  ];
  for (const [name, ...args] of calls) {
    await assert.rejects(anything[name](...args), LocalProtocolError, `${name} ${String(args[0])}`);
  }
  await assert.rejects(anything.run(Object.create(null), params), LocalProtocolError);
  assert.throws(() => doveadm.stream(request, { signal: {} as AbortSignal }), LocalProtocolError);
});

test("calls › options and requests of another type, HTTP › LocalProtocolError, and nothing is sent", async () => {
  await using http = connect("http://127.0.0.1:1");
  const anything = http as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const calls: readonly (readonly [string, ...unknown[]])[] = [
    ...[null, "x", [5], new Map()].map((parameters) => ["call", "who", parameters] as const),
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    ["call", "who", { mask: [, "alice"] }],
    ...[null, "x", { signal: {} }, { signal: null }, { timeout: NaN }].flatMap(
      (options) => [["call", "who", {}, options], ["commands", options]] as const,
    ),
    ...[5, null, {}].map((user) => ["send", { name: "mailbox list", user }] as const),
    // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
    ...[[5], [null], [, "x"]].map((args) => ["send", { name: "who", args }] as const),
  ];
  for (const [name, ...args] of calls) {
    await assert.rejects(anything[name](...args), LocalProtocolError, `${name} ${String(args[1])}`);
  }
});

test("calls › what the caller changes while they wait › reaches none of them", async () => {
  const lines: (string | undefined)[] = [];
  const { client, connections } = clientOf(async (talk) => {
    await talk.say("+\n");
    for (let line; (line = await talk.command()) !== undefined;) {
      lines.push(line);
      await talk.say("\n+\n");
    }
  }, { maxConnections: 1 });
  const first = client.send({ name: "mailbox list", user: "alice" });
  const request = { name: "mailbox status", user: "alice", args: ["messages", "INBOX"] };
  const parameters = { user: "alice", mailbox: ["Sent"] };
  const inherits = Object.create({ name: "expunge", user: "alice", args: ["all"] });
  const waiting = [
    client.send(request),
    client.run("mailbox create", parameters),
    client.send(inherits),
  ];
  Object.assign(request, { name: "mailbox delete", user: "bob" });
  request.args[1] = "Trash";
  parameters.mailbox[0] = "Trash";
  parameters.user = "bob";
  await Promise.all([first, ...waiting]);
  await client.close();
  assert.equal(connections(), 1);
  assert.deepEqual(lines, [
    "\talice\tmailbox list",
    "\talice\tmailbox status\tmessages\tINBOX",
    "\talice\tmailbox create\t--mailbox=Sent",
    "\talice\texpunge\tall",
  ]);
});

test("calls › extra fields that the caller changes while they wait › are sent as they were", async () => {
  const lines: (string | undefined)[] = [];
  const { client } = clientOf(async (talk) => {
    await talk.say("VERSION\tdoveadm-client\t1\t3\n+\n");
    for (let line; (line = await talk.command()) !== undefined;) {
      lines.push(line);
      await talk.say("\0\0\0\0\x03\n+\n");
    }
  }, { maxMinor: 3, maxConnections: 1 });
  const extraFields: Record<string, string | string[]> = { "proxy-ttl": "5", forward: ["a=b"] };
  const waiting = client.send({ name: "mailbox list", user: "alice", extraFields });
  extraFields["proxy-ttl"] = "6";
  (extraFields.forward as string[])[0] = "c=d";
  await waiting;
  await client.close();
  assert.equal(lines.at(-1), "x\tproxy-ttl=5\x01tforward=a=b\talice\tmailbox list");
});

test("inputs › pieces that are neither texts nor bytes › fail, and nothing looks complete", async () => {
  const pieces = [[104, 105], [new ArrayBuffer(2)], [["a"]], [{ length: Infinity }], [null]];
  for (const input of pieces) {
    let heard = "";
    const { client } = clientOf(async (talk) => {
      await talk.say("+\n");
      for (let line; (line = await talk.line()) !== undefined;) heard += `${line}\n`;
    });
    const request = { name: "save", user: "alice", input: input as unknown as Input };
    const error = await errorOf(client.send(request));
    assert(error instanceof AbortError, String(error));
    assert(error.cause instanceof LocalProtocolError);
    assert.match(error.cause.message, /^A piece of the input is /);
    await client.close();
    assert.doesNotMatch(heard, /^\.$/m);
  }
});

test("inputs › a text cut anywhere, with bytes between › the same bytes as in one piece", async () => {
  const text = "Subject: \u{1f426} \u{1f426}\u{1f54a}\n\n\u00e9\u{1f426}";
  const inputs: Input[] = [text.split(""), [...text], text.split("").flatMap((half) => ["", half])];
  for (let at = 0; at <= text.length; at++) inputs.push([text.slice(0, at), text.slice(at)]);
  for (const input of inputs) assert.equal(decodeUtf8(await bytesOf(input)), text);
  // Halves of pairs without the other one.
  for (const half of ["\ud83d", "\udc26"]) {
    const alone: Input[] = [half, [half], [half, encodeUtf8("x")], ["a", half, "b"], [half, half]];
    const texts = ["\ufffd", "\ufffd", "\ufffdx", "a\ufffdb", "\ufffd\ufffd"];
    const found = await Promise.all(alone.map(async (input) => decodeUtf8(await bytesOf(input))));
    assert.deepEqual(found, texts);
  }
});

/** All bytes of an input. */
async function bytesOf(input: Input): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of piecesOf(input)) pieces.push(piece);
  return concat(pieces);
}

test("DoveadmConnection.stream › valuesPerRow that is no number of values › LocalProtocolError, and nothing is sent", async () => {
  const [near, far] = memoryPair();
  await far.write(encodeUtf8("+\n"));
  await using connection = await DoveadmConnection.open(near, { maxMinor: 0 });
  for (const valuesPerRow of [0, -1, 1.5, NaN, Infinity, "5", null, 5n, Symbol("5")]) {
    const options = { valuesPerRow } as unknown as { valuesPerRow: number };
    await assert.rejects(connection.stream({ name: "who" }, options).next(), (error: Error) => {
      return error instanceof LocalProtocolError && error.message.startsWith('"valuesPerRow" is ');
    });
  }
  await connection.close();
  let sent = "";
  for (let chunk; (chunk = await far.read()) !== undefined;) sent += decodeUtf8(chunk);
  assert.equal(sent, "VERSION\tdoveadm-server\t1\t0\n");
});
