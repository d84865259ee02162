import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dotStuff, DotStuffer, DotUnstuffer } from "../../../core/doveadm/mod.ts";
import { concat, encodeUtf8 } from "../../../core/mod.ts";

/** Reads input as Dovecot does: its data, and what stands after it. */
function readInput(wire: Uint8Array): { data: string; rest: string } {
  const text = String.fromCharCode(...wire);
  const end = /(^|\r?\n)\.\r?\n/.exec(text)!;
  const data = text.slice(0, end.index).replace(/(^|\n)\./g, "$1");
  return { data, rest: text.slice(end.index + end[0].length) };
}

/** Reads input with a {@linkcode DotUnstuffer}, which gets it in pieces. */
function unstuffed(wire: Uint8Array, size: number): { data: string; rest: string } {
  const unstuffer = new DotUnstuffer();
  const data: Uint8Array[] = [];
  for (let at = 0; at < wire.length; at += size) {
    const { pieces, end } = unstuffer.push(wire.subarray(at, at + size));
    data.push(...pieces);
    if (end === undefined) continue;
    return {
      data: String.fromCharCode(...concat(data)),
      rest: String.fromCharCode(...wire.subarray(at + end)),
    };
  }
  throw new Error("There was no end.");
}

/**
 * What a server that refused the command does with a line: "run" for a command, "close" for anything
 * else. Dovecot splits the line at its TABs, removes the tab-escapes, and looks at the flags then; the
 * line ends at a NUL.
 */
function readAsCommand(line: string): "run" | "close" {
  const fields = line.replace(/\r$/, "").replace(/\0[^]*$/, "").split("\t");
  // deno-lint-ignore no-control-regex -- it is what begins an escape
  const flags = fields[0].replace(/\x01(.?)/gs, (_, escaped) => escapes[escaped] ?? escaped);
  return fields.length >= 3 && /^[vDx]*(\0|$)/.test(flags) ? "run" : "close";
}

const escapes: Readonly<Record<string, string>> = {
  0: "\0",
  1: "\x01",
  t: "\t",
  r: "\r",
  n: "\n",
};

const latin1 = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const stuffed = (text: string) => latin1(dotStuff(bytesOf(text)));

/** What a {@linkcode DotStuffer} makes of an input that it gets cut at these places. */
function stuffedInPieces(input: Uint8Array, cuts: readonly number[]): string {
  const stuffer = new DotStuffer();
  const wire: Uint8Array[] = [];
  const edges = [0, ...cuts, input.length];
  for (let at = 1; at < edges.length; at++) {
    wire.push(...stuffer.push(input.subarray(edges[at - 1], edges[at])));
  }
  wire.push(...stuffer.end());
  return latin1(concat(wire));
}

/** Inputs that begin with a line that could be a command, or nearly. */
const commandLike: readonly string[] = [
  "\t\treload",
  "v\t\tstop",
  "Dvx\ta\tb\tc",
  "v".repeat(65) + "\ttss\twho",
  "\x01\ttss\tmailbox create\tx\n",
  "\x01v\ttss\tmailbox create\tx\n",
  "v\x01\ttss\tmailbox create\tx\n",
  "\x01v\x01D\ttss\twho\n",
  "\x01\x01v\ttss\twho\n",
  "\x010\ttss\twho\n",
  "v\x010D\ttss\twho\n",
  "\x01t\ttss\twho\n",
  "\x01n\ttss\twho\n",
  "\0\t\twho\n",
  "\xef\xbb\xbf\t\twho\n",
  "\xff\t\twho\n",
];

test("dot stuffing › any first line that isn't empty and begins with no CR › gets a dot in front", () => {
  const lines = ["a", "Subject: x", "\t", "v", "vDx", ".", "..", ".a", "a\r"];
  for (const line of [...lines, ...commandLike]) {
    const rest = line.endsWith("\n") ? "" : "\n";
    assert.equal(stuffed(line + rest), `.${line}${rest}\r\n.\r\n`, JSON.stringify(line));
  }
  assert.equal(stuffed("\t\treload"), ".\t\treload\r\n.\r\n", "a line without an end");
});

test("dot stuffing › an empty first line › gets no dot, which would end the input", () => {
  for (const text of ["", "\n", "\r\n", "\n\t\treload", "\r\n\t\treload\n", "\n\n", "\r\n\r\n"]) {
    assert.equal(stuffed(text), `${text}\r\n.\r\n`, JSON.stringify(text));
  }
});

test("dot stuffing › a first line that begins with a CR › gets no dot, after which Dovecot loses it", () => {
  for (
    const text of [
      "\r",
      "\rx",
      "\r.",
      "\r\r\n",
      "\r\t\twho\n",
      "\rv\ttss\twho\n",
      "\r\x01\t\twho\n",
    ]
  ) {
    assert.equal(stuffed(text), `${text}\r\n.\r\n`, JSON.stringify(text));
    assert.equal(readAsCommand(text.split("\n")[0]), "close");
  }
});

test("dot stuffing › later lines › get a dot in front of a dot, byte for byte", () => {
  assert.equal(stuffed("a\n.b\n..\n.\nc"), ".a\n..b\n...\n..\nc\r\n.\r\n");
  assert.equal(stuffed(".\r\n"), "..\r\n\r\n.\r\n");
  assert.equal(stuffed("\n.\n"), "\n..\n\r\n.\r\n");
  assert.equal(stuffed("a\r.b"), ".a\r.b\r\n.\r\n", "a bare CR ends no line");
  assert.equal(stuffed("a\n\t\twho"), ".a\n\t\twho\r\n.\r\n");
});

test("dot stuffing › a first line that could be a command › gets a dot, wherever it is cut", () => {
  const cases: readonly (readonly [pieces: readonly string[], wire: string])[] = [
    [["\x01\ttss\tmailbox create\tx\n"], ".\x01\ttss\tmailbox create\tx\n\r\n.\r\n"],
    [["\x01v\ttss\tmailbox create\tx\n"], ".\x01v\ttss\tmailbox create\tx\n\r\n.\r\n"],
    [
      ["\x01", "v\t", "tss\tmailbox create\tx\n"],
      ".\x01v\ttss\tmailbox create\tx\n\r\n.\r\n",
    ],
    [["v", "D", "\ttss\twho\n"], ".vD\ttss\twho\n\r\n.\r\n"],
    [["\t\twho\n"], ".\t\twho\n\r\n.\r\n"],
    [["", "v", "", "\ttss\twho\n"], ".v\ttss\twho\n\r\n.\r\n"],
    [["\r", "\t\twho\n"], "\r\t\twho\n\r\n.\r\n"],
    [["\r", "\n", "\t\twho\n"], "\r\n\t\twho\n\r\n.\r\n"],
    [["\r", "\n", ".\n"], "\r\n..\n\r\n.\r\n"],
    [["\n", "."], "\n..\r\n.\r\n"],
    [["\r"], "\r\r\n.\r\n"],
    [["\r", "."], "\r.\r\n.\r\n"],
  ];
  for (const [pieces, wire] of cases) {
    const stuffer = new DotStuffer();
    const out = [...pieces.flatMap((piece) => stuffer.push(bytesOf(piece))), ...stuffer.end()];
    assert.equal(latin1(concat(out)), wire, JSON.stringify(pieces));
  }
  for (const text of commandLike) {
    const input = bytesOf(text);
    for (let first = 0; first <= input.length; first++) {
      for (let second = first; second <= input.length; second++) {
        assert.equal(stuffedInPieces(input, [first, second]), stuffed(text));
      }
    }
  }
});

test("dot stuffing › any input › comes back from any pieces, and no first line is a command", () => {
  const parts = [
    ...[".", "\n", "\r\n", "\r", "\t", "v", "D", "x", "a", "\xff", "..", "\n.", "\r.", "\0"],
    ...["\x01", "\x01t", "\x010", "\t\twho\n", "v\ttss\tstop\n"],
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 40 }).map((some) => some.join(""));
  const cuts = fc.array(fc.nat({ max: 60 }), { maxLength: 8 });
  fc.assert(
    fc.property(text, cuts, fc.integer({ min: 1, max: 7 }), (text, cuts, size) => {
      const input = bytesOf(text);
      const sorted = cuts.map((at) => Math.min(at, input.length)).sort((a, b) => a - b);
      const wire = stuffed(text);
      assert.equal(stuffedInPieces(input, sorted), wire, "pieces matter");
      const { data, rest } = readInput(bytesOf(wire));
      assert.equal(data, text);
      assert.equal(rest, "");
      assert.equal(readAsCommand(wire.slice(0, wire.indexOf("\n"))), "close");
      const more = "\t\twho\n";
      assert.deepEqual(unstuffed(bytesOf(wire + more), size), { data: text, rest: more });
    }),
    { numRuns: 2000 },
  );
});

test("dot stuffing › a long first line › is handed on as it comes, in pieces that aren't copied", () => {
  const stuffer = new DotStuffer();
  const piece = new Uint8Array(100_000).fill(0x76);
  const [dot, first, ...more] = stuffer.push(piece);
  assert.deepEqual([...dot], [0x2e]);
  assert.equal(first.buffer, piece.buffer);
  assert.deepEqual(more, []);
  const [second] = stuffer.push(piece);
  assert.equal(second.buffer, piece.buffer);
});

test("dot stuffing › dots far apart and close together › only those that begin a line get another one", () => {
  // The search looks at several bytes at a time, from a certain place on.
  for (const gap of Array.from({ length: 140 }, (_, at) => at)) {
    for (const run of ["a.b", "a\n.b", "a\n..\n.b", `a\n${".".repeat(gap)}b`]) {
      const text = `First${"x".repeat(gap)}${run}${"y".repeat(gap)}\n.\n`;
      const wire = `.${text.replaceAll(/(?<=\n)\./g, "..")}\r\n.\r\n`;
      assert.equal(stuffed(text), wire);
      assert.deepEqual(unstuffed(bytesOf(wire.slice(1)), wire.length), { data: text, rest: "" });
    }
  }
});

test("dot unstuffing › wires stuffed by other rules › are read as Dovecot reads them", () => {
  const cases: readonly (readonly [wire: string, data: string, rest: string])[] = [
    ["a\n.\n", "a", ""],
    ["a\r\n.\r\nrest", "a", "rest"],
    [".\n", "", ""],
    [".\r\nx", "", "x"],
    [".undoubled\n..\n.\n", "undoubled\n.", ""],
    ["a\n.\rb\n.\n", "a\n\rb", ""],
    ["a\n.\r\r\n.\n", "a\n\r", ""],
    ["a\r\r\n.\n", "a\r", ""],
    ["a\r.\r\n\n.\r\n", "a\r.\r\n", ""],
  ];
  for (const [wire, data, rest] of cases) {
    for (const size of [1, 2, 3, 100]) {
      assert.deepEqual(unstuffed(encodeUtf8(wire), size), { data, rest }, JSON.stringify(wire));
    }
  }
});

test("dot unstuffing › a CR that a caller changes › is a CR the next time", () => {
  for (let time = 0; time < 2; time++) {
    const unstuffer = new DotUnstuffer();
    unstuffer.push(encodeUtf8("x\r"));
    const { pieces } = unstuffer.push(encodeUtf8("\r"));
    assert.deepEqual(pieces.map((piece) => [...piece]), [[0x0d]]);
    pieces[0].fill(0);
  }
});

test("dot unstuffing › any bytes › are read as Dovecot reads them", () => {
  const text = fc.array(fc.constantFrom(".", "\n", "\r\n", "\r", "a", "\n.", "..", "\r\n."), {
    maxLength: 40,
  }).map((parts) => parts.join("") + "\r\n.\r\nrest");
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 5 }), (text, size) => {
      assert.deepEqual(unstuffed(encodeUtf8(text), size), readInput(encodeUtf8(text)));
    }),
    { numRuns: 1000 },
  );
});
