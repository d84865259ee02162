import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ResponseReader } from "../../../core/imap/mod.ts";
import { Concealer, LocalProtocolError, RemoteProtocolError } from "../../../core/mod.ts";
import { addSeen, cut, type Seen } from "./frames.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

/** The frames of a server's bytes that come in pieces, and the error after them. */
function passOn(
  pieces: readonly Uint8Array[],
  reader = new ResponseReader(),
): { readonly frames: Seen[]; readonly error: unknown } {
  const frames: Seen[] = [];
  try {
    for (const piece of pieces) {
      reader.receive(piece);
      for (let frame; (frame = reader.next()) !== undefined;) {
        assert.equal(reader.atBoundary, frame.type === "status" || frame.atBoundary);
        addSeen(frames, frame);
      }
    }
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: undefined };
}

/** The frames of a server's bytes, which are the same however they are cut. */
function read(wire: string): Seen[] {
  const bytes = fromLatin1(wire);
  const { frames, error } = passOn([bytes]);
  assert.equal(error, undefined);
  for (const size of [1, 2, 3, 5, 13]) {
    assert.deepEqual(passOn(cut(bytes, size)).frames, frames, `in pieces of ${size}`);
  }
  assert.equal(frames.map((frame) => frame.bytes).join(""), wire);
  return frames;
}

/** Frames in short. */
function inShort(frames: readonly Seen[]): string[] {
  return frames.map(({ type, kind, tag, name, bytes, atBoundary }) =>
    type === "pass"
      ? `pass ${JSON.stringify(bytes)}${atBoundary ? "" : " …"}`
      : `${kind} ${tag ?? ""} ${name}`
  );
}

test("ResponseReader › statuses › are told whole, with their codes and texts", () => {
  const [greeting, capability, more, bare, done, bye] = read(
    "* OK [CAPABILITY IMAP4rev1 IDLE] Ready.\r\n* capability IMAP4rev1 X\r\n+ idling\r\n+\r\n" +
      "a1 no [ALERT] Not so\n* BYE\r\n",
  );
  assert.deepEqual(greeting, {
    type: "status",
    kind: "untagged",
    tag: undefined,
    name: "OK",
    code: { name: "CAPABILITY", text: "IMAP4rev1 IDLE" },
    text: "Ready.",
    bytes: "* OK [CAPABILITY IMAP4rev1 IDLE] Ready.\r\n",
  });
  assert.deepEqual([capability.name, capability.text], ["CAPABILITY", "IMAP4rev1 X"]);
  assert.deepEqual([more.kind, more.text, bare.kind, bare.text], [
    "continuation",
    "idling",
    "continuation",
    "",
  ]);
  assert.deepEqual([done.kind, done.tag, done.name, done.text], ["tagged", "a1", "NO", "Not so"]);
  assert.deepEqual(done.code, { name: "ALERT", text: "" });
  assert.deepEqual([bye.kind, bye.name, bye.text], ["untagged", "BYE", ""]);
});

test("ResponseReader › other responses › pass as they are, many in one piece", () => {
  const wire = '* 1 EXISTS\r\n* SEARCH\r\n* FLAGS ()\n* LIST () "/" "work{3"\r\n* OKAY x\r\n' +
    "* CAPABILITYX\r\n* ENABLED X\r\n";
  assert.deepEqual(inShort(read(wire)), [`pass ${JSON.stringify(wire)}`]);
  assert.deepEqual(inShort(read(`${wire}a OK x\r\n* 2 EXISTS\r\n`)), [
    `pass ${JSON.stringify(wire)}`,
    "tagged a OK",
    'pass "* 2 EXISTS\\r\\n"',
  ]);
});

test("ResponseReader › literals › hide what looks like responses", () => {
  const data = "a OK no\r\n* BYE {3}\r\n+ \r\n";
  const wire = `* 1 FETCH (BODY[] {${data.length}}\r\n${data} X ~{0}\r\n Y {2}\n{9} "{5}")\r\n`;
  assert.deepEqual(inShort(read(`${wire}a OK x\r\n`)), [
    `pass ${JSON.stringify(wire)}`,
    "tagged a OK",
  ]);
});

test("ResponseReader › data that end in what looks like a marker's beginning › are no marker", () => {
  for (
    const [data, rest] of [["x {5}\r", "\n"], ["x {5}", "\r\n"], ["x {5", "}\r\n"], ["~", "\r\n"]]
  ) {
    const wire = `* X {${data.length}}\r\n${data}${rest}`;
    assert.deepEqual(inShort(read(`${wire}a OK x\r\n`)), [
      `pass ${JSON.stringify(wire)}`,
      "tagged a OK",
    ]);
  }
});

test("ResponseReader › a text for humans that ends in a marker › has no literal", () => {
  assert.deepEqual(inShort(read("* OK try {5}\r\na NO {3}\r\n+ {1}\r\n* BYE {2}\r\n")), [
    "untagged  OK",
    "tagged a NO",
    "continuation  ",
    "untagged  BYE",
  ]);
});

test("ResponseReader › a response that is incomplete › is told to be so", () => {
  assert.deepEqual(inShort(read("* 1 FETCH (X {5}\r\nab")), [
    'pass "* 1 FETCH (X {5}\\r\\nab" …',
  ]);
  assert.deepEqual(inShort(read("* 1 FETCH (X")), ['pass "* 1 FETCH (X" …']);
});

test("ResponseReader › pieces that pass › are parts of the received chunk", () => {
  const chunk = fromLatin1(`* 1 FETCH (BODY[] {2000}\r\n${"x".repeat(2000)})\r\na OK x\r\n`);
  const reader = new ResponseReader();
  reader.receive(chunk);
  for (let frame; (frame = reader.next()) !== undefined;) {
    assert.equal(frame.bytes.buffer, chunk.buffer);
  }
});

test("ResponseReader › what is no response › is an error that is rethrown", () => {
  for (
    const wire of [
      "\r\n",
      "HTTP/1.1 400 Bad Request\r\n",
      "a\r\n",
      "a BYE x\r\n",
      "a PREAUTH x\r\n",
      "a FETCH x\r\n",
      "a  OK x\r\n",
      "*\r\n",
      "* \r\n",
      "*X\r\n",
      "*\tOK\r\n",
      "+x\r\n",
      "a+b OK x\r\n",
      "\x16\x03\x01\x00\n",
      "* X {99999999999999999999}\r\n",
      "* X {9999999999999999999999999}\r\n",
    ]
  ) {
    for (const size of [1, 100]) {
      const reader = new ResponseReader();
      const { error } = passOn(cut(fromLatin1(`* 1 EXISTS\r\n${wire}`), size), reader);
      assert(error instanceof RemoteProtocolError, JSON.stringify(wire));
      reader.receive(fromLatin1("* OK x\r\n"));
      assert.throws(() => reader.next(), (thrown) => thrown === error);
    }
  }
});

test("ResponseReader › an error › quotes the server only where secrets are concealed", () => {
  const wire = [fromLatin1("a1 LOGIN alice secret-password\r\n")];
  const { error } = passOn(wire);
  assert(error instanceof RemoteProtocolError && !/alice|secret/.test(error.message));
  const concealer = new Concealer(["secret-password"]);
  const { error: told } = passOn(wire, new ResponseReader({}, { concealer }));
  assert(told instanceof RemoteProtocolError);
  assert.match(told.message, /"a1 LOGIN alice /);
  assert.doesNotMatch(told.message, /secret/);
});

test("ResponseReader › a status over the limit › is an error that names the limit", () => {
  const limits = { responseLine: 20 };
  for (const size of [1, 7, 100]) {
    for (
      const wire of [`* OK ${"x".repeat(13)}\r\n`, `* OK ${"x".repeat(16)}`, `${"a".repeat(21)}`]
    ) {
      const { error, frames } = passOn(cut(fromLatin1(wire), size), new ResponseReader(limits));
      if (wire.length === 20) assert.equal(frames.length, 1);
      else assert(error instanceof RemoteProtocolError && error.limit === "responseLine", wire);
    }
  }
  assert.throws(() => new ResponseReader({ responseLine: -1 }), LocalProtocolError);
});

test("ResponseReader › the input's end › drops an incomplete status, and is told", () => {
  const reader = new ResponseReader();
  reader.receive(fromLatin1("* 1 EXISTS\r\n* BY"));
  reader.receiveEnd();
  assert.equal(reader.next()?.type, "pass");
  assert.equal(reader.isAtEnd, false);
  assert.equal(reader.next(), undefined);
  assert.equal(reader.isAtEnd, true);
});

test("ResponseReader › takeUnread › returns what no frame has told of", () => {
  for (const rest of ["", "*", "* B", "* BYE x", "* BYE x\r\n* 1 EX"]) {
    const reader = new ResponseReader();
    reader.receive(fromLatin1(`a OK begin TLS\r\n${rest}`));
    assert.equal(reader.next()?.type, "status");
    if (!rest.includes("\n")) assert.equal(reader.next(), undefined);
    assert.equal(reader.size, rest.length);
    assert.equal(latin1(reader.takeUnread() ?? new Uint8Array(0)), rest);
    assert.equal(reader.size, 0);
  }
});

test("ResponseReader › any responses in any pieces › are read as the same frames", () => {
  const literal = fc.uint8Array({ maxLength: 30 }).map((data) =>
    `{${data.length}}\r\n${latin1(data)}`
  );
  const response = fc.oneof(
    fc.constantFrom(
      "* OK x\r\n",
      "a NO [X y] {3}\r\n",
      "+ \r\n",
      "* 1 EXISTS\r\n",
      "* B\r\n",
      "* CAPABILITY\n",
    ),
    fc.array(fc.oneof(literal, fc.stringMatching(/^[ a-z{}0-9"]{0,9}[a-z]$/)), { maxLength: 5 })
      .map((parts) => `* 1 FETCH ${parts.join(" ")} x\r\n`),
  );
  fc.assert(
    fc.property(
      fc.array(response, { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
      (responses, sizes) => {
        const wire = responses.join("");
        const bytes = fromLatin1(wire);
        const { frames } = passOn([bytes]);
        assert.deepEqual(passOn(cut(bytes, 1)).frames, frames);
        assert.deepEqual(passOn(cut(bytes, sizes)).frames, frames);
        assert.equal(frames.map((frame) => frame.bytes).join(""), wire);
        const statuses = responses.filter((text) => /^(\* OK|\* CAP|a|\+)/.test(text)).length;
        assert.equal(frames.filter(({ type }) => type === "status").length, statuses);
      },
    ),
    { numRuns: 300, seed: 1 },
  );
});

test("a server's bytes › asked for up to a boundary › come response by response", () => {
  const reader = new ResponseReader();
  reader.receive(fromLatin1("* 1 EXISTS\r\n* 2 FETCH (X {3}\r\n\r\n*)\r\n* 3 EXISTS\r\n"));
  const seen: string[] = [];
  for (let frame; (frame = reader.next({ toBoundary: true })) !== undefined;) {
    seen.push(latin1(frame.bytes));
  }
  assert.deepEqual(seen, [
    "* 1 EXISTS\r\n",
    "* 2 FETCH (X {3}\r\n\r\n*)\r\n",
    "* 3 EXISTS\r\n",
  ]);
});
