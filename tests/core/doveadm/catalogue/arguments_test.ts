import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CommandInfo,
  commands,
  decodeArguments,
  type DovecotVersion,
  encodeArguments,
  findCommand,
  givenParameters,
  longOption,
  type ParameterContent,
  type ParameterInfo,
  type ParameterValue,
  type ParameterValues,
} from "../../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { samples } from "./content_samples.ts";

const versions: readonly DovecotVersion[] = ["2.3", "2.4"];
const allCommands: readonly CommandInfo[] = Object.values(commands);

/** Whether a version has a parameter or a command. */
function isIn(
  { since, until = "2.4" }: { readonly since: DovecotVersion; readonly until?: DovecotVersion },
  version: DovecotVersion,
): boolean {
  return since <= version && version <= until;
}

function command(name: string): CommandInfo {
  const info = findCommand(name);
  assert(info !== undefined, name);
  return info;
}

/** Texts of all sorts, also such as look like options. */
const text = fc.oneof(
  fc.constantFrom("", "-", "--", "-A", "--user=x", "user", "a b", "=", "\t\n", "ä"),
  fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.replaceAll("\0", "")),
);
const integer = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.maxSafeInteger(),
);
const byType: Readonly<Record<ParameterInfo["type"], fc.Arbitrary<ParameterValue>>> = {
  string: text,
  integer,
  boolean: fc.boolean(),
  array: fc.array(text, { maxLength: 3 }),
};

/** Values that are right where any of the type aren't. */
function contentOf(
  content: ParameterContent,
  type: ParameterInfo["type"],
): fc.Arbitrary<ParameterValue> {
  const { right } = samples[content];
  if (type === "integer") return fc.constantFrom(right[0]);
  if (type === "boolean") return fc.constant(false);
  return fc.constantFrom(
    ...right.map((value) => type === "array" && !Array.isArray(value) ? [String(value)] : value),
  );
}

/** Parameters for a command, as the version has them: each optional one may be missing. */
function valuesFor(info: CommandInfo, version: DovecotVersion): fc.Arbitrary<ParameterValues> {
  const entries = info.parameters.filter((parameter) => isIn(parameter, version)).map(
    (
      { name, type, typeIn, required: isRequired, implied, content, atMost },
    ): [string, fc.Arbitrary<ParameterValue | undefined>] => {
      const required = isRequired || info.needsOneOf?.includes(name);
      const value = implied !== undefined
        ? fc.constant(implied.value)
        : atMost !== undefined
        ? fc.constant(0)
        : content !== undefined
        ? contentOf(content, type)
        : type === "array" && typeIn?.[version] === "string"
        ? fc.array(text, { minLength: 1, maxLength: 1 })
        : type === "array" && required
        ? fc.array(text, { minLength: 1, maxLength: 3 })
        : type === "boolean" && required
        ? fc.constant(true)
        : byType[type];
      return [name, required ? value : fc.option(value, { nil: undefined })];
    },
  );
  return fc.record(Object.fromEntries(entries));
}

/** What is left of parameters on a command's line, as it is read there. */
function onTheLine(
  info: CommandInfo,
  values: ParameterValues,
  version: DovecotVersion,
): Record<string, ParameterValue> {
  const left: Record<string, ParameterValue> = {};
  for (const { name, implied, typeIn, ...lifetime } of info.parameters) {
    const isElsewhere = name === info.input ||
      (info.mail && ["user", "allUsers", "userFile"].includes(name));
    let value = values[name];
    if (implied !== undefined && isIn(lifetime, version) && values[implied.by] !== undefined) {
      value = implied.value;
    }
    if (isElsewhere || value === undefined || value === false) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    left[name] = typeIn?.[version] === "string"
      ? String(value)
      : typeof value === "number"
      ? BigInt(value)
      : value;
  }
  return left;
}

for (const version of versions) {
  test(`arguments › any parameters, encoded for Dovecot ${version} and decoded › the same parameters`, () => {
    const infos = allCommands.filter((info) => isIn(info, version));
    assert(infos.length > 50);
    for (const info of infos) {
      fc.assert(
        fc.property(valuesFor(info, version), (values) => {
          const args = encodeArguments(info, values, version);
          const decoded = decodeArguments(info, args, version);
          assert.deepEqual(decoded, onTheLine(info, values, version));
          // The decoded parameters encode to the same line, with those that aren't on the line.
          if (info.parameters.every(({ typeIn }) => typeIn === undefined)) {
            assert.deepEqual(encodeArguments(info, { ...values, ...decoded }, version), args);
          }
        }),
        { numRuns: 25 },
      );
    }
  });

  test(`arguments › a required parameter of Dovecot ${version} is missing › an error that names it`, () => {
    let count = 0;
    for (const info of allCommands.filter((info) => isIn(info, version))) {
      const [values] = fc.sample(valuesFor(info, version), { numRuns: 1, seed: 1 });
      for (const parameter of info.parameters) {
        if (!parameter.required || !isIn(parameter, version)) continue;
        count++;
        const { name } = parameter;
        // No flags are flags, too.
        const hasEmpty = parameter.type === "array" && parameter.content !== "flags";
        for (const nothing of [undefined, hasEmpty ? [] : undefined]) {
          throwsFor(
            () => encodeArguments(info, { ...values, [name]: nothing }, version),
            `"${info.name}" needs the parameter "${name}".`,
          );
        }
      }
    }
    assert(count > 20);
  });
}

test("arguments › commands and parameters that a version lacks › an error", () => {
  let [lacking, gone] = [0, 0];
  for (const info of allCommands) {
    for (const version of versions) {
      if (!isIn(info, version)) {
        gone++;
        const other = versions.find((other) => isIn(info, other))!;
        const [values] = fc.sample(valuesFor(info, other), { numRuns: 1, seed: 2 });
        throwsFor(
          () => encodeArguments(info, values, version),
          `not a command of Dovecot ${version}`,
        );
        continue;
      }
      const [values] = fc.sample(valuesFor(info, version), { numRuns: 1, seed: 2 });
      for (const parameter of info.parameters) {
        if (isIn(parameter, version)) continue;
        lacking++;
        const { name, type, implied } = parameter;
        const { content } = parameter;
        const right = content === undefined ? undefined : samples[content].right[0];
        const text = implied?.value ?? String(right ?? "x");
        const integer = typeof right === "number" ? right : 1;
        const value = { string: text, integer, boolean: true, array: [text] }[type];
        throwsFor(
          () => encodeArguments(info, { ...values, [name]: value }, version),
          `no parameter "${name}" on Dovecot ${version}`,
        );
        // Not given is not given.
        const none = { string: undefined, integer: undefined, boolean: false, array: [] }[type];
        encodeArguments(info, { ...values, [name]: none }, version);
      }
    }
  }
  assert(lacking > 0 && gone > 0);
});

test("arguments › a list of several that 2.3 takes as one value › an error on 2.3 only", () => {
  const index = command("index");
  const two = { user: "alice", mailboxMask: ["a", "b"], maxRecent: 7 };
  throwsFor(() => encodeArguments(index, two, "2.3"), '"mailboxMask" of "index" accepts one value');
  assert.deepEqual(encodeArguments(index, two, "2.4"), [
    "--max-recent=7",
    "--mailbox-mask=a",
    "--mailbox-mask=b",
  ]);
  const one = { ...two, mailboxMask: ["a"] };
  assert.deepEqual(encodeArguments(index, one, "2.3"), ["--max-recent=7", "--mailbox-mask=a"]);
  const given = givenParameters(index, one, "2.3").map(([{ name }, value]) => [name, value]);
  assert.deepEqual(Object.fromEntries(given), { user: "alice", maxRecent: "7", mailboxMask: "a" });
});

test("arguments › a word after a parameter in one text › begins the next list on 2.3, is skipped by 2.4", () => {
  const args = ["-f", "messages", "INBOX", "Sent"];
  for (const [version, mailboxMask] of [["2.3", ["INBOX", "Sent"]], ["2.4", ["Sent"]]] as const) {
    const decoded = decodeArguments(command("mailbox status"), args, version);
    assert.deepEqual(decoded, { field: ["messages"], mailboxMask });
  }
  const plain = decodeArguments(command("mailbox status"), ["messages vsize", "INBOX"], "2.3");
  assert.deepEqual(plain, { field: ["messages", "vsize"], mailboxMask: ["INBOX"] });
});

test("arguments › no flags › an empty word", () => {
  const values = { flag: [], query: ["all"] };
  for (const version of versions) {
    for (const name of ["flags add", "flags remove", "flags replace"]) {
      const args = encodeArguments(command(name), { user: "alice", ...values }, version);
      assert.deepEqual(args, ["--flagstr=", "--query=all"]);
      assert.deepEqual(decodeArguments(command(name), args, version), values);
      assert.deepEqual(decodeArguments(command(name), ["", "all"], version), values);
    }
  }
});

test("arguments › parameters of commands › the expected command line", () => {
  for (
    const [name, values, version, args] of [
      ["who", {}, "2.3", []],
      ["who", { separateConnections: true, mask: ["-a", "b"] }, "2.3", [
        "--separate-connections",
        "--mask=-a",
        "--mask=b",
      ]],
      ["who", { separateConnections: false, mask: [] }, "2.3", []],
      // In the catalogue's order, not that of the caller, and without the user.
      [
        "mailbox status",
        { mailboxMask: ["INBOX"], field: ["messages", "vsize"], user: "alice", totalSum: true },
        "2.3",
        ["--total-sum", "--field=messages", "--field=vsize", "--mailbox-mask=INBOX"],
      ],
      ["mailbox list", { allUsers: true, userFile: "x" }, "2.4", []],
      // A user that isn't whose mail it is.
      ["auth cache flush", { user: ["alice", "bob"] }, "2.3", ["--user=alice", "--user=bob"]],
      // Without the message, which is the input.
      ["save", { user: "alice", mailbox: "a=b", file: "Subject: Hi\0" }, "2.3", ["--mailbox=a=b"]],
      ["index", { mailboxMask: ["*"], maxRecent: 5n }, "2.4", [
        "--max-recent=5",
        "--mailbox-mask=*",
      ]],
      ["copy", { destinationMailbox: "a", query: ["all"] }, "2.3", [
        "--destination-mailbox=a",
        "--query=all",
      ]],
    ] as const satisfies readonly (readonly [string, ParameterValues, DovecotVersion, string[]])[]
  ) {
    assert.deepEqual(encodeArguments(command(name), values, version), args, JSON.stringify(args));
  }
});

test("arguments › sourceUser on 2.3 › the word before it is added", () => {
  const query = ["mailbox", "INBOX", "all"];
  const values = { destinationMailbox: "a", sourceUser: "bob", query };
  for (const name of ["copy", "move"]) {
    const [first, ...rest] = encodeArguments(command(name), values, "2.4");
    assert.deepEqual(rest, ["--source-user=bob", ...query.map((word) => `--query=${word}`)]);
    const older = [first, "--source-type=user", ...rest];
    assert.deepEqual(encodeArguments(command(name), values, "2.3"), older);
    const given = { ...values, sourceType: "user" };
    assert.deepEqual(encodeArguments(command(name), given, "2.3"), older);
    const wrong = { ...values, sourceType: "mailbox" };
    throwsFor(() => encodeArguments(command(name), wrong, "2.3"), 'can only be "user"');
    throwsFor(() => encodeArguments(command(name), given, "2.4"), "it was removed after 2.3");
  }
});

test("arguments › short options and plain words › the parameters", () => {
  for (
    const [name, args, version, values] of [
      ["mailbox list", ["-s", "-7", "a*", "b"], "2.3", {
        mutf7: true,
        subscriptions: true,
        mailboxMask: ["a*", "b"],
      }],
      ["mailbox rename", ["a", "b"], "2.3", { mailbox: "a", newName: "b" }],
      ["who", ["-1", "alice"], "2.4", { separateConnections: true, mask: ["alice"] }],
      ["search", ["mailbox", "INBOX", "--", "-x"], "2.3", { query: ["mailbox", "INBOX", "-x"] }],
      ["fetch", ["uid flags", "mailbox", "INBOX"], "2.3", {
        field: ["uid", "flags"],
        query: ["mailbox", "INBOX"],
      }],
      // 2.3 has two words, and 2.4 a parameter with a word ahead.
      ["copy", ["a", "user", "bob", "all"], "2.3", {
        destinationMailbox: "a",
        sourceType: "user",
        sourceUser: "bob",
        query: ["all"],
      }],
      ["copy", ["a", "user", "bob", "all"], "2.4", {
        destinationMailbox: "a",
        sourceUser: "bob",
        query: ["all"],
      }],
      ["copy", ["a", "all"], "2.4", { destinationMailbox: "a", query: ["all"] }],
      ["copy", ["a", "mailbox", "user", "x"], "2.3", {
        destinationMailbox: "a",
        sourceType: "mailbox",
        sourceUser: "user",
        query: ["x"],
      }],
    ] as const
  ) {
    const decoded = decodeArguments(command(name), args, version);
    assert.deepEqual(decoded, values, `${name} ${args.join(" ")}`);
  }
  throwsFor(() => decodeArguments(command("who"), ["--bogus"], "2.3"), "unrecognized option");
  throwsFor(() => decodeArguments(command("reload"), ["x"], "2.3"), "Extraneous arguments");
  const update = command("mailbox update");
  for (const number of ["x", "", "1.5", "+1", "9223372036854775808"]) {
    throwsFor(
      () => decodeArguments(update, ["--min-next-uid", number, "INBOX"], "2.4"),
      `option '--min-next-uid' has an invalid number: "${number}"`,
    );
  }
  // The last one counts.
  const corrected = ["--min-next-uid=x", "--min-next-uid=-7", "INBOX"];
  assert.equal(decodeArguments(update, corrected, "2.4").minNextUid, -7n);
});

test("arguments › invalid parameters › an error that names them", () => {
  const status = { field: ["messages"], mailboxMask: ["INBOX"] };
  for (
    const [name, values, message] of [
      ["reload", { x: 1 }, '"reload" has no parameter "x". It has none.'],
      ["kick", { constructor: "x" }, '"kick" has no parameter "constructor". It has "socketPath",'],
      ["who", { mask: "alice" }, '"mask" of "who" has to be an array of strings.'],
      ["who", { mask: ["alice", 1] }, "an array of strings"],
      // deno-lint-ignore no-sparse-arrays -- as a caller may have made it
      ["who", { mask: ["alice", , "bob"] }, "an array of strings"],
      ["who", { separateConnections: "yes" }, "has to be a boolean"],
      ["who", { socketPath: 5 }, "has to be a string"],
      ["who", { socketPath: "a\0b" }, '"socketPath" of "who" contains a NUL'],
      ["who", { mask: ["alice", "\0"] }, "contains a NUL"],
      ["mailbox status", { ...status, transFlags: "1" }, "has to be a 64-bit integer"],
      ["mailbox status", { ...status, transFlags: 1.5 }, "has to be a 64-bit integer"],
      ["mailbox status", { ...status, transFlags: 2 ** 53 }, "has to be a 64-bit integer"],
      ["mailbox status", { ...status, transFlags: NaN }, "has to be a 64-bit integer"],
      ["mailbox status", { ...status, user: 5 }, "has to be a string"],
    ] as const
  ) {
    // JavaScript has no types that would forbid this.
    const given = values as unknown as ParameterValues;
    throwsFor(() => encodeArguments(command(name), given, "2.3"), message);
    throwsFor(() => givenParameters(command(name), given, "2.3"), message);
  }
});

test("longOption › names of parameters › different options for each command", () => {
  assert.equal(longOption("user"), "--user");
  assert.equal(longOption("minHighestPvtModseq"), "--min-highest-pvt-modseq");
  for (const { name, parameters } of allCommands) {
    const options = new Set(parameters.map((parameter) => longOption(parameter.name)));
    assert.equal(options.size, parameters.length, name);
  }
});

function throwsFor(action: () => unknown, message: string): void {
  assert.throws(action, (error) => {
    assert(error instanceof LocalProtocolError, String(error));
    assert(error.message.includes(message), `${error.message}\n${message}`);
    return true;
  });
}
