import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { type Option, parseOptions } from "../../../../core/doveadm/catalogue/mod.ts";

const parameters: readonly Option[] = [
  { name: "all-users", short: "A", type: "flag" },
  { name: "user", short: "u", type: "string" },
  { name: "user-file", short: "F", type: "string" },
  { name: "trans-flags", type: "number" },
  { name: "field", short: "f", type: "list" },
  { name: "mailbox", type: "string", positional: true },
  { name: "mailbox-mask", type: "list", positional: true },
];

/** What was given, by name: a list for each, so that one look tells all. */
function given(args: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const parsed = parseOptions(args, parameters);
  const names = parameters.map(({ name }) => name).filter((name) => parsed.has(name));
  return Object.fromEntries(names.map((name) => [name, parsed.list(name)]));
}

test("parseOptions › options and arguments › their values", () => {
  for (
    const [args, expected] of [
      [[], {}],
      [["-A"], { "all-users": [""] }],
      [["-u", "bob"], { user: ["bob"] }],
      [["-ubob"], { user: ["bob"] }],
      [["-u", ""], { user: [""] }],
      [["-u", "-A"], { user: ["-A"] }],
      [["-Aubob"], { "all-users": [""], user: ["bob"] }],
      [["-u", "bob", "-ucarol"], { user: ["carol"] }],
      [["-fuid", "-f", "flags"], { field: ["uid", "flags"] }],
      [["--user=bob"], { user: ["bob"] }],
      [["--user", "bob"], { user: ["bob"] }],
      [["--user="], { user: [""] }],
      [["--user=a=b"], { user: ["a=b"] }],
      [["--user-f", "x"], { "user-file": ["x"] }],
      [["--a"], { "all-users": [""] }],
      // Options without a letter that take a value can't be told apart, and the first is meant.
      [["--mailbox-", "x"], { "mailbox-mask": ["x"] }],
      [["--m", "x"], { mailbox: ["x"] }],
      [["a"], { mailbox: ["a"] }],
      [["a", "b", "c"], { mailbox: ["a"], "mailbox-mask": ["b", "c"] }],
      [["a", "-A", "b"], { "all-users": [""], mailbox: ["a"], "mailbox-mask": ["b"] }],
      [["--mailbox", "a", "b"], { mailbox: ["a"], "mailbox-mask": ["b"] }],
      [["--", "-A", "--"], { mailbox: ["-A"], "mailbox-mask": ["--"] }],
      [["a", "--", "b"], { mailbox: ["a"], "mailbox-mask": ["b"] }],
      [["-"], { mailbox: ["-"] }],
      [["", ""], { mailbox: [""], "mailbox-mask": [""] }],
      [["--trans-flags", "-12"], { "trans-flags": ["-12"] }],
      [["--trans-flags=x"], {}],
      [["--trans-flags=9223372036854775808"], {}],
    ] as const
  ) {
    assert.deepEqual(given(args), expected, JSON.stringify(args));
  }
});

test("parseOptions › invalid options › getopt's error", () => {
  for (
    const [args, log] of [
      [["-x"], /invalid option -- 'x'/],
      [["-Ax"], /invalid option -- 'x'/],
      [["-u"], /requires an argument -- 'u'/],
      [["--bogus"], /unrecognized option '--bogus'/],
      [["--bogus=1"], /unrecognized option '--bogus'/],
      [["--all-users=1"], /'--all-users' doesn't allow an argument/],
      [["--user"], /'--user' requires an argument/],
      [["--us", "x"], /'--us' is ambiguous; possibilities: '--user' '--user-file'/],
    ] as const
  ) {
    assert.throws(() => parseOptions(args, parameters), (error) => {
      assert(error instanceof LocalProtocolError);
      assert.match(error.message, log);
      return true;
    });
  }
});

test("parseOptions › more arguments than a command has › an error that lists them", () => {
  const one = parameters.filter(({ name }) => name === "mailbox");
  assert.equal(parseOptions(["a"], one).text("mailbox"), "a");
  assert.throws(() => parseOptions(["a", "b", "c"], one), {
    name: "LocalProtocolError",
    message: "Extraneous arguments found: b c",
  });
  assert.throws(() => parseOptions([""], []), LocalProtocolError);
});

test("parseOptions › numbers, texts and lists › by type, undefined if missing", () => {
  const parsed = parseOptions(["--trans-flags", "7", "-f", "uid", "a"], parameters);
  assert.equal(parsed.number("trans-flags"), 7);
  assert.equal(parsed.number("user"), undefined);
  assert.equal(parsed.text("mailbox"), "a");
  assert.equal(parsed.text("user"), undefined);
  assert.deepEqual(parsed.list("mailbox-mask"), []);
});
