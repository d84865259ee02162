import { create, equals } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../../core/bytes.ts";
import { RemoteProtocolError } from "../../../core/errors.ts";
import { ExtractorFailure } from "../../../extractor/messages/failure.ts";
import { type ExtractorMethod, extractorMethods } from "../../../extractor/messages/methods.ts";
import { decodeJson, encodeJson } from "../../../extractor/messages/version1.ts";
import { formatDate, parseDate } from "../../../extractor/messages/version1/dates.ts";
import { head, mailInBothShapes, none, noon } from "./version1_samples.ts";

test("version 1 JSON › wrong types or missing values › RemoteProtocolError with the path", () => {
  const { head: _, ...mail } = mailInBothShapes;
  const wrong: readonly (readonly [ExtractorMethod, unknown, RegExp])[] = [
    ["list", {}, /it must be an array, but is \{\}/],
    [
      "list",
      [{ ...mail, size: "1k" }],
      /\[0\]\.size must be a whole number from 0 on, but is "1k"/,
    ],
    ["list", [{ ...mail, size: "9007199254740993" }], /\[0\]\.size/],
    ["list", [{ ...mail, size: "" }], /\[0\]\.size/],
    ["list", [{ ...mail, size: 0.5 }], /\[0\]\.size/],
    ["list", [{ ...mail, size: -1 }], /\[0\]\.size/],
    ["list", [{ ...mail, size: 2 ** 53 }], /\[0\]\.size/],
    ["list", [mail, 7], /\[1\] must be an object, but is 7/],
    ["list", [{ ...mail, from: "joe" }], /\[0\]\.from must be an array/],
    ["list", [{ ...mail, from: [{ address: 1 }] }], /\[0\]\.from\[0\]\.address must be a string/],
    ["search", [{ ...mail, new: 2 }], /\[0\]\.new must be true or false, but is 2/],
    ["search", [{ ...mail, date_sent: "today" }], /\[0\]\.date_sent must be a time/],
    ["count", { size: 1, new: 1 }, /\.count must be a whole number from 0 on, but is nothing/],
    ["count", [], /it must be an object/],
    ["folders", ["a", null], /\[1\] must be a string, but is null/],
    ["add", {}, /\.mid must be a string, but is nothing/],
    ["read-mail", { ...mail, body: 7 }, /\.body/],
    ["read-mail", { ...mail, body: [{ type: 7, val: "" }] }, /\.body\[0\]\.type/],
  ];
  for (const [method, json, said] of wrong) {
    const header = encodeUtf8(JSON.stringify(json));
    assert.throws(() => decodeJson(method, { header, binary: none }), (error) => {
      assert(error instanceof RemoteProtocolError, String(error));
      assert.match(error.message, said);
      return true;
    });
  }
  const header = encodeUtf8("{}");
  assert.throws(
    () => decodeJson("move", { header, binary: new Uint8Array(3) }),
    /"move": there are 3 bytes after the JSON/,
  );
});

test("version 1 JSON › missing optional and unknown values › accepted", () => {
  const read = <Method extends ExtractorMethod>(method: Method, json: unknown) =>
    decodeJson(method, { header: encodeUtf8(JSON.stringify(json)), binary: none });
  const { mails } = read("list", [{ mid: "1", x: [], date_received: "2024-06-12T14:00:00+02:00" }]);
  assert.deepEqual(
    mails[0],
    create(extractorMethods.list.response, {
      mails: [{ mid: "1", seen: true, dateReceived: noon }],
    }).mails[0],
  );
  // The paths of parts follow from their positions.
  const { body } = read("read-mail", {
    content_type: "multipart/mixed",
    body: [{ type: "text/plain", val: "Hi" }, {
      type: "multipart/related",
      val: [{ type: "text/html", val: "<b>" }],
    }],
  });
  assert.equal(body?.contentType, "multipart/mixed");
  assert(body.content.case === "multipart");
  const [first, second] = body.content.value.parts;
  assert(second.content.case === "multipart");
  assert.deepEqual([first, second, ...second.content.value.parts].map(({ path }) => path), [
    ...["1", "2", "2.1"],
  ]);
  assert.equal(decodeJson("raw", { header: encodeUtf8("{}"), binary: new Uint8Array(5) }).size, 5n);
  assert.equal(read("read-mail", { subject: "Hi" }).body, undefined);
});

test("version 1 JSON › output of the first extractors › accepted", () => {
  const read = <Method extends ExtractorMethod>(method: Method, json: string) =>
    decodeJson(method, { header: encodeUtf8(json), binary: none });
  // Perl had no booleans, and printed numbers as strings.
  for (const [unseen, seen] of [["1", false], ["0", true], ['""', true], ['"1"', false]] as const) {
    const { mails } = read(
      "list",
      `[{"mid":"<a@b>","new":${unseen},"size":"1234","subject":null,"cc":[],"bcc":null,` +
        '"from":[{"address":"joe@example.org","name":null}],"content_type":"text/plain",' +
        '"date_received":"2024-06-12T12:00:00Z","date_send":"2024-06-12T12:00:00Z"}]',
    );
    const [{ from, ...rest }] = mails;
    assert.deepEqual([rest.seen, rest.size, rest.subject, rest.bcc], [seen, 1234n, "", []]);
    assert.deepEqual([rest.dateReceived, rest.dateSent], [noon, noon]);
    assert.deepEqual([from[0].address, from[0].name], ["joe@example.org", ""]);
  }
  const { count, size, unseen } = read("count", '{"count":"3","new":2}');
  assert.deepEqual([count, size, unseen], [3n, 0n, 2n]);
  const text = read("read-mail", '{"subject":"Hi","content_type":"text/plain","body":"Hi.\\n"}');
  assert.deepEqual(text.body?.content, { case: "text", value: "Hi.\n" });
  assert.equal(text.body?.contentType, "text/plain");
  const failure = { name: "ExtractorFailure", message: "unknown mode", code: "internal" };
  assert.throws(() => read("auth", '{"error":"unknown mode","mode":"auth"}'), failure);
  const part = decodeJson("part", { header: encodeUtf8("{}"), binary: new Uint8Array(5) });
  assert.equal(part.part?.size, 5n);
});

/** Reads a response of version 1 without bytes after its JSON. */
function readJson<Method extends ExtractorMethod>(method: Method, json: unknown) {
  return decodeJson(method, { header: encodeUtf8(JSON.stringify(json)), binary: none });
}

export const address = (address: string, name = "") => ({ address, name });

/** The keys that the newest webmail of version 1 has under "head". */
const nestedHead = {
  subject: "Käse",
  from: [address("ann@example.org", "Ann")],
  to: [address("ben@example.org")],
  cc: [],
  bcc: [],
  date: "2014-03-04T12:00:00Z",
  content_type: "text/plain",
};

const march = timestampFromMs(Date.UTC(2014, 2, 4, 12));

test("version 1 › heads nested under head › are read like flat ones", () => {
  const kept = { mid: "1@example.org", size: 163, new: false };
  const { date, ...flat } = nestedHead;
  const dated = { date_received: date, date_sent: date };
  const expected = create(extractorMethods.list.response, {
    mails: [{
      ...{ mid: "1@example.org", size: 163n, seen: true, subject: "Käse" },
      ...{ from: nestedHead.from, to: nestedHead.to, contentType: "text/plain" },
      ...{ dateReceived: march, dateSent: march },
    }],
  }).mails;
  for (
    const item of [
      { ...kept, head: nestedHead },
      { ...kept, ...flat, ...dated },
      { ...kept, ...flat, date },
      // Mixed: the value under "head" counts if it is set.
      { ...kept, subject: "Käse", head: { ...nestedHead, subject: null } },
      { ...kept, ...flat, ...dated, head: null },
      { ...kept, ...flat, subject: "x", head: { subject: "Käse", date } },
      { ...kept, ...dated, head: flat },
    ]
  ) {
    for (const method of ["list", "search"] as const) {
      assert.deepEqual(readJson(method, [item]).mails, expected, JSON.stringify(item));
    }
    const { head, body } = readJson("read-mail", { ...item, body: "Hello.\n" });
    assert.deepEqual(head, expected[0]);
    assert.equal(body?.contentType, "text/plain");
    assert.deepEqual(body.content, { case: "text", value: "Hello.\n" });
  }
  // The file's data aren't under "head".
  const [two] = readJson("search", [{ size: "220", mid: "2", new: true, head: nestedHead }]).mails;
  assert.deepEqual([two.mid, two.size, two.seen], ["2", 220n, false]);
});

test("version 1 › one date and others › the others count if they are set", () => {
  const dates = (head: object) => {
    const [mail] = readJson("list", [head]).mails;
    return [mail.dateReceived, mail.dateSent];
  };
  const date = "2014-03-04T12:00:00Z";
  const noonText = "2024-06-12T12:00:00Z";
  assert.deepEqual(dates({ head: { date } }), [march, march]);
  assert.deepEqual(dates({ date_received: noonText, head: { date } }), [noon, march]);
  assert.deepEqual(dates({ date_send: noonText, head: { date } }), [march, noon]);
  assert.deepEqual(dates({ date_received: noonText, date_sent: null, head: { date } }), [
    ...[noon, undefined],
  ]);
  assert.deepEqual(dates({ date_received: noonText }), [noon, undefined]);
  assert.deepEqual(dates({ head: { date: null, subject: "x" } }), [undefined, undefined]);
});

test("version 1 › parts in either shape › have their type and content", () => {
  const part = (type: string, body: unknown) => ({ head: { content_type: type }, body });
  const flat = (type: string, val: unknown) => ({ type, val });
  const head = { ...nestedHead, content_type: "multipart/mixed" };
  for (const [outer, inner] of [[part, part], [flat, flat], [part, flat], [flat, part]]) {
    const body = [
      inner("text/plain", "Hi"),
      outer("multipart/alternative", [inner("text/html", "<b>"), inner("image/png", null)]),
      outer("message/rfc822", { head: nestedHead, body: "In it" }),
    ];
    const read = readJson("read-mail", { size: 1, head, body }).body!;
    assert.equal(read.contentType, "multipart/mixed");
    assert(read.content.case === "multipart");
    const [text, alternative, mail] = read.content.value.parts;
    assert.deepEqual([text.path, text.contentType], ["1", "text/plain"]);
    assert.deepEqual(text.content, { case: "text", value: "Hi" });
    assert(alternative.content.case === "multipart");
    assert.deepEqual(
      alternative.content.value.parts.map((it) => [it.path, it.contentType, it.content.case]),
      [["2.1", "text/html", "text"], ["2.2", "image/png", undefined]],
    );
    assert(mail.content.case === "mail");
    assert.equal(mail.content.value.head?.subject, "Käse");
    assert.deepEqual(mail.content.value.body?.content, { case: "text", value: "In it" });
  }
});

test("version 1 › heads of an unknown shape › are refused, not empty", () => {
  const unknown: readonly (readonly [unknown, RegExp])[] = [
    [[{}], /\[0\] must be a mail with a head of known keys/],
    [
      [mailInBothShapes, { mid: "1", size: 1, new: true, header: nestedHead }],
      /\[1\] must be a mail/,
    ],
    [[{ mid: "1", head: {} }], /\[0\] must be a mail/],
    [[{ mid: "1", head: { Subject: "x" } }], /\[0\] must be a mail/],
    [[{ mid: "1", head: [] }], /\[0\] must be a mail/],
    [[{ subject: "x", head: "y" }], /\[0\]\.head must be an object/],
    [[{ mid: "1", head: { subject: 1 } }], /\.subject must be a string, but is 1/],
    [[{ mid: "1", head: { from: { address: "x" } } }], /\.from must be an array/],
    [[{ mid: "1", head: { date: "today" } }], /\.date must be a time/],
    [[{ toString: "x", valueOf: 1 }], /\[0\] must be a mail/],
  ];
  for (const [json, said] of unknown) {
    assert.throws(() => readJson("list", json), (error) => {
      assert(error instanceof RemoteProtocolError, String(error));
      assert.match(error.message, said);
      return true;
    });
  }
  // Only own keys count, whatever their names.
  const named = '[{"__proto__": {"subject": "x"}, "constructor": {"from": []}}]';
  assert.throws(
    () => decodeJson("list", { header: encodeUtf8(named), binary: none }),
    /\[0\] must be a mail/,
  );
  assert.throws(
    () => readJson("read-mail", { head: nestedHead, body: [{ content: "x" }] }),
    /\.body\[0\] must be a part/,
  );
  // A mail with the minimal data is accepted.
  assert.equal(readJson("list", [{ mid: "1" }]).mails[0].mid, "1");
});

test("version 1 › written responses › can be read by webmails of either shape", () => {
  const part = (path: string, text: string) => ({
    ...{ path, contentType: "text/plain" },
    content: { case: "text", value: text },
  } as const);
  const { header: line } = encodeJson("read-mail", {
    head: { ...head, dateSent: march },
    body: {
      contentType: "multipart/mixed",
      content: { case: "multipart", value: { parts: [part("1", "a"), part("2", "b")] } },
    },
  });
  const json = JSON.parse(decodeUtf8(line));
  for (const shape of [json, json.head]) {
    assert.equal(shape.subject, "Grüße");
    assert.equal(shape.from[0].address, "joe@example.org");
    assert.equal(shape.content_type, "multipart/mixed");
  }
  assert.deepEqual([json.head.date, json.date_received], [
    mailInBothShapes.head.date,
    mailInBothShapes.date_received,
  ]);
  assert.equal(json.date_sent, "2014-03-04T12:00:00Z");
  assert.deepEqual([json.mid, json.size, json.new], [mailInBothShapes.mid, 1234, true]);
  type Part = { type: string; val: string; head: { content_type: string }; body: string };
  assert.deepEqual(json.body.map((it: Part) => [it.type, it.val]), [
    ...[["text/plain", "a"], ["text/plain", "b"]],
  ]);
  assert.deepEqual(json.body.map((it: Part) => [it.head.content_type, it.body]), [
    ...[["text/plain", "a"], ["text/plain", "b"]],
  ]);
  // The only date.
  const sent = JSON.parse(decodeUtf8(encodeJson("list", { mails: [{ dateSent: march }] }).header));
  assert.equal(sent[0].head.date, "2014-03-04T12:00:00Z");
});

test("version 1 › parts in parts › take a size that grows linearly", () => {
  const nested = (levels: number): object => {
    const part = levels === 0
      ? { content: { case: "text", value: "x".repeat(1000) } }
      : { content: { case: "multipart", value: { parts: [nested(levels - 1)] } } };
    return { contentType: levels === 0 ? "text/plain" : "multipart/mixed", ...part };
  };
  const size = (levels: number) =>
    encodeJson("read-mail", { head, body: nested(levels) as never }).header.length;
  assert(size(40) - size(20) === size(60) - size(40), "each level takes the same size");
});

test("version 1 › an error without a code › is not-found if its text says so", () => {
  const code = (error: string) => {
    try {
      readJson("read-mail", { error, mid: "1" });
    } catch (error) {
      assert(error instanceof ExtractorFailure);
      return error.code;
    }
  };
  assert.equal(code("no such message"), "not-found");
  assert.equal(code("unkown mail-id"), "not-found");
  assert.equal(code("decoding error"), "internal");
});

test("version 1 › a count with unread › is the number of new mails", () => {
  assert.equal(readJson("count", { count: 3, unread: 2 }).unseen, 2n);
  assert.equal(readJson("count", { count: 3, new: 1, unread: 2 }).unseen, 1n);
});

test("version 1 › parts nested too deep › are refused; 100 deep they aren't", () => {
  const nested = (levels: number) =>
    encodeUtf8(`{"body":${'[{"val":'.repeat(levels)}"Hi"${"}]".repeat(levels)}}`);
  const deep = decodeJson("read-mail", { header: nested(400), binary: none });
  const again = decodeJson("read-mail", encodeJson("read-mail", deep));
  assert(equals(extractorMethods["read-mail"].response, again, deep));
  for (const levels of [501, 5_000, 200_000]) {
    assert.throws(
      () => decodeJson("read-mail", { header: nested(levels), binary: none }),
      RemoteProtocolError,
    );
  }
});

test("version 1 JSON › times › years 1 to 9999, UTC, whole seconds", () => {
  for (
    const text of [
      ...["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2024-02-29T12:00:00Z"],
      ...["9999-12-31T23:59:59Z"],
    ]
  ) {
    assert.equal(formatDate(parseDate(text)!), text);
  }
  const before = { ...timestampFromMs(-1000), nanos: 999_000_000 };
  assert.equal(formatDate(before), "1969-12-31T23:59:59Z");
  assert.deepEqual(parseDate("2024-06-12T05:30:00.5-06:30"), noon);
  for (
    const text of [
      ...["", "2024", "2024-06-12", "2024-06-12 12:00:00", "2024-06-12T12:00:00"],
      ...["2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z"],
      ...["2024-06-12T24:00:00Z", "2024-06-12T12:00:60Z", "24-06-12T12:00:00Z"],
      ...["2024-06-12T12:00:00Z\n", "x2024-06-12T12:00:00Z"],
    ]
  ) {
    assert.equal(parseDate(text), undefined, text);
  }
});
