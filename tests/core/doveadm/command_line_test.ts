import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type DoveadmCommand, encodeCommand } from "../../../core/doveadm/command.ts";
import { parseCommandLine } from "../../../core/doveadm/command_line.ts";
import { RemoteProtocolError } from "../../../core/mod.ts";
import { fromBytes, isUtf8, toBytes, unescape, utf8 } from "./recordings.ts";

/** What a line with one byte per character stands for, in a session of 1.3. */
function parsed(line: string, extraFields = true) {
  return parseCommandLine(toBytes(line), extraFields);
}

/** A text that a field can carry. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "\t",
      "\n",
      "\r",
      "\x01",
      "0",
      "t",
      "n",
      "=",
      " ",
      "ü",
      "𝄞",
      "\ufeff",
      "\ufffd",
    ),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
}).map((text) => text.replaceAll("\0", ""));

const extraFields = fc.dictionary(
  fc.oneof(fc.constantFrom("__proto__", "proxy-ttl", "forward"), fc.stringMatching(/^[a-zü-]+$/)),
  fc.array(text.map((value) => value.replaceAll(/[\t\n]/g, "")), { minLength: 1, maxLength: 3 }),
  { minKeys: 1, maxKeys: 4, noNullPrototype: true },
);

const command: fc.Arbitrary<DoveadmCommand> = fc.record({
  name: text.filter((name) => name !== "" && name.trim() === name && name !== "OPTION"),
  args: fc.array(text, { maxLength: 5 }),
  user: text.filter((user) => user !== ""),
  verbosity: fc.constantFrom("verbose" as const, "debug" as const),
  extraFields,
}, { requiredKeys: ["name", "args"], noNullPrototype: true });

test("parseCommandLine › any command of the client's end › is read unchanged", () => {
  fc.assert(
    fc.property(command, (command) => {
      const line = encodeCommand(command).subarray(0, -1);
      const { extraFields, ...rest } = command;
      const { command: { extraFields: seen, ...others }, mistake } = parseCommandLine(line, true);
      assert.equal(mistake, undefined);
      assert.deepEqual(others, rest);
      assert.deepEqual(Object.entries(seen ?? {}), Object.entries(extraFields ?? {}));
      if (extraFields === undefined) assert.deepEqual(parseCommandLine(line, false).command, rest);
    }),
    { numRuns: 500 },
  );
});

test("parseCommandLine › any bytes › read as Dovecot does, or refused", () => {
  const bytes = fc.array(
    fc.constantFrom(
      "\t",
      "\t",
      "\x01",
      "0",
      "1",
      "t",
      "\0",
      "v",
      "D",
      "x",
      "=",
      "ä",
      "\xff",
      "\x01",
    ),
    { maxLength: 16 },
  ).map((parts) => parts.map((part) => part === "ä" ? "\xc3\xa4" : part).join(""));
  fc.assert(
    fc.property(bytes, (line) => {
      const seen = line.replace(/\0.*/s, "");
      const fields = seen.split("\t").map((field) => utf8(unescape(field)).replace(/\0.*/s, ""));
      const [flags] = fields.splice(0, 1);
      const extra = flags.includes("x") ? fields.splice(0, 1) : [];
      if (!/^[vDx]*$/.test(flags) || fields.length < 2) {
        assert.throws(() => parsed(line), RemoteProtocolError);
        return;
      }
      const { command, mistake } = parsed(line);
      assert.equal(mistake === undefined, isUtf8(seen));
      // What isn't UTF-8 is refused, whatever it may be.
      if (mistake !== undefined) return;
      const [user, name, ...args] = fields;
      assert.deepEqual([command.user ?? "", command.name, command.args], [user, name, args]);
      const verbosity = /D/.test(flags) ? "debug" : /v/.test(flags) ? "verbose" : undefined;
      assert.equal(command.verbosity, verbosity);
      assert.equal(command.extraFields === undefined, extra.length === 0);
    }),
    { numRuns: 2000 },
  );
});

test("parseCommandLine › lines with all fields › the expected command", () => {
  const cases: readonly (readonly [line: string, command: DoveadmCommand])[] = [
    ["\t\twho", { name: "who", args: [] }],
    ["\talice\tmailbox list\t-8\t*", { name: "mailbox list", args: ["-8", "*"], user: "alice" }],
    // A trailing TAB is one more argument, and a name may be empty.
    ["\t\twho\t", { name: "who", args: [""] }],
    ["\t\twho\t\t", { name: "who", args: ["", ""] }],
    ["\t\t", { name: "", args: [] }],
    // Escapes that stand for nothing stand for themselves, and a lone one for nothing.
    ["\t\tx\ta\x01tb\x01nc\x01rd\x011e\x01\x01f", { name: "x", args: ["a\tb\nc\rd\x01e\x01f"] }],
    ["\t\tx\tINBO\x01X\tINBOX\x01", { name: "x", args: ["INBOX", "INBOX"] }],
    ["\t\tx\t\x01\xc3\xa4\x01\xf0\x9d\x84\x9e", { name: "x", args: ["ä𝄞"] }],
    ["\ta\x01tb\tx\x01ny", { name: "x\ny", args: [], user: "a\tb" }],
    // A field ends at its first NUL, and so does the line at one that isn't escaped.
    ["\t\tx\tIN\x010BOX\tb", { name: "x", args: ["IN", "b"] }],
    ["\t\tx\tIN\0BOX\tb", { name: "x", args: ["IN"] }],
    ["\t\tx\ta\0\xff", { name: "x", args: ["a"] }],
    ["\x010q\t\tx", { name: "x", args: [] }],
    ["\ta\x010b\tx", { name: "x", args: [], user: "a" }],
    // Flags in any order, any number of times; debug is more than verbose.
    ["v\t\tx", { name: "x", args: [], verbosity: "verbose" }],
    ["D\t\tx", { name: "x", args: [], verbosity: "debug" }],
    ["vDv\t\tx", { name: "x", args: [], verbosity: "debug" }],
    ["\x01v\t\tx", { name: "x", args: [], verbosity: "verbose" }],
    // Extra fields come first, are escaped as a whole, and each once more.
    ["x\tproxy-ttl=1\ta\tx", extra({ "proxy-ttl": ["1"] })],
    ["xv\ta=1\ta\tx", { ...extra({ a: ["1"] }), verbosity: "verbose" }],
    ["Dx\ta=1\x01tb=\x011t2\ta\tx", { ...extra({ a: ["1"], b: ["\t2"] }), verbosity: "debug" }],
    ["x\ta=1\x01ta=2=3\x01tb\ta\tx", extra({ a: ["1", "2=3"], b: [""] })],
    ["x\ta=1\x0110z\x01tb=\x010c=2\ta\tx", extra({ a: ["1"], b: [""] })],
    ["x\t\ta\tx", extra({ "": [""] })],
    ["x\t__proto__=1\ta\tx", extra({ ["__proto__"]: ["1"] })],
  ];
  for (const [line, command] of cases) {
    assert.deepEqual(parsed(line), { command, mistake: undefined }, JSON.stringify(line));
  }
});

/** A command with extra fields. */
function extra(extraFields: DoveadmCommand["extraFields"]): DoveadmCommand {
  return { name: "x", args: [], user: "a", extraFields };
}

test("parseCommandLine › text that isn't UTF-8 › an invalid command", () => {
  for (
    const line of ["\t\tx\t\xff", "\t\xe9\tx", "\t\tx\xc3", "\t\tx\t\xed\xa0\x80", "x\ta=\x80\t\tx"]
  ) {
    const { command, mistake } = parsed(line);
    assert.match(mistake!, /UTF-8/);
    assert.match(command.name, /^x/);
  }
});

test("parseCommandLine › invalid lines › an error that quotes them", () => {
  const cases: readonly (readonly [line: string, message: RegExp, extraFields?: boolean])[] = [
    ["", /sent "" instead of a command: flags, user, name, arguments\.$/],
    ["\talice", /sent "\\talice" instead/],
    ["who", /"w" is not a flag\.$/],
    ["Subject: x", /"S" is not a flag/],
    [".\t\twho", /"\." is not a flag/],
    ["\xff\t\twho", /sent "\\xff\\t\\twho" instead/],
    ["\x011\t\twho", /is not a flag/],
    ["\x1b\t\twho", /"\\x1b" is not a flag/],
    ["\xc2\x9b\t\twho", /"\\x9b" is not a flag/],
    ["\xe2\x80\xae\t\twho", /"\\u202e" is not a flag/],
    ["q\x010\t\twho", /"q" is not a flag/],
    ["\t\0\twho", /sent "\\t\\x00\\twho" instead/],
    ["x\t\twho", /flags, user, name, arguments\.$/],
    ["x\ta=1\t\twho", /"x" is not a flag below protocol 1\.3\.$/, false],
  ];
  for (const [line, message, extraFields] of cases) {
    assert.throws(
      () => parsed(line, extraFields),
      (error) => error instanceof RemoteProtocolError && message.test(error.message),
      JSON.stringify(line),
    );
  }
  const long = "x".repeat(100_000);
  assert.throws(() => parsed(long), ({ message }: Error) => message.length < 300);
});

test("parseCommandLine › a line with escapes › its bytes aren't changed", () => {
  const line = encodeCommand({ name: "x", args: ["ä\tä"] });
  assert.equal(fromBytes(line), "\t\tx\t\xc3\xa4\x01t\xc3\xa4\n");
  parseCommandLine(line, true);
  assert.equal(fromBytes(line), "\t\tx\t\xc3\xa4\x01t\xc3\xa4\n");
});
