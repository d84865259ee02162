import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortError, CommandError } from "../../../mod.ts";
import {
  CommandFailure,
  type DoveadmHandler,
  type ReplyField,
  serve,
} from "../../../doveadm/server/mod.ts";
import { leavingNothing } from "../../harness/leftovers.ts";
import { bytes, hello, rest, setUp, sleep } from "./memory_server.ts";
import { until } from "../../harness/until.ts";

async function* piecewise(): AsyncGenerator<Uint8Array> {
  yield bytes("in ");
  await sleep(1);
  yield bytes("pieces\t");
}

test("handler › returns fields as array, promise, generator › the client gets them", async () => {
  const replies: Record<string, DoveadmHandler> = {
    array: () => ["INBOX", bytes("a\tb\0"), ""],
    promise: () => Promise.resolve(["INBOX"]),
    nothing: () => Promise.resolve(),
    generator: function* () {
      yield "one";
      yield "two";
    },
    "async generator": async function* () {
      yield "one";
      await sleep(1);
      yield piecewise();
      yield "two";
    },
    "a promise of a generator": () => Promise.resolve(piecewise()),
    text: () => [{ text: '{"userList":["alice"]}' }],
    string: () => "INBOX",
    many: () => Array.from({ length: 10_000 }, (_, at) => String(at)),
  };
  await using setup = await setUp((request) => replies[request.name](request));
  await using connection = await setup.open();
  const fields = async (name: string) => (await connection.send({ name })).fields;
  assert.deepEqual(await fields("array"), ["INBOX", "a\tb\0", ""]);
  assert.deepEqual(await fields("promise"), ["INBOX"]);
  assert.deepEqual(await fields("nothing"), []);
  assert.deepEqual(await fields("generator"), ["one", "two"]);
  assert.deepEqual(await fields("async generator"), ["one", "in pieces\t", "two"]);
  assert.deepEqual(await fields("a promise of a generator"), ["in ", "pieces\t"]);
  assert.deepEqual(await fields("text"), ['{"userList":["alice"]}']);
  assert.deepEqual(await fields("string"), ["INBOX"]);
  assert.equal((await fields("many")).length, 10_000);
  assert.deepEqual(setup.errors, []);
});

test("handler › a command with all parts › gets them all", async () => {
  await using setup = await setUp(
    ({ name, args, user, verbosity, extraFields, client }) => [
      JSON.stringify({ name, args, user, verbosity, extraFields, client }),
    ],
    { password: "s3cret" },
  );
  await using connection = await setup.open({ password: "s3cret" });
  const { fields } = await connection.send({
    name: "mailbox list",
    args: ["-8", "a\tb", ""],
    user: "alice",
    verbosity: "debug",
    extraFields: { "proxy-ttl": "3", forward: ["a", "b"] },
  });
  const { client, ...seen } = JSON.parse(fields[0]);
  assert.deepEqual(seen, {
    name: "mailbox list",
    args: ["-8", "a\tb", ""],
    user: "alice",
    verbosity: "debug",
    extraFields: { "proxy-ttl": ["3"], forward: ["a", "b"] },
  });
  assert.equal(client.username, "doveadm");
  assert.equal(client.minor, 4);
});

test("handler › throws › the client gets a code and a log line", async () => {
  const upstream = new CommandError(
    "x",
    { type: "reply", id: 1, ok: false, code: "NOUSER", detail: "", fields: [], rawFields: [] },
    [],
  );
  const failures: Record<string, DoveadmHandler> = {
    failure: () => {
      throw new CommandFailure("NOTFOUND", { log: "There is\nno such mailbox." });
    },
    referral: () => Promise.reject(new CommandFailure("REFERRAL", { detail: "a@192.0.2.1" })),
    unknown: () => Promise.reject(new CommandFailure("")),
    upstream: () => Promise.reject(upstream),
    error: () => Promise.reject(new Error("a mistake")),
    "no error": () => Promise.reject("a text"),
    "rows ahead": async function* () {
      yield "INBOX";
      await sleep(1);
      throw new CommandFailure("TEMPFAIL");
    },
    "within a value": async function* (): AsyncGenerator<ReplyField> {
      yield (async function* () {
        yield bytes("half a va");
        await sleep(1);
        throw new CommandFailure("DATAERR");
      })();
    },
    "no field": () => [1 as unknown as string],
    "no pieces": () => [(async function* () {
      yield 1 as unknown as Uint8Array;
    })()],
    "no reply": () => Promise.resolve(1 as unknown as string[]),
    "a text with a TAB": () => [{ text: "a\tb" }],
    "a text and more": () => [{ text: "{}" }, "x"],
    "no log": () => {
      throw new CommandFailure("NOTFOUND", { log: new Error("not there") as unknown as string });
    },
    "no detail": () => {
      throw new CommandFailure("NOTFOUND", { detail: 5 as unknown as string });
    },
  };
  await using setup = await setUp((request) => failures[request.name](request));
  const logged: string[] = [];
  await using connection = await setup.open({
    maxMinor: 2,
    onLog: ({ message }) => logged.push(message),
  });
  const ask = async (name: string) => {
    const answer = await connection.send({ name });
    assert(!answer.ok, name);
    return [answer.code, answer.detail, answer.fields];
  };
  assert.deepEqual(await ask("failure"), ["NOTFOUND", "", []]);
  assert.deepEqual(logged.splice(0), ["There is", "no such mailbox."]);
  assert.deepEqual(await ask("referral"), ["REFERRAL", "a@192.0.2.1", []]);
  assert.deepEqual(await ask("unknown"), ["", "", []]);
  assert.deepEqual(logged, []);
  assert.deepEqual(await ask("upstream"), ["NOUSER", "", []]);
  assert.deepEqual(await ask("rows ahead"), ["TEMPFAIL", "", ["INBOX"]]);
  assert.deepEqual(await ask("within a value"), ["DATAERR", "", ["half a va"]]);
  assert.deepEqual(setup.errors, []);
  logged.splice(0);
  const mistakes = ["error", "no error", "no field", "no pieces", "no reply", "a text with a TAB"];
  mistakes.push("no log", "no detail");
  for (const name of mistakes) assert.deepEqual(await ask(name), ["TEMPFAIL", "", []], name);
  assert.deepEqual(await ask("a text and more"), ["TEMPFAIL", "", ["{}"]]);
  assert.equal(setup.errors.length, 9);
  assert.equal(logged.length, 9);
  assert.equal(logged[0], '"error" failed: a mistake');
});

test("handler › logs before it answers › the client gets the line at once", async () => {
  let go = () => {};
  await using setup = await setUp(async ({ log }) => {
    log("info", "It begins.");
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  const logged: string[] = [];
  await using connection = await setup.open({
    maxMinor: 2,
    onLog: ({ level, message }) => logged.push(`${level}: ${message}`),
  });
  const answer = connection.send({ name: "index" });
  await until(() => logged.length > 0, "the log arrived");
  assert.deepEqual(logged, ["info: It begins."]);
  go();
  assert((await answer).ok);
});

test("input › read completely, in part or not at all › the next command is answered", async () => {
  await using setup = await setUp(async ({ args: [how], input, name }) => {
    if (name === "who") return ["nobody"];
    if (how === "none") return [];
    let size = 0;
    for await (const chunk of input) {
      size += chunk.length;
      if (how === "some") break;
    }
    return [how === "all" ? String(size) : "some"];
  });
  await using connection = await setup.open();
  const input = new Uint8Array(3_000_000).fill(46);
  const save = (how: string) => connection.send({ name: "save", args: [how], input });
  const who = () => connection.send({ name: "who" });
  assert.deepEqual((await save("all")).fields, ["3000000"]);
  assert.deepEqual((await who()).fields, ["nobody"]);
  // This client ends a conversation whose input was answered early; what it asked first is answered.
  for (const how of ["none", "some"]) {
    await using other = await setup.open();
    assert((await other.send({ name: "save", args: [how], input })).ok);
  }
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tsave\tnone\nSubject: x\n\t\twho\n.\n\t\twho\n"));
  await raw.closeWrite();
  assert.equal(await rest(raw), "+\n\n+\nnobody\t\n+\n");
});

test("input › the client disconnects before its end › the command fails", async () => {
  const failed: unknown[] = [];
  await using setup = await setUp(async ({ input }) => {
    try {
      for await (const _ of input);
    } catch (error) {
      failed.push((error as Error).message);
      throw error;
    }
  });
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tsave\nhalf a mess"));
  await raw.closeWrite();
  assert.equal(await rest(raw), "+\n\n-TEMPFAIL\n");
  assert.deepEqual(failed, ["The input ended before its dot."]);
});

test("input › the handler reads slowly › the client has to wait", async () => {
  const gate: (() => void)[] = [];
  await using setup = await setUp(async ({ input }) => {
    await new Promise<void>((resolve) => gate.push(resolve));
    let size = 0;
    for await (const chunk of input) size += chunk.length;
    return [String(size)];
  });
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tsave\n"));
  let written = 0;
  let isBlocked = true;
  const writing = (async () => {
    for (; written < 10_000_000; written += 10_000) {
      await raw.write(new Uint8Array(10_000).fill(65));
    }
    await raw.write(bytes("\n.\n"));
    isBlocked = false;
    await raw.closeWrite();
  })();
  await sleep(50);
  assert(isBlocked && written < 1_000_000, `${written} bytes were taken`);
  gate[0]();
  await writing;
  assert.equal(await rest(raw), "+\n10000000\t\n+\n");
});

test("handler › the client reads slowly › the handler has to wait", async () => {
  let given = 0;
  await using setup = await setUp(async function* () {
    for (; given < 3000; given++) yield new Uint8Array(10_000);
  });
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tfetch\n"));
  await until(() => given > 0, "the handler began");
  await sleep(50);
  assert(given < 100, `${given} fields were given`);
  await raw.closeWrite();
  let size = 0;
  for (let chunk; (chunk = await raw.read()) !== undefined;) size += chunk.length;
  assert.equal(size, 2 + 3000 * 20_001 + 3);
});

test("handler › its client disconnects › its signal aborts, others don't", async () => {
  const events: string[] = [];
  await using setup = await setUp(async function* ({ name, signal }) {
    try {
      if (name === "rows") { for (;;) yield await sleep(1).then(() => "row"); }
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    } finally {
      events.push(`${name} ${signal.aborted ? "aborted" : "returned"}`);
    }
  });
  await using other = await setup.open();
  const stays = other.send({ name: "stays" });
  for (const name of ["rows", "silent"]) {
    const raw = await setup.dial();
    await raw.write(bytes(`VERSION\tdoveadm-server\t1\t2\n\t\t${name}\n`));
    await raw.read();
    await raw.close();
    await until(() => events.length > 0, `${name} was aborted`);
    assert.deepEqual(events.splice(0), [`${name} aborted`]);
  }
  await setup.server.close({ timeout: 1 });
  assert.equal((await stays).ok, false);
  assert.deepEqual(events, ["stays aborted"]);
});

test("half-close › after complete commands and an incomplete line › the complete ones are answered", async () => {
  await using setup = await setUp(async ({ name }) => {
    await sleep(5);
    return [name];
  });
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\tone\n\t\ttwo\n\t\tthree\n\t\tfour"));
  await raw.closeWrite();
  assert.equal(await rest(raw), "+\none\t\n+\ntwo\t\n+\nthree\t\n+\n");
});

test("passwords › the right one, wrong ones, and none › only the right one is accepted", async () => {
  await using setup = await setUp(() => ["in"], { password: "s3cret" });
  await using connection = await setup.open({ password: "s3cret" });
  assert.deepEqual((await connection.send({ name: "who" })).fields, ["in"]);
  for (const password of ["s3cre", "s3crets", "S3cret", "s3crets3cret"]) {
    await assert.rejects(setup.open({ password }), /refused the password/);
  }
  const raw = await setup.dial();
  await raw.write(hello);
  await raw.write(bytes("\t\twho\n"));
  assert.equal(await rest(raw), "-\n-\n");
  assert.equal(setup.errors.length, 5);
  assert.match(setup.errors[0], /could not log in: the password is wrong/);
});

test("authenticate › returns a name, now or later › the handler gets it", async () => {
  await using setup = await setUp(({ client }) => [String(client.username)], {
    async authenticate(username, password) {
      if (password === "broken") throw new Error("The database is away.");
      await sleep(1);
      return password === "token" ? `${username} of the web shop` : undefined;
    },
  });
  await using connection = await setup.open({ password: "token" });
  assert.deepEqual((await connection.send({ name: "who" })).fields, ["doveadm of the web shop"]);
  await assert.rejects(setup.open({ password: "other" }), /refused the password/);
  await assert.rejects(setup.open({ password: "broken" }), /refused the password/);
  assert(setup.errors.includes("The database is away."));
});

test("connections › more than maxConnections › the one that takes longest to log in is closed", async () => {
  await using setup = await setUp(() => ["in"], { password: "x", maxConnections: 3 });
  await using first = await setup.open({ password: "x" });
  const slow = [await setup.dial(), await setup.dial()];
  await using second = await setup.open({ password: "x" });
  assert.equal(await rest(slow[0]), "");
  await using third = await setup.open({ password: "x" });
  assert.equal(await rest(slow[1]), "");
  await assert.rejects(setup.open({ password: "x" }));
  for (const connection of [first, second, third]) {
    assert.deepEqual((await connection.send({ name: "who" })).fields, ["in"]);
  }
  assert.equal(setup.server.connections, 3);
  assert.equal(setup.errors.filter((message) => message.includes('"maxConnections"')).length, 3);
});

test("close › idle and busy connections › idle ones close at once, busy ones after their command", async () => {
  let hasBegun = false;
  const setup = await setUp(async () => {
    hasBegun = true;
    await sleep(50);
    return ["done"];
  });
  const idle = await setup.open();
  const busy = await setup.open();
  const answer = busy.send({ name: "index" });
  await until(() => hasBegun, "the command began");
  const closing = setup.server.close();
  await assert.rejects(setup.dial());
  assert.deepEqual((await answer).fields, ["done"]);
  await closing;
  await setup.server.finished;
  assert.equal(setup.server.connections, 0);
  await assert.rejects(idle.send({ name: "who" }));
  await Promise.all([idle.close(), busy.close()]);
});

test("close › a command takes longer than the timeout › it is aborted", async () => {
  for (const heeds of [true, false]) {
    let hasBegun = false;
    const setup = await setUp(({ signal }) =>
      new Promise((_, reject) => {
        hasBegun = true;
        if (heeds) signal.addEventListener("abort", () => reject(signal.reason));
      })
    );
    await using connection = await setup.open();
    const answer = connection.send({ name: "index" });
    await until(() => hasBegun, "the command began");
    const closing = setup.server.close({ timeout: 10 });
    if (heeds) assert.equal((await answer).ok, false);
    else await assert.rejects(answer);
    await closing;
  }
});

test("serve › a signal that has aborted before › AbortError with its reason", async () => {
  const reason = new Error("enough");
  const options = { hostname: "127.0.0.1", port: 0, password: "s3cret" };
  const serving = serve({ ...options, signal: AbortSignal.abort(reason) }, () => []);
  await assert.rejects(serving, (error: Error) => {
    return error instanceof AbortError && error.cause === reason;
  });
});

test("close › the server's signal aborts › all connections are closed", async () => {
  const controller = new AbortController();
  const setup = await setUp(() => [], { signal: controller.signal });
  await using _ = await setup.open();
  controller.abort();
  await setup.server.finished;
  assert.equal(setup.server.connections, 0);
});

test("server › closed with unfinished commands › no timer and no socket is left", () =>
  leavingNothing(async () => {
    await using setup = await setUp(async ({ input }) => {
      for await (const _ of input);
    });
    const raw = await setup.dial();
    await raw.write(hello);
    await raw.write(bytes("\t\tsave\nhalf a mess"));
    await using connection = await setup.open();
    await connection.send({ name: "save", input: "x" });
    await raw.close();
  }));
