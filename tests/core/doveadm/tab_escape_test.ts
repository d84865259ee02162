import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  tabEscape,
  tabEscapeBytes,
  tabUnescape,
  tabUnescapeBytes,
  TabUnescaper,
} from "../../../core/doveadm/mod.ts";
import { ControlSearch } from "../../../core/doveadm/control_search.ts";
import { splitInPlace, splitText, textsOf } from "../../../core/doveadm/tab_escape.ts";
import { concat, decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";

test("tab escapes › each character that needs an escape › is escaped in text and bytes", () => {
  assert.equal(tabEscape("\0\x01\t\r\n\x02 \x0b"), "\x010\x011\x01t\x01r\x01n\x02 \x0b");
  assert.deepEqual(
    tabEscapeBytes(encodeUtf8("\0\x01\t\r\nä")),
    encodeUtf8("\x010\x011\x01t\x01r\x01nä"),
  );
});

test("tab escapes › an unknown escape, and one at the end › the character itself, and nothing", () => {
  assert.equal(tabUnescape("IN\x01BOX\x01"), "INBOX");
  assert.deepEqual(tabUnescapeBytes(encodeUtf8("IN\x01BOX\x01")), encodeUtf8("INBOX"));
  assert.equal(tabUnescape("\x01\x01n"), "\x01n", "an escaped \\x01 escapes nothing");
  assert.equal(tabUnescape("\x01😀"), "😀");
});

test("tab escapes › escaping and unescaping, in pieces of any size › the same text and bytes", () => {
  // Many of the bytes that matter, and runs long enough for both ways of copying.
  const byte = fc.oneof(fc.constantFrom(0, 1, 9, 10, 13, 0x30, 0x31, 0x74), fc.nat(255));
  const bytes = fc.array(
    fc.oneof(fc.array(byte, { maxLength: 5 }), fc.constant(Array<number>(40).fill(120))),
    { maxLength: 20 },
  ).map((runs) => Uint8Array.from(runs.flat()));
  fc.assert(fc.property(bytes, fc.nat(), (plain, seed) => {
    const escaped = tabEscapeBytes(plain);
    assert(!escaped.some((byte) => byte === 0 || byte === 9 || byte === 10 || byte === 13));
    const before = escaped.slice();
    assert.deepEqual(tabUnescapeBytes(escaped), plain);
    assert.deepEqual(escaped, before, "the argument was changed");
    const unescaper = new TabUnescaper();
    const at = seed % (escaped.length + 1);
    const pieces = [escaped.subarray(0, at), escaped.subarray(at)];
    assert.deepEqual(concat(pieces.map((piece) => unescaper.push(piece))), plain);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(tabUnescape(tabEscape(text)), text);
  }));
});

test("tab escapes › splitInPlace › the unescaped values", () => {
  const split = (text: string) => splitInPlace(encodeUtf8(text)).map(decodeUtf8);
  assert.deepEqual(split(""), []);
  assert.deepEqual(split("\t"), [""]);
  assert.deepEqual(split("a\t\tb\t"), ["a", "", "b"]);
  assert.deepEqual(split("a\tb"), ["a", "b"]);
  assert.deepEqual(split("a\x01\tb\x01"), ["a", "b"], "a lone \\x01 at a value's end is dropped");
  assert.deepEqual(split("a\t\x01"), ["a", ""]);
  // Runs of every length, and bytes that look like escapes or controls to a careless search.
  const byte = fc.constantFrom(0x01, 0x09, 0x02, 0x08, 0x0b, 0x30, 0x74, 0x7f, 0x80, 0x8a, 0xff);
  const run = fc.nat(60).map((length) => Array<number>(length).fill(0x78));
  const bytes = fc.array(fc.oneof(byte.map((one) => [one]), run), { maxLength: 40 })
    .map((parts) => Uint8Array.from(parts.flat()));
  fc.assert(
    fc.property(bytes, (bytes) => {
      const values: Uint8Array[] = [];
      for (let start = 0; start < bytes.length;) {
        const tab = bytes.indexOf(0x09, start);
        const end = tab === -1 ? bytes.length : tab;
        values.push(tabUnescapeBytes(bytes.subarray(start, end)));
        start = end + 1;
      }
      assert.deepEqual(splitInPlace(new Uint8Array(bytes)), values);
    }),
    { numRuns: 1000 },
  );
});

test("tab escapes › splitText and textsOf › the texts of the values, decoded together or alone", () => {
  const values: string[] = [];
  for (let at = 0; at < 4000; at++) {
    const length = at % 500 === 0 ? 40_000 + at * 10 : at % 61;
    values.push("x".repeat(length) + ["", "\t", "é", "\x01😀\n"][at % 4]);
  }
  values.push("y".repeat(200_000), "", "");
  for (const some of [values, values.slice(0, 1), values.slice(1, 3), [""], []]) {
    const wire = encodeUtf8(some.map((value) => `${tabEscape(value)}\t`).join(""));
    const before = wire.slice();
    assert.deepEqual(splitText(wire), some);
    if (some.at(-1) !== "") assert.deepEqual(splitText(wire.subarray(0, -1)), some);
    const texts = [...textsOf(wire)];
    assert.equal(texts.join(""), decodeUtf8(wire));
    assert(texts.every((text) => text.endsWith("\t")));
    assert.deepEqual(wire, before);
  }
});

test("tab escapes › a \\x01 at a value's end › is dropped, and doesn't affect the next value", () => {
  const unescaper = new TabUnescaper();
  assert.deepEqual(unescaper.push(encodeUtf8("a\x01")), encodeUtf8("a"));
  unescaper.end();
  assert.deepEqual(unescaper.push(encodeUtf8("tb")), encodeUtf8("tb"));
});

test("tab escapes › Node's Buffers, whose slice() doesn't copy › aren't changed", () => {
  const buffer = Buffer.from("a\x01tb");
  assert.deepEqual(tabUnescapeBytes(buffer), encodeUtf8("a\tb"));
  assert.deepEqual(new TabUnescaper().push(buffer), encodeUtf8("a\tb"));
  assert.equal(buffer.toString(), "a\x01tb");
});

test("control search › ranges at any place in a buffer › end at the first byte below 0x0b", () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, at) => [0x78, 0xff, 0x80, 0x0b][at % 4]);
  for (let offset = 0; offset < 5; offset++) {
    for (let length = 0; length < 16; length++) {
      for (let place = 0; place <= length; place++) {
        const part = bytes.slice().subarray(offset, offset + length);
        // At the end of the range it must not be seen.
        if (place < length) part[place] = [0x00, 0x01, 0x09, 0x0a][place % 4];
        const controls = new ControlSearch(part);
        for (let from = 0; from <= length; from++) {
          for (let end = from; end <= length; end++) {
            const expected = place >= from && place < end ? place : end;
            assert.equal(controls.next(from, end), expected, `${offset}, ${length}, ${place}`);
          }
        }
      }
    }
  }
});

test("control search › long runs of ASCII and of other bytes › end at the first byte below 0x0b", () => {
  for (const other of [0x78, 0x0b, 0x8a, 0x8b, 0xff]) {
    // One byte of another kind anywhere must not hide what is after it.
    for (let different = 0; different < 420; different += 19) {
      const bytes = new Uint8Array(420).fill(0x78);
      bytes[different] = other;
      for (let place = 120; place <= 420; place++) {
        const part = bytes.subarray(place % 5);
        const kept = part[place - place % 5];
        if (place < 420) part[place - place % 5] = [0x00, 0x01, 0x09, 0x0a][place % 4];
        const controls = new ControlSearch(part);
        assert.equal(controls.next(0, part.length), place - place % 5, `${other}, ${different}`);
        assert.equal(controls.next(0, 100), 100);
        if (place < 420) part[place - place % 5] = kept;
      }
    }
  }
});

test("tab escapes › escapes and TABs around a multiple of 64 KiB › split into the same values", () => {
  for (const size of [65_536, 131_072]) {
    for (let at = size - 5; at <= size + 2; at++) {
      for (const middle of ["\x01n", "\x01\x011", "\t", "\x01\t", "\x01\x01"]) {
        const escaped = `\x01t${"x".repeat(at - 2)}${middle}end`;
        const expected = escaped.split("\t").map(tabUnescape);
        const wire = encodeUtf8(`${escaped}\t`);
        const values = splitInPlace(wire).map(decodeUtf8);
        assert.equal(values.length, expected.length);
        assert(values.every((value, place) => value === expected[place]), `${at}, ${middle}`);
      }
    }
  }
});
