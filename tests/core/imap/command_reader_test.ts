import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CommandReader } from "../../../core/imap/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import {
  cut,
  inShort,
  readCommands,
  readInPieces as read,
  type ReadOptions,
  takeAll,
} from "./frames.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

test("CommandReader › commands › tells their tags, names, bytes and arguments", () => {
  assert.deepEqual(
    read('a1 login alice "s\\"e \\\\"\r\nb UID FETCH 1:* (FLAGS BODY[TEXT]<0.5>)\n'),
    [
      "start a1 LOGIN",
      'text "a1 login alice \\"s\\\\\\"e \\\\\\\\\\"\\r\\n"',
      'end ["alice",{"quoted":"s\\"e \\\\"}]',
      "start b UID",
      'text "b UID FETCH 1:* (FLAGS BODY[TEXT]<0.5>)\\n"',
      'end ["FETCH","1:*",["FLAGS","BODY[TEXT]<0.5>"]]',
    ],
  );
});

test("CommandReader › literals › have their data between two texts", () => {
  const wire = "a APPEND x (\\Seen) {5}\r\nhe\r\nl ~{2+}\r\n\0\x80 {0+}\r\n\r\nb NOOP\r\n";
  assert.deepEqual(read(wire), [
    "start a APPEND",
    'text "a APPEND x (\\\\Seen) "',
    "literal 5",
    'data "he\\r\\nl"',
    'text " "',
    "literal ~2+",
    `data ${JSON.stringify("\0\x80")}`,
    'text " "',
    "literal 0+",
    'data ""',
    'text "\\r\\n"',
    'end ["x",["\\\\Seen"],{"literal":"he\\r\\nl"},{"literal8":"\\u0000\x80"},{"literal":""}]',
    "start b NOOP",
    'text "b NOOP\\r\\n"',
    "end []",
  ]);
});

test("CommandReader › a literal in a section or a list › is an argument there", () => {
  const frames = read("a FETCH 1 (BODY[HEADER.FIELDS (A {2+}\r\nBC)]<0.5> X)\r\n");
  assert.equal(
    frames.at(-1),
    'end ["1",["BODY[HEADER.FIELDS",["A",{"literal":"BC"}],"]<0.5>","X"]]',
  );
});

test("CommandReader › several spaces, spaces at the end, an empty list › are taken", () => {
  assert.equal(read("a X  b   ( )  \r\n").at(-1), 'end ["b",[]]');
});

test("CommandReader › arguments that nobody collects › are not collected", () => {
  const frames = read("a X (y) {1+}\r\nz\r\n", {
    on: (frame, reader) => frame.type === "literal" && reader.acceptLiteral(),
  });
  assert.equal(frames.at(-1), "end []");
});

test("CommandReader › 8-bit and controls in quotes, odd escapes › are taken", () => {
  assert.equal(read('a X "\xe4\x01\t\\a{5}"\r\n').at(-1), 'end [{"quoted":"\xe4\\u0001\\ta{5}"}]');
});

test("CommandReader › a literal whose owner refuses it › is dropped with its command", () => {
  const refuse: ReadOptions = {
    on: (frame, reader) => frame.type === "literal" && reader.refuseLiteral(),
  };
  assert.deepEqual(
    read("a X {3+}\r\nb Y z {4+}\r\nc Z\n\r\nd X {3}\r\ne NOOP\r\n", refuse)
      .filter((frame) => /^(start|bad|end|data)/.test(frame)),
    ["start a X", "start d X", "start e NOOP", "end []"],
  );
});

test("CommandReader › skipCommand › drops what is left, wherever the reader is", () => {
  const wire = "a X {6}\r\nabcdef (b {3+}\r\nb Y)\r\nz NOOP\r\n";
  const kinds = ["start", "text", "literal", "data", "text", "literal"];
  for (const [at, type] of kinds.entries()) {
    for (const size of [1, 1000]) {
      let count = 0;
      let hasSkipped = false;
      const frames = readCommands(cut(fromLatin1(wire), size), {
        on: (frame, reader) => {
          if (!hasSkipped && frame.type === type && count++ === (at > 3 ? 1 : 0)) {
            reader.skipCommand();
            hasSkipped = true;
          } else if (frame.type === "literal") reader.acceptLiteral();
        },
      });
      // The client sends a literal's data only if it was let.
      const left = at < 3
        ? ["bad abcdef -: Invalid command name", "start z NOOP"]
        : ["start z NOOP"];
      const starts = inShort(frames).filter((frame) => /^(start [^a]|bad)/.test(frame));
      assert.deepEqual(starts, left, `after frame ${at} in pieces of ${size}`);
    }
  }
});

test("CommandReader › skipCommand before the line after a literal is whole › drops that line", () => {
  const reader = new CommandReader();
  reader.receive(fromLatin1("a X {1+}\r\nyb N"));
  while (reader.next()?.type !== "literal");
  reader.acceptLiteral();
  assert.equal(reader.next()?.type, "data");
  assert.equal(reader.next(), undefined);
  reader.skipCommand();
  reader.receive(fromLatin1("OOP {2+}\r\n\r\n\r\nz NOOP\r\n"));
  const start = reader.next();
  assert(start?.type === "start" && start.tag === "z");
  reader.skipCommand();
  reader.skipCommand();
  assert.equal(reader.next(), undefined);
});

test("CommandReader › lines of data › are told as they are, with the literal they announce", () => {
  const on: ReadOptions["on"] = (frame, reader) => {
    takeAll(frame, reader);
    if (frame.type === "end") reader.readLine();
    if (frame.type === "line" && /^done$/i.test(latin1(frame.bytes))) reader.readCommand();
    if (frame.type === "line") reader.swallowLiteral();
  };
  const wire = "a IDLE\r\n\r\n DONE\r\nx\0\r y {3+}\r\nDON {1+}\r\n\nE\r\nx {3}\r\ndone\n";
  assert.deepEqual(read(`${wire}b NOOP\r\n`, { on }), [
    "start a IDLE",
    'text "a IDLE\\r\\n"',
    "end []",
    'line ""',
    'line " DONE"',
    'line "x\\u0000\\r y {3+}"',
    'line "x {3}"',
    'line "done"',
    "start b NOOP",
    'text "b NOOP\\r\\n"',
    "end []",
  ]);
});

test("CommandReader › a line's literal that nobody swallows › is the next line", () => {
  const reader = new CommandReader();
  reader.readLine();
  reader.receive(fromLatin1("x {3+}\r\nDONE\r\n"));
  const line = reader.next();
  assert(line?.type === "line");
  assert.deepEqual(line.literal, { size: 3, isSynchronizing: false });
  const next = reader.next();
  assert(next?.type === "line" && latin1(next.bytes) === "DONE" && next.literal === undefined);
});

test("CommandReader › STARTTLS › can take what comes after it", () => {
  const reader = new CommandReader();
  reader.receive(fromLatin1("a STARTTLS\r\nb NO"));
  while (reader.next()?.type !== "end");
  reader.receive(fromLatin1("OP\r\n"));
  assert.equal(reader.size, 8);
  assert.equal(latin1(reader.takeUnread()!), "b NOOP\r\n");
  assert.equal(reader.takeUnread(), undefined);
  assert.equal(reader.size, 0);
});

test("CommandReader › the input's end › drops an incomplete command", () => {
  for (const wire of ["a NO", "a X {5+}\r\nab", "a X {1+}\r\ny", "a ) {5+}\r\n"]) {
    const reader = new CommandReader();
    reader.receive(fromLatin1(`y NOOP\r\n${wire}`));
    reader.receiveEnd();
    for (let frame; (frame = reader.next()) !== undefined;) {
      if (frame.type === "literal") reader.acceptLiteral();
    }
    assert.equal(reader.isAtEnd, true, wire);
  }
});

test("CommandReader › the input's end after an announced literal › waits for the owner", () => {
  const reader = new CommandReader();
  reader.receive(fromLatin1("a X {5}\r\n"));
  reader.receiveEnd();
  while (reader.next() !== undefined);
  assert.equal(reader.isAtEnd, false);
  reader.refuseLiteral();
  assert.equal(reader.next(), undefined);
  assert.equal(reader.isAtEnd, true);
});

test("CommandReader › calls at the wrong time › throw and change nothing", () => {
  const reader = new CommandReader();
  assert.throws(() => reader.collect(), LocalProtocolError);
  assert.throws(() => reader.acceptLiteral(), LocalProtocolError);
  assert.throws(() => reader.refuseLiteral(), LocalProtocolError);
  assert.throws(() => new CommandReader({ line: NaN }), LocalProtocolError);
  assert.throws(() => reader.setLimits({ swallow: 0 }), LocalProtocolError);
  reader.receive(fromLatin1("a X {1+}\r\ny\r\n"));
  assert.equal(reader.next()?.type, "start");
  assert.throws(() => reader.readLine(), LocalProtocolError);
  assert.throws(() => reader.acceptLiteral(), LocalProtocolError);
  while (reader.next()?.type !== "literal");
  assert.throws(() => reader.collect(), LocalProtocolError);
  reader.acceptLiteral();
  assert.throws(() => reader.acceptLiteral(), LocalProtocolError);
  assert.equal(reader.next()?.type, "data");
  assert.equal(reader.next()?.type, "text");
  assert.throws(() => reader.collect(), LocalProtocolError);
  assert.equal(reader.next()?.type, "end");
});

test("CommandReader › limits that are changed › count from the next line on", () => {
  const reader = new CommandReader({ line: 10 });
  reader.receive(fromLatin1("a NOOP 12345\r\nb NOOP 12345\r\nc NOO"));
  assert.equal(reader.next()?.type, "bad");
  reader.setLimits({ line: 100 });
  assert.deepEqual([reader.next()?.type, reader.next()?.type, reader.next()?.type], [
    "start",
    "text",
    "end",
  ]);
  assert.equal(reader.next(), undefined);
  reader.setLimits({ line: 3 });
  reader.receive(fromLatin1("P\r\nd\r\n"));
  assert.equal(reader.next()?.type, "bad");
  const second = reader.next();
  assert(second?.type === "bad" && second.tag === "d");
});

test("CommandReader › data and lines in one chunk › are parts of it", () => {
  const chunk = fromLatin1(`a APPEND x {1000+}\r\n${"y".repeat(1000)}\r\n`);
  const reader = new CommandReader();
  reader.receive(chunk);
  for (let frame; (frame = reader.next()) !== undefined;) {
    if (frame.type === "literal") reader.acceptLiteral();
    if (frame.type === "text" || frame.type === "data") {
      assert.equal(frame.bytes.buffer, chunk.buffer);
    }
  }
});

/** Pieces of conversations, right ones and wrong ones. */
const fragment = fc.oneof(
  fc.constantFrom(
    "a ",
    "LOGIN ",
    "NOOP",
    "\r\n",
    "\n",
    "\r",
    " ",
    "(",
    ")",
    '"',
    '"x y"',
    "\\",
    "{3}",
    "{3+}",
    "{3+}\r\n",
    "{3}\r\n",
    "~{2+}\r\n",
    "{0+}\r\n",
    "{40+}\r\n",
    "{99999999999999999999+}",
    "\0",
    "\xe4",
    "]",
    "BODY[",
    "b NOOP\r\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
  ),
  fc.string({ maxLength: 5, unit: "binary-ascii" }),
);

test("CommandReader › any bytes in any pieces › are read as the same frames", () => {
  const limits = { line: 60, swallow: 100, command: 700, depth: 3 };
  fc.assert(
    fc.property(
      fc.array(fragment, { maxLength: 60, size: "max" }),
      fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
      fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }),
      (fragments, sizes, whims) => {
        const bytes = fromLatin1(fragments.join(""));
        const whimsical = (): ReadOptions => {
          let turn = 0;
          return {
            limits,
            on: (frame, reader) => {
              const whim = whims[turn++ % whims.length];
              if (frame.type === "start" && whim < 4) reader.collect();
              if (frame.type === "literal" && whim > 0) reader.acceptLiteral();
              else if (frame.type === "literal") reader.refuseLiteral();
              if (frame.type === "text" && whim === 0) reader.skipCommand();
              if (frame.type === "end" && whim === 1) reader.readLine(25);
              if (frame.type === "line" && whim > 2) reader.readCommand();
              if (frame.type === "line" && whim % 2 === 0) reader.swallowLiteral();
              // Pieces of data are more when they are cut.
              if (frame.type === "data") turn--;
            },
          };
        };
        const whole = readCommands([bytes], whimsical());
        assert.deepEqual(readCommands(cut(bytes, 1), whimsical()), whole);
        assert.deepEqual(readCommands(cut(bytes, sizes), whimsical()), whole);
      },
    ),
    { numRuns: 400, seed: 1 },
  );
});

/** Arguments as a client may write them. */
const argument = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.stringMatching(/^[A-Za-z0-9.:*%\\$]{1,8}$/),
    fc.stringMatching(/^[ -~]{0,8}$/).map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`),
    fc.record({
      data: fc.uint8Array({ maxLength: 9 }),
      marker: fc.constantFrom("{", "~{"),
      plus: fc.constantFrom("", "+"),
    }).map(({ data, marker, plus }) => `${marker}${data.length}${plus}}\r\n${latin1(data)}`),
    tie("list"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }).map((values) => `(${values.join(" ")})`),
}));

test("CommandReader › right commands › come out byte for byte", () => {
  const command = fc.tuple(
    fc.stringMatching(/^[A-Za-z0-9.]{1,6}$/),
    fc.stringMatching(/^[A-Z]{1,8}$/),
    fc.array(argument.value, { maxLength: 5 }),
  ).map(([tag, name, args]) => ({ tag, name, wire: `${[tag, name, ...args].join(" ")}\r\n` }));
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 5 }),
      fc.integer({ min: 1, max: 20 }),
      (all, size) => {
        const wire = all.map((one) => one.wire).join("");
        let passed = "";
        const frames = readCommands(cut(fromLatin1(wire), size), {
          on: (frame, reader) => {
            takeAll(frame, reader);
            if (frame.type === "text" || frame.type === "data") passed += latin1(frame.bytes);
            if (frame.type === "literal") {
              passed += `${frame.isBinary ? "~" : ""}{${frame.size}${
                frame.isSynchronizing ? "" : "+"
              }}\r\n`;
            }
          },
        });
        assert.equal(passed, wire);
        assert.deepEqual(
          frames.filter(({ type }) => type === "start").map(({ tag, name }) => `${tag} ${name}`),
          all.map(({ tag, name }) => `${tag} ${name}`),
        );
        assert.equal(frames.filter(({ type }) => type === "end").length, all.length);
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});
