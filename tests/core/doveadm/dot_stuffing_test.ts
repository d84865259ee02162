import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dotStuff, DotStuffer, DotUnstuffer } from "../../../core/doveadm/mod.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";

/** Reads input as Dovecot does: its data, and what stands behind it. */
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

/** What a server that reads commands takes for one: three fields, flags that it knows. */
function isCommand(line: string): boolean {
  return /^[vDx]*\t[^\t]*\t/.test(line);
}

const stuffed = (text: string) => decodeUtf8(dotStuff(encodeUtf8(text)));

test("dot-stuffing: dots at the beginning of lines, and the end, byte for byte", () => {
  assert.equal(stuffed("a\n.b\n..\n.\nc"), "a\n..b\n...\n..\nc\r\n.\r\n");
  assert.equal(stuffed(".\r\n"), "..\r\n\r\n.\r\n");
  assert.equal(stuffed(""), "\r\n.\r\n");
  assert.equal(stuffed("a\r.b"), "a\r.b\r\n.\r\n", "a bare CR ends no line");
});

test("dot-stuffing: a first line that could be a command gets a dot in front", () => {
  for (const line of ["\t\treload", "v\t\tstop", "Dvx\ta\tb\tc", "\t", "v".repeat(65)]) {
    assert.equal(stuffed(line), `.${line}\r\n.\r\n`);
  }
  for (const line of ["Date: x\n\t\treload", "v", "vDx", "", "\n\t\treload"]) {
    assert.equal(stuffed(line), `${line}\r\n.\r\n`);
  }
});

test("dot-stuffing: any input comes back, in any pieces, and no first line is a command", () => {
  const text = fc.array(
    fc.constantFrom(".", "\n", "\r\n", "\r", "\t", "v", "D", "x", "a", "\xff", "..", "\n."),
    { maxLength: 60 },
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 7 }), (text, size) => {
      const input = Uint8Array.from(text, (character) => character.charCodeAt(0));
      const stuffer = new DotStuffer();
      const wire: Uint8Array[] = [];
      for (let at = 0; at < input.length; at += size) {
        wire.push(...stuffer.push(input.subarray(at, at + size)));
      }
      wire.push(...stuffer.end());
      assert.deepEqual(concat(wire), dotStuff(input), "pieces matter");
      const { data, rest } = readInput(concat(wire));
      assert.equal(data, text);
      assert.equal(rest, "");
      assert(!isCommand(String.fromCharCode(...concat(wire)).split("\n")[0]));
      const more = encodeUtf8("\t\twho\n");
      assert.deepEqual(unstuffed(concat([...wire, more]), size), { data: text, rest: "\t\twho\n" });
    }),
    { numRuns: 500 },
  );
});

test("dot-unstuffing: what clients that stuff by other rules send", () => {
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

test("dot-unstuffing: any bytes are read as Dovecot reads them", () => {
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
