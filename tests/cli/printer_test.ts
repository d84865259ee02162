import assert from "node:assert/strict";
import { test } from "node:test";
import { type Format, formats } from "../../cli/command_line/options.ts";
import { createPrinter } from "../../cli/output/printer.ts";
import { cutTo, fit } from "../../cli/output/table_printer.ts";
import type { Column, Row } from "../../cli/run/rows.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../core/mod.ts";

const columns: readonly Column[] = [
  { key: "mailbox", isNumber: false },
  { key: "messages", isNumber: true },
  { key: "title", isNumber: false },
];

function row(...values: readonly (string | Uint8Array)[]): Row {
  return { columns, values: values.map((it) => typeof it === "string" ? encodeUtf8(it) : it) };
}

/** What a format prints; `width` is that of a terminal. */
async function printed(
  format: Format | undefined,
  rows: readonly Row[],
  { width, command = "mailbox status" }: { readonly width?: number; readonly command?: string } =
    {},
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const printer = createPrinter(format, command, {
    ...{ isTerminal: width !== undefined, width: width ?? Infinity },
    write: (bytes) => void chunks.push(bytes),
    flush: () => {},
  });
  for (const row of rows) await printer.row(row);
  await printer.end(columns);
  return concat(chunks);
}

const two = [row("INBOX", "12", 'a "b", c'), row("Sent", "3", "Käse\n")];

const expected: Readonly<Record<Format, string>> = {
  flow: 'INBOX messages=12 title=a "b", c\nSent messages=3 title=Käse\n\n',
  pager: 'INBOX\nmessages: 12\ntitle: a "b", c\n\f\nSent\nmessages: 3\ntitle:\nKäse\n',
  tab: 'mailbox\tmessages\ttitle\nINBOX\t12\ta "b", c\nSent\t3\tKäse\n\n',
  json: '[{"mailbox":"INBOX","messages":"12","title":"a \\"b\\", c"},' +
    '{"mailbox":"Sent","messages":"3","title":"Käse\\n"}]\n',
  jsonl: '{"mailbox":"INBOX","messages":"12","title":"a \\"b\\", c"}\n' +
    '{"mailbox":"Sent","messages":"3","title":"Käse\\n"}\n',
  csv: 'mailbox,messages,title\nINBOX,12,"a ""b"", c"\nSent,3,"Käse\n"\n',
  table: 'mailbox messages title\nINBOX         12 a "b", c\nSent           3 Käse\\n\n',
};

const empty: Readonly<Record<Format, string>> = {
  ...{ flow: "", pager: "", jsonl: "", json: "[]\n" },
  ...{ tab: "mailbox\tmessages\ttitle\n", csv: "mailbox,messages,title\n" },
  table: "mailbox messages title\n",
};

for (const format of formats) {
  test(`format ${format} › two rows, and none › are printed`, async () => {
    assert.equal(decodeUtf8(await printed(format, two)), expected[format]);
    assert.equal(decodeUtf8(await printed(format, [])), empty[format]);
  });
}

test("formats › titles of doveadm › stand where it has them, and names in JSON and CSV", async () => {
  const named = (command: string, ...keys: readonly string[]) => ({
    command,
    row: {
      columns: keys.map((key) => ({ key, isNumber: false })),
      values: keys.map((_, at) => encodeUtf8(`v${at}`)),
    },
  });
  const quota = named("quota get", "username", "root", "percent");
  const who = named("who", "username", "connections");
  const cases: readonly (readonly [Format | undefined, typeof quota, string])[] = [
    ["tab", quota, "Username\tQuota name\t%\nv0\tv1\tv2\n"],
    ["flow", quota, "v0 Quota name=v1 %=v2\n"],
    ["pager", quota, "v0\nQuota name: v1\n%: v2\n"],
    ["csv", quota, "username,root,percent\nv0,v1,v2\n"],
    ["jsonl", quota, '{"username":"v0","root":"v1","percent":"v2"}\n'],
    ["tab", who, "username\t#\nv0\tv1\n"],
    ["flow", named("dict get", "value"), "v0\n"],
    ["flow", named("kick", "count"), "count=v0\n"],
    [undefined, named("kick", "count"), "v0 connections kicked\n"],
    [undefined, named("kick", "server", "count"), "v0 v1 connections kicked\n"],
    // Dovecot 2.3 answers with other columns.
    [undefined, named("kick", "result"), "result=v0\n"],
    [undefined, named("who", "username"), "username\nv0\n"],
  ];
  for (const [format, { command, row }, text] of cases) {
    assert.equal(decodeUtf8(await printed(format, [row], { command })), text);
  }
});

test("formats › bytes that aren't UTF-8 › stay as they are where a format allows it", async () => {
  const bytes = new Uint8Array([0xe9, 0x00, 0xff]);
  for (const format of ["flow", "pager", "tab"] as const) {
    const found = await printed(format, [row("A", "1", bytes)]);
    assert.deepEqual([...found.subarray(-4)], [...bytes, 0x0a]);
  }
  const [json] = JSON.parse(decodeUtf8(await printed("json", [row("A", "1", bytes)])));
  assert.equal(json.title, "\ufffd\0\ufffd");
});

test("formats › on a terminal › have nothing that controls it", async () => {
  const evil = row("\x1b[2J", "1", "line\n\x1b]0;title\x07\tmore\u202e\x9b2J");
  for (const format of formats) {
    const text = decodeUtf8(await printed(format, [evil], { width: 200 }));
    assert(!/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u.test(text), `${format}: ${JSON.stringify(text)}`);
  }
  for (const format of ["json", "jsonl"] as const) {
    const values = [evil, evil].map(({ values }) => decodeUtf8(values[2]));
    const text = decodeUtf8(await printed(format, [evil, evil], { width: 200 }));
    const rows = format === "json"
      ? JSON.parse(text)
      : text.trim().split("\n").map((it) => JSON.parse(it));
    assert.deepEqual(rows.map(({ title }: { title: string }) => title), values);
  }
});

test("formats › names such as __proto__ › are columns like others", async () => {
  const strange = [{ key: "__proto__", isNumber: false }, { key: "constructor", isNumber: false }];
  const values = [encodeUtf8("a"), encodeUtf8("b")];
  for (const format of formats) {
    const text = decodeUtf8(await printed(format, [{ columns: strange, values }]));
    assert.match(text, /a/);
    assert.match(text, /b/);
  }
});

test("formats › a value of 10 MB › is printed whole", async () => {
  const large = "x漢\u0301\x9b".repeat(10_000_000 / 8);
  for (const format of formats) {
    const { length } = await printed(format, [row("A", "1", large), row("B", "2", "after")]);
    assert(length >= 10_000_000 && length < 13_000_000, `${format} ${length}`);
  }
});

test("table › a value of 10 MB on a terminal › is shown by its beginning, whatever it consists of", async () => {
  for (const sign of ["x", "漢", "\u0301"]) {
    const large = sign.repeat(10_000_000 / encodeUtf8(sign).length);
    const text = decodeUtf8(await printed("table", [row("A", "1", large)], { width: 80 }));
    assert(text.length < 2_000, `${text.length}`);
  }
});

test("table › a value wider than any column › doesn't widen the other rows", async () => {
  const large = row("A", "1", "x".repeat(100_000));
  const middle: Row = { columns: [...columns].reverse(), values: [...large.values].reverse() };
  const small: Row = { columns: middle.columns, values: ["s", "2", "B"].map(encodeUtf8) };
  const text = decodeUtf8(await printed("table", [middle, ...Array(100).fill(small)]));
  assert(text.length < 100_000 + 102 * 1_100, `${text.length}`);
  assert(text.includes("x".repeat(100_000)));
});

test("table › large values › are not kept until a thousand rows are there", async () => {
  const sizes: number[] = [];
  const printer = createPrinter("table", "fetch", {
    ...{ isTerminal: false, width: Infinity, flush: () => {} },
    write: (bytes) => void sizes.push(bytes.length),
  });
  const large = row("A", "1", "x".repeat(5_000_000));
  for (let count = 1; count <= 4; count++) await printer.row(large);
  assert.equal(sizes.length, 1);
  await printer.row(large);
  assert.equal(sizes.length, 2);
});

test("table › on a narrow terminal › cuts the widest columns, and keeps one line a row", async () => {
  const rows = [
    row("A very long name of a mailbox", "12345", "x".repeat(200)),
    row("漢字".repeat(20), "1", "y"),
  ];
  const text = decodeUtf8(await printed("table", rows, { width: 40 }));
  for (const line of text.trimEnd().split("\n")) assert(line.length <= 40, line);
  assert.match(text, /12345/);
  assert.match(text, /…/);
});

test("table › thousands of rows › are aligned by the first ones, and none is lost", async () => {
  const rows = Array.from(
    { length: 9000 },
    (_, at) => row(`mailbox ${at % 1000}`, String(at), "x"),
  );
  const lines = decodeUtf8(await printed("table", rows)).trimEnd().split("\n");
  assert.equal(lines.length, 9001);
  assert.equal(lines[1000].length, lines[9000].length);
});

test("widths › of columns › fit, and none is narrower than it has to be", () => {
  assert.deepEqual(fit([10, 10], 30), [10, 10]);
  assert.deepEqual(fit([10, 100], 40), [10, 29]);
  assert.deepEqual(fit([50, 50], 41), [20, 20]);
  assert.deepEqual(fit([50, 50], 1), [6, 6]);
  assert.equal(cutTo("漢字漢字", 5), "漢字…");
  assert.equal(cutTo("abc", 3), "abc");
});
