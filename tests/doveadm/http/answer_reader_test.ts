import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type HttpAnswerEvent, HttpAnswerReader } from "../../../doveadm/http/answer_reader.ts";
import { parseJson } from "../../../doveadm/http/json_value.ts";
import { encodeUtf8, RemoteProtocolError } from "../../../core/mod.ts";

/** What a reader makes of a body that arrives in pieces of a size. */
function read(
  body: string | Uint8Array,
  size = Infinity,
  limits = { reply: 1e9, values: 1e9 },
  isStream = false,
): HttpAnswerEvent[] {
  const bytes = typeof body === "string" ? encodeUtf8(body) : body;
  const reader = new HttpAnswerReader({ limits, isStream });
  const events: HttpAnswerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    reader.receive(bytes.slice(at, Math.min(bytes.length, at + size)));
    for (let event; (event = reader.nextEvent()) !== undefined;) events.push(event);
  }
  reader.receiveEnd();
  return events;
}

const answer = (tag: string, rows: number, value?: unknown): HttpAnswerEvent => ({
  type: "answer",
  kind: "doveadmResponse",
  ...(value === undefined ? {} : { value }),
  rows,
  tag,
});

const failure = (tag: string, value: unknown): HttpAnswerEvent => ({
  type: "answer",
  kind: "error",
  value,
  rows: 0,
  tag,
});

const row = (row: Record<string, unknown>): HttpAnswerEvent => ({ type: "row", row });

const bodies: Readonly<Record<string, [body: string, events: HttpAnswerEvent[]]>> = {
  "no command": ["[]", []],
  "no rows": ['[["doveadmResponse",[],"0"]]', [answer("0", 0)]],
  "rows": [
    '[["doveadmResponse",[{"uid":"1","flags":"\\\\Recent"},{"uid":"2","flags":""}],"0"]]',
    [row({ uid: "1", flags: "\\Recent" }), row({ uid: "2", flags: "" }), answer("0", 2)],
  ],
  "an object": [
    '[["doveadmResponse",{"userList":["a","b"]},"0"]]',
    [answer("0", 0, { userList: ["a", "b"] })],
  ],
  "nothing at all": ['[["doveadmResponse",,"0"]]', [answer("0", 0)]],
  "a number, a word and a text": [
    '[["doveadmResponse",5,"0"],["doveadmResponse",true,"1"],["doveadmResponse","x]","2"]]',
    [answer("0", 0, 5), answer("1", 0, true), answer("2", 0, "x]")],
  ],
  "white space": [
    '\r\n[ [ "doveadmResponse" , [ { "a" : 1 } , { } ] , "0" ]\t, ["doveadmResponse", 7 ,"1"] ]\n',
    [row({ a: 1 }), row({}), answer("0", 2), answer("1", 0, 7)],
  ],
  "an error, as 2.3 writes it": [
    '[["error",{"type":"exitCode", "exitCode":67},"0"]]',
    [failure("0", { type: "exitCode", exitCode: 67 })],
  ],
  "a list that 2.3 ends too early": [
    '[["doveadmResponse",[{"a":"1"}],{"a":"2"},{"a":"3"},"0"]]',
    [row({ a: "1" }), row({ a: "2" }), row({ a: "3" }), answer("0", 3)],
  ],
  "no comma where 2.3 has none": [
    '[["error",{"type":"unknownMethod"},"0"]["doveadmResponse",[],"1"]["error",{"type":"a"},"2"]]',
    [failure("0", { type: "unknownMethod" }), answer("1", 0), failure("2", { type: "a" })],
  ],
  "brackets, quotes and escapes in texts": [
    '[["doveadmResponse",[{"]}":"}],[{\\"\\\\","b":"\\\\\\""}],"\\u0030"]]',
    [row({ "]}": '}],[{"\\', b: '\\"' }), answer("0", 1)],
  ],
  "text of all kinds": [
    '[["doveadmResponse",[{"t":"é€😀\ufeff\u2028\u007f\u0085\ufffe\\u0000\\u2028"}],"0"]]',
    [row({ t: "é€😀\ufeff\u2028\u007f\u0085\ufffe\u0000\u2028" }), answer("0", 1)],
  ],
  "a name that means something to JavaScript": [
    '[["doveadmResponse",[{"__proto__":"x"}],"0"]]',
    [row(JSON.parse('{"__proto__":"x"}')), answer("0", 1)],
  ],
};

for (const [what, [body, events]] of Object.entries(bodies)) {
  test(`HTTP answers › ${what}, in pieces of any size › its events`, () => {
    for (const size of [1, 2, 3, 5, 7, 11, Infinity]) assert.deepEqual(read(body, size), events);
  });
}

test("HTTP answers › any rows, cut anywhere › are read unchanged", () => {
  const rows = fc.array(
    fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 2 })),
  );
  const cuts = fc.array(fc.nat(2000));
  fc.assert(
    fc.property(fc.array(rows), cuts, (answers, cuts) => {
      const bytes = encodeUtf8(
        JSON.stringify(answers.map((rows, at) => ["doveadmResponse", rows, `${at}`])),
      );
      const values = answers.map((rows) => parseJson(JSON.stringify(rows)) as typeof rows);
      const reader = new HttpAnswerReader({ limits: { reply: 1e7, values: 1e7 }, isStream: false });
      const events: HttpAnswerEvent[] = [];
      const borders = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
      borders.sort((a, b) => a - b);
      for (let at = 1; at < borders.length; at++) {
        reader.receive(bytes.slice(borders[at - 1], borders[at]));
        for (let event; (event = reader.nextEvent()) !== undefined;) events.push(event);
      }
      reader.receiveEnd();
      const wanted = values.flatMap((
        rows,
        at,
      ) => [...rows.map(row), answer(`${at}`, rows.length)]);
      assert.deepEqual(events, wanted);
    }),
    { seed: 1 },
  );
});

const mistakes: Readonly<Record<string, RegExp>> = {
  "": /^it ends too early: before the "\[" of the answers$/,
  "<html>": /^"<html>" stands where the "\[" of the answers should$/,
  "{}": /^"{}" stands where/,
  "[": /ends too early/,
  "[1]": /stands where an answer or "\]" should/,
  "[,[": /stands where an answer or "\]" should/,
  '[["doveadmResponse",[],"0"],]': /stands where an answer should/,
  "[[]]": /stands where the kind of an answer should/,
  '[["bogus",[],"0"]]': /an answer of an unknown kind, "bogus"/,
  '[["error",[],"0"]]': /stands where what is wrong with a command should/,
  '[["doveadmResponse",[1],"0"]]': /stands where a row or "\]" should/,
  '[["doveadmResponse",[{},],"0"]]': /stands where a row should/,
  '[["doveadmResponse",[{}{}],"0"]]': /stands where another row or "\]" should/,
  '[["doveadmResponse",[],7]]': /stands where the tag of an answer should/,
  '[["doveadmResponse",[],"0",1]]': /stands where the "\]" of an answer should/,
  '[["doveadmResponse",[{"a":01}],"0"]]': /it is not JSON: "{\\"a\\":01}"/,
  '[["doveadmResponse",[{"a":"\u0001"}],"0"]]': /it is not JSON/,
  '[["doveadmResponse",[{a:1}],"0"]]': /it is not JSON/,
  '[["doveadmResponse",nul,"0"]]': /it is not JSON: "nul"/,
  '[["doveadmResponse",[{"a":[}],"0"]]': /it is not JSON: "{\\"a\\":\[}\]"/,
  '[["doveadmResponse",[],"0"]': /it ends too early: before another answer/,
  '[["doveadmResponse",[{"a":"b': /it ends too early: in the middle of a row/,
  '[["doveadmResponse",[],"0"]]x': /"x" stands where the end should/,
};

for (const [body, message] of Object.entries(mistakes)) {
  test(`HTTP answers › ${JSON.stringify(body)} › is refused`, () => {
    for (const size of [1, Infinity]) {
      assert.throws(() => read(body, size), (error) => {
        assert(error instanceof RemoteProtocolError);
        // What is quoted depends on what has arrived.
        if (size === Infinity) assert.match(error.message, message);
        return true;
      });
    }
  });
}

const isOver = (limit: string) => (error: unknown) =>
  error instanceof RemoteProtocolError && error.limit === limit &&
  error.message.includes(`"limits.${limit}"`);

test("HTTP answers › limits › for all rows, or for each row of a stream, in pieces of any size", () => {
  const rows = Array(50).fill(`{"a":"${"x".repeat(92)}"}`);
  const body = `[["doveadmResponse",[${rows}],"0"]]`;
  const nested = `[["doveadmResponse",{"a":[[],{},"",1]},"0"]]`;
  const values = 1e9;
  for (const size of [1, 10, Infinity]) {
    assert.equal(read(body, size, { reply: 100, values }, true).length, 51);
    assert.throws(() => read(body, size, { reply: 99, values }, true), isOver("reply"));
    // Three bytes are the tag's.
    assert.equal(read(body, size, { reply: 50 * 100 + 3, values }).length, 51);
    assert.throws(() => read(body, size, { reply: 50 * 100 + 2, values }), isOver("reply"));

    assert.equal(read(body, size, { reply: 1e9, values: 1 }, true).length, 51);
    assert.equal(read(body, size, { reply: 1e9, values: 50 }).length, 51);
    assert.throws(() => read(body, size, { reply: 1e9, values: 49 }), isOver("values"));
    for (const isStream of [true, false]) {
      assert.equal(read(nested, size, { reply: 1e9, values: 7 }, isStream).length, 1);
      assert.throws(
        () => read(nested, size, { reply: 1e9, values: 6 }, isStream),
        isOver("values"),
      );
    }
  }
});

test("HTTP answers › limits › apply to each answer separately", () => {
  const row = `{"a":"${"x".repeat(92)}"}`;
  const body = `[${
    Array.from({ length: 9 }, (_, at) => `["doveadmResponse",[${row},${row}],"${at}"]`)
  }]`;
  assert.equal(read(body, 7, { reply: 203, values: 2 }).length, 27);
});

test("HTTP answers › nesting deeper than 64 › is refused", () => {
  const nested = (depth: number) =>
    `[["doveadmResponse",{"a":${"[".repeat(depth)}${"]".repeat(depth)}},"0"]]`;
  assert.equal(read(nested(63)).length, 1);
  assert.throws(() => read(nested(64)), /nested deeper than 64/);
});

test("JSON › whole numbers beyond 2^53 › the text of their digits", () => {
  const cases: readonly [text: string, value: unknown][] = [
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", "9007199254740993"],
    ["-18446744073709551615", "-18446744073709551615"],
    [
      '{"a":18446744073709551615,"b":"\\"18446744073709551615\\\\","c":[9007199254740993,1]}',
      { a: "18446744073709551615", b: '"18446744073709551615\\', c: ["9007199254740993", 1] },
    ],
    ["[1.23456789012345678901, 12345678901234567890e2]", [
      1.2345678901234567,
      1.2345678901234568e21,
    ]],
    ['{"a" : 9007199254740993 }', { a: "9007199254740993" }],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseJson(text), value);
});
