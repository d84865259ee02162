import assert from "node:assert/strict";
import { test } from "node:test";
import { jobsOf, timeOf } from "../../cli/command_line/numbers.ts";
import { parseCommandLine } from "../../cli/command_line/parse.ts";
import { UsageError } from "../../cli/command_line/usage_error.ts";
import { readInvocation } from "../../cli/run/invocation.ts";
import { findCommand } from "../../core/doveadm/catalogue/mod.ts";

/** A command line in short: the command, its words, and the program's options. */
function parsed(...words: readonly string[]) {
  const line = parseCommandLine(words);
  return {
    command: line.type === "command" ? line.info.name : line.type,
    args: line.type === "none" ? [] : line.args,
    options: Object.fromEntries(
      [...line.options].map(([name, values]) => [name, values.join("+")]),
    ),
  };
}

function errorOf(...words: readonly string[]): UsageError {
  try {
    const line = parseCommandLine(words);
    if (line.type === "command") readInvocation(line.info, line.args, {});
  } catch (error) {
    assert(error instanceof UsageError, String(error));
    return error;
  }
  assert.fail(words.join(" "));
}

test("command line › options before and after the command › are the same", () => {
  const wanted = {
    ...{ command: "mailbox list", args: ["-u", "alice", "A*"] },
    options: { format: "json", "json-errors": "", server: "/a+b:1" },
  };
  assert.deepEqual(
    parsed(..."-f json --json-errors --server /a --server=b:1 mailbox list -u alice A*".split(" ")),
    wanted,
  );
  assert.deepEqual(
    parsed(
      ..."mailbox list --format=json -u alice --json-errors A* --server /a --server b:1".split(" "),
    ),
    wanted,
  );
  assert.deepEqual(parsed("-vDfjson", "--json-e", "who").options, {
    ...{ verbose: "", debug: "", format: "json", "json-errors": "" },
  });
});

test("command line › a command's name in one word › is the same, and the words after it are kept", () => {
  for (const name of [["mailbox", "list"], ["mailbox list"]]) {
    assert.deepEqual(parsed(...name, "A*", "B*", "-u", "alice"), {
      ...{ command: "mailbox list", args: ["A*", "B*", "-u", "alice"], options: {} },
    });
  }
});

test("command line › a command's own options and values › stay with it", () => {
  assert.deepEqual(parsed("user", "-f", "home", "alice").args, ["-f", "home", "alice"]);
  assert.deepEqual(parsed("kick", "-h", "10.0.0.1", "alice").args, ["-h", "10.0.0.1", "alice"]);
  // What looks like an option of the program is the value of another one.
  assert.deepEqual(parsed("mailbox", "create", "-u", "--debug", "A"), {
    ...{ command: "mailbox create", args: ["-u", "--debug", "A"], options: {} },
  });
  assert.deepEqual(parsed("save", "--mailbox", "--format", "-su", "--debug").options, {});
  assert.deepEqual(
    parsed("mailbox", "create", "-u", "alice", "--", "--debug").args.at(-1),
    "--debug",
  );
  assert.deepEqual(parsed("--", "mailbox", "list").command, "mailbox list");
});

test("command line › the longest name › is the command", () => {
  assert.equal(parsed("mailbox", "cache", "decision", "x").command, "mailbox cache decision");
  assert.equal(parsed("fs", "iter-dirs", "x").command, "fs iter-dirs");
  assert.equal(parsed("help", "mailbox", "list").command, "subcommand");
  assert.equal(parsed().command, "none");
});

test("command line › mistakes › are named, with what may be meant", () => {
  const cases: readonly (readonly [line: string, message: RegExp, code?: number])[] = [
    ["mailbx list", /no command "mailbx".*Did you mean "mailbox list"/],
    ["mailbox lst", /no command "mailbox lst".*Did you mean "mailbox list"\? After "mailbox"/],
    ["mailbox", /only the first word of commands\. After "mailbox" comes one of/],
    ["pw -s x", /Doveadm runs it on the mail server only/],
    ["__proto__", /no command "__proto__"/],
    ["toString list", /no command "toString"/],
    ["--bogus who", /no option --bogus/],
    ["-x who", /no option -x/],
    ["--password-fi", /needs a value/],
    ["--password who", /ambiguous: it may be --password-file, --password-command/],
    ["--json-errors=1 who", /takes no value/],
    ["-f xml who", /one of flow, table/, 75],
    ["mailbox list", /acts on a user's mail: add -u USER/],
    ["mailbox list -u", /requires an argument -- 'u'/],
    ["mailbox list --bogus", /unrecognized option '--bogus'/],
    ["mailbox rename -u a x", /needs a new-?name/i],
    ["fetch -u a uid", /needs a query/],
    ["expunge -u a all", /mailbox/],
    ["fetch -u a nosuch all", /no field "nosuch"/, 75],
    ["search -u a bogus", /no key "bogus"/, 75],
  ];
  for (const [line, message, code = 64] of cases) {
    const error = errorOf(...line.split(" "));
    assert.match(error.message, message, line);
    assert.equal(error.exitCode, code, line);
  }
  assert(errorOf("x".repeat(1_000_000)).message.length < 1000);
});

test("command line › mistakes in words of any length › have errors of a few lines", () => {
  const large = "\u{1f600}".repeat(500_000);
  for (
    const words of [
      [`--format=${large}`, "who"],
      [`--${large}`, "who"],
      ["mailbox", "list", "-u", "a", `--${large}`],
      ["mailbox", "status", "-u", "a", large, "*"],
      ["fetch", "-u", "a", "uid", large],
      ["user", "-x", large, "a"],
    ]
  ) {
    const { message } = errorOf(...words);
    assert(message.length <= 2000, `${words.length} words: ${message.length}`);
    assert(message.isWellFormed());
    assert.match(message, /\.$/);
  }
});

test("options › numbers that are none, or too large › are refused by name", () => {
  const wrong = [
    "0",
    "-1",
    "NaN",
    "Infinity",
    "1e9",
    "",
    " 1",
    "0x10",
    "1.5",
    "10001",
    "9".repeat(400),
  ];
  for (const text of wrong) {
    const { options } = parseCommandLine([`--jobs=${text}`, "who"]);
    assert.throws(() => jobsOf(options), (error: Error) => error.message.startsWith("--jobs is "));
  }
  assert.equal(jobsOf(parseCommandLine(["--jobs=10000", "who"]).options), 10_000);
  for (const text of ["NaN", "Infinity", "1e9", "", "-1", "9999999999"]) {
    const { options } = parseCommandLine([`--time-limit=${text}`, "who"]);
    assert.throws(() => timeOf(options, "time-limit"), /--time-limit is /);
  }
});

test("invocation › users and input › are found wherever they stand", () => {
  const read = (line: string, before = {}) => {
    const [name, ...args] = line.split(" ");
    const { users, socketPath, inputFile } = readInvocation(findCommand(name)!, args, before);
    return { users, socketPath, inputFile };
  };
  assert.deepEqual(read("fetch -u alice uid all").users, { type: "one", user: "alice" });
  assert.deepEqual(read("fetch uid all --user alice").users, { type: "one", user: "alice" });
  assert.deepEqual(read("fetch -A uid all").users, { type: "mask", mask: "*" });
  assert.deepEqual(read("fetch -u *@a uid all").users, { type: "mask", mask: "*@a" });
  assert.deepEqual(read("fetch -F list uid all").users, { type: "file", path: "list" });
  assert.deepEqual(read("fetch uid all", { allUsers: "*" }).users, { type: "mask", mask: "*" });
  assert.deepEqual(read("fetch uid all -u bob", { user: "alice" }).users, {
    type: "one",
    user: "bob",
  });
  assert.equal(read("fetch -S mx1:24245 -u a uid all").socketPath, "mx1:24245");
  assert.equal(read("save -u a").inputFile, "-");
  assert.equal(read("save -u a mail.eml").inputFile, "mail.eml");
  assert.equal(read("fetch -u a uid all").inputFile, undefined);
  assert.equal(read("save -F - mail.eml").inputFile, "mail.eml");
  assert.equal(read("save -F users").inputFile, "-");
  assert.throws(() => read("save -F -"), /"-F -" reads the users from standard input/);
  assert.throws(() => read("who", { user: "alice" }), /acts on no user's mail/);
});
