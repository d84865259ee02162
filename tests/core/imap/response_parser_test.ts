import assert from "node:assert/strict";
import { test } from "node:test";
import { type ImapResponse, ResponseParser } from "../../../core/imap/mod.ts";
import { Concealer, RemoteProtocolError } from "../../../core/mod.ts";
import { cut, type Seen, seenResponse } from "./frames.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

/** The responses in a server's bytes, which are the same however they are cut. */
function parse(wire: string): Seen[] {
  const bytes = fromLatin1(wire);
  const [whole, ...others] = [bytes.length, 1, 2, 3, 7].map((size) => {
    const parser = new ResponseParser();
    const all: Seen[] = [];
    for (const piece of cut(bytes, size)) {
      parser.receive(piece);
      for (let response; (response = parser.next()) !== undefined;) {
        all.push(seenResponse(response));
      }
    }
    assert.equal(parser.size, 0);
    return all;
  });
  for (const other of others) assert.deepEqual(other, whole);
  return whole;
}

/** The values of one response. */
function valuesOf(wire: string): unknown {
  const [response] = parse(`* X ${wire}\r\n`);
  return response.values;
}

test("ResponseParser › responses of all kinds › are told with their parts", () => {
  assert.deepEqual(
    parse(
      "* PREAUTH [CAPABILITY A B] Hi\r\n* 23 EXISTS\r\n* capability A B\r\n* SEARCH\n" +
        "+ VXNlcm5hbWU6\r\n+\r\na1 OK [UIDNEXT 4] Done\r\n* BYE\r\n",
    ),
    [
      { type: "status", name: "PREAUTH", code: { name: "CAPABILITY", text: "A B" }, text: "Hi" },
      { type: "untagged", name: "EXISTS", number: 23, values: [] },
      { type: "untagged", name: "CAPABILITY", number: undefined, values: ["A", "B"] },
      { type: "untagged", name: "SEARCH", number: undefined, values: [] },
      { type: "continuation", text: "VXNlcm5hbWU6" },
      { type: "continuation", text: "" },
      { type: "tagged", tag: "a1", name: "OK", code: { name: "UIDNEXT", text: "4" }, text: "Done" },
      { type: "status", name: "BYE", code: undefined, text: "" },
    ],
  );
});

test("ResponseParser › values of all kinds › are told, also without spaces between them", () => {
  assert.deepEqual(valuesOf('a (b "c \\"d") NIL {3}\r\ne\r\n ~{1}\r\n\0 ()'), [
    "a",
    ["b", { quoted: 'c "d' }],
    "NIL",
    { literal: "e\r\n" },
    { literal8: "\0" },
    [],
  ]);
  assert.deepEqual(valuesOf('("a"(b)(c)"d"e{1}\r\nf)'), [
    [{ quoted: "a" }, ["b"], ["c"], { quoted: "d" }, "e", { literal: "f" }],
  ]);
  assert.deepEqual(valuesOf("K\xc3\xa4se a{b \\* %"), ["K\u00e4se", "a{b", "\\*", "%"]);
});

test("ResponseParser › many literals in one response › are read one after the other", () => {
  const [response] = parse(`* X${" {1}\r\ny".repeat(20_000)}\r\n`);
  assert.equal((response.values as unknown[]).length, 20_000);
});

test("ResponseParser › what is no response › is an error that is rethrown", () => {
  for (
    const wire of [
      "\r\n",
      "HTTP/1.1 200 OK\r\n",
      "* \r\n",
      "* 5\r\n* (\r\n",
      "* 5 \r\n",
      "* X (\r\n",
      "* X )\r\n",
      '* X "a\r\n',
      "* X a\rb\r\n",
      "* X a\0b\r\n",
      "* X {1}\r\ny(\r\n",
      `* X ${"(".repeat(201)}${")".repeat(201)}\r\n`,
      "* X {123456789012345678901}\r\n",
    ]
  ) {
    const parser = new ResponseParser();
    parser.receive(fromLatin1(wire));
    let error: unknown;
    try {
      while (parser.next() !== undefined);
    } catch (thrown) {
      error = thrown;
    }
    assert(error instanceof RemoteProtocolError, JSON.stringify(wire));
    parser.receive(fromLatin1("* OK x\r\n"));
    assert.throws(() => parser.next(), (thrown) => thrown === error);
  }
});

test("ResponseParser › responses over a limit › are errors that name it", () => {
  const limits = { literal: 100, response: 2000, responseLine: 1000 };
  const floods: readonly (readonly [string, string])[] = [
    ["* X {101}\r\n", "literal"],
    ["* X {99999999999999999999}\r\n", "literal"],
    [`* X ${"y ".repeat(20)}\r\n`, "response"],
    [`* X ${"y".repeat(3000)}`, "response"],
    [`* X${` {90}\r\n${"y".repeat(90)}`.repeat(30)}`, "response"],
    [`* X ${"()".repeat(50)}\r\n`, "response"],
    // Without its end, too: no more of it is kept.
    ...["* OK", "+", "a1 NO"].flatMap((start) =>
      ["\r\n", ""].map((end) => [`${start} ${"y".repeat(1000)}${end}`, "responseLine"] as const)
    ),
  ];
  for (const [wire, limit] of floods) {
    for (const size of [1, 10_000]) {
      const parser = new ResponseParser(limits);
      assert.throws(
        () => {
          for (const piece of cut(fromLatin1(wire), size)) {
            parser.receive(piece);
            while (parser.next() !== undefined);
          }
        },
        (error) =>
          error instanceof RemoteProtocolError && error.limit === limit &&
          error.message.includes(`limits.${limit}`),
        wire.slice(0, 40),
      );
    }
  }
});

test("ResponseParser › a line of data longer than a status may be › is read, however it is cut", () => {
  const word = "y".repeat(1500);
  for (const size of [1, 7, 10_000]) {
    const parser = new ResponseParser({ responseLine: 1000 });
    const seen: ImapResponse[] = [];
    for (
      const piece of cut(fromLatin1(`* X ${word}\r\n* CAPABILITY ${word}\r\na OK z\r\n* X `), size)
    ) {
      parser.receive(piece);
      for (let response; (response = parser.next()) !== undefined;) seen.push(response);
    }
    const values = [{ type: "atom", text: word }];
    assert.deepEqual(seen.slice(0, 2), [
      { type: "untagged", name: "X", number: undefined, values },
      { type: "untagged", name: "CAPABILITY", number: undefined, values },
    ]);
    assert.equal(seen[2].type, "tagged");
    parser.receive(fromLatin1(word));
    assert.equal(parser.next(), undefined);
    assert.equal(parser.size, 1504);
    assert.equal(latin1(parser.takeUnread()!), `* X ${word}`);
    assert.equal(parser.size, 0);
  }
});

test("ResponseParser › an error › quotes the server only where secrets are concealed", () => {
  const message = (options?: { readonly concealer: Concealer }) => {
    const parser = new ResponseParser({}, options);
    parser.receive(fromLatin1("a1 LOGIN alice secret-password\r\n"));
    try {
      parser.next();
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  assert.doesNotMatch(message(), /alice|secret/);
  const told = message({ concealer: new Concealer(["secret-password"]) });
  assert.match(told, /"a1 LOGIN alice /);
  assert.doesNotMatch(told, /secret/);
});

test("ResponseParser › a number of more digits than any has › is a name", () => {
  const most = "9".repeat(19);
  const heads: readonly [string, string, number | undefined][] = [
    [`${most} EXISTS`, "EXISTS", Number(most)],
    [`${most}9 EXISTS`, `${most}9`, undefined],
    [`${most.slice(1)}x EXISTS`, `${most.slice(1)}X`, undefined],
  ];
  for (const [head, name, number] of heads) {
    const parser = new ResponseParser();
    parser.receive(fromLatin1(`* ${head}\r\n`));
    const response = parser.next();
    assert(response?.type === "untagged");
    assert.deepEqual([response.name, response.number], [name, number]);
  }
});

test("ResponseParser › an error of a response with a long name › is short", () => {
  for (const rest of ["(", "{9}"]) {
    const parser = new ResponseParser({ literal: 5 });
    parser.receive(fromLatin1(`* ${"x".repeat(10_000)} ${rest}\r\n`));
    assert.throws(() => parser.next(), (error: Error) => error.message.length < 500);
  }
});

test("ResponseParser › takeUnread and the input's end › are as for other readers", () => {
  const parser = new ResponseParser();
  parser.receive(fromLatin1("a OK begin TLS\r\n* BYE"));
  assert.equal(parser.next()?.type, "tagged");
  assert.equal(parser.next(), undefined);
  assert.equal(parser.size, 5);
  assert.equal(latin1(parser.takeUnread()!), "* BYE");
  parser.receive(fromLatin1("* X {5}\r\nab"));
  parser.receiveEnd();
  assert.equal(parser.isAtEnd, false);
  assert.equal(parser.next(), undefined);
  assert.equal(parser.isAtEnd, true);
});
