import assert from "node:assert/strict";
import { test } from "node:test";
import { MailSystem } from "../../../testing/mail_system.ts";
import { type Answers, answersOf } from "../answers.ts";

const mail = (subject: string, ...flags: string[]) => ({
  bytes: new TextEncoder().encode(`Subject: ${subject}\n\n`),
  flags,
});

/** Alice's mail: two in INBOX, one in each of A and A/B, none in Empty. */
function alice(): { system: MailSystem; answers: Answers } {
  const mailboxes = {
    INBOX: { guid: "1".repeat(32), mails: [mail("one", "\\Seen"), mail("two")] },
    A: { guid: "2".repeat(32), mails: [mail("three")] },
    "A/B": { guid: "3".repeat(32), mails: [mail("four", "\\Seen")] },
    Empty: { guid: "4".repeat(32), subscribed: true },
  };
  const system = new MailSystem({ users: { alice: { mailboxes } } });
  return { system, answers: answersOf(system) };
}

test("mails › search and fetch › return the matching mails", async () => {
  const { answers } = alice();
  const inbox = ["mailbox", "INBOX"];
  const guid = "1".repeat(32);
  for (
    const [line, expected] of [
      ["search mailbox INBOX", [guid, "1", guid, "2"]],
      ["search mailbox inbox unseen", [guid, "2"]],
      ["search mailbox A* seen", ["3".repeat(32), "1"]],
      ["search -A mailbox INBOX seen", ["alice", guid, "1"]],
      ["search mailbox Nope all", ["-NOTFOUND"]],
      ["search mailbox Nope* all", []],
      ["search mailbox A mailbox Nope all", ["-NOTFOUND"]],
      ["search mailbox A. all", ["-USAGE"]],
      ["search", ["-USAGE"]],
      ["search nonsense", ["-USAGE"]],
      ["fetch uid", ["-USAGE"]],
      ["fetch nosuch all", ["-USAGE"]],
      ["fetch hdr.subject mailbox INBOX", ["one", "two"]],
      ["fetch hdr.subject unseen mailbox *", ["three", "two"]],
      ["fetch mailbox mailbox inbox seen", ["INBOX"]],
      ["fetch --field uid --field=seq mailbox INBOX", ["1", "1", "2", "2"]],
      ["fetch --fieldstr=uid --query=mailbox --query=A", ["1"]],
      ["fetch uid mailbox Nope all", []],
      ["fetch uid mailbox A// all", ["-USAGE"]],
      ["fetch -A uid mailbox INBOX", ["alice", "1", "alice", "2"]],
    ] as const
  ) {
    const [name, ...args] = line.split(" ");
    assert.deepEqual(await answers(name, args), expected, line);
  }
  assert.deepEqual(await answers("fetch", ["uid flags", ...inbox]), [
    ..."1|\\Seen \\Recent|2|\\Recent".split("|"),
  ]);
  assert.deepEqual(await answers("fetch", ["-A", "", ...inbox]), []);
});

test("mails › a row with an unreadable value › is left out", async () => {
  const { system, answers } = alice();
  system.findUser("alice")!.add("A", {
    bytes: new TextEncoder().encode("Content-Transfer-Encoding: x\n\n"),
  });
  system.findUser("alice")!.add("A", mail("five"));
  const args = ["uid binary.1 seq", "mailbox", "A"];
  assert.deepEqual(await answers("fetch", args), [..."1,,1,3,,3".split(","), "-DATAERR"]);
});

test("mails › expunge › removes the matching mails", async () => {
  for (
    const [query, answer, left] of [
      ["mailbox INBOX seen", [], "three four two"],
      ["mailbox INBOX all", [], "three four"],
      ["mailbox * seen", [], "three two"],
      ["mailbox Nope all", ["-NOTFOUND"], "three four one two"],
      ["mailbox Nope* all", [], "three four one two"],
      ["( mailbox INBOX seen ) or ( mailbox A unseen )", [], "four two"],
      ["( mailbox INBOX or mailbox A ) 1", [], "four two"],
      // "all" doesn't change "not mailbox A", which selects all others.
      ["not ( mailbox A all ) seen", [], "three two"],
      // A query that no mail can match selects no mailbox.
      ["mailbox Nope seen unseen", [], "three four one two"],
      // Queries that could remove more than was meant.
      ["", ["-USAGE"], "three four one two"],
      ["all", ["-USAGE"], "three four one two"],
      ["mailbox INBOX", ["-USAGE"], "three four one two"],
      ["mailbox INBOX or mailbox A", ["-USAGE"], "three four one two"],
      ["( mailbox INBOX seen ) or seen", ["-USAGE"], "three four one two"],
      ["mailbox INBOX ( seen or mailbox A )", ["-USAGE"], "three four one two"],
      ["mailbox INBOX not mailbox A", ["-USAGE"], "three four one two"],
    ] as const
  ) {
    const { answers } = alice();
    assert.deepEqual(await answers("expunge", query === "" ? [] : query.split(" ")), answer, query);
    const subjects = await answers("fetch", ["hdr.subject", "all"]);
    assert.deepEqual([...subjects].sort(), left.split(" ").sort(), query);
  }
});

test("mails › expunge of all mails › deletes empty mailboxes", async () => {
  const { answers } = alice();
  assert.deepEqual(await answers("expunge", ["-d", "mailbox", "A/B", "all"]), []);
  assert.deepEqual(await answers("expunge", ["-d", "mailbox", "A", "seen"]), []);
  assert.deepEqual(await answers("mailbox list", ["-s"]), ["Empty"]);
  assert.deepEqual(
    await answers("expunge", ["--delete-empty-mailbox", "mailbox", "E*", "all"]),
    [],
  );
  assert.deepEqual(await answers("mailbox list", ["-s"]), []);
  assert.deepEqual([...await answers("mailbox list")].sort(), ["A", "INBOX"]);
  assert.deepEqual(await answers("expunge", ["-d", "mailbox", "INBOX", "all"]), ["-DATAERR"]);
  assert.deepEqual(await answers("fetch", ["hdr.subject", "all"]), ["three"]);
});
