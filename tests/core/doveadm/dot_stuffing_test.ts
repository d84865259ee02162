import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dotStuff, DotStuffer } from "../../../core/doveadm/mod.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";

/** Reads input as a server does, RFC 5321 4.5.2: bytes of the data, and where it ended. */
function readInput(wire: Uint8Array): { data: string; rest: string } {
  const text = String.fromCharCode(...wire);
  const end = /(^|\r?\n)\.\r?\n/.exec(text)!;
  const data = text.slice(0, end.index + (end[1] === "" ? 0 : 0));
  return { data: data.replace(/(^|\n)\./g, "$1"), rest: text.slice(end.index + end[0].length) };
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
    }),
    { numRuns: 500 },
  );
});
