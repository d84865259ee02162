import assert from "node:assert/strict";
import { test } from "node:test";
import { MailSystem } from "../../../testing/mail_system.ts";
import { type Answers, answersOf } from "../answers.ts";

/** Runs commands on three mails in alice's INBOX, of which the second has flags. */
function answersOfAlice(): Answers {
  const bytes = new Uint8Array();
  const mails = [{ bytes }, { bytes, flags: ["Work", "\\seen", "$a"] }, { bytes }];
  return answersOf(new MailSystem({ users: { alice: { mailboxes: { INBOX: { mails } } } } }));
}

test("flags › add, remove and replace › change the mails' flags", async () => {
  const answers = answersOfAlice();
  const inbox = ["mailbox", "INBOX"];
  for (
    const [command, flags, mails, ...expected] of [
      ["add", "", "1", "", "\\Seen Work $a", ""],
      ["add", "\\Seen b \\FLAGGED WORK", "1", "\\Flagged \\Seen Work b", "\\Seen Work $a", ""],
      ["remove", "\\SEEN $A none", "1:2", "\\Flagged Work b", "Work", ""],
      ["replace", "B $A", "2:3", "\\Flagged Work b", "$a b", "$a b"],
      ["replace", "", "3", "\\Flagged Work b", "$a b", ""],
      ["add", "\\Recent", "3", "\\Flagged Work b", "$a b", ""],
      [
        "add",
        "\\Answered \\Deleted \\Draft",
        "2",
        "\\Flagged Work b",
        "\\Answered \\Deleted \\Draft $a b",
        "",
      ],
    ]
  ) {
    const what = `${command} ${flags}`;
    assert.deepEqual(await answers(`flags ${command}`, [flags, ...inbox, mails]), [], what);
    const shown = await answers("fetch", ["flags", ...inbox]);
    const withRecent = expected.map((text) => {
      const words = text.split(" ").filter((word) => word !== "");
      const at = words.findIndex((word) => !word.startsWith("\\"));
      words.splice(at === -1 ? words.length : at, 0, "\\Recent");
      return words.join(" ");
    });
    assert.deepEqual(shown, withRecent, what);
  }
  assert.deepEqual(await answers("flags add", ["--flag=x", "--flag", "\\Seen", ...inbox, "3"]), []);
  assert.deepEqual(await answers("fetch", ["flags", ...inbox, "3"]), ["\\Seen \\Recent x"]);
});

test("flags › invalid flags and mailboxes › fail", async () => {
  const answers = answersOfAlice();
  for (
    const [args, expected] of [
      [["\\Bogus", "mailbox", "INBOX"], "-USAGE"],
      [["\\", "mailbox", "INBOX"], "-USAGE"],
      [["\\Seen"], "-USAGE"],
      [[], "-USAGE"],
      [["\\Seen", "nonsense"], "-USAGE"],
      [["\\Seen", "mailbox", "Nope"], "-NOTFOUND"],
      [["word", "mailbox", "Nope"], "-NOTFOUND"],
      [["word", "mailbox", "~"], "-USAGE"],
      ...["a  b", " a", "a(b", "a{b", "a%", "a*", 'a"', "a\\", "a]", "ä", "a\x7f", "a".repeat(51)]
        .map((keyword) => [[keyword, "mailbox", "INBOX"], "-DATAERR"] as const),
    ] as const
  ) {
    assert.deepEqual(await answers("flags add", args), [expected], JSON.stringify(args));
  }
  // Keywords aren't checked if there is no mailbox for them.
  assert.deepEqual(await answers("flags replace", ["a(b", "mailbox", "Nope*"]), []);
  for (const keyword of ["a".repeat(50), "a[b", "$x,y/z", "NIL", "seen"]) {
    assert.deepEqual(await answers("flags add", [keyword, "mailbox", "INBOX", "1"]), [], keyword);
  }
  const [flags] = await answers("fetch", ["flags", "mailbox", "INBOX", "1"]);
  assert.equal(flags, `\\Recent ${"a".repeat(50)} a[b $x,y/z NIL seen`);
});
