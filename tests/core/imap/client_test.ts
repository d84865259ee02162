import assert from "node:assert/strict";
import { test } from "node:test";
import {
  atom,
  type ImapArgument,
  type ImapClientEvent,
  ImapClientProtocol,
  type ImapClientProtocolOptions,
  imapString,
} from "../../../core/imap/mod.ts";
import {
  concat,
  decodeUtf8,
  encodeUtf8,
  LocalProtocolError,
  RemoteProtocolError,
} from "../../../core/mod.ts";

/** A client and a server that says what the test says. */
class Talk {
  readonly client: ImapClientProtocol;

  constructor(greeting = "* OK ready\r\n", options: ImapClientProtocolOptions = {}) {
    this.client = new ImapClientProtocol(options);
    this.hear(greeting);
  }

  /** The events that the server's bytes lead to. */
  hear(text: string): ImapClientEvent[] {
    this.client.receive(encodeUtf8(text));
    const events: ImapClientEvent[] = [];
    for (let event; (event = this.client.nextEvent()) !== undefined;) events.push(event);
    return events;
  }

  /** What the client wrote since the last call. */
  said(): string {
    const chunks: Uint8Array[] = [];
    for (let chunk; (chunk = this.client.takeOutput()) !== undefined;) chunks.push(chunk);
    return decodeUtf8(concat(chunks));
  }
}

const withLiteralPlus = "* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR] ready\r\n";

test("IMAP client › arguments › are written so that they can't be taken for others", () => {
  const cases: readonly [ImapArgument, string][] = [
    ["INBOX", "INBOX"],
    ["", '""'],
    ["nil", '"nil"'],
    ["a b", '"a b"'],
    ['"\\', '"\\"\\\\"'],
    ["(", '"("'],
    ["*", '"*"'],
    ["{3}", '"{3}"'],
    ["{3+}", '"{3+}"'],
    ["Käse", "{5+}\r\nKäse"],
    ["a\r\nC9 LOGOUT", "{12+}\r\na\r\nC9 LOGOUT"],
    [encodeUtf8("a"), "{1+}\r\na"],
    [new Uint8Array(0), "{0+}\r\n"],
    [Uint8Array.of(0), "~{1+}\r\n\0"],
    [[], "()"],
    [["a", ["b c", []], encodeUtf8("d")], '(a ("b c" ()) {1+}\r\nd)'],
    [atom("1:*"), "1:*"],
    [atom("BODY.PEEK[HEADER.FIELDS (FROM)]<0.10>"), "BODY.PEEK[HEADER.FIELDS (FROM)]<0.10>"],
    [atom("\\Seen"), "\\Seen"],
    [imapString("INBOX"), '"INBOX"'],
    [imapString("Käse"), "{5+}\r\nKäse"],
    [{ type: "string", bytes: encodeUtf8("a"), form: "literal" }, "{1+}\r\na"],
    [{ type: "list", values: [atom("a"), imapString("b")] }, '(a "b")'],
  ];
  for (const [arg, written] of cases) {
    const talk = new Talk(withLiteralPlus);
    talk.client.send({ name: "x", args: [arg, "z"] });
    assert.equal(talk.said(), `C1 X ${written} z\r\n`);
  }
});

test("IMAP client › a list that contains itself › LocalProtocolError, and nothing is written", () => {
  const talk = new Talk(withLiteralPlus);
  const endless: ImapArgument[] = ["a"];
  endless.push(endless);
  let nested: ImapArgument = "a";
  for (let depth = 0; depth < 100_000; depth++) nested = [nested];
  for (const list of [endless, nested]) {
    assert.throws(() => talk.client.send({ name: "X", args: [list] }), LocalProtocolError);
  }
  assert.equal(talk.said(), "");
  talk.client.send({ name: "X", args: [[["a"], ["b"]], ["c"]] });
  assert.match(talk.said(), /^\S+ X \(\("?a"?\) \("?b"?\)\) \("?c"?\)\r\n$/);
});

test("IMAP client › literals at a server without LITERAL+ › wait for its continuation", () => {
  const talk = new Talk();
  talk.client.send({ name: "XKEYADD", args: ["a\nb", "c", "d\ne"] });
  assert.equal(talk.said(), "C1 XKEYADD {3}\r\n");
  assert.deepEqual(talk.hear("* 1 EXISTS\r\n").map(({ type }) => type), ["response"]);
  assert.equal(talk.said(), "");
  assert.deepEqual(talk.hear("+ OK\r\n"), []);
  assert.equal(talk.said(), "a\nb c {3}\r\n");
  talk.hear("+\r\n");
  assert.equal(talk.said(), "d\ne\r\n");
});

test("IMAP client › a literal that the server refuses › is dropped with its command", () => {
  const talk = new Talk();
  talk.client.send({ name: "XKEYADD", args: ["a\nb"] });
  talk.client.send({ name: "NOOP" });
  assert.equal(talk.said(), "C1 XKEYADD {3}\r\n");
  const [answer] = talk.hear("C1 NO too long\r\n");
  assert(answer.type === "answer" && answer.status === "NO");
  assert.equal(talk.said(), "C2 NOOP\r\n");
});

test("IMAP client › literals at a server with LITERAL- › are sent at once up to 4096 bytes", () => {
  const talk = new Talk("* OK [CAPABILITY IMAP4rev1 literal-] ready\r\n");
  talk.client.send({ name: "X", args: [new Uint8Array(4096).fill(97), new Uint8Array(4097)] });
  assert.match(talk.said(), /^C1 X \{4096\+\}\r\na{4096} ~\{4097\}\r\n$/);
});

test("IMAP client › commands › are sent one at a time, in their order", () => {
  const talk = new Talk("");
  for (const name of ["a", "b", "c"]) talk.client.send({ name });
  assert.equal(talk.said(), "");
  talk.hear("* OK ready\r\n");
  assert.equal(talk.said(), "C1 A\r\n");
  assert(talk.client.isSent(1));
  assert(!talk.client.isSent(2));
  assert(talk.client.withdraw(2));
  assert(!talk.client.withdraw(2));
  assert(!talk.client.withdraw(1));
  assert.deepEqual(talk.client.unanswered, [1, 3]);
  talk.hear("C1 OK done\r\n");
  assert.equal(talk.said(), "C3 C\r\n");
});

test("IMAP client › DONE › follows the server's continuation, once", () => {
  const talk = new Talk();
  const idle = talk.client.send({ name: "idle" });
  const next = talk.client.send({ name: "XKEYSYNC", isLongRunning: true });
  talk.client.done(idle);
  assert.equal(talk.said(), "C1 IDLE\r\n");
  talk.hear("+ idling\r\n");
  assert.equal(talk.said(), "DONE\r\n");
  talk.client.done(idle);
  assert.equal(talk.said(), "");
  talk.hear("* 1 EXISTS\r\nC1 OK Idle completed.\r\n");
  talk.client.done(idle);
  assert.equal(talk.said(), "C2 XKEYSYNC\r\n");
  talk.hear("+ OK\r\n");
  assert.equal(talk.said(), "");
  talk.client.done(next);
  assert.equal(talk.said(), "DONE\r\n");
});

test("IMAP client › a long-running command that is refused › needs no DONE", () => {
  const talk = new Talk();
  const id = talk.client.send({ name: "XKEYSYNC", isLongRunning: true });
  talk.client.done(id);
  assert.equal(talk.hear("C1 BAD Unknown command\r\n")[0].type, "answer");
  assert.equal(talk.said(), "C1 XKEYSYNC\r\n");
  assert.deepEqual(talk.client.unanswered, []);
});

test("IMAP client › capabilities › are those of the latest list", () => {
  const talk = new Talk("* OK ready\r\n");
  assert.equal(talk.client.capabilities, undefined);
  talk.hear("* OK [CAPABILITY IMAP4rev1 IDLE] news\r\n");
  assert.deepEqual(talk.client.capabilities, ["IMAP4rev1", "IDLE"]);
  talk.client.send({ name: "CAPABILITY" });
  talk.hear("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* CAPABILITY imap4REV1 XKEY\r\nC1 OK done\r\n");
  assert.deepEqual(talk.client.capabilities, ["IMAP4rev1", "AUTH=PLAIN", "XKEY"]);
  assert(talk.client.hasCapability("xkey"));
  assert(!talk.client.hasCapability("IDLE"));
  assert(!talk.client.hasCapability("__proto__"));
});

test("IMAP client › a login › makes the capabilities unknown, unless the server lists them", () => {
  const lists = [
    ["C1 OK Logged in\r\n", undefined],
    ["C1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n", ["IMAP4rev1", "IDLE"]],
    ["* CAPABILITY IMAP4rev1 IDLE\r\nC1 OK Logged in\r\n", ["IMAP4rev1", "IDLE"]],
    ["* OK [CAPABILITY IMAP4rev1] hi\r\nC1 OK Logged in\r\n", ["IMAP4rev1"]],
    ["C1 NO [AUTHENTICATIONFAILED] no\r\n", ["IMAP4rev1", "LITERAL+", "SASL-IR"]],
  ] as const;
  for (const [answer, expected] of lists) {
    const talk = new Talk(withLiteralPlus);
    talk.client.login({ username: "alice", password: "s3cret" });
    talk.hear(answer);
    assert.deepEqual(talk.client.capabilities, expected, answer);
  }
});

test("IMAP client › STARTTLS › holds commands back and forgets what was said before", () => {
  const talk = new Talk("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
  const id = talk.client.startTls();
  talk.client.send({ name: "CAPABILITY" });
  assert.equal(talk.said(), "C1 STARTTLS\r\n");
  assert.deepEqual(talk.hear("C1 OK [CAPABILITY X] begin\r\n"), [{ type: "start-tls" }]);
  assert.deepEqual(talk.client.unanswered, [1, 2]);
  assert.equal(talk.said(), "");
  talk.client.tlsStarted();
  const [answer] = talk.hear("");
  assert(answer.type === "answer" && answer.id === id);
  assert.equal(talk.client.capabilities, undefined);
  assert.equal(talk.said(), "C2 CAPABILITY\r\n");
});

test("IMAP client › unencrypted bytes after STARTTLS › are an error, whenever they come", () => {
  const injected = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n";
  const talks: readonly ((talk: Talk) => void)[] = [
    (talk) => talk.hear(`C1 OK begin\r\n${injected}`),
    (talk) => {
      talk.hear("C1 OK begin\r\n");
      talk.hear(injected);
    },
    (talk) => {
      talk.hear("C1 OK begin\r\n");
      talk.client.receive(encodeUtf8("*"));
      talk.client.tlsStarted();
      talk.hear("");
    },
  ];
  for (const act of talks) {
    const talk = new Talk();
    talk.client.startTls();
    talk.client.login({ username: "alice", password: "s3cret" });
    assert.equal(talk.said(), "C1 STARTTLS\r\n");
    assert.throws(() => act(talk), RemoteProtocolError);
    assert.equal(talk.said(), "");
    assert.deepEqual((talk.client.failure as RemoteProtocolError).unanswered, [1, 2]);
  }
});

test("IMAP client › AUTHENTICATE PLAIN › takes one line with SASL-IR, two without", () => {
  const encoded = btoa("\0alice\0s3cret");
  const credentials = { username: "alice", password: "s3cret" };
  const fast = new Talk(withLiteralPlus);
  fast.client.authenticatePlain(credentials);
  assert.equal(fast.said(), `C1 AUTHENTICATE PLAIN ${encoded}\r\n`);
  const slow = new Talk();
  slow.client.authenticatePlain({ ...credentials, authzid: "bob" });
  assert.equal(slow.said(), "C1 AUTHENTICATE PLAIN\r\n");
  assert.deepEqual(slow.hear("+ \r\n"), []);
  assert.equal(slow.said(), `${btoa("bob\0alice\0s3cret")}\r\n`);
  // A mechanism that it wasn't asked for.
  assert.throws(() => slow.hear("+ UGFzc3dvcmQ6\r\n"), RemoteProtocolError);
});

test("IMAP client › a server that repeats the password › doesn't bring it into a message", () => {
  const talk = new Talk("* OK ready\r\n", { password: "s3cret" });
  talk.client.login({ username: "alice", password: "s3cret" });
  const [answer] = talk.hear("C1 NO alice has another one than s3cret\r\n");
  assert(answer.type === "answer");
  assert.equal(answer.text, "alice has another one than …");
  const other = new Talk();
  other.client.login({ username: "alice", password: "s3cret" });
  const [coded] = other.hear("C1 NO [s3cret s3cret] no\r\n");
  assert(coded.type === "answer");
  assert.deepEqual(coded.code, { name: "…", text: "…" });
  // What a refusal is called, and the data of a command, are no echo.
  const weak = new Talk();
  weak.client.login({ username: "alice", password: "auth" });
  weak.client.login({ username: "alice", password: "38" });
  weak.client.send({ name: "APPEND" });
  const events = weak.hear(
    "C1 NO [AUTHENTICATIONFAILED] no\r\nC2 OK in\r\nC3 OK [APPENDUID 38 1] Done\r\n",
  );
  assert.deepEqual(events.map((event) => event.type === "answer" && event.code), [
    { name: "AUTHENTICATIONFAILED", text: "" },
    undefined,
    { name: "APPENDUID", text: "38 1" },
  ]);
  for (
    const bytes of [
      "+ s3cret\r\n",
      "s3cret\r\n",
      "* s3cret (\r\n",
      `C1 s3cret ${btoa("\0alice\0s3cret")}\r\n`,
    ]
  ) {
    const again = new Talk("* OK ready\r\n", { password: "s3cret" });
    again.client.authenticatePlain({ username: "alice", password: "s3cret" });
    again.hear("+ \r\n");
    assert.throws(() => again.hear(bytes), (error: Error) => {
      assert(error instanceof RemoteProtocolError);
      assert.doesNotMatch(error.message, /s3cret|czNjcm/i);
      return true;
    });
  }
});

test("IMAP client › BYE › ends the conversation, and of LOGOUT its answer does", () => {
  const talk = new Talk();
  talk.client.send({ name: "NOOP" });
  assert.deepEqual(talk.hear("* BYE Server shutting down.\r\nC1 OK late\r\n"), [
    { type: "bye", code: undefined, text: "Server shutting down." },
    { type: "end", unanswered: [1] },
  ]);
  assert(!talk.client.isOpen);
  const other = new Talk();
  other.client.send({ name: "LOGOUT" });
  const types = other.hear("* BYE Logging out\r\nC1 OK done\r\n").map(({ type }) => type);
  assert.deepEqual(types, ["bye", "answer", "end"]);
});

test("IMAP client › closed on this side › reports what has no answer, and sends nothing", () => {
  const talk = new Talk();
  talk.client.send({ name: "NOOP" });
  talk.client.close();
  assert.equal(talk.said(), "");
  assert.deepEqual(talk.hear("* OK more\r\n"), [{ type: "end", unanswered: [1] }]);
  talk.client.close();
  assert.equal(talk.client.nextEvent(), undefined);
});

test("IMAP client › a response › belongs to the command that runs", () => {
  const talk = new Talk();
  const ids = (text: string) =>
    talk.hear(text).map((event) => event.type === "response" ? event.id : event.type);
  assert.deepEqual(ids("* 1 EXISTS\r\n"), [undefined]);
  talk.client.send({ name: "NOOP" });
  talk.client.send({ name: "IDLE" });
  assert.deepEqual(ids("* 2 EXISTS\r\nC1 OK x\r\n* 3 EXISTS\r\n"), [1, "answer", 2]);
});

test("IMAP client › a name with an argument in it › is refused as the name alone is", () => {
  const talk = new Talk(withLiteralPlus);
  for (const name of ["COMPRESS DEFLATE", "starttls x", "LOGIN alice", "Authenticate PLAIN"]) {
    assert.throws(() => talk.client.send({ name }), LocalProtocolError, name);
  }
  assert.equal(talk.said(), "");
});

test("IMAP client › IDLE as a command that ends by itself › LocalProtocolError, and nothing is written", () => {
  const talk = new Talk();
  assert.throws(() => talk.client.send({ name: "idle", isLongRunning: false }), LocalProtocolError);
  assert.equal(talk.said(), "");
});

test("IMAP client › a DONE that the server reads after the command's own end › is refused, and nothing is lost", () => {
  const talk = new Talk();
  const first = talk.client.send({ name: "XWATCH", isLongRunning: true });
  talk.client.send({ name: "NOOP" });
  talk.hear("+ OK\r\n");
  talk.client.done(first);
  const refusal = "DONE BAD Error in IMAP command: Invalid command name.\r\n";
  assert.deepEqual(talk.hear(`C1 OK That was all.\r\n${refusal}`).map(({ type }) => type), [
    "answer",
  ]);
  assert.equal(talk.said(), "C1 XWATCH\r\nDONE\r\nC2 NOOP\r\n");
  assert.throws(() => talk.hear(refusal), RemoteProtocolError);
});

test("IMAP client › an invalid answer to DONE › RemoteProtocolError", () => {
  const sent = (talk: Talk) => {
    const id = talk.client.send({ name: "IDLE" });
    talk.hear("+ idling\r\n");
    talk.client.done(id);
  };
  for (
    const said of [
      "DONE BAD Wrong.\r\n",
      "C1 OK Idle completed.\r\nDONE OK Done.\r\n",
      "C1 OK Idle completed.\r\nC2 OK Done.\r\nDONE BAD Wrong.\r\n",
    ]
  ) {
    const talk = new Talk();
    sent(talk);
    talk.client.send({ name: "NOOP" });
    assert.throws(() => talk.hear(said), RemoteProtocolError, said);
  }
});

test("IMAP client › bytes that the caller changes or transfers after the call › are sent as they were", () => {
  const expected = "C2 X {5}\r\nfirst {5}\r\nfirst\r\n";
  const uses: readonly ((bytes: Uint8Array<ArrayBuffer>) => void)[] = [
    (bytes) => bytes.fill(0),
    (bytes) => structuredClone(bytes.buffer, { transfer: [bytes.buffer] }),
  ];
  for (const use of uses) {
    const talk = new Talk();
    talk.client.send({ name: "NOOP" });
    const bytes = new Uint8Array(encodeUtf8("first"));
    talk.client.send({ name: "X", args: [bytes, { type: "string", bytes, form: "literal" }] });
    use(bytes);
    talk.hear("C1 OK Done.\r\n");
    let said = talk.said();
    while (said.length < expected.length + "C1 NOOP\r\n".length && /\{5\}\r\n$/.test(said)) {
      talk.hear("+ OK\r\n");
      said += talk.said();
    }
    assert.equal(said, `C1 NOOP\r\n${expected}`);
  }
});

test("IMAP client › arguments of wrong types › LocalProtocolError, and nothing is written", () => {
  const talk = new Talk(withLiteralPlus);
  const wrong: readonly unknown[] = [
    ...[undefined, null, 5, Symbol("x"), {}, new ArrayBuffer(1), new Uint16Array(1)],
    ...[{ type: "atom" }, { type: "string", bytes: "a" }, { type: "list" }],
    ...[{ type: "list", values: null }, { type: "list", values: "ab" }],
    // deno-lint-ignore no-sparse-arrays -- a caller may have one
    ...[[, "a"], [["a", , "b"]]],
  ];
  for (const value of wrong) {
    const args = [value as ImapArgument];
    assert.throws(() => talk.client.send({ name: "X", args }), LocalProtocolError);
  }
  assert.throws(() => imapString(undefined as unknown as string), LocalProtocolError);
  const credentials = { username: "alice", password: 5 as unknown as string };
  assert.throws(() => talk.client.login(credentials), LocalProtocolError);
  assert.throws(() => new ImapClientProtocol(credentials), LocalProtocolError);
  assert.equal(talk.said(), "");
});
