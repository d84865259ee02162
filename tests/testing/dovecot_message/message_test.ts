import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../../core/mod.ts";
import { fromByteString, toByteString } from "../../../core/byte_string.ts";
import { type Message, parseMessage, sizeOf } from "../../../testing/dovecot_message/message.ts";
import type { MessagePart } from "../../../testing/dovecot_message/mime.ts";

function parse(text: string): Message {
  return parseMessage(fromByteString(text));
}

/** The parts as lines: indented by depth, with kind, header and body. */
function outline(message: Message): string[] {
  const slice = (start: number, end: number) =>
    JSON.stringify(toByteString(message.bytes.subarray(start, end)));
  const lines = (part: MessagePart, indent: string): string[] => [
    `${indent}${part.kind} ${slice(part.start, part.bodyStart)} ${slice(part.bodyStart, part.end)}`,
    ...part.children.flatMap((child) => lines(child, `${indent}  `)),
  ];
  return lines(message.root, "");
}

test("parseMessage › the same array again › the same message", () => {
  const bytes = encodeUtf8("Subject: x\n\ny\n");
  assert.equal(parseMessage(bytes), parseMessage(bytes));
  assert.notEqual(parseMessage(bytes), parseMessage(bytes.slice()));
});

test("messages › with and without an empty line › the header's end", () => {
  const cases: [text: string, header: string][] = [
    ["A: b\n\nbody\n", "A: b\n\n"],
    ["A: b\r\n\r\nbody\n", "A: b\r\n\r\n"],
    ["A: b\r\n\nbody\n", "A: b\r\n\n"],
    ["\nbody\n", "\n"],
    ["\r\nbody\n", "\r\n"],
    ["", ""],
    ["A: b", "A: b"],
    ["A: b\n", "A: b\n"],
    ["A: b\n \n\nbody", "A: b\n \n\n"],
    ["no colon\n\nbody", "no colon\n\n"],
    ["A: b\r\r\n\nbody", "A: b\r\r\n\n"],
  ];
  for (const [text, header] of cases) {
    const message = parse(text);
    assert.equal(toByteString(message.header), header, JSON.stringify(text));
    assert.equal(toByteString(message.body), text.slice(header.length), JSON.stringify(text));
  }
});

test("messages › fields › names and values", () => {
  const cases: [line: string, name: string, value: string, unfolded: string][] = [
    ["Subject: hello\n", "Subject", "hello", "hello"],
    ["Subject:hello\r\n", "Subject", "hello", "hello"],
    ["Subject \t: \t hello \r\n", "Subject", "hello ", "hello "],
    ["Subject: a\r\n\tb\r\n  c\r\n", "Subject", "a\n\tb\n  c", "a b  c"],
    ["Subject:\n a\n", "Subject", "\n a", " a"],
    ["Subject:", "Subject", "", ""],
    [": value\n", "", ": value", ": value"],
    ["no colon\n and: more\n", "", "no colon\n and: more", "no colon and: more"],
    [`${"x".repeat(1001)}: y\n`, "", `${"x".repeat(1001)}: y`, `${"x".repeat(1001)}: y`],
    ["a: b:c\n", "a", "b:c", "b:c"],
    ["a\0b: \0\n", "a\0b", "\0", "\0"],
  ];
  for (const [line, name, value, unfolded] of cases) {
    const { fields } = parse(`${line}\n`);
    const [field] = fields;
    assert.deepEqual([field.name, field.value, field.unfolded], [name, value, unfolded], line);
    assert.equal(toByteString(field.bytes), line.endsWith("\n") ? line : `${line}\n`);
  }
});

test("messages › field names in any case › found in order", () => {
  const message = parse("A: 1\nb: 2\na: 3\n\nA: 4\n");
  const values = (name: string) => message.fieldsNamed(name).map(({ value }) => value);
  assert.deepEqual(message.fields.map(({ value }) => value), ["1", "2", "3"]);
  assert.deepEqual(values("A"), ["1", "3"]);
  assert.deepEqual(values("B"), ["2"]);
  assert.deepEqual(values("c"), []);
});

test("messages › encoded words › decoded", () => {
  const cases: [value: string, decoded: string][] = [
    ["plain", "plain"],
    ["=?utf-8?q?caf=C3=A9_au?= lait", "café au lait"],
    ["=?ISO-8859-1?Q?caf=E9?= =?utf-8?B?IGF1?=", "café au"],
    ["a =?utf-8?q?b?=\n =?utf-8?q?c?= d", "a bc d"],
    ["=?windows-1252?q?=80?=", "€"],
    ["=?iso-8859-1?q?=80?=", "\x80"],
    ["=?us-ascii?q?x?=", "x"],
    ["=?x-nobody?q?x=FF?=", "x\ufffd"],
    ["=?utf-8?x?y?= z", "=?utf-8?x?y?= z"],
    ["=?utf-8?q?unended", "=?utf-8?q?unended"],
    ["=?utf-8?b?YWJj!!ZGVm?=", "abc"],
    ["=?utf-8?b?YWI=YWJj?=", "ab"],
    ["=?utf-8?b?YWJ?=", "ab"],
    ["=?utf-8?q?a=4?=", "a=4"],
    ["=?utf-8?q?=FF=FE=FD?=", "\ufffd"],
    ["caf\xc3\xa9", "café"],
    ["caf\xe9 \xff\xfe", "caf\ufffd \ufffd"],
    ["=?=?=?utf-8?q?x?=", "=?=?x"],
  ];
  for (const [value, decoded] of cases) {
    assert.equal(parse(`S: ${value}\n\n`).fields[0].decoded, decoded, value);
  }
});

test("messages › LF and CR LF › sizes", () => {
  const message = parse("A: b\n\r\none\r\ntwo\n\nthree");
  assert.deepEqual(message.headerSize, { physical: 7, virtual: 8, lines: 2 });
  assert.deepEqual(message.bodySize, { physical: 15, virtual: 17, lines: 3 });
  assert.deepEqual(message.size, { physical: 22, virtual: 25, lines: 5 });
});

test("message parts › the line end before a boundary › not in the part", () => {
  const message = parse(
    "Content-Type: multipart/mixed; boundary=x\n\npreamble\n" +
      "--x\nContent-Type: text/plain\n\none\n\r\n--x \n\ntwo\n--x--\nepilogue\n",
  );
  assert.equal(message.root.kind, "multipart");
  assert.deepEqual(outline(message).slice(1), [
    '  text "Content-Type: text/plain\\n\\n" "one\\n"',
    '  text "\\n" "two"',
  ]);
  assert.deepEqual(message.root.children[0].bodySize, { physical: 4, virtual: 5, lines: 1 });
  assert.deepEqual(message.root.headerSize, { physical: 43, virtual: 45, lines: 2 });
  assert.equal(message.root.end, message.bytes.length);
});

test("message parts › broken and unusual ones › as in Dovecot", () => {
  const cases: [what: string, text: string, parts: string[]][] = [
    ["no boundary is named", "Content-Type: multipart/mixed\n\n--x\n\na\n", []],
    ["the boundary is missing", "Content-Type: multipart/mixed; boundary=x\n\na\n", []],
    [
      "the end is missing",
      "Content-Type: multipart/mixed; boundary=x\n\n--x\n\na\n",
      ['  text "\\n" "a\\n"'],
    ],
    [
      "nothing follows the boundary",
      "Content-Type: multipart/mixed; boundary=x\n\n--x\n",
      ['  text "" ""'],
    ],
    ["no line end follows the boundary", "Content-Type: multipart/mixed; boundary=x\n\n--x", []],
    [
      "a header has no end",
      "Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b\n--x--\n",
      ['  text "A: b" ""'],
    ],
    [
      "a body is empty",
      "Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b\n\n--x--\n",
      ['  text "A: b\\n" ""'],
    ],
    [
      "a line begins with the boundary",
      "Content-Type: multipart/mixed; boundary=x\n\n--xyz\n\na\n--x--y\nb\n--x\nc\n",
      ['  text "\\n" "a"'],
    ],
    [
      "an inner part ends with the outer boundary",
      "Content-Type: multipart/mixed; boundary=x\n\n" +
      '--x\nContent-Type: multipart/mixed; boundary="x y"\n\n--x y\n\na\n--x\n\nb\n--x--\n',
      [
        '  multipart "Content-Type: multipart/mixed; boundary=\\"x y\\"\\n\\n" "--x y\\n\\na"',
        '    text "\\n" "a"',
        '  text "\\n" "b"',
      ],
    ],
    [
      "it contains a message",
      "Content-Type: message/rfc822\n\nSubject: in\n\nbody\n",
      ['  text "Subject: in\\n\\n" "body\\n"'],
    ],
    [
      "in a digest, parts are messages",
      "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: in\n\nbody\n--x--\n",
      [
        '  message "\\n" "Subject: in\\n\\nbody"',
        '    text "Subject: in\\n\\n" "body"',
      ],
    ],
    [
      "a digest's part is empty",
      "Content-Type: multipart/digest; boundary=x\n\n--x\n\n--x--\n",
      ['  message "" ""', '    text "" ""'],
    ],
    [
      "the boundary is in numbered pieces",
      'Content-Type: multipart/mixed; boundary*1=y; boundary*0="x"\n\n--xy\n\na\n--xy--\n',
      ['  text "\\n" "a"'],
    ],
  ];
  for (const [what, text, parts] of cases) {
    assert.deepEqual(outline(parse(text)).slice(1), parts, what);
  }
});

test("message parts › content types › kinds", () => {
  const cases: [contentType: string, kind: string, isMime: boolean][] = [
    ["", "text", false],
    ["MIME-Version: 1.0\n", "text", true],
    ["Content-Type: text/html\n", "text", true],
    ["Content-Type: TEXT/x\n", "text", true],
    ["Content-Type: text\n", "text", true],
    ["Content-Type: multipart\n", "other", true],
    ["Content-Type: multipart/x\n", "multipart", true],
    ["Content-Type: message/partial\n", "other", true],
    ["Content-Type: image/png\n", "other", true],
    ["Content-Type: ?\n", "other", true],
    ["Content-Type: text/plain\nContent-Type: image/png\n", "text", true],
  ];
  for (const [field, kind, isMime] of cases) {
    const { root } = parse(`${field}\nx`);
    assert.deepEqual([root.kind, root.isMime], [kind, isMime], field);
  }
});

test("message parts › Content-Type › parameters", () => {
  const cases: [value: string, parameters: string][] = [
    ["text/plain; charset=utf-8; format=flowed", "charset=utf-8 format=flowed"],
    ['text/plain; a="b \\"c\\"\n d"', 'a=b "c" d'],
    ["text/plain; (comment) a = b (c)", "a=b"],
    ["text/plain; a*0=b; a*2=c", "a*0=b a*2=c"],
    ["text/plain; a*1=c; a*0=b; d=e", "d=e a=bc"],
    ["text/plain; a*0*=utf-8''%41; a*1=b%", "a*=utf-8''%41b%25"],
    ["text/plain; a*=utf-8''%41", "a*=utf-8''%41"],
    ["text/plain; a=; b", "a="],
    ["text/plain; a==?utf-8?q?x?=; b=c", "a==?utf-8?q?x?= b=c"],
    ["text/plain junk; a=b", ""],
  ];
  for (const [value, parameters] of cases) {
    const { contentType } = parse(`Content-Type: ${value}\n\n`).root;
    const text = contentType?.parameters.map(({ name, value }) => `${name}=${value}`).join(" ");
    assert.equal(text, parameters, value);
  }
});

test("message parts › too many, too deep › not split further", () => {
  const many = parse(`Content-Type: multipart/mixed; boundary=x\n\n${"--x\n\na\n".repeat(10_050)}`);
  assert.equal(many.root.children.length, 9_999);
  let deep: MessagePart | undefined = parse("Content-Type: message/rfc822\n\n".repeat(200)).root;
  let depth = 0;
  for (; deep.children.length > 0; deep = deep.children[0]) depth++;
  assert.equal(depth, 99);
  assert.equal(deep.kind, "other");
});

/** Pieces that are likely to break a parser. */
const piece = fc.constantFrom(
  ..."--x\n|--x--\n|--y\r\n|--y--|\n|\n|\r\n|\r\n\r\n|\r|\0|--|text|A: b\n| folded\n|: x\n|\t|\xe9"
    .split("|"),
  "Content-Type: multipart/mixed; boundary=x\n",
  "Content-Type: multipart/digest; boundary=y\n\n",
  "Content-Type: message/rfc822\n\n",
  "Content-Type: text/plain\r\n\r\n",
);
const anyMessage = fc.array(piece, { maxLength: 30 }).map((pieces) => parse(pieces.join("")));

test("message parts › random messages › adjacent, nested and in order", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const check = (part: MessagePart) => {
        assert(part.start <= part.bodyStart && part.bodyStart <= part.end);
        let at = part.bodyStart;
        for (const child of part.children) {
          assert.equal(child.parent, part);
          assert(at <= child.start, `${at} ${child.start}`);
          check(child);
          at = child.end;
        }
        assert(at <= part.end);
      };
      check(message.root);
      assert.equal(message.root.start, 0);
      assert.equal(message.root.bodyStart, message.bodyStart);
      assert.equal(message.root.end, message.bytes.length);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("message parts › random messages › sizes match the bytes", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const check = (part: MessagePart) => {
        const { start, bodyStart, end } = part;
        assert.deepEqual(part.headerSize, sizeOf(message.bytes.subarray(start, bodyStart)));
        assert.deepEqual(part.bodySize, sizeOf(message.bytes.subarray(bodyStart, end)));
        assert.equal(part.body.length, end - bodyStart);
        part.children.forEach(check);
      };
      check(message.root);
      assert.deepEqual(message.headerSize, sizeOf(message.header));
      assert.deepEqual(message.size, sizeOf(message.bytes));
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("message headers › random headers › the fields join to the header", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const fields = message.fields.map(({ bytes }) => toByteString(bytes)).join("");
      const header = toByteString(message.header);
      assert(header === fields || header === `${fields}\n` || header === `${fields}\r\n`);
      // Reading a header never throws.
      for (const field of message.fields) assert.equal(typeof field.decoded, "string");
    }),
    { numRuns: 500, seed: 1 },
  );
});
