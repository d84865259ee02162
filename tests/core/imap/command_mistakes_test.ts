import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandReader, type ImapLimits } from "../../../core/imap/mod.ts";
import { cut, inShort, readCommands, readInPieces as read, type ReadOptions } from "./frames.ts";
import { fromLatin1 } from "./recordings.ts";

/** The frames that are left when those of good commands in between are left out. */
function mistakes(wire: string, limits?: Partial<ImapLimits>): string[] {
  return read(wire, { limits }).filter((frame) => /^(bad|fatal|start)/.test(frame));
}

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
