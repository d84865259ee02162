import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoginEvent } from "../../../core/imap/mod.ts";
import { concat, encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { Talk } from "./talk.ts";

/** A client that was greeted. */
function greeted(options: ConstructorParameters<typeof Talk>[0] = {}): Talk {
  const talk = new Talk(options);
  talk.heard();
  return talk;
}

/** The login that a client asks for, by bytes that it sends in one go. */
function loginOf(...said: readonly (string | Uint8Array)[]): LoginEvent | undefined {
  const talk = greeted();
  talk.say(concat(said.map((part) => typeof part === "string" ? encodeUtf8(part) : part)));
  const events = talk.events.filter(({ type }) => type === "login");
  assert(events.length <= 1);
  return events[0] as LoginEvent | undefined;
}

const alice = {
  type: "login",
  id: 1,
  tag: "a",
  mechanism: "LOGIN",
  user: "alice",
  password: "secret",
  authzid: "",
  isSecure: false,
  hasAskedCapabilities: false,
};

test("LOGIN › atoms, quoted strings and literals › are a name and a password", () => {
  for (
    const args of [
      "alice secret",
      '"alice" "secret"',
      'alice   "secret"',
      "{5+}\r\nalice {6+}\r\nsecret",
      "{5+}\nalice {6+}\nsecret",
      '{5+}\r\nalice "s\\ecret"',
    ]
  ) {
    assert.deepEqual(loginOf(`a LOGIN ${args}\r\n`), alice, args);
  }
  assert.deepEqual(loginOf("a login alice secret\n"), alice);
  assert.equal(loginOf('a LOGIN alice "p a\\"s\\\\s"\r\n')?.password, 'p a"s\\s');
  assert.equal(loginOf('a LOGIN käse "x"\r\n'), undefined);
  assert.equal(loginOf('a LOGIN "käse" "ä"\r\n')?.user, "käse");
  assert.equal(loginOf('a LOGIN NIL ""\r\n')?.user, "NIL");
});

test("LOGIN › with synchronising literals › is asked for each of them", () => {
  const talk = greeted();
  assert.equal(talk.ask("a LOGIN {5}\r\n"), "+ OK\r\n");
  assert.equal(talk.ask("alice {6}\r\n"), "+ OK\r\n");
  assert.deepEqual(talk.say("secret\r\n"), [alice]);
});

test("LOGIN › with wrong arguments › is BAD", () => {
  for (const args of ["", " alice", " alice secret x", " alice (secret)", " (alice secret)"]) {
    const talk = greeted();
    assert.equal(
      talk.ask(`a LOGIN${args}\r\n`),
      "a BAD Error in IMAP command received by server.\r\n",
      args,
    );
  }
});

test("LOGIN › a literal8 › is BAD, and its data are skipped", () => {
  const talk = greeted();
  assert.equal(
    talk.ask("a LOGIN alice ~{6+}\r\nb NOOP\r\nc NOOP\r\n"),
    "a BAD Error in IMAP command received by server.\r\nc OK NOOP completed.\r\n",
  );
});

test("LOGIN › what can be nobody's name or password › fails without asking", () => {
  for (
    const said of [
      ['a LOGIN {6+}\r\nal\0ice "secret"\r\n'],
      ["a LOGIN alice {6+}\r\nse\0ret\r\n"],
      ['a LOGIN "" secret\r\n'],
      ["a AUTHENTICATE PLAIN AAA=\r\n"],
      ["a AUTHENTICATE PLAIN Ym9iAABzZWNyZXQ=\r\n"],
      ['a LOGIN {7+}\r\nal\r\nice "secret"\r\n'],
      ['a LOGIN "', Uint8Array.of(0xe4), '" secret\r\n'],
      ['a LOGIN alice "', Uint8Array.of(0xe4), '"\r\n'],
    ]
  ) {
    const talk = greeted();
    talk.say(concat(said.map((part) => typeof part === "string" ? encodeUtf8(part) : part)));
    assert.equal(talk.heard(), "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n");
    assert.deepEqual(talk.events, []);
  }
  assert.equal(loginOf("a LOGIN alice {7+}\r\nse\r\nret\r\n")?.password, "se\r\nret");
});

test("AUTHENTICATE PLAIN › in all forms › is a name, a password and an identity", () => {
  const plain = { ...alice, mechanism: "AUTHENTICATE PLAIN" };
  const response = btoa("\0alice\0secret");
  assert.deepEqual(loginOf(`a AUTHENTICATE PLAIN ${response}\r\n`), plain);
  assert.deepEqual(loginOf(`a authenticate plain ${response}\r\n`), plain);
  assert.deepEqual(loginOf(`a AUTHENTICATE PLAIN\r\n${response}\r\n`), plain);
  assert.deepEqual(loginOf(`a AUTHENTICATE PLAIN\n${response}\nb NOOP\n`), plain);
  const same = btoa("alice\0alice\0secret");
  assert.deepEqual(loginOf(`a AUTHENTICATE PLAIN ${same}\r\n`), plain);
  const other = btoa("bob\0alice\0secret");
  assert.deepEqual(loginOf(`a AUTHENTICATE PLAIN ${other}\r\n`), { ...plain, authzid: "bob" });

  const talk = greeted();
  assert.equal(talk.ask("a AUTHENTICATE PLAIN\r\n"), "+ \r\n");
  assert.deepEqual(talk.say(`${response}\r\n`), [plain]);
});

test("AUTHENTICATE LOGIN › in all forms › is a name and a password", () => {
  const login = { ...alice, mechanism: "AUTHENTICATE LOGIN" };
  const user = btoa("alice");
  const password = btoa("secret");
  const talk = greeted();
  assert.equal(talk.ask("a AUTHENTICATE LOGIN\r\n"), `+ ${btoa("Username:")}\r\n`);
  assert.equal(talk.ask(`${user}\r\n`), `+ ${btoa("Password:")}\r\n`);
  assert.deepEqual(talk.say(`${password}\r\n`), [login]);
  assert.deepEqual(loginOf(`a AUTHENTICATE LOGIN ${user}\r\n${password}\r\n`), login);
  assert.deepEqual(loginOf(`a AUTHENTICATE LOGIN\r\n${user}\r\n${password}\r\nb NOOP\r\n`), login);
});

test("AUTHENTICATE › what goes wrong › is answered as Dovecot answers it, and the next line is a command", () => {
  const failed = "NO [AUTHENTICATIONFAILED] Authentication failed.\r\n";
  const noBase64 = "NO [ALERT] Invalid base64 in response\r\n";
  const noInitial = "BAD Invalid base64 data in initial response\r\n";
  const bad = "BAD Error in IMAP command received by server.\r\n";
  const cases: readonly (readonly [string, string])[] = [
    ["PLAIN\r\n*", "+ \r\na BAD Authentication aborted by client.\r\n"],
    ["LOGIN\r\n*", `+ ${btoa("Username:")}\r\na BAD Authentication aborted by client.\r\n`],
    ["PLAIN\r\n!!!!", `+ \r\na ${noBase64}`],
    ["PLAIN\r\nAGFsaWNlAHNlY3JldA", `+ \r\na ${noBase64}`],
    [`PLAIN\r\n ${btoa("\0a\0b")}`, `+ \r\na ${noBase64}`],
    ["PLAIN\r\n", `+ \r\na ${failed}`],
    [`PLAIN\r\n${"A".repeat(8192)}`, "+ \r\na NO [ALERT] The response is too long.\r\n"],
    ["PLAIN AGFsaWNlAHNlY3JldA", `a ${noInitial}`],
    ['PLAIN "AAAA"', `a ${noInitial}`],
    ["PLAIN =", `a ${failed}`],
    [`PLAIN ${btoa("alice")}`, `a ${failed}`],
    [`PLAIN ${btoa("a\0b\0c\0d")}`, `a ${failed}`],
    [`PLAIN ${btoa("\0al\rice\0secret")}`, `a ${failed}`],
    [`PLAIN ${btoa("\0\xe4\0secret")}`, `a ${failed}`],
    ["XFOO", "a NO [ALERT] Unsupported authentication mechanism.\r\n"],
    ["__proto__", "a NO [ALERT] Unsupported authentication mechanism.\r\n"],
    ["", `a ${bad}`],
    ['"PLAIN"', `a ${bad}`],
    ["PLAIN AAAA AAAA", `a ${bad}`],
    // Literals are no part of AUTHENTICATE; their data are skipped.
    ["PLAIN {8+}\r\nx NOOP\r\n", `a ${bad}`],
    ["PLAIN\r\nAAAA {8+}\r\nx NOOP\r\n", `+ \r\na ${noBase64}`],
  ];
  for (const [said, answer] of cases) {
    const talk = greeted();
    const heard = talk.ask(`a AUTHENTICATE ${said}\r\nb NOOP\r\n`);
    assert.equal(heard, `${answer}b OK NOOP completed.\r\n`, said.slice(0, 60));
    assert(talk.events.every(({ type }) => type === "mistake"), said);
  }
});

test("a login › that is accepted › is answered in the form that the client can read", () => {
  const after = "IMAP4rev1 ID ENABLE IDLE LITERAL+ XWAIT";
  const talk = greeted();
  talk.say("a LOGIN alice secret\r\n");
  talk.server.accept(1, { user: "Alice", text: "Welcome." });
  assert.equal(talk.heard(), `a OK [CAPABILITY ${after}] Welcome.\r\n`);
  assert.equal(talk.server.session.user, "Alice");

  const asking = greeted();
  asking.ask("a CAPABILITY\r\n");
  asking.say("b LOGIN alice secret\r\n");
  asking.server.accept(1);
  assert.equal(asking.heard(), `* CAPABILITY ${after}\r\nb OK Logged in\r\n`);

  const relayed = greeted();
  relayed.say("c LOGIN alice secret\r\n");
  relayed.server.accept(1, { answer: encodeUtf8("c OK Mine.\r\n"), capabilities: ["IMAP4rev1"] });
  assert.equal(relayed.heard(), "c OK Mine.\r\n");
  assert.deepEqual(relayed.server.session.capabilities, ["IMAP4rev1", "XWAIT"]);
});

test("a login › as somebody else › is that one's", () => {
  const talk = greeted();
  talk.say(`a AUTHENTICATE PLAIN ${btoa("bob\0alice\0secret")}\r\n`);
  talk.server.accept(1);
  assert.equal(talk.server.session.user, "bob");
});

test("a login › that is refused › can be tried again, and what comes after it is run", () => {
  const talk = greeted();
  talk.say("a LOGIN alice wrong\r\nb NOOP\r\nc LOGIN alice secret\r\n");
  assert.equal(talk.heard(), "");
  talk.server.refuse(1);
  assert.equal(talk.pump()[0]?.type, "login");
  assert.equal(
    talk.heard(),
    "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\nb OK NOOP completed.\r\n",
  );
  talk.server.refuse(2, { code: "LIMIT", text: "Too many connections." });
  assert.equal(talk.heard(), "c NO [LIMIT] Too many connections.\r\n");
});

test("a login › unencrypted, where that is not allowed › is refused before the password is used", () => {
  const talk = greeted({ allowsPlaintext: false, startTls: true });
  const refusal =
    "NO [PRIVACYREQUIRED] Cleartext authentication disallowed on non-secure (SSL/TLS) connections.\r\n";
  assert.match(talk.ask("a CAPABILITY\r\n"), / LITERAL\+ STARTTLS LOGINDISABLED\r\n/);
  assert.equal(
    talk.ask("b LOGIN alice secret\r\nc AUTHENTICATE PLAIN\r\nd AUTHENTICATE PLAIN AAAA\r\n"),
    `b ${refusal}c ${refusal}d ${refusal}`,
  );
  talk.say("e STARTTLS\r\n");
  talk.server.tlsStarted();
  assert.equal(talk.say("f LOGIN alice secret\r\n")[0]?.type, "login");
});

test("a login › a second one, and after one › is none", () => {
  const talk = greeted();
  talk.say("a LOGIN alice secret\r\n");
  talk.server.accept(1);
  talk.heard();
  assert.equal(
    talk.ask("b LOGIN alice secret\r\nc AUTHENTICATE PLAIN\r\n"),
    "b BAD Error in IMAP command LOGIN: Unknown command.\r\n" +
      "c BAD Error in IMAP command AUTHENTICATE: Unknown command.\r\n",
  );
});

test("a login › the client ends before the verdict › is still answered, and what comes after it run", () => {
  const talk = greeted();
  talk.say("a LOGIN alice secret\r\nb NOOP\r\n");
  assert.deepEqual(talk.end(), []);
  talk.server.accept(1, { answer: encodeUtf8("a OK In.\r\n") });
  talk.pump();
  assert.equal(talk.heard(), "a OK In.\r\nb OK NOOP completed.\r\n");
  assert.deepEqual(talk.events.at(-1), { type: "end", unanswered: [] });
});

test("a verdict › that nobody waits for › is the caller's mistake", () => {
  const talk = greeted();
  assert.throws(() => talk.server.accept(1), LocalProtocolError);
  talk.say("a LOGIN alice secret\r\n");
  assert.throws(() => talk.server.accept(2), LocalProtocolError);
  assert.throws(() => talk.server.refuse(1, { text: "two\r\nlines" }), LocalProtocolError);
  assert.throws(() => talk.server.refuse(1, { code: "A]" }), LocalProtocolError);
  assert.throws(() => talk.server.accept(1, { text: "two\r\nlines" }), LocalProtocolError);
  assert.throws(() => talk.server.accept(1, { user: "" }), LocalProtocolError);
  assert.throws(() => talk.server.accept(1, { capabilities: ["A\r\nb"] }), LocalProtocolError);
  talk.server.refuse(1);
  assert.throws(() => talk.server.accept(1), LocalProtocolError);
  assert.throws(() => talk.server.tlsStarted(), LocalProtocolError);
  assert.throws(() => talk.server.takeUnread(), LocalProtocolError);
  assert.throws(() => talk.server.greet(), LocalProtocolError);
  assert.equal(talk.server.session.user, undefined);
});

test("before the login › lines and literals of great size › are refused early", () => {
  const talk = greeted();
  const bad = "BAD Error in IMAP command received by server.\r\n";
  assert.equal(
    talk.ask(`a NOOP ${"x".repeat(8192)}\r\nb NOOP\r\n`),
    `a ${bad}b OK NOOP completed.\r\n`,
  );
  assert.equal(talk.ask("a LOGIN alice {20000}\r\nb NOOP\r\n"), `a ${bad}b OK NOOP completed.\r\n`);
  assert.equal(
    talk.ask(`a LOGIN alice {70000+}\r\n${"x".repeat(70_000)}\r\n`),
    `a ${bad}* BYE Literal size too large\r\n`,
  );
});
