import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery, QueryError } from "../../../../core/doveadm/mod.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { dangerOf } from "../../../../core/doveadm/query/safe_query.ts";
import { cpuTimeOf } from "../../../harness/cpu_time.ts";

/** The words of a query that has no spaces in them. */
function words(text: string): string[] {
  return text.split(" ");
}

/** Why and where a query is wrong. */
function faultOf(query: readonly string[], version: "2.3" | "2.4" = "2.3"): [string, number] {
  try {
    parseQuery(query, version);
  } catch (error) {
    assert(error instanceof QueryError && error instanceof LocalProtocolError, String(error));
    assert.equal(error.message, `The search query is invalid: ${error.reason}.`);
    return [error.reason, error.index];
  }
  return assert.fail(`${query.join(" ")} is right`);
}

test("queries › wrong ones › the error says what is wrong, where, and what would be right", () => {
  const cases: readonly (readonly [query: string, reason: string | RegExp, index: number])[] = [
    [
      "mailbox INBOX uid",
      '"uid" (word 3 of 3) needs a set of numbers like "1,3:5,10:*" after it',
      3,
    ],
    [
      "mailbox INBOX uid all seen",
      '"uid" needs a set of numbers like "1,3:5,10:*" after it, and not "all" (word 4 of 5)',
      3,
    ],
    ["bogus", 'there is no key "bogus" (word 1 of 1)', 0],
    [
      "seen or draft flagged",
      /^keys with "or" between them and keys without .* "flagged" \(word 4/,
      3,
    ],
    ["or seen draft", /parentheses/, 2],
    ["seen or", '"or" (word 2) needs a key after it', 2],
    ["( not )", '"not" (word 2) needs a key after it', 2],
    ["( )", 'there is nothing between "(" and ")" (words 1 and 2)', 0],
    ["( seen", 'a ")" is missing at its end', 2],
    ["(", 'a ")" is missing at its end', 1],
    ["seen )", 'there is a ")" without a "(" (word 2 of 2)', 1],
    ["mailbox", /"mailbox" .* needs a mailbox's name after it/, 1],
    ["header", /needs a header field's name, and a text, after it/, 1],
    ["header X-Y", /"header" .* needs a value after it/, 2],
    ["0", /a set of numbers looks like "1,3:5,10:\*", and not like "0"/, 0],
    ["since 1mon", /"since" needs a date like "2026-01-31".* not "1mon"/, 1],
    ["larger 1x", /"larger" needs a size like "2000" or "10M" after it, and not "1x"/, 1],
    ["younger 0", /a number of seconds from 1 on/, 1],
    ["older 1d", /a number of seconds/, 1],
    ["modseq x", /a modification sequence, which is a number/, 1],
    ["modseq /flags/\\recent all 1", /one of the flags/, 1],
    ["modseq /flags/\\seen every 1", /"all", "priv" or "shared"/, 2],
    ["x-mailbox Übung", /modified UTF-7/, 1],
    ["inthread bogus all", /REFERENCES, REFS, ORDEREDSUBJECT/, 1],
    ["inthread refs", /"inthread" .* needs a key/, 1],
    ["mimepart", /"mimepart" needs a key of a MIME part/, 1],
    ["mimepart bogus", /MIMEPART has no key "bogus"/, 1],
    ["mimepart type", /"type" .* needs a text after it/, 2],
    ["mimepart ( )", /nothing between/, 1],
    ["mimepart exists", /only PARENT and CHILD can have the key "exists"/, 1],
    ["mimepart parent ( exists )", /only PARENT and CHILD/, 3],
    ["mimepart size larger x", /"size" needs a number after it, and not "x"/, 3],
    ["mimepart filename has x", /IS, CONTAINS, BEGINS, ENDS/, 2],
    ["mimepart senton 2026-01-31", /a date like "31-Jan-2026"/, 2],
    ["__proto__", /no key "__proto__"/, 0],
    ["mimepart toString x", /no key "toString"/, 1],
    ["mimepart filename constructor x", /IS, CONTAINS/, 2],
  ];
  for (const [query, reason, index] of cases) {
    const [found, at] = faultOf(words(query));
    if (typeof reason === "string") assert.equal(found, reason);
    else assert.match(found, reason, query);
    assert.equal(at, index, `${query}: ${found}`);
  }
  const [long] = faultOf(["x".repeat(10_000)]);
  assert(long.length < 200);
});

test("queries › threads and MIME parts › are read", () => {
  const key = (query: string) => parseQuery(words(query), "2.4").key.keys;
  assert.deepEqual(key("inthread refs seen"), [
    { type: "in-thread", algorithm: "REFS", key: { type: "flag", flag: "\\Seen" } },
  ]);
  // As Dovecot has it.
  assert.deepEqual(key("inthread refs or all"), [{ type: "or", keys: [{ type: "all" }] }]);
  for (
    const query of [
      "mimepart ( type text not subtype html )",
      "mimepart or type a or type b type c",
      "mimepart size 10",
      "mimepart depth max 3",
      "mimepart disposition param a b",
      "mimepart child not exists",
      "mimepart ( param charset utf-8 filename ends .pdf )",
    ]
  ) {
    assert.deepEqual(key(query), [{ type: "mime-part" }], query);
  }
});

test("queries › dates › are those that the version takes", () => {
  const cases: readonly (readonly [date: string, in23: boolean, in24: boolean])[] = [
    ["2026-02-31", true, false],
    ["2026-13-01", true, false],
    ["31-Feb-2026", true, false],
    ["31-Feb-1999", true, true],
    ["31-Jan-2026 10:00:00 +0100", false, true],
    ["31-Jan-2026 25:00:00 +0100", false, false],
    ["31-Jan-2026 23:59:60 x", false, true],
    ["01-Jan-1970 00:00:59 +0001", false, false],
    ["-1", false, false],
    ["-2", true, true],
  ];
  for (const [date, in23, in24] of cases) {
    for (const [version, isRight] of [["2.3", in23], ["2.4", in24]] as const) {
      if (isRight) parseQuery(["since", date], version);
      else faultOf(["since", date], version);
    }
  }
  const [time] = parseQuery(["on", "31-Jan-2026 10:00:00 +0100"], "2.4").key.keys;
  const seconds = Date.UTC(2026, 0, 31, 9) / 1000;
  assert.deepEqual(time, { type: "on", date: "received", time: { type: "moment", seconds } });
});

test("queries › numbers of many digits › take no time and keep their bits", () => {
  const digits = "9".repeat(1_000_000);
  for (
    const query of [["uid", digits], ["larger", digits], ["since", digits], ["modseq", digits]]
  ) {
    const time = cpuTimeOf(() => {
      try {
        parseQuery(query, "2.3");
      } catch (error) {
        assert(error instanceof QueryError);
      }
    });
    assert(time < 5000, `${query[0]}: ${time} ms`);
  }
  const [larger] = parseQuery(["larger", "18446744073709551615"], "2.3").key.keys;
  assert.deepEqual(larger, { type: "larger", size: 2n ** 64n - 1n });
});

test("queries › very long or deep ones › are read, or refused by name, in bounded time", () => {
  const many = Array(200_000).fill("seen");
  assert.equal(parseQuery(many, "2.3").key.keys.length, 200_000);
  for (const deep of [Array(200_000).fill("not"), Array(200_000).fill("(")]) {
    assert.throws(() => parseQuery([...deep, "all"], "2.3"), /more than 500 levels deep/);
  }
});

test("queries that remove › without a mailbox, or with nothing else › are dangerous", () => {
  const danger = (query: string) => dangerOf(parseQuery(words(query), "2.3"));
  for (
    const query of [
      "mailbox a all",
      "mailbox-guid x seen",
      "mailbox a* ( seen or draft )",
      "( mailbox a seen ) or ( mailbox b draft )",
      "( mailbox a or mailbox b ) seen",
      "mailbox a not mailbox b all",
      "inthread refs mailbox a seen",
    ]
  ) {
    assert.equal(danger(query), undefined, query);
  }
  for (const query of ["all", "seen", "mailbox a seen or draft", "( mailbox a seen ) or draft"]) {
    assert.match(danger(query)!, /has to name a mailbox/, query);
  }
  for (const query of ["mailbox a", "not mailbox a", "mailbox a or mailbox b"]) {
    assert.match(danger(query)!, /besides the mailbox/, query);
  }
});
