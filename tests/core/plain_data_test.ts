import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../core/mod.ts";
import { decodePlainData, encodePlainData } from "../../core/plain_data.ts";

const values: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  127,
  128,
  -1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  Number.MAX_SAFE_INTEGER,
  2 ** 60,
  "",
  "Käse \0 \u{1f9c0}",
  "a lone \ud800 and \udc00",
  new Uint8Array(0),
  Uint8Array.of(0, 255),
  new Uint8Array(5000).fill(7),
  [],
  [1, [2, [undefined]], "x".repeat(1000)],
  {},
  { a: 1, "": undefined, nested: { b: [new Map([["c", { d: null }]])] } },
  JSON.parse('{"__proto__": 1, "constructor": {"prototype": 2}}'),
  new Map<string, unknown>([["__proto__", 1], ["b", new Map()]]),
];

test("plain data › each kind of value › comes back as it was", () => {
  for (const value of values) {
    const decoded = decodePlainData(encodePlainData(value));
    assert.deepEqual(decoded, value);
    assert(Object.is(decoded, value) || typeof value === "object");
  }
  assert.deepEqual(decodePlainData(encodePlainData(values)), values);
});

test("plain data › texts of any length, of any characters › come back as they were", () => {
  // Short ones, and ASCII, are written and read in another way.
  for (const character of ["a", "\0", "\x7f", "\x80", "ä", "\ud800", "\u{1f9c0}"]) {
    for (let length = 0; length < 300; length++) {
      for (
        const text of [
          character.repeat(length),
          "x".repeat(length) + character,
          `${character}${"x".repeat(length)}`,
        ]
      ) {
        // What comes before moves it over the end of a piece of memory.
        assert.deepEqual(decodePlainData(encodePlainData([length, text, text])), [
          length,
          text,
          text,
        ]);
      }
    }
  }
});

test("plain data › an object whose key is __proto__ › changes no prototype", () => {
  const decoded = decodePlainData(encodePlainData(JSON.parse('{"__proto__": {"x": 1}}')));
  assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
  assert.equal((decoded as { x?: number }).x, undefined);
});

test("plain data › what is read › has memory of its own", () => {
  const bytes = encodePlainData(Uint8Array.of(1, 2, 3));
  const decoded = decodePlainData(bytes) as Uint8Array;
  bytes.fill(9);
  assert.deepEqual(decoded, Uint8Array.of(1, 2, 3));
  assert.equal(decoded.buffer.byteLength, 3);
});

test("plain data › what is none › is refused", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  class Thing {}
  const wrong = [
    () => {},
    Symbol("x"),
    5n,
    new Date(),
    new Set(),
    new Thing(),
    new Map([[1, 2]]),
    circle,
    [{ a: new Thing() }],
    new Uint16Array(2),
  ];
  for (const value of wrong) {
    assert.throws(() => encodePlainData(value), LocalProtocolError, typeof value);
  }
});

test("plain data › bytes that are cut or changed › are refused or read as something, and take little memory", () => {
  const bytes = encodePlainData(values);
  for (let size = 0; size < 300; size++) {
    assert.throws(() => decodePlainData(bytes.subarray(0, size)), LocalProtocolError);
  }
  for (let at = 0; at < bytes.length; at++) {
    for (const changed of [0xff, 0x00, 0x09, 0x80]) {
      const spoilt = bytes.slice();
      spoilt[at] = changed;
      try {
        decodePlainData(spoilt);
      } catch (error) {
        assert(error instanceof LocalProtocolError, String(error));
      }
    }
  }
  assert.throws(() => decodePlainData(Uint8Array.of(...bytes, 0)), LocalProtocolError);
  assert.throws(() => decodePlainData(new Uint8Array(5000).fill(9)), LocalProtocolError);
});
