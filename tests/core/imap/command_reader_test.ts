import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CommandReader, type ImapLimits } from "../../../core/imap/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import { cut, inShort, readCommands, type ReadOptions, takeAll } from "./frames.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

/** The frames of a client's bytes, in short; they are the same however the bytes are cut. */
function read(wire: string, options?: ReadOptions): string[] {
  const bytes = fromLatin1(wire);
  const whole = readCommands([bytes], options);
  for (const size of [1, 2, 3, 7, 50]) {
    assert.deepEqual(readCommands(cut(bytes, size), options), whole, `in pieces of ${size}`);
  }
  return inShort(whole);
}

/** The frames that are left when those of good commands in between are left out. */
function mistakes(wire: string, limits?: Partial<ImapLimits>): string[] {
  return read(wire, { limits }).filter((frame) => /^(bad|fatal|start)/.test(frame));
}

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

test("CommandReader › invalid tags and names › are bad, with as much as is known", () => {
  const lines: Readonly<Record<string, string>> = {
    "": "bad * -: Invalid tag",
    " NOOP": "bad * -: Invalid tag",
    "a+b NOOP": "bad * -: Invalid tag",
    "* NOOP": "bad * -: Invalid tag",
    "a%b NOOP": "bad * -: Invalid tag",
    '"a" NOOP': "bad * -: Invalid tag",
    "(a NOOP": "bad * -: Invalid tag",
    "a{1} NOOP": "bad * -: Invalid tag",
    "a\\b NOOP": "bad * -: Invalid tag",
    "\xe4 NOOP": "bad * -: Invalid tag",
    "a\0 NOOP": "bad * -: Invalid tag",
    "a\tNOOP": "bad * -: Invalid tag",
    [`${"t".repeat(127)} NOOP`]: "bad * -: Invalid tag",
    "a": "bad a -: Invalid command name",
    "a ": "bad a -: Invalid command name",
    "a  NOOP": "bad a -: Invalid command name",
    "a NO\0OP": "bad a -: Invalid command name",
    "a NOOP\t": "bad a -: Invalid command name",
    "a NOOP(x)": "bad a -: Invalid command name",
    "a NO\xe4": "bad a -: Invalid command name",
    "a NOOP\r": "bad a -: Invalid command name",
    [`a ${"N".repeat(65)}`]: "bad a -: Invalid command name",
  };
  for (const [line, expected] of Object.entries(lines)) {
    assert.deepEqual(mistakes(`${line}\r\nz NOOP\r\n`), [expected, "start z NOOP"], line);
  }
  for (const tag of ["A.b-c_d!#$&',/:;<=>?@[^`|}~", "a]b", "DONE", "__proto__", "t".repeat(126)]) {
    assert.deepEqual(mistakes(`${tag} NOOP\r\n`), [`start ${tag} NOOP`]);
  }
});

test("CommandReader › syntax errors in arguments › are bad", () => {
  const lines: Readonly<Record<string, string>> = {
    ")(": "Unexpected ')'",
    "(a": "Missing ')'",
    "(a))": "Unexpected ')'",
    "(a)(b)": "Missing space between arguments",
    "(a)b": "Missing space between arguments",
    "a(b": "Invalid characters in atom",
    'a"b"': "Invalid characters in atom",
    '"a"b': "Missing space between arguments",
    '"a': "Missing '\"'",
    '"a\\"': "Missing '\"'",
    '"a\\': "Missing '\"'",
    '"a\0b"': "NULs not allowed in strings",
    '"a\\\0b"': "NULs not allowed in strings",
    '"a\rb"': "CR sent without LF",
    "a\rb": "CR sent without LF",
    "a \rb": "CR sent without LF",
    "a\r": "CR sent without LF",
    "a\0b": "Invalid characters in atom",
    "a\tb": "Invalid characters in atom",
    "a\x7f": "Invalid characters in atom",
    "\xe4": "8bit data in atom",
    "a\xe4": "8bit data in atom",
    "{5} a": "Invalid characters in atom",
    "{5 }": "Invalid characters in atom",
    "{ 5}": "Invalid characters in atom",
    "{-5}": "Invalid characters in atom",
    "{+5}": "Invalid characters in atom",
    "{5++}": "Invalid characters in atom",
    "{5-}": "Invalid characters in atom",
    "{0x5}": "Invalid characters in atom",
    "{}": "Invalid characters in atom",
    "{+}": "Invalid characters in atom",
    "{5": "Invalid characters in atom",
    "{5}}": "Invalid characters in atom",
    "{{5}": "Invalid characters in atom",
    "{5}\r": "Invalid characters in atom",
    "a{5}": "Missing space before literal",
    '"a"{5}': "Missing space before literal",
    "(a){5}": "Missing space before literal",
    "~a~{5}": "Missing space before literal",
    "{1} {5}": "Invalid characters in atom",
    '"a {5}': "Missing '\"'",
    "{9007199254740993}": "Literal size too large",
    "{123456789012345678901}": "Invalid characters in atom",
  };
  for (const [line, reason] of Object.entries(lines)) {
    assert.deepEqual(
      mistakes(`a X ${line}\r\nz NOOP\r\n`),
      [`bad a X: ${reason}`, "start z NOOP"],
      JSON.stringify(line),
    );
  }
});

test("CommandReader › 8-bit and controls in quotes, odd escapes › are taken", () => {
  assert.equal(read('a X "\xe4\x01\t\\a{5}"\r\n').at(-1), 'end [{"quoted":"\xe4\\u0001\\ta{5}"}]');
});

test("CommandReader › a bad line that ends in a literal's marker › has no data that are read as commands", () => {
  const command = "b LOGIN alice secret\r\n";
  const size = command.length;
  for (
    const line of [
      "a NOOP )( ",
      'a X "b ',
      "a X {5 } ",
      "a X y",
      "a X ~~",
      "a\0b",
      "a X \xe4",
      "a X \r ",
      `${"t".repeat(200)} `,
      "",
      " ",
      "a ",
      "a X",
    ]
  ) {
    const data = `${command}\r\n`;
    const wire = `${line}{${size + 2}+}\r\n${data} rest )\r\nz NOOP\r\n`;
    const [bad, ...others] = mistakes(wire);
    assert.match(bad, /^bad /, line);
    assert.deepEqual(others, ["start z NOOP"], line);
    // A client that waits takes the answer as a refusal, and sends no data.
    const [refused, ...next] = mistakes(`${line}{${size}}\r\nz NOOP\r\n`);
    assert.match(refused, /^bad /, line);
    assert.deepEqual(next, ["start z NOOP"], line);
  }
});

test("CommandReader › several literals after a mistake › are all dropped, up to one the client waits with", () => {
  assert.deepEqual(mistakes("a )\r\nb ) {3+}\r\nx y {5+}\nc N\r\n ~{0+}\r\n{1}\r\nz NOOP\r\n"), [
    "bad a -: Invalid command name",
    "bad b -: Invalid command name",
    "start z NOOP",
  ]);
});

test("CommandReader › a mistake after a literal › is told once, and what follows is read", () => {
  assert.deepEqual(read("a X {1+}\r\ny{2+}\r\nzz\r\nb X (~{1+}\r\ny\r\nz NOOP\r\n").slice(2), [
    "literal 1+",
    'data "y"',
    "bad a X: Missing space before literal",
    "start b X",
    'text "b X ("',
    "literal ~1+",
    'data "y"',
    "bad b X: Missing ')'",
    "start z NOOP",
    'text "z NOOP\\r\\n"',
    "end []",
  ]);
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

test("CommandReader › a line of data over the limit › is told at once, and its rest and literals are dropped", () => {
  const on: ReadOptions["on"] = (frame, reader) => {
    if (frame.type === "end") reader.readLine(8);
    if (frame.type === "line") reader.readCommand();
  };
  for (const rest of ["", "9", "9 {3+}", "9999999999 {3+}"]) {
    const data = rest.endsWith("}") ? "\r\n\n y\r\n" : "";
    const frames = readCommands(
      cut(fromLatin1(`a IDLE\r\n12345678${rest}\r\n${data}b NOOP\r\n`), 1),
      { on },
    );
    assert.deepEqual(inShort(frames).slice(3, 5), ['line "12345678"', "start b NOOP"], rest);
    assert.equal(frames[3].isTooLong, true);
  }
  const reader = new CommandReader();
  reader.readLine(8);
  reader.receive(fromLatin1("123456789"));
  assert.equal(reader.next()?.type, "line");
});

test("CommandReader › a line over the limit › is bad before it ends, and dropped with its literals", () => {
  const limits = { line: 20 };
  assert.deepEqual(mistakes(`a NOOP ${"x".repeat(11)}\r\n`, limits), ["start a NOOP"]);
  for (const length of [12, 13, 14, 100]) {
    for (const [end, data] of [["", ""], [" {3+}", "b\r\n y\r\n"], [" {3}", ""]]) {
      assert.deepEqual(
        mistakes(`a NOOP ${"x".repeat(length)}${end}\r\n${data}z NOOP\r\n`, limits),
        ["bad a NOOP: IMAP command line too large", "start z NOOP"],
      );
    }
  }
  const reader = new CommandReader(limits);
  reader.receive(fromLatin1(`${"x".repeat(21)}`));
  assert.deepEqual(reader.next(), {
    type: "bad",
    tag: undefined,
    name: undefined,
    reason: "IMAP command line too large",
    limit: "line",
  });
});

test("CommandReader › a tag or a name at the limit's cut › isn't told as if it were whole", () => {
  assert.deepEqual(mistakes("abcdef NOOP\r\n", { line: 3 }), [
    "bad * -: IMAP command line too large",
  ]);
  assert.deepEqual(mistakes("a NOOPER\r\n", { line: 6 }), [
    "bad a -: IMAP command line too large",
  ]);
});

test("CommandReader › more to drop than may be swallowed › is fatal", () => {
  const limits = { swallow: 100, line: 50 };
  for (
    const wire of [
      "a ) {101+}\r\n",
      "a ) {99999999999999999999+}\r\n",
      "a ) {999999999999999999999999999999+}\r\n",
      "a X {9007199254740993+}\r\n",
      `a ) {90+}\r\n${"x".repeat(90)}${"y".repeat(11)}`,
      `a ) {50+}\r\n${"x".repeat(50)} {60+}\r\n`,
      "x".repeat(200),
    ]
  ) {
    const frames = read(`${wire}\r\nz NOOP\r\n`, { limits });
    assert.equal(frames.length, 2, wire);
    assert.equal(frames[1], "fatal: Literal size too large", wire);
  }
  const reader = new CommandReader(limits);
  reader.receive(fromLatin1("a X {101+}\r\nb NOOP\r\n"));
  while (reader.next()?.type !== "literal");
  reader.refuseLiteral();
  assert.equal(reader.next()?.type, "fatal");
  assert.equal(reader.next(), undefined);
  reader.receive(fromLatin1("c NOOP\r\n"));
  assert.equal(reader.next(), undefined);
  assert.equal(reader.size, 0);
});

test("CommandReader › arguments that take more memory than they may › are bad, literals before their data", () => {
  const limits = { command: 1000 };
  const bad = (wire: string) =>
    read(wire, { limits }).filter((frame) => !/^(text|data)/.test(frame));
  assert.deepEqual(bad(`a X ${"y ".repeat(8)}\r\nz NOOP\r\n`).slice(0, 3), [
    "start a X",
    "bad a X: Too many arguments",
    "start z NOOP",
  ]);
  assert.deepEqual(bad("a X {1001}\r\nb X {3+}\r\ny\r\n {1001+}\r\n").slice(0, 4), [
    "start a X",
    "bad a X: Too long argument",
    "start b X",
    "literal 3+",
  ]);
  assert.equal(bad(`b X {1001+}\r\n${"x".repeat(1001)}\r\nz NOOP\r\n`).at(-2), "start z NOOP");
});

test("CommandReader › STARTTLS › can take what is behind it", () => {
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
      fc.array(fragment, { maxLength: 60 }),
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
