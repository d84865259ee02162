import assert from "node:assert/strict";
import { test } from "node:test";
import {
  chooseColumns,
  type ColumnRule,
  columnsOf,
  commands,
  type DovecotVersion,
  fieldTables,
  findCommand,
  parametersToSend,
  type ParameterValues,
} from "../../../../core/doveadm/catalogue/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../../core/mod.ts";

function ruleOf(name: string, version: DovecotVersion = "2.3"): ColumnRule | undefined {
  return findCommand(name)!.columns[version];
}

/** The keys of a command's columns. */
function keysOf(name: string, values: ParameterValues, version: DovecotVersion = "2.3"): string[] {
  return columnsOf(ruleOf(name, version), values, version).map(({ key }) => key);
}

/** The message of the `LocalProtocolError` that something throws. */
function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert(error instanceof LocalProtocolError, String(error));
    return error.message;
  }
  return assert.fail("it went well");
}

test("columns › commands with fixed columns, and without › their keys", () => {
  assert.deepEqual(keysOf("mailbox list", {}), ["mailbox"]);
  assert.deepEqual(keysOf("quota get", {}), ["root", "type", "value", "limit", "percent"]);
  assert.deepEqual(keysOf("search", {}), ["mailbox-guid", "uid"]);
  assert.deepEqual(keysOf("kick", {}), ["result"]);
  assert.deepEqual(keysOf("kick", {}, "2.4"), ["count"]);
  assert.deepEqual(keysOf("purge", {}), []);
  assert.deepEqual(columnsOf(undefined, {}, "2.4"), []);
});

test("columns › a parameter that decides, set and not › the keys of either", () => {
  const together = ["username", "connections", "service", "pids", "ips"];
  const apart = ["username", "service", "pid", "ip"];
  for (
    const [values, version, expected] of [
      [{}, "2.3", together],
      [{ separateConnections: undefined }, "2.3", together],
      [{ separateConnections: false }, "2.3", together],
      [{ separateConnections: true }, "2.3", apart],
      [{ separateConnections: true }, "2.4", [...apart, "dest_ip"]],
    ] as const
  ) {
    assert.deepEqual(keysOf("who", values, version), expected, JSON.stringify([values, version]));
  }
});

test("columns › fields in a list › in the order of the request", () => {
  const fields = ["uid", "hdr.subject", "flags", "body.1.2", "uid", "binary.1", "hdr.x.utf8"];
  for (const version of ["2.3", "2.4"] as const) {
    assert.deepEqual(keysOf("fetch", { field: fields }, version), fields);
  }
  const columns = columnsOf(ruleOf("fetch"), { field: fields }, "2.3");
  const types = columns.map(({ type }) => type);
  assert.deepEqual(types, ["number", "string", "strings", "bytes", "number", "bytes", "string"]);
});

test("columns › fields with an order of the server's › in that order", () => {
  const field = ["vsize", "guid", "messages", "vsize"];
  assert.deepEqual(keysOf("mailbox status", { field }), ["mailbox", "messages", "vsize", "guid"]);
  const total = { field: ["vsize", "messages"], totalSum: true };
  assert.deepEqual(keysOf("mailbox status", total), ["messages", "vsize"]);
  assert.deepEqual(keysOf("mailbox status", { ...total, totalSum: false }), [
    ...["mailbox", "messages", "vsize"],
  ]);
});

test("columns › fields in a text, or left out › in its order, or the usual ones", () => {
  const ahead = ["metric_name", "field"];
  const usual = ["count", "sum", "min", "max", "avg", "median", "stddev", "%95"];
  for (
    const [fields, expected] of [
      [undefined, usual],
      ["count", ["count"]],
      ["%99 max count", ["%99", "max", "count"]],
      ["sum,avg  min", ["sum", "avg", "min"]],
    ] as const
  ) {
    assert.deepEqual(keysOf("stats dump", { fields }), [...ahead, ...expected], fields);
  }
  assert.match(messageOf(() => keysOf("stats dump", { fields: "bogus" })), /no field "bogus"/);
  for (const fields of ["", " ", ", "]) {
    assert.match(messageOf(() => keysOf("stats dump", { fields })), /"fields" contains no field/);
  }
});

test("columns › unknown fields, or of a later version › an error that lists the fields", () => {
  for (
    const [name, field, message] of [
      ["fetch", "nosuch", /^There is no field "nosuch" for "field"\. The fields are .*"uid"/],
      // Who lists what there is leaves out what the server lacks.
      ["fetch", "nosuch", /^(?!.*mime\.parts)/],
      ["fetch", "", /no field ""/],
      ["fetch", "all", /no field "all"/],
      ["fetch", "toString", /no field "toString"/],
      ["fetch", "hdr.subject.bogus", /"hdr\.subject\.bogus".*: after the header field's name/],
      ["fetch", "hdr.subject.", /after the header field's name/],
      ["fetch", "body.mime", /"mime" is no section/],
      ["fetch", "body.1.", /"1\." is no section/],
      ["fetch", "body.1x", /"1x" is no section/],
      ["fetch", "binary..text", /"\.text" is no section/],
      ["fetch", "body.header.fields", /no section/],
      ["fetch", "body.header.fields()", /no section/],
      ["fetch", "body.preview.", /no section/],
      ["fetch", "body.header.fields (from)", /Dovecot 2\.3 takes no spaces/],
      ["mailbox status", "UIDNEXT", /no field "UIDNEXT"/],
      ["fetch", "mime.parts", /"mime\.parts" was added in Dovecot 2\.4, and the server is 2\.3/],
      ["mailbox status", "deleted", /"deleted" was added in Dovecot 2\.4/],
    ] as const
  ) {
    const values = { field: [field] };
    assert.match(messageOf(() => columnsOf(ruleOf(name), values, "2.3")), message, field);
    assert.match(messageOf(() => parametersToSend(ruleOf(name), values, "2.3")), message, field);
  }
  assert.deepEqual(keysOf("fetch", { field: ["mime.parts"] }, "2.4"), ["mime.parts"]);
  assert.deepEqual(keysOf("mailbox status", { field: ["deleted"] }, "2.4"), ["mailbox", "deleted"]);
  const spaced = "body.header.fields (from to)";
  assert.deepEqual(keysOf("fetch", { field: [spaced] }, "2.4"), [spaced]);
});

test("fetch › fields in any case, and whole messages › have the names of the request", () => {
  const field = ["UID", "Hdr.Subject.UTF8", "body.", "BODY.1.mime", "binary.text", "Date.Sent"];
  const values = { field };
  assert.deepEqual(
    columnsOf(ruleOf("fetch"), values, "2.3").map(({ key, asked }) => asked ?? key),
    field,
  );
  assert.equal(columnsOf(ruleOf("fetch"), values, "2.3")[0].type, "number");
  const { field: sent } = parametersToSend(ruleOf("fetch"), values, "2.3");
  assert.deepEqual(sent, [...field.slice(0, -1), "date.sent.unixtime"]);
  const more = [
    "hdr.",
    "body.header.fields(from,to)",
    "body.header.fields.not(x)",
    "body.1.header",
  ];
  assert.deepEqual(keysOf("fetch", { field: more }), more);
});

const allStatus = [
  ...[
    "mailbox",
    "messages",
    "recent",
    "uidnext",
    "uidvalidity",
    "unseen",
    "highestmodseq",
    "vsize",
  ],
  ...["guid", "firstsaved"],
];

test('mailbox status › "all" › selects all fields of the version', () => {
  const rule = ruleOf("mailbox status");
  for (const field of [["all"], ["all", "messages"], ["guid", "all", "all"]]) {
    assert.deepEqual(keysOf("mailbox status", { field }, "2.3"), allStatus);
    const columns = columnsOf(rule, { field }, "2.4");
    assert.deepEqual(columns.filter(({ optional }) => !optional).map(({ key }) => key), allStatus);
    assert.deepEqual(columns.filter(({ optional }) => optional).map(({ key }) => key), ["deleted"]);
    assert.deepEqual(parametersToSend(rule, { field }, "2.4"), { field });
  }
});

test('mailbox status › sums › "all" selects fields with a sum, others are refused', () => {
  const sums = ["messages", "recent", "unseen", "vsize"];
  for (const version of ["2.3", "2.4"] as const) {
    const values = { totalSum: true, field: ["all"] };
    assert.deepEqual(keysOf("mailbox status", values, version), sums);
    assert.deepEqual(keysOf("mailbox status", { totalSum: true, field: sums }, version), sums);
    for (const field of ["guid", "uidnext", "firstsaved", "highestmodseq"]) {
      assert.match(
        messageOf(() => keysOf("mailbox status", { ...values, field: ["all", field] }, version)),
        new RegExp(`"${field}".* has no sum.*"totalSum".*"messages", "recent", "unseen", "vsize"`),
      );
    }
  }
});

test("columns › those of some servers only › are found by a reply's first values", () => {
  const columns = columnsOf(ruleOf("mailbox status"), { field: ["all"] }, "2.4");
  const guid = "0123456789abcdef0123456789abcdef";
  const without = ["INBOX", "3", "0", "4", "1", "2", "7", "99", guid, "never"];
  const withDeleted = ["INBOX", "3", "0", "1", "4", "1", "2", "7", "99", guid, "1767225600"];
  assert.deepEqual(columns[3].key, "deleted");
  const keys = (values: readonly string[]) =>
    chooseColumns(columns, values.map(encodeUtf8)).map(({ key }) => key);
  assert.deepEqual(keys(without), allStatus);
  assert.deepEqual(keys([...without, ...without].slice(0, 11)), allStatus);
  assert.deepEqual(keys(withDeleted), allStatus.toSpliced(3, 0, "deleted"));
  assert.deepEqual(keys([...withDeleted, ...withDeleted]), allStatus.toSpliced(3, 0, "deleted"));
  // 110 values are both 11 rows and 10.
  assert.deepEqual(keys(Array(11).fill(without).flat()), allStatus);
  assert.deepEqual(keys(Array(10).fill(withDeleted).flat()).length, 11);
  // A mailbox may be called like a GUID.
  assert.deepEqual(keys([guid, ...without.slice(1), guid]), allStatus);
  assert.deepEqual(keys([]), allStatus);
  const fixed = columnsOf(ruleOf("mailbox list"), {}, "2.4");
  assert.equal(chooseColumns(fixed, []), fixed);
});

test("parametersToSend › fields with a more exact variant › the variant is requested", () => {
  const rule = ruleOf("fetch");
  const field = ["date.sent", "uid", "date.sent.unixtime", "date.saved"];
  const values = { user: "alice", field, query: ["all"] };
  assert.deepEqual(parametersToSend(rule, values, "2.3"), {
    user: "alice",
    field: ["date.sent.unixtime", "uid", "date.sent.unixtime", "date.saved.unixtime"],
    query: ["all"],
  });
  assert.deepEqual(values.field, field);
  const columns = columnsOf(rule, values, "2.3");
  assert.deepEqual(columns.map(({ key, asked, type }) => [key, asked, type]), [
    ["date.sent.unixtime", "date.sent", "date"],
    ["uid", undefined, "number"],
    ["date.sent.unixtime", undefined, "date"],
    ["date.saved.unixtime", "date.saved", "date"],
  ]);
});

test("parametersToSend › other parameters › are sent unchanged", () => {
  for (
    const [name, values] of [
      ["who", { mask: ["date.sent"] }],
      ["search", { user: "alice", query: ["date.sent"] }],
      ["mailbox status", { field: ["vsize", "messages"], mailboxMask: ["*"] }],
      ["stats dump", { fields: "count %95" }],
      ["stats dump", {}],
      ["fetch", {}],
    ] as const
  ) {
    assert.deepEqual(parametersToSend(ruleOf(name), values, "2.3"), values, name);
  }
  assert.deepEqual(parametersToSend(undefined, { user: "alice" }, "2.4"), { user: "alice" });
});

test("columns › rules and tables of the catalogue › are consistent", () => {
  for (const { name, columns, parameters, answer } of Object.values(commands)) {
    for (const rule of Object.values(columns)) {
      assert.equal(answer, "rows", name);
      if (rule.type === "fixed") continue;
      const names = [rule.parameter, ...(rule.type === "fields" ? [rule.sumsIf] : [])];
      for (const parameter of names) {
        if (parameter === undefined) continue;
        assert(parameters.some((it) => it.name === parameter), `${name}: ${parameter}`);
      }
    }
  }
  for (const table of Object.values(fieldTables)) {
    assert.equal(new Set(table.map((field) => field.name)).size, table.length);
    for (const { askedAs, name, since } of table) {
      if (askedAs === undefined) continue;
      const exact = table.find((field) => field.name === askedAs);
      assert(exact !== undefined && exact.askedAs === undefined && exact.since <= since, name);
    }
  }
});
