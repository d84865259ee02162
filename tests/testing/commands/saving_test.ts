import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../../core/mod.ts";
import { mailHandler } from "../../../testing/mail_handler.ts";
import { MailSystem } from "../../../testing/mail_system.ts";
import { type Answers, answersOf } from "../answers.ts";
import { askHandler } from "../differential/embedded_server.ts";

const mail = (subject: string, ...flags: string[]) => ({
  bytes: encodeUtf8(`Subject: ${subject}\n\n`),
  flags,
  received: new Date(1767609000_000),
});

/** Two users: alice with mail in INBOX and A and room for 100 bytes more, and bob. */
function users(): { system: MailSystem; answers: Answers } {
  const system = new MailSystem({
    users: {
      alice: {
        mailboxes: {
          INBOX: [mail("one", "\\Seen", "Work"), mail("two")],
          A: [mail("three", "$x", "work")],
          Empty: [],
        },
        quota: { bytes: 14 * 2 + 16 + 100 },
      },
      bob: { mailboxes: { INBOX: [mail("bob's", "\\Flagged")], Sent: [mail("sent")] } },
    },
  });
  return { system, answers: answersOf(system) };
}

test("saving › save › adds a mail", async () => {
  for (
    const [args, input, result, saved] of [
      [[], "Subject: x\n\ny\n", "+", "Subject: x\n\ny\n"],
      [["-m", "A"], "a\r\nb\r\r\nc\rd\r", "+", "a\nb\r\nc\rd"],
      [["--mailbox=inbox"], "", "+", ""],
      [["-m", "A"], "\r\n", "+", "\n"],
      [["-m", "A"], "a\n\r\r", "+", "a\n\r"],
      [["-m", "A"], "\r", "+", ""],
      [["-m", "A"], `${"x".repeat(999)}\r\n`, "-UNKNOWN", undefined],
      [["-m", "Nope"], "x", "-NOTFOUND", undefined],
      [["-m", ""], "x", "-USAGE", undefined],
      [["-m"], "x", "-USAGE", undefined],
      [["-r", "now"], "x", "-USAGE", undefined],
      [["file"], "x", "-TEMPFAIL", undefined],
    ] as const
  ) {
    const { system, answers } = users();
    const ask = askHandler(mailHandler(system));
    const answer = await ask({ name: "save", args, user: "alice", input: encodeUtf8(input) });
    assert.equal(answer.result, result, input);
    assert.equal(answer.log.length > 0, result !== "+", input);
    const [name] = [args.at(-1)].filter((arg) => arg === "A");
    const text = await answers("fetch", ["text", "mailbox", name ?? "INBOX", name ? "2" : "3"]);
    assert.deepEqual(text, saved === undefined ? [] : [saved], input);
  }
});

test("saving › a message in pieces › is complete", async () => {
  const { system, answers } = users();
  const ask = askHandler(mailHandler(system));
  system.findUser("alice")!.quota = {};
  // The pieces have 1000 bytes, so that one CR LF is split.
  const input = encodeUtf8(`${"x".repeat(999)}\r\n${"y".repeat(998)}\r\n`);
  await ask({ name: "save", args: ["-m", "Empty"], user: "alice", input });
  const [text] = await answers("fetch", ["text", "mailbox", "Empty"]);
  assert.equal(text, `${"x".repeat(999)}\n${"y".repeat(998)}\n`);
});

test("saving › copy and move › add mails to the target", async () => {
  const fields = "hdr.subject flags date.received.unixtime";
  const three = ["three", "\\Recent $x work", "1767609000"];
  for (
    const [line, answer, inbox, a] of [
      ["copy A mailbox INBOX 1", [], "one two", "three one"],
      ["move A mailbox INBOX 1", [], "two", "three one"],
      ["copy A mailbox INBOX", [], "one two", "three one two"],
      ["copy INBOX mailbox INBOX", [], "one two one two", "three"],
      ["move INBOX mailbox INBOX 1", [], "two one", "three"],
      ["copy A mailbox Nope* all", [], "one two", "three"],
      ["copy A mailbox Nope all", ["-NOTFOUND"], "one two", "three"],
      ["copy Nope mailbox INBOX all", ["-NOTFOUND"], "one two", "three"],
      ["copy A// mailbox INBOX all", ["-USAGE"], "one two", "three"],
      ["copy A", ["-USAGE"], "one two", "three"],
      ["move A mailbox INBOX", ["-USAGE"], "one two", "three"],
      ["move A all", ["-USAGE"], "one two", "three"],
      ["copy A user bob mailbox Sent", [], "one two", "three sent"],
      ["copy A USER bob", [], "one two", "three sent bob's"],
      ["move A user bob mailbox I* all", [], "one two", "three bob's"],
      ["copy A user zoe all", ["-NOUSER"], "one two", "three"],
      [
        "copy --destination-mailbox=A --source-type=user --source-user=bob 1",
        [],
        "one two",
        "three sent bob's",
      ],
    ] as const
  ) {
    const { answers } = users();
    const [name, ...args] = line.split(" ");
    assert.deepEqual(await answers(name, args), answer, line);
    const subjects = (mailbox: string) => answers("fetch", ["hdr.subject", "mailbox", mailbox]);
    assert.deepEqual(await subjects("INBOX"), inbox.split(" "), line);
    assert.deepEqual(await subjects("A"), a.split(" "), line);
    assert.deepEqual(await answers("fetch", [fields, "mailbox", "A", "1"]), three, line);
  }
  const { system, answers } = users();
  const guids = () => answers("fetch", ["guid refcount", "all"]);
  const [guid] = await answers("fetch", ["guid", "mailbox", "INBOX", "1"]);
  await answers("copy", ["A", "mailbox", "INBOX", "1"]);
  assert.equal((await guids()).filter((text) => text === guid).length, 2);
  assert.equal((await guids()).filter((text) => text === "2").length, 2);
  // Keywords get the mailbox's spelling.
  const [flags] = await answers("fetch", ["flags", "mailbox", "A", "2"]);
  assert.equal(flags, "\\Seen \\Recent work");
  await answers("move", ["A", "user", "bob", "mailbox", "*", "all"]);
  assert.deepEqual(await answers("fetch", ["uid", "all"], "bob"), []);
  assert.equal(system.findUser("alice")!.open("A").count, 4);
});

test("saving › copies over the quota, and moves › fail, and succeed", async () => {
  const { system, answers } = users();
  system.findUser("alice")!.quota = { messages: 4 };
  assert.deepEqual(await answers("copy", ["Empty", "mailbox", "INBOX"]), ["-UNKNOWN"]);
  assert.deepEqual(await answers("fetch", ["hdr.subject", "mailbox", "Empty"]), ["one"]);
  assert.deepEqual(await answers("move", ["Empty", "mailbox", "INBOX", "all"]), []);
  assert.deepEqual(
    await answers("fetch", ["hdr.subject", "mailbox", "Empty"]),
    ["one", "one", "two"],
  );
  // A copy over the quota leaves the mail unchanged.
  assert.deepEqual(
    await answers("move", ["Empty", "user", "bob", "mailbox", "INBOX", "all"]),
    ["-UNKNOWN"],
  );
  assert.deepEqual(await answers("fetch", ["hdr.subject", "mailbox", "INBOX"], "bob"), ["bob's"]);
});
