/** A relay after the login: what goes up as a command, what as data, and what doesn't. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { RelayTalk } from "./relay_talk.ts";

test("commands › of the client › go up as they are, and their answers come down", () => {
  const talk = RelayTalk.in();
  for (
    const line of [
      "1 NOOP\r\n",
      "2 noop\r\n",
      '3 UID FETCH  1:* (BODY.PEEK[HEADER.FIELDS ("SUBJECT" to)]<0.5> FLAGS)\r\n',
      '4 LIST "" "*" RETURN (STATUS (MESSAGES))\r\n',
      '5 SEARCH SUBJECT "a{5}" NOT DELETED\r\n',
    ]
  ) {
    assert.equal(talk.client(line), "");
    assert.equal(talk.got(), line);
  }
  const answers = "* 3 FETCH (BODY[] {5}\r\n1 OK\n)\r\n5 OK done\r\n3 NO done\r\n2 OK done\r\n" +
    "1 OK done\r\n4 BAD done\r\n";
  assert.equal(talk.server(answers), answers);
  assert.deepEqual(talk.told(), []);
});

test("commands › that end in LF alone › go up with CRLF", () => {
  const talk = RelayTalk.in();
  talk.client("a NOOP\nb SELECT {2+}\nhi\nc IDLE\n");
  talk.server("+ OK\r\n");
  assert.equal(talk.got(), "a NOOP\r\nb SELECT {2}\r\nhi\r\nc IDLE\r\n");
});

test("commands › cut anywhere › go up when they are whole", () => {
  const talk = RelayTalk.in();
  const line = '1 LIST "" "*"\r\n';
  for (const character of line) {
    assert.equal(talk.got(), "");
    talk.client(character);
  }
  assert.equal(talk.got(), line);
});

test("commands › wrong ones › are answered by the relay and don't go up", () => {
  const talk = RelayTalk.in({ limits: { line: 1000 } });
  for (
    const line of [
      "\r\n",
      "a\r\n",
      "a NOOP )(\r\n",
      "a NOOP )( {6+}\r\nb NOOP\r\n",
      'a LIST "" "*\r\n',
      'a LIST "" "* {8+}\r\nb NOOP\r\n\r\n',
      "a SELECT INBOX\rb NOOP\r\n",
      "a SELECT \0\r\n",
      "a SELECT I\xe9\r\n",
      `a SELECT ${"x".repeat(1000)}\r\n`,
      `a ${"x".repeat(1000)}\r\n`,
      `${"a".repeat(127)} NOOP\r\n`,
      "+ NOOP\r\n",
      "a+ NOOP\r\n",
      "a SELECT {5-}\r\n",
      "a SELECT {6 }\r\n",
      "a SELECT {06x}\r\n",
      "a APPEND INBOX {5+}x\r\n",
      "a UNKNOWN {9+}\r\nb NOOP\r\n)\r\n",
      "a AUTHENTICATE PLAIN {9+}\r\nb NOOP\r\n)\r\n",
      "a LOGIN {5+}\r\nalice {6+}\r\nsecret\r\n",
      "a STARTTLS\r\n",
      "a COMPRESS DEFLATE\r\n",
      "a UNAUTHENTICATE\r\n",
      // The relay's own form.
      "~7 NOOP\r\n",
      // A tag that not every server takes.
      "a] NOOP\r\n",
    ]
  ) {
    assert.match(talk.client(line), /^[^\r\n]+ BAD [^\r\n]*\r\n$/, line);
    assert.equal(talk.got(), "", line);
    assert.deepEqual(talk.told(), ["mistake"], line);
    // It goes on in step.
    talk.client("ok NOOP\r\n");
    assert.equal(talk.got(), "ok NOOP\r\n", line);
    assert.equal(talk.server("ok OK done\r\n"), "ok OK done\r\n");
  }
});

for (
  const name of [
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "ENABLE",
    "EXPUNGE",
    "IDLE",
    "LOGOUT",
    "NAMESPACE",
    "NOOP",
    "UNSELECT",
  ]
) {
  test(`literals › of ${name}, which takes none › are dropped with their data`, () => {
    const talk = RelayTalk.in();
    assert.match(talk.client(`a ${name} {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n`), /^a BAD .*\r\n$/);
    assert.equal(talk.got(), "c NOOP\r\n");
    // A client that waits learns that its data aren't wanted.
    assert.match(talk.client(`d ${name} x {8}\r\n`), /^d BAD .*\r\n$/);
    talk.client("e NOOP\r\n");
    assert.equal(talk.got(), "e NOOP\r\n");
  });
}

test("literals › that the client doesn't wait with › go up when the server asks", () => {
  const talk = RelayTalk.in();
  assert.equal(talk.client("a APPEND INBOX (\\Seen) {11+}\r\nhello\r\nbye.\r\nb NOOP\r\n"), "");
  assert.equal(talk.got(), "a APPEND INBOX (\\Seen) {11}\r\n");
  assert.equal(talk.server("* 4 EXISTS\r\n+ OK\r\n"), "* 4 EXISTS\r\n");
  assert.equal(talk.got(), "hello\r\nbye.\r\nb NOOP\r\n");
});

test("literals › that the client waits with › are granted when the server does", () => {
  const talk = RelayTalk.in();
  assert.equal(talk.client("a APPEND INBOX {5}\r\n"), "");
  assert.equal(talk.got(), "a APPEND INBOX {5}\r\n");
  assert.equal(talk.server("+ go on\r\n"), "+ OK\r\n");
  talk.client("hello");
  assert.equal(talk.got(), "hello");
  talk.client(" (\\Seen) ~{0+}\r\n");
  assert.equal(talk.got(), " (\\Seen) ~{0}\r\n");
  assert.equal(talk.server("+ OK\r\n"), "");
  talk.client("\r\n");
  assert.equal(talk.got(), "\r\n");
  assert.equal(talk.server("a OK [APPENDUID 1 1:2] Done.\r\n"), "a OK [APPENDUID 1 1:2] Done.\r\n");
});

test("literals › refused by the server › are dropped with the rest of their command", () => {
  for (const status of ["NO [TRYCREATE] No such mailbox.", "BAD Invalid date."]) {
    const talk = RelayTalk.in();
    talk.client("a APPEND x {8+}\r\nb NOOP\r\n (\\Seen) {8+}\r\nc NOOP\r\n\r\nd NOOP\r\n");
    assert.equal(talk.got(), "a APPEND x {8}\r\n");
    assert.equal(talk.server(`a ${status}\r\n`), `a ${status}\r\n`);
    assert.equal(talk.got(), "d NOOP\r\n");
    // One that waits hasn't sent the data.
    talk.client("e APPEND x {8}\r\n");
    talk.got();
    talk.server(`d OK Done.\r\ne ${status}\r\n`);
    talk.client("f NOOP\r\n");
    assert.equal(talk.got(), "f NOOP\r\n");
  }
});

test("literals › that the server answers OK without › are dropped with the rest of their command", () => {
  const talk = RelayTalk.in();
  talk.client("a CREATE x {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n");
  assert.equal(talk.got(), "a CREATE x {8}\r\n");
  assert.equal(talk.server("a OK Done.\r\n"), "a OK Done.\r\n");
  assert.equal(talk.got(), "c NOOP\r\n");
});

test("literals › other answers come before the server's continuation › are passed on at once", () => {
  const talk = RelayTalk.in();
  talk.client("a FETCH 1 BODY[]\r\nb STORE 1 FLAGS (x)\r\nc APPEND INBOX {2+}\r\nhi\r\n");
  assert.equal(talk.got(), "a FETCH 1 BODY[]\r\nb STORE 1 FLAGS (x)\r\nc APPEND INBOX {2}\r\n");
  assert.equal(talk.server("b NO no\r\n* 1 FETCH ("), "b NO no\r\n* 1 FETCH (");
  assert.equal(talk.server("BODY[] {3}\r\n+ O)\r\na OK\r\n"), "BODY[] {3}\r\n+ O)\r\na OK\r\n");
  assert.equal(talk.got(), "");
  talk.server("+ OK\r\n");
  assert.equal(talk.got(), "hi\r\n");
});

test("a command › wrong after a literal that the server has › is ended there by an error", () => {
  for (const rest of [")(\r\n", " \x01\r\n", " {4+}x\r\n", ' "x {8+}\r\nb NOOP\r\n\r\n']) {
    const talk = RelayTalk.in();
    talk.client(`a APPEND INBOX {2+}\r\nhi${rest}b NOOP\r\n`);
    assert.equal(talk.got(), "a APPEND INBOX {2}\r\n", rest);
    assert.equal(talk.server("+ OK\r\n"), "", rest);
    assert.equal(talk.got(), "hi x\r\nb NOOP\r\n", rest);
    assert.deepEqual(talk.told(), ["mistake"]);
    assert.equal(
      talk.server("a BAD Unexpected\r\nb OK Done.\r\n"),
      "a BAD Unexpected\r\nb OK Done.\r\n",
    );
  }
});

test("a command › other than APPEND, wrong after a literal › is ended by what is wrong everywhere", () => {
  for (const rest of [")\r\n", " (\r\n"]) {
    const talk = RelayTalk.in();
    talk.client(`a SEARCH (TEXT {2+}\r\nhi ${rest === ")\r\n" ? ") )" : ""}${rest}b NOOP\r\n`);
    assert.equal(talk.got(), "a SEARCH (TEXT {2}\r\n");
    talk.server("+ OK\r\n");
    assert.equal(talk.got(), "hi )(\r\nb NOOP\r\n");
  }
});

test("a command › answered between its literal and its end › goes no further", () => {
  const talk = RelayTalk.in();
  talk.client("a APPEND INBOX {2}\r\n");
  talk.server("+ OK\r\n");
  talk.client("hi");
  assert.equal(talk.got(), "a APPEND INBOX {2}\r\nhi");
  assert.equal(talk.server("a NO [OVERQUOTA] Full.\r\n"), "a NO [OVERQUOTA] Full.\r\n");
  assert.equal(talk.got(), "\r\n");
  // Neither what follows on the line nor another literal means anything now.
  assert.equal(talk.client(" (\\Seen) {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n"), "");
  assert.equal(talk.got(), "c NOOP\r\n");
  talk.client("d APPEND INBOX {2}\r\n");
  talk.server("c OK\r\n+ OK\r\n");
  talk.client("h");
  talk.got();
  talk.server("d NO [OVERQUOTA] Full.\r\n");
  talk.client("i\r\ne NOOP\r\n");
  assert.equal(talk.got(), "i\r\ne NOOP\r\n");
});

test("a command › the connection ends inside it › the half-close is passed on", () => {
  const talk = RelayTalk.in();
  talk.client("a APPEND INBOX {20}\r\n");
  talk.server("+ OK\r\n");
  talk.client("hello");
  talk.clientEnd();
  assert.equal(talk.got(), "a APPEND INBOX {20}\r\nhello");
  assert.deepEqual(talk.told(), ["close-write"]);
  talk.serverEnd();
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("the client's end › after any byte, before the server's answers › nothing follows the half-close", () => {
  const said = [
    "a APPEND INBOX {2+}\r\nhi (\\Seen)\r\n",
    "b CREATE {1}\r\nx\r\n",
    "c IDLE\r\nDONE\r\n",
    "d XWAIT\r\nDONE\r\n",
    "e NOOP\r\n",
  ].join("");
  const answers = ["+ OK\r\n", "a NO Full.\r\n", "b NO no\r\n", "+ idling\r\n", "c OK\r\n"];
  const outcomes = new Set<string>();
  for (let end = 0; end <= said.length; end++) {
    for (let before = 0; before <= answers.length; before++) {
      const talk = RelayTalk.in();
      let got = "";
      let granted = 0;
      // Only what it may say to what it has got and not answered.
      const answer = (text: string) => {
        got += talk.got();
        const isGrant = text.startsWith("+");
        const asked = got.match(/\{\d\}\r\n|c IDLE/g)?.length ?? 0;
        if (isGrant ? asked === granted : !got.includes(text.slice(0, 2))) return;
        granted = isGrant ? granted + 1 : asked;
        talk.server(text);
      };
      talk.client(said.slice(0, end));
      answers.slice(0, before).forEach(answer);
      talk.clientEnd();
      answers.slice(before).forEach(answer);
      talk.serverEnd();
      assert.equal(talk.failure, undefined, `${end} ${before}`);
      const told = talk.told();
      assert.deepEqual(told.filter((type) => type === "end").length, 2, `${end} ${before}`);
      outcomes.add(told.includes("close-write") ? "passed on" : "ended");
    }
  }
  assert.deepEqual([...outcomes].sort(), ["ended", "passed on"]);
});

test("a tag › of a command that is open › waits for that one's answer", () => {
  const talk = RelayTalk.in();
  talk.client("a NOOP\r\na APPEND x {2+}\r\nhi\r\nb NOOP\r\n");
  assert.equal(talk.got(), "a NOOP\r\n");
  assert.equal(talk.server("a NO no\r\n"), "a NO no\r\n");
  assert.equal(talk.got(), "a APPEND x {2}\r\n");
  talk.server("+ OK\r\n");
  assert.equal(talk.got(), "hi\r\nb NOOP\r\n");
});

test("tags › like the names of an object's properties › are no others", () => {
  const talk = RelayTalk.in();
  for (const tag of ["__proto__", "constructor", "toString"]) {
    talk.client(`${tag} NOOP\r\n`);
    assert.equal(talk.got(), `${tag} NOOP\r\n`);
    assert.equal(talk.server(`${tag} OK\r\n`), `${tag} OK\r\n`);
  }
  assert.match(talk.client("a __PROTO__\r\nb CONSTRUCTOR\r\n"), /^a BAD .*\r\nb BAD /);
});

test("commands › more than may be open › wait for answers", () => {
  const talk = RelayTalk.in({ maxOpenCommands: 3 });
  talk.client("1 NOOP\r\n2 NOOP\r\n3 NOOP\r\n4 NOOP\r\n5 NOOP\r\n");
  assert.equal(talk.got(), "1 NOOP\r\n2 NOOP\r\n3 NOOP\r\n");
  talk.server("2 OK\r\n");
  assert.equal(talk.got(), "4 NOOP\r\n");
  talk.server("1 OK\r\n3 OK\r\n");
  assert.equal(talk.got(), "5 NOOP\r\n");
});

for (
  const [what, bytes] of [
    ["a continuation that nothing waits for", "+ OK\r\n"],
    ["an answer to no command", "b OK Done.\r\n"],
    ["a second answer", "a OK Done.\r\na OK Done.\r\n"],
    ["an answer in the relay's own form", "~1 OK Done.\r\n"],
    ["no IMAP", "hello\r\n"],
  ]
) {
  test(`the server › sends ${what} › fails, and the client is told`, () => {
    const talk = RelayTalk.in();
    talk.client("a NOOP\r\n");
    assert.match(talk.server(bytes), /^(a OK Done\.\r\n)?\* BYE \[UNAVAILABLE\] /);
    assert(talk.failure !== undefined);
    assert.deepEqual(talk.told(), ["end"]);
  });
}

test("capabilities › in any list or code › lack what the relay refuses, and have what it adds once", () => {
  const talk = RelayTalk.in();
  const list = "IMAP4rev1 AUTH=GSSAPI compress=deflate xwait LOGIN-REFERRALS STARTTLS IDLE";
  for (
    const [line, expected] of [
      [`* CAPABILITY ${list}\r\n`, "* CAPABILITY IMAP4rev1 xwait IDLE\r\n"],
      [`* OK [CAPABILITY ${list}] x\r\n`, "* OK [CAPABILITY IMAP4rev1 xwait IDLE] x\r\n"],
      ["* CAPABILITY IMAP4rev1\r\n", "* CAPABILITY IMAP4rev1 XWAIT\r\n"],
      ["* OK [UIDNEXT 5] CAPABILITY STARTTLS\r\n", "* OK [UIDNEXT 5] CAPABILITY STARTTLS\r\n"],
    ]
  ) {
    assert.equal(talk.server(line), expected);
  }
  talk.client("a CAPABILITY\r\n");
  assert.equal(
    talk.server(`a OK [CAPABILITY ${list}] x\r\n`),
    "a OK [CAPABILITY IMAP4rev1 xwait IDLE] x\r\n",
  );
  assert.deepEqual(talk.relay.session.capabilities, ["IMAP4rev1", "xwait", "IDLE"]);
});

test("the selected mailbox › SELECT, EXAMINE, CLOSE, UNSELECT and their failures › is known", () => {
  const talk = RelayTalk.in();
  const step = (command: string, ...answers: string[]) => {
    talk.client(`a ${command}\r\n`);
    for (const answer of answers) talk.server(`${answer}\r\n`);
    return talk.relay.session.mailbox;
  };
  assert.equal(step("SELECT INBOX", "a OK [READ-WRITE] Done."), "INBOX");
  assert.equal(step("NOOP", "a OK Done."), "INBOX");
  assert.equal(step('EXAMINE "a \\"b\\""', "a OK Done."), 'a "b"');
  assert.equal(step("SELECT {3+}\r\nx y", "+ OK", "a OK Done."), "x y");
  assert.equal(step("SELECT x )", "* OK x"), "x y");
  assert.equal(step("SELECT x y", "a BAD x"), "x y");
  assert.equal(step("SELECT x", "* OK [CLOSED] Closed.", "a NO x"), undefined);
  assert.equal(step("SELECT y", "a OK x"), "y");
  assert.equal(step("SELECT x", "a NO x"), undefined);
  assert.equal(step("SELECT y", "a OK x"), "y");
  assert.equal(step("CLOSE", "a NO x"), "y");
  assert.equal(step("CLOSE", "a OK x"), undefined);
  assert.equal(step("SELECT y", "a OK x"), "y");
  assert.equal(step("UNSELECT", "a OK x"), undefined);
});

test("LOGOUT › of the client › goes up, and nothing after it", () => {
  const talk = RelayTalk.in();
  talk.client("a NOOP\r\nb LOGOUT\r\nc DELETE x\r\n");
  assert.equal(talk.got(), "a NOOP\r\nb LOGOUT\r\n");
  const answers = "a OK Done.\r\n* BYE Logging out\r\nb OK Logout completed.\r\n";
  assert.equal(talk.server(answers), answers);
  assert.equal(talk.serverEnd(), "");
  assert.equal(talk.got(), "");
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("LOGOUT › refused by the server › goes on", () => {
  const talk = RelayTalk.in();
  talk.client("b LOGOUT\r\nc NOOP\r\n");
  talk.server("b BAD No.\r\n");
  assert.equal(talk.got(), "b LOGOUT\r\nc NOOP\r\n");
});

test("BYE › of the server › is passed on, and no command begins after it", () => {
  const talk = RelayTalk.in();
  talk.client("a APPEND x {2+}\r\nhi\r\nb NOOP\r\n");
  assert.equal(talk.server("* BYE Server shutting down.\r\n"), "* BYE Server shutting down.\r\n");
  talk.server("a NO x\r\n");
  assert.equal(talk.got(), "a APPEND x {2}\r\n");
  assert.equal(talk.serverEnd(), "");
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("BYE › of a server that doesn't close › ends both sides after a while", () => {
  const talk = RelayTalk.in();
  talk.server("* BYE Server shutting down.\r\n");
  talk.pass(4000);
  assert.deepEqual(talk.told(), []);
  assert.equal(talk.pass(2000), "");
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("the server › ends after the client's half-close › nothing is said", () => {
  const talk = RelayTalk.in();
  talk.client("a IDLE\r\n");
  talk.server("+ idling\r\n");
  talk.clientEnd();
  assert.equal(talk.serverEnd(), "");
});

test("the server › ends without BYE › the client is told, between two responses only", () => {
  const talk = RelayTalk.in();
  talk.client("a NOOP\r\n");
  assert.match(talk.serverEnd(), /^\* BYE \[UNAVAILABLE\] /);
  const inside = RelayTalk.in();
  inside.server("* 1 FETCH (BODY[] {50}\r\nhello");
  assert.equal(inside.serverEnd(), "");
  assert.deepEqual(inside.told().sort(), ["end", "end"]);
});

test("own answers of the relay › inside a response of the server's › wait for its end", () => {
  const talk = RelayTalk.in();
  talk.client("a FETCH 1 BODY[]\r\n");
  talk.server("* 1 FETCH (BODY[] {5}\r\nhe");
  assert.equal(talk.client("b COMPRESS DEFLATE\r\nc NOOP {1+}\r\nx\r\n"), "");
  assert.match(talk.server("llo)\r\n"), /^llo\)\r\nb BAD .*\r\nc BAD .*\r\n$/);
  // The end of the conversation has no place there.
  talk.server("* 1 FETCH (BODY[] {5}\r\nhe");
  assert.equal(talk.act((relay) => relay.close("Bye.")), "");
});

test("mistakes › 20 in a row › BYE, and both sides end", () => {
  const talk = RelayTalk.in();
  const heard = talk.client("a XYZZY\r\n".repeat(30));
  assert.match(heard, /\* BYE Too many invalid IMAP commands\.\r\n$/);
  assert.deepEqual(talk.told().slice(20), ["end", "end"]);
});

test("silence › of a client that has nothing open › ends both sides", () => {
  const talk = RelayTalk.in();
  assert.match(talk.pass(1_800_000), /^\* BYE Disconnected for inactivity\./);
  assert.deepEqual(talk.told(), ["end", "end"]);
});

test("reading › from either peer › stops while the other one leaves much unread", () => {
  const talk = RelayTalk.in();
  const { client, upstream } = talk.relay;
  talk.client("a APPEND INBOX {10000000}\r\n");
  talk.server("+ OK\r\n");
  const chunk = new Uint8Array(65_536);
  for (let at = 0; client.mayRead; at++) {
    assert(at < 10);
    client.receive(chunk.slice());
    while (client.nextEvent() !== undefined);
  }
  assert(upstream.pendingOutput < 600_000);
  while (upstream.takeOutput() !== undefined);
  assert(client.mayRead);
  upstream.receive(new TextEncoder().encode("* 1 FETCH (BODY[] {10000000}\r\n"));
  for (let at = 0; upstream.mayRead; at++) {
    assert(at < 10);
    upstream.receive(chunk.slice());
    while (upstream.nextEvent() !== undefined);
  }
  assert(!client.mayRead && client.pendingOutput < 600_000);
  while (client.takeOutput() !== undefined);
  assert(client.mayRead && upstream.mayRead);
});

test("APPEND › wrong arguments › don't go up, in whatever place", () => {
  for (const wrong of ["x {8+}\r\nb NOOP\r\n", "CATENATE (x {8+}\r\nb NOOP\r\n)", "(\\Seen)"]) {
    const talk = RelayTalk.in();
    assert.match(talk.client(`a APPEND INBOX ${wrong}\r\nc NOOP\r\n`), /^a BAD [^\n]*\n$/);
    assert.equal(talk.got(), "c NOOP\r\n");
    talk.client(`d APPEND INBOX {2+}\r\nhi ${wrong}\r\ne NOOP\r\n`);
    talk.server("c OK\r\n+ OK\r\n");
    assert.equal(talk.got(), "d APPEND INBOX {2}\r\nhi x\r\ne NOOP\r\n");
    assert.equal(talk.server("d BAD x\r\n"), "d BAD x\r\n");
  }
});
