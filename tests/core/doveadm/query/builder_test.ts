import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery, query } from "../../../../core/doveadm/mod.ts";
import { LocalProtocolError } from "../../../../core/mod.ts";
import { cpuTimeOf } from "../../../harness/cpu_time.ts";

const { and, days, from, header, mailbox, not, or, sentBefore, seen, unseen } = query;

test("query builder › conditions › become the words that Dovecot knows", () => {
  const cases: readonly (readonly [query.Query, string])[] = [
    [query.all, "all"],
    [query.nothing, "not all"],
    [mailbox("Sent Items"), "mailbox|Sent Items"],
    [query.mailboxMask("Archive/%"), "mailbox|Archive/%"],
    [query.mailboxGuid("a"), "mailbox-guid|a"],
    [query.guid("b"), "guid|b"],
    [query.uid(7), "uid|7"],
    [query.uid([5, 1, 3, 2, 2]), "uid|1:3,5"],
    [query.uid("1,3:5,10:*"), "uid|1,3:5,10:*"],
    [query.uid([]), "not|all"],
    [query.sequence("1:*"), "1:*"],
    [query.flagged, "flagged"],
    [query.keyword("$Forwarded"), "keyword|$Forwarded"],
    [query.unkeyword("work"), "not|keyword|work"],
    [query.before("2026-01-31"), "before|2026-01-31"],
    [query.on("31-Jan-2026"), "on|31-Jan-2026"],
    [query.since("2weeks"), "since|2weeks"],
    [sentBefore(days(30)), "sentbefore|30 days"],
    [query.sentOn("3d"), "senton|3d"],
    [query.sentSince(query.weeks(2)), "sentsince|2 weeks"],
    [query.savedBefore(query.hours(1.5)), "savedbefore|5400 seconds"],
    [query.savedOn(query.minutes(0)), "savedon|0 minutes"],
    [query.savedSince(query.seconds(10)), "savedsince|10 seconds"],
    [query.since(new Date("2026-01-31T10:00:00Z")), "since|1769853600"],
    [query.before(new Date(1500)), "before|2"],
    [query.larger(2000), "larger|2000"],
    [query.larger("10M"), "larger|10M"],
    [query.smaller(2n ** 60n), "smaller|1152921504606846976"],
    [header("List-Id"), "header|List-Id|"],
    [header("X-Spam", "yes"), "header|X-Spam|yes"],
    [query.subject("(no) or not"), "subject|(no) or not"],
    [from("a\tb"), "from|a\tb"],
    [query.to(")"), "to|)"],
    [query.cc(""), "cc|"],
    [query.bcc("x"), "bcc|x"],
    [query.body("ü"), "body|ü"],
    [query.anywhere("or"), "text|or"],
    [query.modseq(7n), "modseq|7"],
  ];
  for (const [built, expected] of cases) {
    assert.deepEqual(built, expected.split(expected.includes("|") ? "|" : " "));
    parseQuery(built, "2.3");
    parseQuery(built, "2.4");
  }
});

test("query builder › combined conditions › have parentheses where they need them", () => {
  const cases: readonly (readonly [query.Query, string])[] = [
    [
      and(mailbox("INBOX"), unseen, sentBefore("30d"), not(header("Subject", "x"))),
      "mailbox INBOX unseen sentbefore 30d not header Subject x",
    ],
    [and(), "all"],
    [or(), "not all"],
    [and(seen), "seen"],
    [or(seen), "seen"],
    [or(seen, query.draft), "( seen or draft )"],
    [or(seen, query.draft, query.old), "( seen or draft or old )"],
    [and(or(seen, query.draft), query.old), "( seen or draft ) old"],
    [or(and(seen, query.draft), query.old), "( ( seen draft ) or old )"],
    [and(seen, and(query.draft, query.old)), "seen draft old"],
    [not(and(seen, query.draft)), "not ( seen draft )"],
    [not(or(seen, query.draft)), "not ( seen or draft )"],
    [not(not(seen)), "not not seen"],
    [not(and(seen)), "not seen"],
    [or(not(seen), query.nothing), "( not seen or not all )"],
  ];
  for (const [built, expected] of cases) {
    assert.equal(built.join(" "), expected);
    parseQuery(built, "2.3");
  }
});

test("query builder › queries by hand › can be combined with others", () => {
  const alternatives = ["seen", "or", "draft"];
  assert.equal(and(alternatives, query.old).join(" "), "( seen or draft ) old");
  assert.equal(and(["seen", "draft"], query.old).join(" "), "seen draft old");
  assert.equal(not(["seen"]).join(" "), "not seen");
  assert.equal(not(["seen", "draft"]).join(" "), "not ( seen draft )");
  assert.equal(not(["not", "or", "seen"]).join(" "), "not ( not or seen )");
  assert.equal(or(alternatives, ["old"]).join(" "), "( ( seen or draft ) or old )");
  assert.deepEqual(query.words("mailbox", "INBOX", "all"), ["mailbox", "INBOX", "all"]);
  // What one version alone takes.
  query.words("since", "2026-02-31");
  query.words("since", "31-Jan-2026 10:00:00 +0000");
  // A caller's array is taken as it is now.
  const changing = ["seen"];
  const built = and(changing, query.old);
  changing.push("or", "draft");
  assert.equal(built.join(" "), "seen old");
  assert.equal(and(changing, query.old).join(" "), "( seen or draft ) old");
});

test("query builder › what Dovecot wouldn't take › throws where it is built", () => {
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => mailbox("a*"), /mask.*mailboxMask/],
    [() => mailbox("100%"), /mailboxGuid/],
    [() => mailbox("a\0"), /without NULs/],
    [() => query.keyword("\\Seen"), /not a keyword/],
    [() => query.before("soon"), /needs a Date.*"soon"/],
    [() => query.before(new Date(NaN)), /valid/],
    [() => query.before(new Date(-1500)), /valid/],
    [() => query.since("30 days ago"), /"30 days ago"/],
    [() => days(-1), /days\(-1\)/],
    [() => days(NaN), /days\(NaN\)/],
    [() => days(Infinity), /from 0 to 49710\./],
    [() => query.weeks(7102), /from 0 to 7101\./],
    [() => query.larger(-1), /integer/],
    [() => query.larger(1.5), /integer/],
    [() => query.larger(NaN), /integer/],
    [() => query.larger("10X"), /"10X"/],
    [() => query.smaller(2n ** 64n), /integer/],
    [() => query.uid(0), /from 1 to 4294967294/],
    [() => query.uid([1, NaN]), /numbers from 1/],
    [() => query.uid([1.5]), /numbers from 1/],
    [() => query.uid(2 ** 32), /numbers from 1/],
    [() => query.uid("4294967297"), /numbers from 1/],
    [() => query.uid("x"), /"x"/],
    [() => header("Sub ject"), /not the name of a header field/],
    [() => header(""), /not the name of a header field/],
    [() => header("Subject:"), /not the name of a header field/],
    [() => query.words(), /no words/],
    [() => query.words("bogus"), /no key "bogus"/],
    [() => and(seen, ["uid"]), /needs a set of numbers/],
    [() => not([]), /no words/],
  ];
  for (const [build, message] of cases) {
    assert.throws(build, (error) => {
      assert(error instanceof LocalProtocolError, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  // What the compiler refuses is also refused at run time.
  const number = 5 as unknown as string;
  for (const build of [() => from(number), () => query.since(number), () => mailbox(number)]) {
    assert.throws(build, LocalProtocolError);
  }
});

test("query builder › its queries › can't be changed, nor its constants by a caller", () => {
  for (const built of [query.all, seen, and(seen, query.old), not(seen), query.words("seen")]) {
    assert(Object.isFrozen(built));
  }
});

test("query builder › a hundred thousand conditions › take linear time", () => {
  const uids = Array.from({ length: 100_000 }, (_, at) => at * 2 + 1);
  assert(query.uid(uids).join(" ").startsWith("uid 1,3,5,"));
  const time = cpuTimeOf(() => {
    const built = or(...uids.map((uid) => and(query.uid(uid), seen)));
    assert.equal(built.length, 100_000 * 6 + 1);
  });
  assert(time < 20_000, `${time} ms`);
});

test("query builder › values of other types › LocalProtocolError where it is built", () => {
  const others: readonly unknown[] = [null, true, {}, [null], 5n, Symbol("5"), () => {}];
  for (const other of others) {
    const [number, text] = [other as number, other as string];
    const builds = [
      ...[query.days, query.weeks, query.hours, query.minutes, query.seconds].map((ago) => () =>
        ago(number)
      ),
      ...[query.mailbox, query.keyword, query.unkeyword, query.header, query.subject].map(
        (of) => () => of(text),
      ),
      () => query.before(text),
      () => and(other as typeof seen),
      () => or(other as typeof seen, seen),
      () => not(other as typeof seen),
    ];
    builds.push(() => query.uid(number), () => query.sequence([1, number, 2]));
    if (typeof other !== "bigint") builds.push(() => query.modseq(number));
    for (const build of builds) {
      assert.throws(build, LocalProtocolError, `${String(other)} ${build}`);
    }
  }
});

test("query builder › how long ago, as nothing › isn't now, which is after all messages", () => {
  for (const count of [null, "", [], "5", undefined]) {
    assert.throws(() => query.before(query.days(count as unknown as number)), LocalProtocolError);
  }
});
