import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSearchQuery, type SearchKey } from "../../../testing/search/query.ts";
import { simplify } from "../../../testing/search/simplify.ts";

/** A key as a text: sets as their ranges, the rest by type and value. */
function written(key: SearchKey): string {
  switch (key.type) {
    case "and":
    case "or":
      return `( ${key.keys.map(written).join(key.type === "or" ? " or " : " ")} )`;
    case "not":
      return `not ${written(key.key)}`;
    case "sequences":
    case "uids": {
      const ranges = key.set.ranges.map(({ first, last }) => `${first}:${last}`);
      return `${key.type === "uids" ? "uid " : ""}${ranges.join(",")}`;
    }
    case "flag":
      return key.flag;
    case "keyword":
      return key.keyword;
    case "larger":
    case "smaller":
      return `${key.type} ${key.size}`;
    case "before":
    case "since":
      return `${key.type} ${key.date} ${key.time.type} ${key.time.seconds}`;
    default:
      return key.type;
  }
}

test("simplified queries › keys and lists › are Dovecot's", () => {
  const highest = 2 ** 32 - 2;
  for (
    const [query, expected] of [
      ["all", "all"],
      ["seen", "\\Seen"],
      ["( ( seen ) )", "\\Seen"],
      ["not not seen", "\\Seen"],
      ["not ( seen deleted )", "( not \\Seen or not \\Deleted )"],
      ["not ( seen or deleted )", "( not \\Seen not \\Deleted )"],
      ["seen ( deleted ( draft ) )", "( \\Seen \\Deleted \\Draft )"],
      ["seen seen", "\\Seen"],
      ["seen all", "\\Seen"],
      ["( seen or all )", "all"],
      ["seen unseen", "not all"],
      ["( seen or unseen )", "all"],
      ["draft ( seen unseen )", "not all"],
      ["( draft or ( seen unseen ) )", "\\Draft"],
      ["keyword a unkeyword a", "not all"],
      ["keyword a unkeyword A", "( a not A )"],
      ["1:4 3:6", "3:4"],
      ["1:2 3:4", "not all"],
      ["( 1:2 or 3 or 5 )", "1:3,5:5"],
      ["( 1:5 or 6:* )", "all"],
      ["( 1:5 or 7:* )", "1:5,7:Infinity"],
      ["1:* seen", "\\Seen"],
      ["1:5,6:* seen", "\\Seen"],
      ["not 1:*", "not 1:Infinity"],
      [`not 1:${highest}`, "not all"],
      ["not 3", `1:2,4:${highest}`],
      ["not 3:*", "not 3:Infinity"],
      ["3:* not 5", `3:4,6:${highest}`],
      ["* 3", "not all"],
      ["uid 1:4 uid 3:6 2", "( uid 3:4 2:2 )"],
      ["uid $ seen", "not all"],
      ['body "" seen', "\\Seen"],
      ["larger 5 larger 7 smaller 9 smaller 8", "( larger 7 smaller 8 )"],
      ["( larger 5 or larger 7 or smaller 9 )", "( larger 5 or smaller 9 )"],
      ["not larger 5 not larger 7", "not larger 7"],
      ["not ( larger 5 larger 7 )", "not larger 5"],
      ["larger 5 not larger 7", "( larger 5 not larger 7 )"],
      ["before 1d before 2d", "before received ago 172800"],
      ["since 1d since 2d", "since received ago 86400"],
      ["since 1d sentsince 2d", "( since received ago 86400 since sent ago 172800 )"],
      [
        "since 100 not since 50 since 200",
        "( since received moment 200 not since received moment 50 )",
      ],
    ] as const
  ) {
    const args = query.split(" ").map((word) => word === '""' ? "" : word);
    assert.equal(written(simplify(parseSearchQuery(args, "2.3").key)), expected, query);
  }
});

test("simplified queries › relative times › become absolute", () => {
  const { key } = parseSearchQuery(["since", "1d", "since", "100", "before", "0"], "2.3");
  assert.equal(
    written(simplify(key, new Date(86_450_999))),
    "( since received moment 100 before received moment 0 )",
  );
  assert.equal(
    written(simplify(key, new Date(86_500_000))),
    "( since received moment 100 before received moment 0 )",
  );
  assert.equal(
    written(simplify(key, new Date(86_501_000))),
    "( since received moment 101 before received moment 0 )",
  );
});

test("simplified queries › any query › matches the same mails", () => {
  const leaf = fc.oneof(
    fc.constantFrom("all", "seen", "unseen", "deleted", "undeleted").map((key) => [key]),
    fc.tuple(fc.constantFrom("1:3", "2,5", "4:6", "6"), fc.constantFrom("", "uid")).map(
      ([set, kind]) => kind === "" ? [set] : [kind, set],
    ),
  );
  const { query } = fc.letrec<{ query: string[] }>((tie) => ({
    query: fc.oneof(
      { depthSize: "small" },
      leaf,
      tie("query").map((query) => ["not", ...query]),
      fc.tuple(tie("query"), tie("query")).map(([a, b]) => ["(", ...a, ...b, ")"]),
      fc.tuple(tie("query"), tie("query")).map(([a, b]) => ["(", ...a, "or", ...b, ")"]),
    ),
  }));
  fc.assert(
    fc.property(query, (args) => {
      const { key } = parseSearchQuery(args, "2.3");
      const simple = simplify(key);
      for (let uid = 1; uid <= 6; uid++) {
        for (const flags of [[], ["\\Seen"], ["\\Deleted"], ["\\Seen", "\\Deleted"]]) {
          assert.equal(fits(simple, uid, flags), fits(key, uid, flags));
        }
      }
    }),
    { seed: 1 },
  );
});

/** Whether a mail matches a key, by the documented meaning of keys. */
function fits(key: SearchKey, uid: number, flags: readonly string[]): boolean {
  switch (key.type) {
    case "all":
      return true;
    case "and":
      return key.keys.every((part) => fits(part, uid, flags));
    case "or":
      return key.keys.some((part) => fits(part, uid, flags));
    case "not":
      return !fits(key.key, uid, flags);
    case "sequences":
    case "uids":
      return key.set.hasUid(uid);
    case "flag":
      return flags.includes(key.flag);
  }
  throw new Error(`There is no ${key.type} here.`);
}
