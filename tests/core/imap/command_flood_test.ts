import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommandFrame, CommandReader } from "../../../core/imap/mod.ts";
import { takeAll } from "./frames.ts";
import { fromLatin1 } from "./recordings.ts";

/** Feeds a text again and again, and returns the frames by type, and the most bytes that were held. */
function flood(
  text: string,
  times: number,
  { on = takeAll }: { readonly on?: (frame: CommandFrame, reader: CommandReader) => void } = {},
): { readonly types: Readonly<Record<string, number>>; readonly held: number } {
  const reader = new CommandReader();
  const types: Record<string, number> = {};
  let held = 0;
  for (let at = 0; at < times; at++) {
    reader.receive(fromLatin1(text));
    for (let frame; (frame = reader.next()) !== undefined;) {
      types[frame.type] = (types[frame.type] ?? 0) + 1;
      on(frame, reader);
    }
    held = Math.max(held, reader.size);
  }
  return { types, held };
}

test("CommandReader › 100,000 lists in one another › are one mistake", () => {
  const wire = `a X ${"(".repeat(100_000)}${")".repeat(100_000)}\r\nz NOOP\r\n`;
  assert.deepEqual(flood(wire, 1).types, { bad: 1, start: 1, text: 1, end: 1 });
  const short = `a X ${"(".repeat(30_000)}${")".repeat(30_000)}\r\nz NOOP\r\n`;
  assert.deepEqual(flood(short, 1).types, { bad: 1, start: 1, text: 1, end: 1 });
});

test("CommandReader › empty lists that fill a line › are more arguments than are collected", () => {
  assert.deepEqual(flood(`a X ${"() ".repeat(21_000)}\r\n`, 1).types, {
    start: 1,
    text: 1,
    bad: 1,
  });
});

test("CommandReader › an endless line › is told once, and nothing of it is kept", () => {
  for (const text of ["t", "a X ", '"', "\\", "{5+}", "\0", "\r"]) {
    const { types, held } = flood(text.repeat(10_000), 100);
    assert.deepEqual(types, { bad: 1 }, JSON.stringify(text));
    assert(held <= 65_537, `${held} bytes were held`);
  }
});

test("CommandReader › an endless line in single bytes › is told once, and nothing of it is kept", () => {
  const { types, held } = flood("x", 200_000);
  assert.deepEqual(types, { bad: 1 });
  assert(held <= 65_537, `${held} bytes were held`);
});

test("CommandReader › an endless bad command › ends the reading", () => {
  const { types, held } = flood(`a ) {1000000+}\r\n${"x".repeat(1_000_000)}`, 200);
  assert.deepEqual(types, { bad: 1, fatal: 1 });
  assert.equal(held, 0);
});

test("CommandReader › a command of endless literals › is streamed, and nothing of it is kept", () => {
  const on = (frame: CommandFrame, reader: CommandReader) => {
    if (frame.type === "literal") reader.acceptLiteral();
  };
  const { types, held } = flood(`a X {0+}\r\n${" {1+}\r\ny".repeat(10_000)}`, 1, { on });
  assert.equal(types.data, 10_001);
  assert.equal(held, 0);
});

test("CommandReader › a command of endless literals that are collected › is bad at the limit", () => {
  const { types } = flood(`a X {0+}\r\n${" {1+}\r\ny".repeat(10_000)}`, 1);
  assert.equal(types.bad, 1);
  assert.equal(types.data, 2033);
});

test("CommandReader › 100,000 bad lines in one chunk › are as many mistakes", () => {
  assert.deepEqual(flood(")\r\n".repeat(100_000), 1).types, { bad: 100_000 });
  assert.deepEqual(flood("a {0+}\r\n\r\n".repeat(100_000), 1).types, { bad: 100_000 });
});

test("CommandReader › an endless line of data › is told once for each end of line", () => {
  const reader = new CommandReader();
  reader.readLine(100);
  let lines = 0;
  for (let at = 0; at < 1000; at++) {
    reader.receive(fromLatin1("x".repeat(1000)));
    for (let frame; (frame = reader.next()) !== undefined;) {
      assert(frame.type === "line" && frame.isTooLong && frame.bytes.length === 100);
      lines++;
    }
    assert.equal(reader.size, 0);
  }
  assert.equal(lines, 1);
});
