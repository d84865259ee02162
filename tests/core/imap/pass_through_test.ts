import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Conversation,
  type ConversationEvent,
  type ConversationOptions,
  type PassDecision,
  type PassedLine,
  type PassedLiteral,
  type PassNext,
  type PassThrough,
} from "../../../core/imap/mod.ts";
import { concat, decodeUtf8, encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { commands } from "./talk.ts";

/** An upstream server that notes what it gets, and does what it is told to. */
class NotingServer implements PassThrough {
  openCommands = 0;
  readonly notes: string[] = [];
  decision: PassDecision = "pass";
  next: PassNext = "next";
  answersBad = false;
  staysOpen = false;

  begin({ tag, name }: { readonly tag: string; readonly name: string }): PassDecision {
    this.notes.push(`begin ${tag} ${name}`);
    return this.decision;
  }
  text(bytes: Uint8Array): void {
    this.notes.push(`text ${decodeUtf8(bytes)}`);
  }
  literal({ size, isSynchronizing, isBinary }: PassedLiteral): void {
    this.notes.push(`literal ${isBinary ? "~" : ""}${size}${isSynchronizing ? "" : "+"}`);
  }
  data(bytes: Uint8Array): void {
    this.notes.push(`data ${decodeUtf8(bytes)}`);
  }
  end(): PassNext {
    this.notes.push("end");
    return this.next;
  }
  bad(reason: string): boolean {
    this.notes.push(`bad ${reason}`);
    return this.answersBad;
  }
  line({ bytes, isTooLong }: PassedLine): PassNext {
    this.notes.push(`line ${decodeUtf8(bytes)}${isTooLong ? "…" : ""}`);
    return this.next;
  }
  inputEnd(): boolean {
    this.notes.push("input end");
    return this.staysOpen;
  }
}

/** A client that is logged in, with a server behind. */
class Passing {
  readonly server = new NotingServer();
  readonly conversation: Conversation;
  readonly events: ConversationEvent[] = [];

  constructor(options: ConversationOptions = {}) {
    this.conversation = new Conversation({ commands, ...options, passThrough: this.server });
    this.conversation.greet({ preauthenticated: "alice" });
    this.heard();
  }

  say(text: string): void {
    this.conversation.receive(encodeUtf8(text));
    this.pump();
  }

  pump(): void {
    for (let event; (event = this.conversation.nextEvent()) !== undefined;) this.events.push(event);
  }

  heard(): string {
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.conversation.takeOutput()) !== undefined;) chunks.push(chunk);
    return decodeUtf8(concat(chunks));
  }

  ask(text: string): string {
    this.say(text);
    return this.heard();
  }

  /** What the server has noted since the last call. */
  noted(): string[] {
    return this.server.notes.splice(0);
  }
}

test("a command › that is passed › goes on line by line, and nothing is answered here", () => {
  const passing = new Passing();
  assert.equal(passing.ask('a fetch 1 (BODY[] "x")\r\nb NOOP\n'), "");
  assert.deepEqual(passing.noted(), [
    "begin a FETCH",
    'text a fetch 1 (BODY[] "x")\r\n',
    "end",
    "begin b NOOP",
    "text b NOOP\n",
    "end",
  ]);
});

test("a literal › granted › is announced, and its data follow", () => {
  const passing = new Passing();
  assert.equal(passing.ask("a APPEND INBOX {5}\r\n"), "");
  passing.conversation.literalGranted();
  assert.equal(passing.ask("hel"), "+ OK\r\n");
  passing.say("lo ~{3+}\r\nabc\r\nb NOOP\r\n");
  passing.conversation.literalGranted();
  passing.pump();
  assert.equal(passing.heard(), "");
  assert.deepEqual(passing.noted(), [
    "begin a APPEND",
    "text a APPEND INBOX ",
    "literal 5",
    "data hel",
    "data lo",
    "text  ",
    "literal ~3+",
    "data abc",
    "text \r\n",
    "end",
    "begin b NOOP",
    "text b NOOP\r\n",
    "end",
  ]);
});

test("a literal › that is refused › is skipped with the rest of its command", () => {
  for (const reason of [undefined, "Unexpected literal"]) {
    const passing = new Passing();
    const bad = reason === undefined ? "" : `a BAD Error in IMAP command NOOP: ${reason}.\r\n`;
    passing.say("a NOOP {8+}\r\nx NOOP\r\n {3+}\r\nabc\r\nb NOOP\r\n");
    passing.conversation.literalRefused(reason);
    passing.pump();
    assert.equal(passing.heard(), bad);
    assert.deepEqual(passing.noted().slice(3), ["begin b NOOP", "text b NOOP\r\n", "end"]);
    passing.say("c NOOP {8}\r\n");
    passing.conversation.literalRefused(reason);
    passing.say("d NOOP\r\n");
    assert.deepEqual(passing.noted().slice(3), ["begin d NOOP", "text d NOOP\r\n", "end"]);
  }
});

test("a command › that turns out bad › is broken off, and answered by one of the two", () => {
  for (const answersBad of [false, true]) {
    const passing = new Passing();
    passing.server.answersBad = answersBad;
    passing.say("a APPEND INBOX {1+}\r\n");
    passing.conversation.literalGranted();
    const bad = answersBad ? "" : "a BAD Error in IMAP command APPEND: Unexpected ')'.\r\n";
    assert.equal(passing.ask("x )\r\nb NOOP\r\n"), bad);
    assert.deepEqual(passing.noted().slice(3, 6), ["data x", "bad Unexpected ')'", "begin b NOOP"]);
    assert.equal(passing.events[0].type, "mistake");
  }
});

test("a decision › own, refuse, hold › is followed", () => {
  const passing = new Passing();
  passing.server.decision = "own";
  assert.equal(
    passing.ask("a NOOP\r\nb FOO\r\n"),
    "a OK NOOP completed.\r\nb BAD Error in IMAP command FOO: Unknown command.\r\n",
  );
  passing.server.decision = "refuse";
  assert.match(passing.ask("c NOOP\r\n"), /^c BAD .*Unknown command/);
  passing.server.decision = "hold";
  assert.equal(passing.ask("d NOOP\r\n"), "");
  passing.conversation.resume();
  passing.pump();
  passing.server.decision = "own";
  passing.noted();
  passing.conversation.resume();
  passing.pump();
  assert.deepEqual(passing.noted(), ["begin d NOOP"]);
  assert.equal(passing.heard(), "d OK NOOP completed.\r\n");
});

test("a server that holds › after a command or a line › is waited for", () => {
  const passing = new Passing();
  passing.server.next = "hold";
  passing.say("a IDLE\r\nDONE\r\nb IDLE\r\nx NOOP {3+}\r\nabc\r\nc NOOP\r\n");
  assert.deepEqual(passing.noted(), ["begin a IDLE", "text a IDLE\r\n", "end"]);
  passing.conversation.readLine();
  passing.pump();
  assert.deepEqual(passing.noted(), ["line DONE"]);
  passing.conversation.resume();
  passing.pump();
  assert.deepEqual(passing.noted(), ["begin b IDLE", "text b IDLE\r\n", "end"]);
  passing.conversation.readLine();
  passing.server.next = "next";
  passing.pump();
  // The literal of a wrong line is swallowed.
  assert.deepEqual(passing.noted(), ["line x NOOP {3+}", "begin c NOOP", "text c NOOP\r\n", "end"]);
});

test("a server › ends what it asked a line for › gets commands again", () => {
  const passing = new Passing();
  passing.server.next = "hold";
  passing.say("a IDLE\r\n");
  passing.conversation.readLine();
  passing.conversation.resume();
  passing.server.next = "next";
  passing.noted();
  passing.say("b NOOP\r\n");
  assert.deepEqual(passing.noted(), ["begin b NOOP", "text b NOOP\r\n", "end"]);
});

test("a custom command › with open commands before it › waits for them, and holds later ones back", () => {
  const passing = new Passing();
  passing.server.openCommands = 1;
  assert.equal(passing.ask("a XWAIT {1}\r\n"), "");
  passing.conversation.resume();
  passing.pump();
  assert.equal(passing.heard(), "");
  passing.server.openCommands = 0;
  passing.conversation.resume();
  passing.pump();
  assert.equal(passing.heard(), "+ OK\r\n");
  passing.say("x\r\nDONE\r\nb NOOP\r\n");
  assert.deepEqual(passing.events.map(({ type }) => type), ["command", "done"]);
  assert.deepEqual(passing.noted(), []);
  passing.conversation.finish(1, { status: "OK", text: "Done." });
  passing.pump();
  assert.equal(passing.noted()[0], "begin b NOOP");
});

test("the server's bytes › in the middle of a response › hold back what the conversation says", () => {
  const passing = new Passing();
  passing.say("a XWAIT\r\n");
  const { conversation } = passing;
  conversation.sendRaw(encodeUtf8("* 1 FETCH (BODY[] {10}\r\nhe"), false);
  conversation.untagged(1, ["XKEY"]);
  conversation.sendRaw(encodeUtf8("llo"), false);
  assert.equal(passing.heard(), "* 1 FETCH (BODY[] {10}\r\nhello");
  conversation.untagged(1, ["XKEY"]);
  conversation.sendRaw(encodeUtf8("world)\r\n"));
  conversation.finish(1, { status: "OK", text: "Done." });
  assert.equal(passing.heard(), "world)\r\n* XKEY\r\n* XKEY\r\na OK Done.\r\n");
  conversation.sendRaw(encodeUtf8("* 1 FETCH (BODY[] {10}\r\nhe"), false);
  // There is no place for BYE any more.
  conversation.close("Server shutting down.");
  assert.equal(passing.heard(), "* 1 FETCH (BODY[] {10}\r\nhe");
});

test("own lines › wait for the end of the server's response › count as output", () => {
  const passing = new Passing({ limits: { output: 100 } });
  passing.conversation.sendRaw(encodeUtf8("* 1 FETCH (BODY[] {10}\r\nhe"), false);
  passing.heard();
  passing.server.decision = "own";
  passing.say("a NOOP\r\n".repeat(100));
  // The server has to be read to get to the response's end, the client hasn't.
  assert.equal(passing.conversation.pendingOutput, 0);
  assert.equal(passing.conversation.mayRead, false);
});

test("the client's end › commands are open › is told to the server, which may go on answering", () => {
  const going = new Passing();
  going.server.staysOpen = true;
  going.say("a NOOP\r\nb NO");
  going.conversation.receiveEnd();
  going.pump();
  assert.deepEqual(going.noted().slice(-2), ["end", "input end"]);
  going.conversation.sendRaw(encodeUtf8("a OK\r\n"));
  assert.deepEqual(going.events, []);
  going.conversation.close();
  going.pump();
  assert.equal(going.heard(), "a OK\r\n");
  assert.deepEqual(going.events, [{ type: "end", unanswered: [] }]);

  const ending = new Passing();
  ending.conversation.receiveEnd();
  ending.pump();
  assert.deepEqual(ending.events, [{ type: "end", unanswered: [] }]);
});

test("silence › while the server has to answer › is allowed, and not while a command is incomplete", () => {
  const passing = new Passing({ idleTimeout: 1000 });
  const { conversation } = passing;
  const deadline = () => {
    if (conversation.deadline === 0) conversation.handleTimeout(5000);
    return conversation.deadline;
  };
  assert.equal(deadline(), 6000);
  passing.server.openCommands = 1;
  assert.equal(deadline(), undefined);
  passing.say("a APPEND INBOX {5+}\r\n");
  assert.equal(deadline(), undefined);
  conversation.literalGranted();
  assert.equal(deadline(), 6000);
});

test("bad commands › a command was passed on › are forgotten", () => {
  const passing = new Passing();
  passing.server.decision = "refuse";
  passing.say("a FOO\r\n".repeat(19));
  passing.server.decision = "pass";
  passing.say("b NOOP\r\n");
  passing.server.decision = "refuse";
  passing.say("a FOO\r\n".repeat(19));
  assert(passing.events.every(({ type }) => type === "mistake"));
  passing.say("a FOO\r\n");
  assert.equal(passing.events.at(-1)?.type, "end");
});

test("calls › that nothing waits for › throw and change nothing", () => {
  const passing = new Passing();
  const { conversation } = passing;
  const mistakes = [
    () => conversation.literalGranted(),
    () => conversation.literalRefused(),
    () => conversation.readLine(),
    () => conversation.sendRaw("x" as unknown as Uint8Array),
  ];
  for (const act of mistakes) assert.throws(act, LocalProtocolError);
  passing.server.next = "hold";
  passing.say("a NOOP\r\n");
  for (const act of mistakes.slice(0, 2)) assert.throws(act, LocalProtocolError);
  conversation.resume();
  conversation.resume();
  passing.say("b APPEND INBOX {1}\r\n");
  assert.throws(() => conversation.readLine(), LocalProtocolError);
  conversation.close();
  for (const act of mistakes.slice(0, 3)) act();
  assert.equal(passing.heard(), "");
});
