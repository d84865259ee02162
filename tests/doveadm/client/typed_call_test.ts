import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogLine, tabEscape } from "../../../core/doveadm/mod.ts";
import { encodeUtf8, LocalProtocolError, RemoteProtocolError } from "../../../core/mod.ts";
import { CommandError } from "../../../doveadm/client/command_error.ts";
import { RowReader } from "../../../doveadm/client/row_reader.ts";
import { rowsOfReply } from "../../../doveadm/client/rows.ts";
import { type Row, TypedCall } from "../../../doveadm/client/typed_call.ts";
import { ListRoom } from "../../../doveadm/client/values.ts";
import { HttpEndpoint } from "../../../doveadm/http/endpoint.ts";
import { JsonRows } from "../../../doveadm/http/json_rows.ts";
import { serve } from "../../../doveadm/server/mod.ts";
import { connect } from "../../../mod.ts";
import { startMailServer } from "../../../testing/mod.ts";

const guid = "0123456789abcdef0123456789abcdef";
/** Rows of "all": as Dovecot 2.3 and 2.4.1 give them, and as 2.4.2 does. */
const older = ["INBOX", "3", "0", "4", "1", "2", "7", "99", guid, "never"];
const newer = ["INBOX", "3", "0", "1", "4", "1", "2", "7", "99", guid, "1767225600"];

const all = { user: "alice", field: ["all"], mailboxMask: ["*"] } as const;

const row: Row = {
  mailbox: "INBOX",
  messages: 3,
  recent: 0,
  uidnext: 4,
  uidvalidity: 1,
  unseen: 2,
  highestmodseq: 7n,
  vsize: 99,
  guid,
  firstsaved: null,
};
const newerRow = { ...row, deleted: 1, firstsaved: new Date("2026-01-01T00:00:00Z") };

test("mailbox status › all fields › are read from servers with and without the newest one", async () => {
  for (const [values, expected] of [[older, row], [newer, newerRow]] as const) {
    for (const count of [0, 1, 2, 110]) {
      const place = { hostname: "127.0.0.1", port: 0, password: "x" };
      await using server = await serve(place, async function* () {
        for (let at = 0; at < count; at++) yield* values;
      });
      assert(server.address.transport === "tcp");
      await using doveadm = connect(server.address, { password: "x" });
      const rows = Array(count).fill(expected);
      assert.deepEqual(await doveadm.run("mailbox status", all), rows);
      const streamed: Row[] = [];
      for await (const row of doveadm.rows("mailbox status", all)) streamed.push(row);
      assert.deepEqual(streamed, rows);
    }
  }
});

test("mailbox status › all fields over HTTP › are those that the row has", () => {
  const call = new TypedCall("mailbox status", all);
  const endpoint = new HttpEndpoint({ url: new URL("http://localhost") });
  const reader = new JsonRows(call, { version: "2.4", endpoint, values: 100, isStream: false });
  const rowOf = (row: Record<string, unknown>) =>
    reader.rowsOf({ type: "row", command: 0, row })[0];
  const object = Object.fromEntries(Object.keys(row).map((key, at) => [key, older[at]]));
  assert.deepEqual(rowOf(object), row);
  assert.deepEqual(rowOf({ ...object, deleted: "1" }), { ...row, deleted: 1 });
  // Inherited properties are no columns.
  const { guid: _, ...lacking } = object;
  const inheriting = Object.assign(Object.create({ guid, deleted: "1" }), lacking);
  assert.throws(() => rowOf(inheriting), /came without "guid"/);
});

/** Values as they are on the wire. */
function wireOf(values: readonly string[]): Uint8Array {
  return encodeUtf8(values.map((value) => `${tabEscape(value)}\t`).join(""));
}

const limits = { reply: 10_000, values: 10_000 };

/** The rows of values that come in pieces of some size; `rows` gets those before an error. */
function readPieces(
  call: TypedCall,
  wire: Uint8Array,
  { size, rows, limit = 10_000 }: { size: number; rows: Row[]; limit?: number },
): void {
  const reader = new RowReader(call, { version: "2.4", limits: { reply: limit, values: 10_000 } });
  const read = (whole: Uint8Array | undefined) => {
    if (whole !== undefined) rows.push(...reader.read(whole));
  };
  for (let at = 0; at < wire.length; at += size) read(reader.cut(wire.slice(at, at + size)));
  reader.check();
  read(reader.end());
  reader.check();
}

test("rows › values that make no whole rows › are an error, however they come", () => {
  const cases: readonly (readonly [readonly string[], number])[] = [
    [older.slice(1), 0],
    [[...older, "x"], 1],
    [[...newer, ...newer.slice(1)], 1],
    [newer.slice(0, 9), 0],
  ];
  for (const [values, whole] of cases) {
    const wire = wireOf(values);
    const call = new TypedCall("mailbox status", all);
    assert.throws(() => rowsOfReply(call, wire, { version: "2.4", limits }), RemoteProtocolError);
    for (const size of [1, 7, 1000]) {
      const rows: Row[] = [];
      assert.throws(() => readPieces(call, wire, { size, rows }), RemoteProtocolError);
      assert(rows.length <= whole);
    }
  }
  const purge = new TypedCall("purge", { user: "alice" });
  const none = new RowReader(purge, { version: "2.4", limits });
  assert.equal(none.end(), undefined);
  assert.throws(() => none.cut(encodeUtf8("x")), RemoteProtocolError);
  assert.deepEqual(rowsOfReply(purge, wireOf([]), { version: "2.4", limits }), []);
  assert.throws(
    () => rowsOfReply(purge, wireOf(["x"]), { version: "2.4", limits }),
    RemoteProtocolError,
  );
});

test("rows › one with an invalid value among others › is left out, and told at the end", () => {
  const call = new TypedCall("quota get", { user: "alice" });
  const good = ["User quota", "STORAGE", "1", "10", "10"];
  const wire = wireOf([...good, ...good.with(2, "many"), ...good]);
  for (const size of [1, 7, 1000]) {
    const rows: Row[] = [];
    assert.throws(
      () => readPieces(call, wire, { size, rows }),
      (error) => error instanceof RemoteProtocolError && /"many"/.test(error.message),
    );
    assert.equal(rows.length, 2);
  }
  assert.throws(() => rowsOfReply(call, wire, { version: "2.4", limits }), RemoteProtocolError);
});

test("rows › lists with more items than a reply may have values › an error, in a stream for one piece", () => {
  const call = new TypedCall("fetch", { user: "alice", field: ["uid", "flags"], query: ["all"] });
  const flags = (count: number) => Array(count).fill("a").join(" ");
  const isOverLimit = (error: unknown) =>
    error instanceof RemoteProtocolError && error.limit === "values" &&
    /"flags"/.test(error.message);
  const rowsOf = (values: readonly string[], most: number) =>
    rowsOfReply(call, wireOf(values), { version: "2.4", limits: { reply: 10_000, values: most } });
  const small = ["1", flags(3), "2", flags(4)];
  const large = [...small, ...Array(500).fill(["3", flags(8)]).flat()];
  for (const [values, items] of [[small, 7], [large, 4007]] as const) {
    for (const enough of [items, Infinity]) {
      assert.deepEqual(rowsOf(values, enough)[1].flags, ["a", "a", "a", "a"]);
    }
    assert.throws(() => rowsOf(values, items - 1), isOverLimit);
  }
  const reader = new RowReader(call, { version: "2.4", limits: { reply: 100, values: 8 } });
  for (let row = 0; row < 10; row++) reader.read(reader.cut(wireOf(["1", flags(8)]))!);
  reader.check();
  reader.read(reader.cut(wireOf(["1", flags(9)]))!);
  assert.throws(() => reader.check(), isOverLimit);

  const endpoint = new HttpEndpoint({ url: new URL("http://localhost") });
  for (const isStream of [false, true]) {
    const reader = new JsonRows(call, { version: "2.4", endpoint, values: 8, isStream });
    const read = (count: number) =>
      reader.rowsOf({ type: "row", command: 0, row: { uid: "1", flags: flags(count) } });
    assert.throws(() => read(9), isOverLimit);
    read(8);
    if (isStream) read(8);
    else assert.throws(() => read(1), isOverLimit);
  }
});

test("rows › values of all kinds, in pieces of any size › the same as value by value", () => {
  const field = ["uid", "date.received", "flags", "hdr.subject", "size.virtual"] as const;
  const call = new TypedCall("fetch", { user: "alice", field, query: ["all"] });
  const columns = call.replyColumnsFor("2.4");
  const values: string[] = [];
  for (let at = 0; at < 3000; at++) {
    const subject =
      ["", "a", "Grüße\tan 😀\n", "x".repeat(at % 97 === 0 ? at * 30 : at % 90)][at % 4];
    const flags = ["", "\\Seen \\Draft"][at % 2];
    values.push(`${at}`, `${at * 1_000_000}`, flags, subject, "9007199254740991");
  }
  const expected: Row[] = [];
  for (let at = 0; at < values.length; at += columns.length) {
    expected.push(call.rowOf(columns, values.slice(at, at + columns.length), new ListRoom(2)));
  }
  const wire = wireOf(values);
  assert.deepEqual(rowsOfReply(call, wire, { version: "2.4", limits }), expected);
  // The last TAB may be missing.
  const cut = wire.subarray(0, -1);
  assert.deepEqual(rowsOfReply(call, cut, { version: "2.4", limits }), expected);
  for (const size of [997, 65_536, wire.length]) {
    for (const bytes of [wire, cut]) {
      const rows: Row[] = [];
      readPieces(call, bytes, { size, rows, limit: 200_000 });
      assert.deepEqual(rows, expected);
    }
  }
});

test("rows › of a reply that is small, or just no more › the same as of its pieces, errors too", () => {
  const quotas = new TypedCall("quota get", { user: "alice" });
  const good = ["User quota\t\n", "STORAGE", "1", "-", "10"];
  const lists: readonly (readonly string[])[] = [
    ...[[], good, [...good, ...good], good.slice(1), [...good, "x"], good.with(2, "many")],
    ...[4095, 4096, 4097].map((size) => good.with(0, "x".repeat(size - 16))),
  ];
  const outcomeOf = (read: () => readonly Row[]) => {
    try {
      return read();
    } catch (error) {
      return String(error);
    }
  };
  for (const values of lists) {
    const wire = wireOf(values);
    for (const bytes of [wire, wire.subarray(0, -1)]) {
      const outcome = outcomeOf(() => rowsOfReply(quotas, bytes, { version: "2.4", limits }));
      const expected = outcomeOf(() => {
        const rows: Row[] = [];
        readPieces(quotas, bytes, { size: bytes.length + 1, rows });
        return rows;
      });
      assert.deepEqual(outcome, expected);
    }
  }
  // An invalid value, and a row that isn't whole.
  const wire = wireOf([...good.with(2, "many"), ...good.slice(2)]);
  assert.throws(() => rowsOfReply(quotas, wire, { version: "2.4", limits }), /no multiple/);
});

test("rows › one of as many bytes as it may have, and one of one more › only that is refused", () => {
  const call = new TypedCall("mailbox list", { user: "alice" });
  for (const size of [1, 7, 1000]) {
    const rows: Row[] = [];
    const read = (length: number) => {
      const wire = wireOf(["a", "b".repeat(length), "c"]);
      return readPieces(call, wire, { size, rows, limit: 20 });
    };
    read(19);
    assert.equal(rows.length, 3);
    assert.throws(
      () => read(20),
      (error) => error instanceof RemoteProtocolError && error.limit === "reply",
    );
  }
});

test("rows › what a call without text columns returns › the values' bytes", () => {
  const call = new TypedCall("fetch", { user: "alice", field: ["uid", "text"], query: ["all"] });
  const wire = wireOf(["1", "a\tb", "2", ""]);
  const expected = [{ uid: 1, text: encodeUtf8("a\tb") }, { uid: 2, text: encodeUtf8("") }];
  const before = wire.slice();
  assert.deepEqual(rowsOfReply(call, wire, { version: "2.4", limits }), expected);
  const rows: Row[] = [];
  readPieces(call, wire, { size: 3, rows });
  assert.deepEqual(rows, expected);
  assert.deepEqual(wire, before);
});

test("calls › for all users in the server › have an option for that, and a column for the names", () => {
  const server = { iterate: "server" } as const;
  const quotas = new TypedCall("quota get", { allUsers: true }, server);
  assert(quotas.isIteratedByServer);
  assert.equal(quotas.user, undefined);
  assert.deepEqual(quotas.argumentsFor("2.4"), ["--all-users"]);
  assert.deepEqual(quotas.replyColumnsFor("2.4").map(({ key }) => key), [
    ...["username", "root", "type", "value", "limit", "percent"],
  ]);
  const wire = wireOf(["alice", "User quota", "STORAGE", "1", "-", "0"]);
  assert.equal(rowsOfReply(quotas, wire, { version: "2.4", limits })[0].username, "alice");
  assert.throws(() => quotas.argumentsFor("2.3"), /needs Dovecot 2\.4, and the server has 2\.3/);
  assert.deepEqual(quotas.parametersFor("2.3"), { allUsers: true });
  // A command without columns has no rows, and so none for the names.
  const recalc = new TypedCall("quota recalc", { user: "*" }, server);
  assert.deepEqual(recalc.argumentsFor("2.4"), ["--all-users"]);
  assert.deepEqual(recalc.replyColumnsFor("2.4"), []);
  const masked = new TypedCall("quota get", { user: "a*" }, server);
  assert.throws(() => masked.argumentsFor("2.4"), /takes all users and no mask/);
  assert.throws(() => new TypedCall("quota get", { userFile: "a" }, server), LocalProtocolError);
  // For one user it means nothing.
  const one = new TypedCall("quota get", { user: "alice" }, server);
  assert(!one.isIteratedByServer);
  assert.deepEqual(one.argumentsFor("2.3"), []);
});

test("command errors › a note after a log line without a full stop › begins a sentence", () => {
  const reply = { type: "reply", id: 0, ok: false, code: "TEMPFAIL", detail: "" } as const;
  const failure = { ...reply, fields: [], rawFields: [] };
  const log = [{ level: "error", message: "mkdir failed" }] as const;
  const { message } = new CommandError("save", failure, log, { note: "Check it." });
  assert.match(message, /: mkdir failed\. Check it\.$/);
});

test("calls › parameters that change after the call › don't change it", async () => {
  await using server = await startMailServer({
    users: { alice: { mailboxes: { INBOX: ["Subject: one\n\nOne.\n"] } } },
  });
  await using doveadm = connect(server.url, { password: server.password });
  const parameters = { user: "alice", query: ["all"] };
  const found = doveadm.run("search", parameters);
  Object.assign(parameters, { user: "nobody", query: ["bogus"] });
  assert.equal((await found).length, 1);
});

test("calls › parameters by inherited names › don't count", () => {
  const inherited = Object.create({ user: "alice", allUsers: true });
  assert.throws(() => new TypedCall("quota get", inherited), /Set "user"/);
  const own = JSON.parse('{"user":"alice","__proto__":{"allUsers":true}}');
  assert.throws(() => new TypedCall("quota get", own), /no parameter "__proto__"/);
  for (const name of ["__proto__", "toString", "constructor"]) {
    assert.throws(() => new TypedCall(name, {}), LocalProtocolError);
    assert.throws(
      () => new TypedCall("quota get", { user: "a", [`${name}x`]: 1 }),
      LocalProtocolError,
    );
  }
});

test("calls › several choices of users at once › LocalProtocolError, since any of them may be meant", () => {
  const choices = { user: "alice", userFile: "alice\nbob", allUsers: true };
  const { user, userFile, allUsers } = choices;
  for (const several of [{ user, userFile }, { user, allUsers }, { userFile, allUsers }, choices]) {
    assert.throws(
      () => new TypedCall("expunge", { ...several, query: ["mailbox", "INBOX", "all"] }),
      /^LocalProtocolError: More than one parameter chooses the users of "expunge"\. Set one of/,
    );
  }
  for (
    const one of [{ user, userFile: "", allUsers: false }, { user: "", userFile }, {
      user: "",
      allUsers,
    }]
  ) {
    new TypedCall("quota get", one);
  }
});

test("user › answers that are odd JSON › are the server's fault", () => {
  const call = new TypedCall("user", { userMask: ["*"] });
  for (
    const text of [
      '{"userList":[{"toString":1}]}',
      '{"userList":[1]}',
      '{"userList":{}}',
      '{"userList":null}',
      '{"alice":1}',
      '{"alice":["x"]}',
      '{"alice":null}',
      '{"alice":"x"}',
      "[[1]]",
      "null",
      "5",
      "no JSON",
    ]
  ) {
    assert.throws(
      () => call.rowsOfJson(text),
      (error) => error instanceof RemoteProtocolError && error.sent,
      text,
    );
  }
  const [odd] = call.rowsOfJson('{"__proto__":{"toString":"x"}}');
  assert.equal(odd.username, "__proto__");
  assert.equal(odd.toString, "x");
  assert.deepEqual(call.rowsOfJson('{"userList":["a","b"]}'), [{ username: "a" }, {
    username: "b",
  }]);
  assert.deepEqual(call.rowsOfJson("{}"), []);
});

/** The error for a failed command. */
function failureOf(command: string, code: string, log: readonly string[] = [], status?: number) {
  const none = { fields: [], rawFields: [], detail: "" };
  const lines: LogLine[] = log.map((message) => ({ level: "error", message }));
  return new CommandError(
    command,
    { type: "reply", id: 0, ok: false, code, ...none },
    lines,
    status === undefined ? {} : { status },
  );
}

test("command errors › a full quota › has a reason, from the exit code, the log or the command", () => {
  const words = "doveadm(alice)<1><x>: Saving failed: Quota exceeded (mailbox for user is full)";
  for (
    const error of [
      failureOf("save", "UNKNOWN", [words]),
      failureOf("save", "UNKNOWN", ["doveadm(alice): Saving failed: Ihr Postfach ist voll"]),
      failureOf("copy", "UNKNOWN"),
      failureOf("sieve put", "UNKNOWN", ["Quota exceeded"]),
      failureOf("save", "UNKNOWN", [], 73),
      failureOf("sync", "UNKNOWN", [], 73),
    ]
  ) {
    assert.equal(error.reason, "quota");
    assert.equal(error.exitCode, 73);
    assert.match(error.message, /the user's quota is full \(UNKNOWN\)/);
  }
  const hidden = failureOf("save", "UNKNOWN", ["Quota \x1b[2J\r\nexceeded"]);
  assert(!/\p{Cc}/u.test(hidden.message), hidden.message);
  for (
    const error of [
      failureOf("quota get", "UNKNOWN"),
      failureOf("save", "TEMPFAIL", [words]),
      failureOf("save", "UNKNOWN", [], 78),
      failureOf("toString", "UNKNOWN"),
    ]
  ) {
    assert.equal(error.reason, undefined);
    assert.notEqual(error.exitCode, 73);
  }
});

test("command errors › a mailbox that exists › has a reason, from the log only", () => {
  const says = (words: string) => failureOf("mailbox create", "DATAERR", [words]).reason;
  assert.equal(says("Can't create mailbox a: Mailbox already exists"), "exists");
  assert.equal(says("Can't rename mailbox a to b: Target mailbox already exists"), "exists");
  assert.equal(says("Can't create mailbox Mailbox already exists: Invalid name"), undefined);
  assert.equal(says("INBOX can't be deleted."), undefined);
  assert.equal(failureOf("mailbox create", "DATAERR").reason, undefined);
});

test("embedded server › a full quota and a mailbox that exists › the same reasons as with Dovecot", async () => {
  await using server = await startMailServer({
    users: { alice: { mailboxes: { INBOX: [], Other: [] }, quota: { bytes: 100 } } },
  });
  await using doveadm = connect(server.url, { password: server.password });
  const save = doveadm.run("save", { user: "alice", file: "x".repeat(200) });
  await assert.rejects(save, { reason: "quota", exitCode: 73, code: "UNKNOWN" });
  const create = doveadm.run("mailbox create", { user: "alice", mailbox: ["Other"] });
  await assert.rejects(create, { reason: "exists", code: "DATAERR" });
});
