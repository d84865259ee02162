import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cut, readCommands, type Seen } from "./frames.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

/** A piece of a line: words that are right in some places, and anything but a line's end. */
const piece = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("a ", "X ", " ", "(", ")", '"', "\\", '"q" ', "~") },
    { weight: 2, arbitrary: fc.constantFrom("{", "}", "{3+}", "{3} ", "+", "]", "BODY[") },
    {
      weight: 2,
      arbitrary: fc.string({ maxLength: 4, unit: "binary-ascii" })
        .map((text) => text.replaceAll("\n", "")),
    },
    { weight: 1, arbitrary: fc.constantFrom("\r", "\0", "\xe4", "x".repeat(40)) },
  ),
  { maxLength: 6 },
).map((words) => words.join("")).filter((text) => !/\{\d+\+?\}\r?$/.test(text));

/** The marker of a literal that is sent at once, its data, and what follows on its command's next line. */
const literal = fc.record({
  tilde: fc.constantFrom("", " ", " ~"),
  data: fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map(latin1),
    fc.constantFrom("b NOOP\r\n", "{5+}\r\n", "", ")\r\nc X {9}\r\n"),
  ),
  lineEnd: fc.constantFrom("\r\n", "\n"),
  rest: piece,
}).map(({ tilde, data, lineEnd, rest }) => `${tilde}{${data.length}+}${lineEnd}${data}${rest}`);

/**
 * One command as RFC 9051 and 7888 have it, right or wrong: lines, joined by literals, up to a line that ends in
 * no literal, or in one that the client waits with and doesn't send, since it is refused.
 */
const command = fc.tuple(
  fc.oneof(fc.constant("a X "), piece),
  piece,
  fc.array(literal, { maxLength: 3 }),
  fc.constantFrom("", "", "", " {7}"),
  fc.constantFrom("\r\n", "\n"),
).map(([start, line, literals, end, lineEnd]) =>
  `${start}${line}${literals.join("")}${end}${lineEnd}`
);

/** How many commands were told. */
function countCommands(frames: readonly Seen[]): number {
  let count = 0;
  let isOpen = false;
  for (const { type, isSynchronizing } of frames) {
    assert.notEqual(type, "fatal");
    if (type === "start" || type === "bad" && !isOpen) count++;
    if (type === "start") isOpen = true;
    // A literal that the client waits with is refused, which ends its command.
    else if (type === "bad" || type === "end" || isSynchronizing === true) isOpen = false;
  }
  return count;
}

test("CommandReader › commands, right and wrong, with literals anywhere › are never out of step", () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 6 }),
      fc.integer({ min: 1, max: 50 }),
      fc.constantFrom(30, 65_536),
      fc.boolean(),
      (commands, size, line, collects) => {
        // Each is followed by one with a name of its own, so that none can stand for another one.
        const wire = commands.map((text, at) => `${text}n${at} NOOP\r\n`).join("");
        const frames = readCommands(cut(fromLatin1(wire), size), {
          limits: { line },
          on: (frame, reader) => {
            if (frame.type === "start" && collects) reader.collect();
            if (frame.type !== "literal") return;
            if (frame.isSynchronizing) reader.refuseLiteral();
            else reader.acceptLiteral();
          },
        });
        const names = frames.filter(({ type, name }) => type === "start" && name === "NOOP")
          .map(({ tag }) => tag);
        assert.deepEqual(
          names.filter((tag) => /^n\d+$/.test(`${tag}`)),
          commands.map((_, at) => `n${at}`),
        );
        assert.equal(countCommands(frames), commands.length * 2, JSON.stringify(wire));
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
});
