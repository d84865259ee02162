import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandFailure } from "../../../doveadm/server/command_failure.ts";
import { parseSearchQuery, type SearchKey } from "../../../testing/search/query.ts";

/** A key in short notation: `and(seen, not(uids))`. */
function short(key: SearchKey): string {
  switch (key.type) {
    case "and":
    case "or":
      return `${key.type}(${key.keys.map(short).join(", ")})`;
    case "not":
      return `not(${short(key.key)})`;
    case "flag":
      return key.flag.slice(1).toLowerCase();
    case "before":
    case "on":
    case "since":
      return `${key.date} ${key.type} ${key.time.type} ${key.time.seconds}`;
    case "header":
      return `${key.field.toLowerCase()}=${key.text} as ${key.as}`;
    case "body":
    case "text":
      return `${key.type}=${key.text}`;
    default:
      return Object.values(key).map((value) => typeof value === "object" ? "set" : value).join(" ");
  }
}

function parse(args: string | readonly string[]): string {
  return short(parseSearchQuery(typeof args === "string" ? args.split(" ") : args, "2.3").key);
}

test("search queries › keys and values › are parsed", () => {
  const cases: [args: string | string[], key: string][] = [
    [[], "and()"],
    ["all", "and(all)"],
    ["SEEN unseen Answered", "and(seen, not(seen), answered)"],
    ["deleted undeleted draft flagged", "and(deleted, not(deleted), draft, flagged)"],
    ["recent old new", "and(recent, not(recent), and(recent, not(seen)))"],
    ["keyword $Label1 unkeyword x", "and(keyword $Label1, not(keyword x))"],
    ["1:* *", "and(sequences set, sequences set)"],
    ["uid 1:* uid $ $", "and(uids set, uids set, uids set)"],
    ["from bob CC x", "and(from=bob as addresses, cc=x as addresses)"],
    [["subject", ""], "and(subject= as spaced)"],
    ["header X-Y z", "and(x-y=z as text)"],
    ["body a text or", "and(body=a, text=or)"],
    ["larger 1k smaller 5", "and(larger 1024, smaller 5)"],
    ["before 1970-01-02", "and(received before day 86400)"],
    ["senton 2 savedsince 3d", "and(sent on moment 2, saved since ago 259200)"],
    ["x-savedbefore 5", "and(saved before moment 5)"],
    ["older 60 younger 60", "and(received before ago 59, received since ago 60)"],
    ["modseq 7", "and(modseq 7)"],
    ["modseq /flags/\\seen all 7", "and(modseq 7)"],
    ["guid a mailbox-guid b", "and(guid a, mailbox-guid b)"],
    ["mailbox INBOX mailbox P*", "and(mailbox INBOX, mailbox-mask P*)"],
    ["x-mailbox &ANw-bung", "and(mailbox-mask Übung)"],
    ["x-mailbox R&-D", "and(mailbox-mask R&D)"],
    ["fuzzy seen savedatesupported", "and(seen, all)"],
  ];
  for (const [args, key] of cases) assert.equal(parse(args), key, args.toString());
});

test('search queries › "not", "or" and parentheses › are parsed', () => {
  const cases: [args: string, key: string][] = [
    ["not seen", "and(not(seen))"],
    ["not not seen", "and(not(not(seen)))"],
    ["not ( seen draft )", "and(not(and(seen, draft)))"],
    ["seen or draft", "or(seen, draft)"],
    ["seen or draft or flagged", "or(seen, draft, flagged)"],
    ["( seen or draft ) flagged", "and(or(seen, draft), flagged)"],
    ["seen ( draft or ( flagged all ) )", "and(seen, or(draft, and(flagged, all)))"],
    // As in Dovecot.
    ["seen draft or flagged", "or(seen, draft, flagged)"],
    ["or seen", "or(seen)"],
    ["seen not or draft", "or(seen, not(draft))"],
  ];
  for (const [args, key] of cases) assert.equal(parse(args), key, args);
});

test("search queries › invalid ones › fail", () => {
  const cases: [args: string, why: RegExp][] = [
    ["bogus", /no key "bogus"/],
    ["seen or draft flagged", /parentheses/],
    ["seen or", /"or" .* needs a key after it/],
    ["seen )", /a "\)" without a "\("/],
    ["subject", /"subject" .* needs a value after it/],
    ["uid x", /"uid" needs a set of numbers .* not "x"/],
    ["x-mailbox Übung", /modified UTF-7/],
    ["mimepart type text", /MIMEPART/],
    ["inthread refs all", /INTHREAD/],
    ["not ( fuzzy mimepart type text )", /MIMEPART/],
  ];
  for (const [args, why] of cases) {
    assert.throws(
      () => parse(args),
      (error) => error instanceof CommandFailure && error.code === "USAGE" && why.test(error.log!),
      args,
    );
  }
});

test("search queries › nested too deep › fail", () => {
  const nested = (depth: number) => [...Array(depth).fill("("), "all", ...Array(depth).fill(")")];
  assert.equal(parseSearchQuery(nested(400), "2.3").key.type, "and");
  for (const args of [nested(100_000), [...Array(100_000).fill("not"), "all"]]) {
    assert.throws(() => parseSearchQuery(args, "2.3"), /levels deep/);
  }
  // Sequential groups aren't nested.
  assert.equal(parse(Array(1000).fill("all")).length, "all, ".length * 1000 + 3);
});

test("search queries › oldestonly › is a flag of the query", () => {
  assert.equal(parseSearchQuery(["seen"], "2.3").oldestOnly, false);
  assert.equal(parseSearchQuery(["seen", "oldestonly"], "2.3").oldestOnly, true);
});
