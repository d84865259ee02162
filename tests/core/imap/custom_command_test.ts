import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationEvent, TaggedResult } from "../../../core/imap/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { Talk } from "./talk.ts";

const ok: TaggedResult = { status: "OK", text: "Done." };
const noop = "n OK NOOP completed.\r\n";

/** The types and the reasons of events. */
function told(events: readonly ConversationEvent[]): string[] {
  return events.map((event) => "reason" in event ? `${event.type}: ${event.reason}` : event.type);
}

test("a stateless command › from its start to its end › has its arguments and answers", () => {
  const talk = Talk.in();
  const { id, tag, name, args, session } = talk.begin(
    'a xask one "two" {3+}\r\nx\r\n (NIL)\r\nn NOOP\r\n',
  );
  assert.deepEqual([id, tag, name], [1, "a", "XASK"]);
  assert.deepEqual(args, [
    { type: "atom", text: "one" },
    { type: "string", form: "quoted", bytes: encodeUtf8("two") },
    { type: "string", form: "literal", bytes: encodeUtf8("x\r\n") },
    { type: "list", values: [{ type: "atom", text: "NIL" }] },
  ]);
  assert.equal(session.user, "alice");
  assert.equal(talk.server.running, 1);
  assert.equal(talk.server.untagged(1, ["XASK ", encodeUtf8("a\r\nb"), " end"]), true);
  assert.equal(talk.server.untagged(1, ["XASK ", Uint8Array.of(0, 1)]), true);
  talk.server.finish(1, { status: "NO", code: "XWHY because", text: "No." });
  assert.equal(talk.server.running, undefined);
  talk.pump();
  assert.equal(
    talk.heard(),
    `* XASK {4}\r\na\r\nb end\r\n* XASK ~{2}\r\n\0\x01\r\na NO [XWHY because] No.\r\n${noop}`,
  );
});

test("arguments › of a shape › are read, and others are BAD", () => {
  const shape = ["astring", "number?", "value*"] as const;
  const cases: readonly (readonly [string, readonly unknown[] | undefined])[] = [
    [" a", ["a", undefined, []]],
    [' "ä" 4294967295', ["ä", 4_294_967_295, []]],
    [" {2+}\r\n\r\n 7 x", ["\r\n", 7, [{ type: "atom", text: "x" }]]],
    [" a 1 () NIL", ["a", 1, [{ type: "list", values: [] }, { type: "atom", text: "NIL" }]]],
    ["", undefined],
    [" (a)", undefined],
    [" a 4294967296", undefined],
    [" a -1", undefined],
    [' a "1"', undefined],
    [" {1+}\r\n\0", undefined],
    [" ~{1+}\r\na", undefined],
  ];
  for (const [said, args] of cases) {
    const talk = Talk.in({ commands: [{ name: "XASK", args: shape }] });
    talk.say(`a XASK${said}\r\n`);
    const [event] = talk.events;
    if (args === undefined) {
      assert.equal(talk.heard(), "a BAD Error in IMAP command XASK: Invalid arguments.\r\n", said);
      assert.deepEqual(told([event]), ["mistake: Invalid arguments"]);
    } else assert.deepEqual(event.type === "command" && event.args, args, said);
  }
});

test("arguments › a fixed number of them, or none › are no more", () => {
  const commands = [{ name: "XNONE", args: [] }, {
    name: "XTWO",
    args: ["astring", "astring"],
  }] as const;
  const talk = Talk.in({ commands });
  assert.match(talk.ask("a XNONE x\r\n"), /^a BAD /);
  assert.match(talk.ask("a XTWO x\r\n"), /^a BAD /);
  assert.match(talk.ask("a XTWO x y z\r\n"), /^a BAD /);
  assert.deepEqual(talk.begin("a XTWO x y\r\n").args, ["x", "y"]);
});

test("states › a command in another one › is BAD", () => {
  const commands = [
    { name: "XBEFORE", states: ["not-authenticated"] },
    { name: "XAFTER" },
    { name: "XSELECTED", states: ["selected"] },
    { name: "XANY", states: ["not-authenticated", "authenticated"] },
  ] as const;
  const before = new Talk({ commands });
  before.heard();
  const bad = "BAD Error in IMAP command received by server.\r\n";
  assert.equal(before.ask("a XAFTER {5+}\r\nhello\r\nb XSELECTED\r\n"), `a ${bad}b ${bad}`);
  before.server.finish(before.begin("c XANY\r\n").id, ok);
  before.server.finish(before.begin("d XBEFORE\r\n").id, ok);
  assert.equal(before.heard(), "c OK Done.\r\nd OK Done.\r\n");

  const after = Talk.in({ commands });
  assert.match(after.ask("a XBEFORE\r\n"), /XBEFORE: Already logged in\.\r\n$/);
  assert.match(after.ask("a XSELECTED\r\n"), /XSELECTED: No mailbox selected\.\r\n$/);
  after.server.select("INBOX");
  assert.equal(after.begin("a XSELECTED\r\n").session.mailbox, "INBOX");
});

for (const done of ["DONE\r\n", "done\r\n", "Done\n"]) {
  test(`DONE › as ${JSON.stringify(done)} › ends the command, and the next one is read after its answer`, () => {
    const talk = Talk.waiting();
    assert.deepEqual(talk.say(`${done}n NOOP\r\n`), [{ type: "done", id: 1 }]);
    assert.equal(talk.heard(), "");
    talk.server.untagged(1, ["XLAST"]);
    talk.server.finish(1, ok);
    talk.pump();
    assert.equal(talk.heard(), `* XLAST\r\na OK Done.\r\n${noop}`);
  });
}

test("DONE › before the continuation › counts", () => {
  const talk = Talk.in();
  assert.deepEqual(told(talk.say("a XWAIT\r\nDONE\r\nn NOOP\r\n")), ["command", "done"]);
  talk.server.continue(1, "waiting");
  talk.server.finish(1, ok);
  talk.pump();
  assert.equal(talk.heard(), `+ waiting\r\na OK Done.\r\n${noop}`);
});

test("DONE › in pieces › is one line", () => {
  const talk = Talk.waiting();
  assert.deepEqual([talk.say("DO"), talk.say("NE"), talk.say("\r")], [[], [], []]);
  assert.deepEqual(told(talk.say("\n")), ["done"]);
});

for (
  const line of [
    "",
    "DONE ",
    " DONE",
    "x NOOP",
    "DONEDONE",
    "DONE\0",
    "x APPEND INBOX {8+}\r\ny NOOP\r\n",
    "x NOOP )( {8+}\r\ny NOOP\r\n {8+}\r\nz NOOP\r\n",
    "x APPEND INBOX {8}",
    "DONE {8+}\r\ny NOOP\r\n",
  ]
) {
  test(`a wrong line › ${JSON.stringify(line)} › is eaten, with its literals`, () => {
    const talk = Talk.waiting();
    const events = talk.say(`${line}\r\nn NOOP\r\n`);
    assert.deepEqual(told(events), ["mistake: Expected DONE", "cancel: wrong-line"]);
    assert.equal(talk.heard(), `a BAD Expected DONE.\r\n${noop}`);
    // What the command's owner does late is ignored, whatever runs then.
    talk.begin("b XWAIT\r\n");
    assert.equal(talk.server.untagged(1, ["XLATE"]), false);
    assert.equal(talk.server.continue(1), false);
    assert.equal(talk.server.isWritable(1), false);
    talk.server.finish(1, ok);
    talk.server.cancel(1);
    assert.equal(talk.heard(), "");
    assert.equal(talk.server.running, 2);
  });
}

test("a wrong line › over the limit › is BAD before its end, and its rest is skipped", () => {
  const talk = Talk.waiting({ limits: { line: 100 } });
  assert.deepEqual(talk.say("x".repeat(100)), []);
  assert.deepEqual(told(talk.say("x")), ["mistake: Expected DONE", "cancel: wrong-line"]);
  assert.equal(talk.heard(), "a BAD Expected DONE.\r\n");
  assert.deepEqual(talk.say(`${"x".repeat(500)} {8+}\r\ny NOOP\r\n\r\n`), []);
  assert.equal(talk.ask("n NOOP\r\n"), noop);
});

test("wrong lines › however many › don't count as bad commands", () => {
  const talk = Talk.in();
  for (let at = 0; at < 30; at++) {
    talk.say("a XWAIT\r\nwrong\r\n");
  }
  assert.equal(talk.heard(), "a BAD Expected DONE.\r\n".repeat(30));
});

test("its own end › before DONE › gives the input back", () => {
  const talk = Talk.waiting();
  talk.say("DO");
  talk.server.finish(1, ok);
  assert.equal(talk.heard(), "a OK Done.\r\n");
  assert.equal(talk.ask(" NOOP\r\nn NOOP\r\n"), `DO OK NOOP completed.\r\n${noop}`);
});

test("cancel › by the caller › is NO, and the command's owner learns of it", () => {
  const talk = Talk.waiting();
  talk.server.cancel(1, "Not now.");
  assert.deepEqual(talk.pump(), [{ type: "cancel", id: 1, reason: "cancelled" }]);
  talk.server.finish(1, ok);
  assert.equal(talk.heard(), "a NO Not now.\r\n");
  assert.equal(talk.ask("n NOOP\r\n"), noop);
});

test("the client's end › while a long-running command runs › ends it without an answer", () => {
  const talk = Talk.waiting();
  talk.say("DON");
  assert.deepEqual(talk.end(), [
    { type: "cancel", id: 1, reason: "disconnected" },
    { type: "end", unanswered: [1] },
  ]);
  talk.server.finish(1, ok);
  assert.equal(talk.heard(), "");
});

test("the client's end › after DONE, or while a stateless command runs › waits for the answer", () => {
  const talk = Talk.waiting();
  talk.say("DONE\r\nn NOOP\r\n");
  assert.deepEqual(talk.end(), []);
  talk.server.finish(1, ok);
  assert.deepEqual(talk.pump(), [{ type: "end", unanswered: [] }]);
  assert.equal(talk.heard(), `a OK Done.\r\n${noop}`);

  const asking = Talk.in();
  asking.begin("a XASK\r\nn NOOP\r\n");
  assert.deepEqual(asking.end(), []);
  asking.server.finish(1, ok);
  assert.deepEqual(asking.pump(), [{ type: "end", unanswered: [] }]);
  assert.equal(asking.heard(), `a OK Done.\r\n${noop}`);
});

test("shutdown › while a command runs › says BYE between two lines, and cancels it", () => {
  const talk = Talk.waiting();
  talk.server.untagged(1, ["XDATA ", encodeUtf8("abc")]);
  talk.server.close("Server shutting down.");
  assert.deepEqual(talk.pump(), [
    { type: "cancel", id: 1, reason: "disconnected" },
    { type: "end", unanswered: [1] },
  ]);
  assert.equal(talk.server.untagged(1, ["XLATE"]), false);
  assert.equal(talk.heard(), "* XDATA {3}\r\nabc\r\n* BYE Server shutting down.\r\n");
});

test("IDLE › the built-in one › is answered as Dovecot answers it", () => {
  const talk = Talk.in();
  assert.equal(talk.ask("a IDLE x\r\n"), "+ idling\r\n");
  assert.equal(talk.ask("done\r\n"), "a OK Idle completed.\r\n");
  assert.equal(
    talk.ask("b IDLE\r\nDONE\r\nc IDLE\r\nDONE\r\nn NOOP\r\n").match(/Idle/g)?.length,
    2,
  );
  assert.equal(
    talk.ask("d IDLE\r\nx NOOP {3+}\r\nabc\r\nn NOOP\r\n"),
    `+ idling\r\nd BAD Expected DONE.\r\n${noop}`,
  );
  assert.deepEqual(told(talk.events), ["mistake: Expected DONE"]);
  talk.ask("e IDLE\r\n");
  assert.throws(() => talk.server.finish(0, ok), LocalProtocolError);
  assert.deepEqual(talk.end(), [{ type: "end", unanswered: [] }]);
});

test("keepalives › of a long-running command › come at fixed times, whatever happened before", () => {
  const talk = Talk.waiting({ keepaliveInterval: 1000, keepalivePhase: 300 });
  assert.equal(talk.pass(699), "");
  assert.equal(talk.pass(1), "* OK Still here\r\n");
  assert.equal(talk.pass(999), "");
  assert.equal(talk.pass(1), "* OK Still here\r\n");
  assert.equal(talk.pass(3000), "* OK Still here\r\n".repeat(3));
  talk.say("DONE\r\n");
  talk.server.finish(1, ok);
  talk.heard();
  assert.equal(talk.pass(5000), "");
});

test("keepalives › something was sent when one is due › are put off", () => {
  const talk = Talk.waiting({ keepaliveInterval: 1000 });
  assert.equal(talk.pass(999), "");
  talk.server.untagged(1, ["XNEWS"]);
  // The time comes before anybody has told it.
  talk.server.handleTimeout(1000);
  assert.equal(talk.heard(), "* XNEWS\r\n");
  assert.equal(talk.pass(1000), "");
  assert.equal(talk.pass(1), "* OK Still here\r\n");
});

test("keepalives › while output is blocked › are left out, and come again at their times", () => {
  const talk = Talk.waiting({ keepaliveInterval: 1000 });
  talk.pass(100);
  talk.server.untagged(1, ["XNEWS"]);
  for (const now of [101, 1000, 2000, 3500]) talk.server.handleTimeout(now);
  assert.equal(talk.heard(), "* XNEWS\r\n");
  talk.server.handleTimeout(3600);
  talk.server.handleTimeout(4000);
  assert.equal(talk.heard(), "* OK Still here\r\n");
});

test("keepalives › with another text, or none › are as their command wants", () => {
  const commands = [
    { name: "XTEXT", isLongRunning: true, keepalive: "still syncing" },
    { name: "XNONE", isLongRunning: true, keepalive: false },
    { name: "XASK" },
  ] as const;
  const talk = Talk.in({ commands, keepaliveInterval: 1000 });
  const { id } = talk.begin("a XTEXT\r\n");
  assert.equal(talk.pass(1000), "* OK still syncing\r\n");
  talk.server.finish(id, ok);
  talk.heard();
  for (const said of ["b XNONE\r\n", "c XASK\r\n"]) {
    const { id } = talk.begin(said);
    assert.equal(talk.pass(5000), "");
    talk.server.finish(id, ok);
    talk.heard();
  }
  assert.equal(talk.ask("d IDLE\r\n"), "+ idling\r\n");
  assert.equal(talk.pass(1000), "* OK Still here\r\n");
});

test("keepalives › switched off › never come", () => {
  const talk = Talk.waiting({ keepaliveInterval: 0 });
  assert.equal(talk.pass(10_000_000), "");
});

test("output › that the client doesn't read › holds the command back until half of it is read", () => {
  const talk = Talk.waiting({ limits: { output: 200 } });
  let sent = 0;
  do sent++; while (talk.server.untagged(1, ["XDATA ", new Uint8Array(20)]));
  assert.equal(sent, 6);
  assert.equal(talk.server.isWritable(1), false);
  assert.deepEqual(talk.pump(), []);
  // DONE is read all the same.
  assert.deepEqual(told(talk.say("DONE\r\n")), ["done"]);
  assert.equal(talk.heard().length, 6 * "* XDATA ~{20}\r\n12345678901234567890\r\n".length);
  assert.deepEqual(talk.pump(), [{ type: "writable", id: 1 }]);
  assert.equal(talk.server.isWritable(1), true);
  assert.deepEqual(talk.pump(), []);
});
