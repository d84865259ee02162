import assert from "node:assert/strict";
import { test } from "node:test";
import {
  areVersioned,
  checkParameters,
  type CommandInfo,
  commands,
  encodeArguments,
  findCommand,
  isLasting,
  type ParameterInfo,
  type ParameterValue,
  type ParameterValues,
} from "../../../../core/doveadm/catalogue/mod.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { samples } from "./content_samples.ts";

/** A value in the shape that the parameter has. */
function shaped({ type }: ParameterInfo, value: ParameterValue): ParameterValue {
  return type === "array" && !Array.isArray(value) ? [String(value)] : value;
}

/** Parameters that are right. */
function rightValues(info: CommandInfo): Record<string, ParameterValue> {
  const needed = info.parameters.filter(({ name, required }) =>
    required || info.needsOneOf?.[0] === name
  );
  return Object.fromEntries(needed.map((parameter) => {
    const { name, type, content } = parameter;
    const plain = { string: "x", array: ["x"], integer: 1, boolean: true }[type];
    return [name, content === undefined ? plain : shaped(parameter, samples[content].right[0])];
  }));
}

/** All parameters whose type isn't enough to generate them, with their commands. */
const withContent = Object.values(commands).flatMap((info: CommandInfo) =>
  info.parameters.filter(({ content }) => content !== undefined)
    .map((parameter) => ({ info, parameter, content: parameter.content! }))
);

test("contents › every command's parameters › wrong values are refused, and right ones aren't", () => {
  assert(withContent.length > 50);
  for (const { info, parameter, content } of withContent) {
    const values = rightValues(info);
    // What limits it, where something does.
    if (parameter.atMost !== undefined) values[parameter.atMost] = 2 ** 32 - 1;
    const { right, wrong } = samples[content];
    for (const value of right) {
      checkParameters(info, { ...values, [parameter.name]: shaped(parameter, value) });
    }
    for (const value of wrong) {
      assert.throws(
        () => checkParameters(info, { ...values, [parameter.name]: shaped(parameter, value) }),
        (error) =>
          error instanceof LocalProtocolError && !error.sent &&
          error.message.startsWith(
            `The parameter "${parameter.name}" of "${info.name}" is invalid: `,
          ),
        `${info.name} ${parameter.name} ${String(value)}`,
      );
    }
  }
});

test("contents › a parameter that crashes servers › is refused, and may be left out", () => {
  const user = findCommand("user")!;
  assert.throws(
    () => checkParameters(user, { userMask: ["alice"], userdbOnly: true }),
    /"userdbOnly" of "user" is invalid: Dovecot 2\.3 and 2\.4 crash/,
  );
  checkParameters(user, { userMask: ["alice"], userdbOnly: false });
});

test("contents › what one version takes › is refused for the other alone", () => {
  const search = findCommand("search")!;
  const cases: readonly (readonly [date: string, in23: boolean, in24: boolean])[] = [
    ["2026-02-31", true, false],
    ["31-Feb-2026", true, false],
    ["31-Jan-2026 10:00:00 +0100", false, true],
    ["2026-02-28", true, true],
  ];
  for (const [date, in23, in24] of cases) {
    const values: ParameterValues = { user: "alice", query: ["since", date] };
    checkParameters(search, values);
    assert.equal(areVersioned(search, values), in23 !== in24, date);
    for (const [version, isRight] of [["2.3", in23], ["2.4", in24]] as const) {
      const encode = () => encodeArguments(search, values, version);
      if (isRight) assert.deepEqual(encode(), ["--query=since", `--query=${date}`]);
      else assert.throws(encode, /"query" of "search" is invalid: "since" needs a date/, date);
    }
  }
  const flags = { user: "alice", flag: ["\\Seen \\Flagged"], query: ["all"] };
  encodeArguments(findCommand("flags add")!, flags, "2.3");
  assert.throws(
    () => encodeArguments(findCommand("flags add")!, flags, "2.4"),
    /not a system flag/,
  );
  const path = { user: "alice", mailbox: ["INBOX"], type: "list-index" };
  encodeArguments(findCommand("mailbox path")!, path, "2.4");
  assert.throws(() => encodeArguments(findCommand("mailbox path")!, path, "2.3"), /"list-index"/);
});

test("contents › one of several parameters › is needed where the version has them", () => {
  const cases:
    readonly (readonly [string, ParameterValues, string | undefined, string | undefined])[] = [
      ["kick", {}, '"mask"', '"mask"'],
      ["kick", { mask: [] }, '"mask"', '"mask"'],
      ["kick", { mask: ["alice"] }, undefined, undefined],
      ["proxy kick", {}, undefined, '"destHost" or "mask"'],
      ["proxy kick", { destHost: "10.0.0.1" }, "no parameter", undefined],
      ["mailbox cache decision", { user: "a", mailbox: ["b"] }, '"all" or "fieldstr"', '"all" or'],
      ["mailbox cache decision", { user: "a", mailbox: ["b"], all: true }, undefined, undefined],
    ];
  for (const [name, values, ...wanted] of cases) {
    for (const [at, version] of (["2.3", "2.4"] as const).entries()) {
      const encode = () => encodeArguments(findCommand(name)!, values, version);
      const message = wanted[at];
      if (message === undefined) encode();
      else assert.throws(encode, (error) => String(error).includes(message), `${name} ${version}`);
    }
  }
});

test("contents › a number above the one that limits it › is refused", () => {
  const update = findCommand("mailbox update")!;
  const values = { user: "alice", mailbox: "INBOX" };
  checkParameters(update, { ...values, minFirstRecentUid: 5, minNextUid: 5 });
  checkParameters(update, { ...values, minFirstRecentUid: 0 });
  assert.throws(
    () => checkParameters(update, { ...values, minFirstRecentUid: 5 }),
    /"minFirstRecentUid" of "mailbox update" is 5, which is above its "minNextUid", 0/,
  );
  assert.throws(() => checkParameters(update, { ...values, minFirstRecentUid: 6n, minNextUid: 5 }));
});

test("contents › a query nested too deep to be read › is left to the server", () => {
  const search = findCommand("search")!;
  const query = [...Array(10_000).fill("not"), "bogus"];
  checkParameters(search, { user: "alice", query });
});

test("contents › parameters by inherited names › don't count, and own ones are unknown", () => {
  const search = findCommand("search")!;
  const names = ["__proto__", "toString", "constructor", "hasOwnProperty", "valueOf"];
  for (const name of names) {
    const values: ParameterValues = JSON.parse(`{"user":"a","query":["all"],"${name}":"x"}`);
    assert.throws(() => checkParameters(search, values), /has no parameter "/, name);
  }
  const inherited: ParameterValues = Object.create({ query: ["all"], user: "alice" });
  assert.throws(() => checkParameters(search, inherited), /needs the parameter "query"/);
  const some: ParameterValues = Object.assign(Object.create({ transFlags: 1 }), { query: ["all"] });
  assert.deepEqual(encodeArguments(search, some, "2.4"), ["--query=all"]);
  assert(isLasting(search));
});
