import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommandDefinition, ImapServerProtocol } from "../../../core/imap/mod.ts";
import { encodeUtf8, LocalProtocolError } from "../../../core/mod.ts";
import { Talk } from "./talk.ts";

const before = "IMAP4rev1 ID ENABLE IDLE LITERAL+";
const logins = "SASL-IR AUTH=PLAIN AUTH=LOGIN";

test("greeting › by default › lists the capabilities", () => {
  const talk = new Talk();
  assert.equal(talk.heard(), `* OK [CAPABILITY ${before} ${logins}] dovewire ready.\r\n`);
});

test("greeting › of a client that is logged in › is PREAUTH, and lists what comes after a login", () => {
  const talk = new Talk({ preauthenticated: "alice", text: "Hello." });
  assert.equal(talk.heard(), `* PREAUTH [CAPABILITY ${before} XWAIT] Hello.\r\n`);
  assert.equal(talk.server.session.user, "alice");
});

test("capabilities › of a server behind › lose those of the login and get the own ones once", () => {
  const capabilities = [
    "IMAP4rev1",
    "LOGIN-REFERRALS",
    "XWAIT",
    "STARTTLS",
    "AUTH=PLAIN",
    "AUTH=GSSAPI",
  ];
  const talk = new Talk({ capabilities, startTls: true });
  assert.match(
    talk.heard(),
    /\[CAPABILITY IMAP4rev1 XWAIT STARTTLS SASL-IR AUTH=PLAIN AUTH=LOGIN\]/,
  );
});

test("capabilities › that are advertised always › are listed before the login as well", () => {
  const talk = new Talk({
    commands: [
      { name: "XONE", capability: "XFIRST", advertised: "always" },
      { name: "XTWO", capability: "XSECOND" },
    ],
  });
  assert.match(talk.heard(), / AUTH=LOGIN XFIRST\]/);
});

test("built-in commands › before the login › are answered as Dovecot answers them", () => {
  const talk = new Talk();
  talk.heard();
  const list = `* CAPABILITY ${before} ${logins}\r\n`;
  assert.equal(
    talk.ask("a CAPABILITY\r\nb noop\r\nc ENABLE X\r\nd ID NIL\r\ne LOGOUT\r\nf NOOP\r\n"),
    `${list}a OK Pre-login capabilities listed, post-login capabilities have more.\r\n` +
      "b OK NOOP completed.\r\n" +
      "* ENABLED\r\nc OK ENABLE ignored in non-authenticated state.\r\n" +
      '* ID ("name" "dovewire")\r\nd OK ID completed.\r\n' +
      "* BYE Logging out\r\ne OK Logout completed.\r\n",
  );
  assert.deepEqual(talk.events, [
    { type: "client-id", fields: undefined },
    { type: "logout" },
    { type: "end", unanswered: [] },
  ]);
});

test("built-in commands › after the login › are answered as Dovecot answers them", () => {
  const talk = Talk.in();
  assert.equal(
    talk.ask("a CAPABILITY\r\nb NOOP x\r\nc ENABLE X\r\ne LOGOUT\r\n"),
    `* CAPABILITY ${before} XWAIT\r\na OK Capability completed.\r\n` +
      "b OK NOOP completed.\r\n" +
      "* ENABLED\r\nc OK Enabled.\r\n" +
      "* BYE Logging out\r\ne OK Logout completed.\r\n",
  );
});

test("built-in commands › the name of an own one › replaces them", () => {
  const talk = Talk.in({ commands: [{ name: "NOOP" }] });
  const { id } = talk.begin("a NOOP\r\n");
  talk.server.finish(id, { status: "OK", text: "Mine." });
  assert.equal(talk.heard(), "a OK Mine.\r\n");
});

test("ID › a list › is told, with small letters, and kept for the session", () => {
  const talk = new Talk();
  talk.heard();
  const answer = '* ID ("name" "dovewire")\r\n';
  assert.equal(
    talk.ask('a ID ("Name" "lab" "__proto__" {3+}\r\nx y "os" nil "last")\r\n'),
    `${answer}a OK ID completed.\r\n`,
  );
  const fields = new Map([["name", "lab"], ["__proto__", "x y"], ["os", undefined], [
    "last",
    undefined,
  ]]);
  assert.deepEqual(talk.events, [{ type: "client-id", fields }]);
  assert.deepEqual(talk.server.session.clientId, fields);
});

test("ID › wrong arguments › are BAD", () => {
  for (
    const args of [
      "x",
      '"x"',
      '(("a") "b")',
      '("a" ("b"))',
      `("${"k".repeat(31)}" "v")`,
      `("k" "${"v".repeat(1025)}")`,
      `(${'"a" "b" '.repeat(31)})`,
      '("a" "b") "c"',
    ]
  ) {
    const talk = new Talk();
    talk.heard();
    assert.equal(talk.ask(`a ID ${args}\r\n`), "a BAD Invalid ID parameters\r\n", args);
    assert.deepEqual(talk.events, []);
  }
});

test("ID › the own fields › are as they were given", () => {
  const talk = Talk.in({ id: { name: 'a "relay"', version: "1" } });
  assert.match(talk.ask("a ID\r\n"), /^\* ID \("name" "a \\"relay\\"" "version" "1"\)\r\n/);
  assert.match(Talk.in({ id: {} }).ask("a ID\r\n"), /^\* ID NIL\r\n/);
  assert.throws(() => new Talk({ id: { name: "ä" } }), LocalProtocolError);
});

test("mistakes › before the login › are BAD, and the third in a row is BYE", () => {
  const talk = new Talk();
  talk.heard();
  const bad = "BAD Error in IMAP command received by server.\r\n";
  assert.equal(
    talk.ask("a FOO\r\nb SELECT INBOX\r\nc NOOP\r\n\r\nd )\r\n+ NOOP\r\ne NOOP\r\n"),
    `a ${bad}b ${bad}c OK NOOP completed.\r\n* ${bad}d ${bad}` +
      "* BYE Too many invalid IMAP commands.\r\n",
  );
  assert.deepEqual(
    talk.events.map((event) => event.type === "mistake" ? event.tag ?? "none" : event.type),
    ["a", "b", "none", "d", "none", "end"],
  );
});

test("mistakes › after the login › tell what is wrong, and the twentieth in a row is BYE as well", () => {
  const talk = Talk.in();
  assert.equal(
    talk.ask("a FOO\r\nb NOOP (\r\nonly\r\n* NOOP\r\nc NOOP\r\n"),
    "a BAD Error in IMAP command FOO: Unknown command.\r\n" +
      "b BAD Error in IMAP command NOOP: Missing ')'.\r\n" +
      "only BAD Error in IMAP command: Invalid command name.\r\n" +
      "* BAD Error in IMAP tag: Invalid tag.\r\n" +
      "c OK NOOP completed.\r\n",
  );
  const heard = talk.ask("x FOO\r\n".repeat(30));
  assert.equal(
    heard,
    "x BAD Error in IMAP command FOO: Unknown command.\r\n".repeat(20) +
      "* BYE Too many invalid IMAP commands.\r\n",
  );
  assert.equal(talk.events.at(-1)?.type, "end");
});

test("mistakes › with a literal at the line's end › leave the conversation in step", () => {
  const talk = Talk.in();
  const unknown = "BAD Error in IMAP command FOO: Unknown command.\r\n";
  assert.equal(
    talk.ask("a FOO {8+}\r\nx NOOP\r\n\r\nb NOOP\r\n"),
    `a ${unknown}b OK NOOP completed.\r\n`,
  );
  assert.equal(talk.ask("c FOO {8}\r\n"), `c ${unknown}`);
  assert.equal(talk.ask("d NOOP\r\n"), "d OK NOOP completed.\r\n");
  const literal = "BAD Error in IMAP command NOOP: Unexpected literal.\r\n";
  assert.equal(
    talk.ask("e NOOP {8+}\r\nx NOOP\r\n {3+}\r\nabc\r\nf NOOP\r\n"),
    `e ${literal}f OK NOOP completed.\r\n`,
  );
  assert.equal(talk.ask("g NOOP {3}\r\nh NOOP\r\n"), `g ${literal}h OK NOOP completed.\r\n`);
});

test("mistakes › a literal over the limit › is BAD, in place of + where the client waits", () => {
  const talk = Talk.in({ limits: { command: 1000, swallow: 2000 } });
  const bad = "BAD Error in IMAP command XASK: ";
  assert.match(talk.ask("a XASK {1001}\r\n"), new RegExp(`^a ${bad}`));
  const data = "x".repeat(1001);
  const heard = talk.ask(`b XASK {1001+}\r\n${data}\r\nc NOOP\r\n`);
  assert.match(heard, new RegExp(`^b ${bad}.*\r\nc OK NOOP completed.\r\n$`));
  assert.match(
    talk.ask(`d XASK {2001+}\r\n${data}`),
    /^d BAD .*\r\n\* BYE Literal size too large\r\n$/,
  );
  assert.equal(talk.events.at(-1)?.type, "end");
});

test("a name of great length › in an answer › is cut", () => {
  const talk = Talk.in();
  const heard = talk.ask(`a ${"X".repeat(60_000)}\r\n`);
  assert(heard.length < 200, heard);
});

test("STARTTLS › offered › asks for TLS, after which all is new", () => {
  const talk = new Talk({ startTls: true });
  talk.heard();
  talk.ask('a CAPABILITY\r\nb ID ("name" "liar")\r\nc FOO\r\nd FOO\r\n');
  talk.events.length = 0;
  assert.equal(talk.ask("e STARTTLS\r\n"), "e OK Begin TLS negotiation now.\r\n");
  assert.deepEqual(talk.events, [{ type: "start-tls" }]);
  assert.equal(talk.server.mayRead, false);
  assert.deepEqual(talk.server.takeUnread(), new Uint8Array(0));
  talk.server.tlsStarted();
  assert.equal(talk.server.session.clientId, undefined);
  assert.equal(talk.ask("f STARTTLS\r\n"), "f BAD TLS is already active.\r\n");
  const [login] = talk.say("g LOGIN alice secret\r\n");
  assert(login?.type === "login" && login.isSecure);
  talk.server.accept(login.id);
  // The CAPABILITY command before TLS doesn't count.
  assert.match(talk.heard(), /^g OK \[CAPABILITY /);
});

test("STARTTLS › not offered, or not now › is BAD", () => {
  const talk = new Talk();
  talk.heard();
  assert.equal(talk.ask("a STARTTLS\r\n"), "a BAD TLS support isn't enabled.\r\n");
  assert.match(Talk.in({ startTls: true }).ask("a STARTTLS\r\n"), /^a BAD .*Unknown command/);
});

test("STARTTLS › unencrypted bytes after it › are never run", () => {
  const injected = "b LOGIN mallory secret\r\n";
  const taken = new Talk({ startTls: true });
  taken.say(`a STARTTLS\r\n${injected}`);
  assert.deepEqual(taken.server.takeUnread(), encodeUtf8(injected));

  for (const arrives of ["with it", "after it"]) {
    const talk = new Talk({ startTls: true });
    talk.heard();
    talk.say(arrives === "with it" ? `a STARTTLS\r\n${injected}` : "a STARTTLS\r\n");
    if (arrives === "after it") talk.say(injected);
    assert.equal(talk.heard(), "a OK Begin TLS negotiation now.\r\n");
    talk.server.tlsStarted();
    talk.pump();
    assert.deepEqual(talk.events.map(({ type }) => type), ["start-tls", "end"], arrives);
    assert.equal(talk.heard(), "");
  }
});

test("STARTTLS › a handshake that fails › ends the conversation", () => {
  const talk = new Talk({ startTls: true });
  talk.say("a STARTTLS\r\n");
  assert.deepEqual(talk.end(), [{ type: "end", unanswered: [] }]);
});

test("silence › before the login, in it, and after it › ends with BYE at the time limit", () => {
  const talk = new Talk({ loginTimeout: 1000, idleTimeout: 5000 });
  talk.heard();
  assert.equal(talk.pass(999), "");
  assert.equal(talk.pass(1), "* BYE Disconnected for inactivity.\r\n");

  const authenticating = new Talk({ loginTimeout: 1000 });
  authenticating.heard();
  authenticating.ask("a AUTHENTICATE PLAIN\r\n");
  assert.equal(
    authenticating.pass(1000),
    "* BYE Disconnected for inactivity during authentication.\r\n",
  );

  const idle = Talk.in({ idleTimeout: 5000 });
  assert.equal(idle.pass(4000), "");
  idle.ask("a NOOP\r\n");
  assert.equal(idle.pass(4999), "");
  assert.equal(idle.pass(1), "* BYE Disconnected for inactivity.\r\n");
  assert.deepEqual(idle.events, [{ type: "end", unanswered: [] }]);
});

test("silence › while a login is decided or a command runs › is allowed", () => {
  const talk = new Talk({ loginTimeout: 1000, idleTimeout: 1000, keepaliveInterval: 0 });
  talk.heard();
  const [login] = talk.say("a LOGIN alice secret\r\n");
  assert(login.type === "login");
  assert.equal(talk.pass(10_000), "");
  talk.server.accept(login.id);
  talk.heard();
  const { id } = talk.begin("b XASK\r\n");
  assert.equal(talk.pass(10_000), "");
  talk.server.finish(id, { status: "OK", text: "Done." });
  assert.equal(talk.pass(1000), "b OK Done.\r\n* BYE Disconnected for inactivity.\r\n");
});

test("options › invalid ones › are refused", () => {
  // As somebody may call it who doesn't check types.
  const wrong: readonly unknown[] = [
    undefined,
    {},
    { name: 5 },
    { name: `X${"A".repeat(64)}` },
    { name: "__proto__" },
    { name: "XA", args: "astring" },
    { name: "XA", args: [undefined] },
    { name: "XA", states: [] },
    { name: "XA", states: "authenticated" },
    { name: "XA", states: ["logged-in"] },
    { name: "XA", advertised: "never" },
    { name: "XA", isLongRunning: "false" },
    { name: "XA", isLongRunning: null },
    { name: "XA", keepalive: 5 },
    { name: "XA", capability: 5 },
  ];
  for (
    const options of [
      ...wrong.map((command) => ({ commands: [command as CommandDefinition] })),
      { id: { name: 5 as unknown as string } },
      { capabilities: ["two words"] },
      { capabilities: ["A\r\nB"] },
      { capabilities: "IMAP4rev1" as unknown as string[] },
      { preauthenticated: "" },
      { loginTimeout: -1 },
      { idleTimeout: NaN },
      { keepaliveInterval: "1" as unknown as number },
      { keepalivePhase: Infinity },
      { limits: { output: 0 } },
      { limits: { backlog: NaN } },
      { text: "two\r\nlines" },
      { commands: [{ name: "xlower" }] },
      { commands: [{ name: "LOGIN" }] },
      { commands: [{ name: "XA" }, { name: "XA" }] },
      { commands: [{ name: "X A" }] },
      { commands: [{ name: "XA", capability: "two words" }] },
      { commands: [{ name: "XA", keepalive: "a\nb" }] },
      { commands: [{ name: "XA", args: ["astring*", "astring"] as const }] },
      { commands: [{ name: "XA", args: ["astring?", "number"] as const }] },
      { commands: [{ name: "XA", args: ["text" as "value"] }] },
    ]
  ) {
    assert.throws(
      () => new ImapServerProtocol(options),
      LocalProtocolError,
      JSON.stringify(options),
    );
  }
});

test("conversation › 100,000 NOOPs in one chunk › are all answered, as they are read, in linear time", () => {
  const count = 100_000;
  const talk = Talk.in();
  talk.server.receive(encodeUtf8("a NOOP\r\n".repeat(count)));
  const answer = "a OK NOOP completed.\r\n";
  let heard = 0;
  for (let most = 0;;) {
    talk.pump();
    most = Math.max(most, talk.server.pendingOutput);
    assert(most < 65_536 + 100, `${most} bytes wait`);
    const text = talk.heard();
    if (text === "") break;
    heard += text.length;
  }
  assert.equal(heard, count * answer.length);
});

test("input › sent in advance over the limit › ends with BYE", () => {
  const talk = Talk.in({ limits: { backlog: 1000 } });
  talk.begin("a XASK\r\n");
  assert.equal(talk.server.mayRead, true);
  talk.say("x".repeat(1001));
  assert.equal(talk.heard(), "* BYE Input buffer full, aborting\r\n");
  assert.deepEqual(talk.events.slice(-2), [
    { type: "cancel", id: 1, reason: "disconnected" },
    { type: "end", unanswered: [1] },
  ]);
});

test("input › the beginning of a line of great length › is read further, up to the limit of lines", () => {
  for (const said of ["", "a IDLE\r\n"]) {
    const talk = Talk.in();
    talk.ask(`${said}${"x".repeat(65_536)}`);
    assert.equal(talk.server.mayRead, true);
    assert.match(talk.ask("x\r\nn NOOP\r\n"), / BAD .*\r\nn OK NOOP completed.\r\n$/);
  }
  const waiting = Talk.in();
  waiting.begin("a XASK\r\n");
  waiting.say("x".repeat(65_535));
  assert.equal(waiting.server.mayRead, true);
  waiting.say("x");
  assert.equal(waiting.server.mayRead, false);
});

test("output › that the client doesn't read › holds the next commands back", () => {
  const talk = Talk.in({ limits: { output: 100 } });
  talk.say("a NOOP\r\n".repeat(50));
  const held = talk.server.pendingOutput;
  assert(held >= 100 && held < 150, `${held}`);
  assert.equal(talk.server.mayRead, false);
  assert.equal(talk.heard().length, held);
  assert.equal(talk.server.mayRead, true);
  talk.pump();
  assert(talk.server.pendingOutput >= 100);
});

test("close › in each state › says BYE once, and reports what is open", () => {
  const states: readonly (readonly [string, readonly number[]])[] = [
    ["", []],
    ["a LOG", []],
    ["a AUTHENTICATE PLAIN\r\n", []],
    ["a LOGIN alice secret\r\n", [1]],
    ["a STARTTLS\r\n", []],
  ];
  for (const [said, unanswered] of states) {
    const talk = new Talk({ startTls: true });
    talk.say(said);
    talk.heard();
    talk.server.close("Server shutting down.");
    talk.server.close("Again.");
    talk.pump();
    assert.equal(talk.heard(), "* BYE Server shutting down.\r\n", said);
    assert.deepEqual(talk.events.at(-1), { type: "end", unanswered }, said);
    // All that is said and done afterwards is ignored.
    if (unanswered.length > 0) talk.server.accept(1);
    assert.deepEqual(talk.say("b NOOP\r\n"), []);
    assert.deepEqual(talk.end(), []);
    assert.equal(talk.heard(), "");
    assert.equal(talk.server.deadline, undefined);
  }
});

test("close › without a text › ends without BYE", () => {
  const talk = Talk.in();
  talk.server.close();
  assert.deepEqual(talk.pump(), [{ type: "end", unanswered: [] }]);
  assert.equal(talk.heard(), "");
});

test("the client's end › in each state › ends the conversation after what is whole was answered", () => {
  const ends: readonly (readonly [string, string])[] = [
    ["", ""],
    ["a NOOP\r\nb NO", "a OK NOOP completed.\r\n"],
    ["a ID ({5}\r\nab", "+ OK\r\n"],
    ["a AUTHENTICATE PLAIN\r\n", "+ \r\n"],
    ["a FOO {100+}\r\nabc", "a BAD Error in IMAP command received by server.\r\n"],
  ];
  for (const [said, answer] of ends) {
    const talk = new Talk();
    talk.heard();
    talk.say(said);
    talk.end();
    assert.equal(talk.heard(), answer, said);
    assert.deepEqual(talk.events.at(-1), { type: "end", unanswered: [] }, said);
  }
});
