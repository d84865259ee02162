/** A relay up to the login: what it tells each side, and who is logged in. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ImapRelayProtocol } from "../../../core/imap/mod.ts";
import { LocalProtocolError } from "../../../core/mod.ts";
import { after, before, relayed, RelayTalk } from "./relay_talk.ts";

const upstreamId = {
  name: "dovewire",
  "x-originating-ip": "192.0.2.7",
  "x-originating-port": "4711",
};
const ok = (tag: string) => `${tag} OK [CAPABILITY ${after}] Logged in\r\n`;

test("greeting › of the server › is passed on with the relay's own capabilities", () => {
  const talk = new RelayTalk();
  assert.equal(talk.client("a NOOP\r\n"), "");
  assert.equal(talk.server("* OK [CAPABILITY IMAP4rev1 LOGIN-REFERRALS ID IDLE"), "");
  assert.equal(
    talk.server(" COMPRESS=DEFLATE AUTH=GSSAPI LOGINDISABLED LITERAL+ STARTTLS] Hello.\r\n"),
    "* OK [CAPABILITY IMAP4rev1 ID IDLE LITERAL+ SASL-IR AUTH=PLAIN AUTH=LOGIN] Hello.\r\n" +
      "a OK NOOP completed.\r\n",
  );
  assert.equal(talk.got(), "");
});

test("greeting › without a list › the server is asked for it", () => {
  const talk = new RelayTalk();
  assert.equal(talk.server("* OK Hello.\r\n"), "");
  assert.equal(talk.got(), "~1 CAPABILITY\r\n");
  assert.match(
    talk.server("* CAPABILITY IMAP4rev1 IDLE\r\n~1 OK Done.\r\n"),
    /^\* OK \[CAPABILITY IMAP4rev1 IDLE SASL-IR AUTH=PLAIN AUTH=LOGIN\] Hello\.\r\n$/,
  );
});

test("greeting › BYE › is passed on, and ends both sides", () => {
  const talk = new RelayTalk();
  assert.equal(
    talk.server("* BYE [UNAVAILABLE] Too busy.\r\n"),
    "* BYE [UNAVAILABLE] Too busy.\r\n",
  );
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("greeting and BYE › with what can't be in a line › are passed on without it", () => {
  const listed = `[CAPABILITY IMAP4rev1 {5} A\0B IDLE "C]" D]`;
  assert.equal(
    new RelayTalk().server(`* OK ${listed} a\rb\0c {5}\r\n`),
    "* OK [CAPABILITY IMAP4rev1 IDLE D SASL-IR AUTH=PLAIN AUTH=LOGIN] a b c {5}.\r\n",
  );
  assert.equal(new RelayTalk().server("* BYE a\rb\0c {5+}\r\n"), "* BYE a b c {5+}.\r\n");
  const talk = RelayTalk.greeted();
  talk.client("a LOGIN alice secret\r\n");
  assert.equal(talk.server("* BYE [X \0] {1}\r\n"), "* BYE [X  ] {1}.\r\n");
  assert.deepEqual(talk.failure, undefined);
});

for (
  const [what, bytes] of [
    ["PREAUTH", "* PREAUTH Hello.\r\n"],
    ["NO", "* NO Hello.\r\n"],
    ["another protocol", "220 mail.example.com ESMTP\r\n"],
    ["data", "* 1 EXISTS\r\n"],
    ["a tagged response", "a OK Hello.\r\n"],
    ["a continuation", "+ Hello.\r\n"],
  ]
) {
  test(`greeting › ${what} › fails, and the client is told`, () => {
    const talk = new RelayTalk();
    assert.match(talk.server(bytes), /^\* BYE \[UNAVAILABLE\] /);
    assert.equal(talk.failure?.name, "RemoteProtocolError");
    assert.deepEqual(talk.told(), ["end"]);
  });
}

test("greeting › the server ends before it › the client is told", () => {
  const talk = new RelayTalk();
  assert.match(talk.serverEnd(), /^\* BYE \[UNAVAILABLE\] /);
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});

test("LOGIN › of a client › is written anew, and its answer has the client's tag", () => {
  const talk = RelayTalk.greeted();
  assert.equal(talk.client('a login {5+}\r\nalice "p a\\"s\\\\s"\r\n'), "");
  assert.equal(talk.got(), '~1 LOGIN alice "p a\\"s\\\\s"\r\n');
  assert.equal(talk.server(ok("~1")), `a OK [CAPABILITY ${relayed}] Logged in\r\n`);
  const [event] = talk.events;
  assert.deepEqual(
    { ...event },
    { type: "logged-in", id: 1, user: "alice", mechanism: "LOGIN", isSecure: false },
  );
  assert.equal(talk.relay.session.user, "alice");
});

test("LOGIN › of 8-bit strings › becomes literals that the server asks for", () => {
  const talk = RelayTalk.greeted();
  talk.client('a LOGIN "al\xc3\xaece" {7+}\r\ns\xc3\xa9cret\r\n');
  assert.equal(talk.got(), "~1 LOGIN {6}\r\n");
  talk.server("+ OK\r\n");
  assert.equal(talk.got(), "al\xc3\xaece {7}\r\n");
  talk.server("* OK Waiting for authentication process to respond..\r\n+ OK\r\n");
  assert.equal(talk.got(), "s\xc3\xa9cret\r\n");
  assert.match(talk.server(ok("~1")), /^a OK /);
  assert.equal(talk.relay.session.user, "alîce");
});

test("LOGIN › a literal that the server refuses › the password isn't sent", () => {
  const talk = RelayTalk.greeted();
  talk.client('a LOGIN "\xc3\xaece" s3cret\r\n');
  assert.equal(talk.got(), "~1 LOGIN {4}\r\n");
  assert.equal(talk.server("~1 BAD Too long.\r\n"), "a BAD Too long.\r\n");
  assert.equal(talk.got(), "");
});

test("LOGIN › OK before the password › fails", () => {
  const talk = RelayTalk.greeted();
  talk.client('a LOGIN "\xc3\xaece" s3cret\r\n');
  assert.match(talk.server(ok("~1")), /^\* BYE /);
  assert.match(talk.failure!.message, /before it was told the password/);
});

test("LOGIN › too long for one line of the server's › AUTHENTICATE is used", () => {
  const talk = RelayTalk.greeted();
  const password = "x".repeat(1000);
  talk.client(`a LOGIN alice ${password}\r\n`);
  assert.equal(talk.got(), "~1 AUTHENTICATE PLAIN\r\n");
  talk.server("+ \r\n");
  assert.equal(talk.got(), `${btoa(`\0alice\0${password}`)}\r\n`);
});

test("AUTHENTICATE › of a client › is one line if the server takes that", () => {
  for (
    const command of [`PLAIN ${btoa("\0alice\0s3cret")}\r\n`, "LOGIN YWxpY2U=\r\nczNjcmV0\r\n"]
  ) {
    const talk = RelayTalk.greeted();
    talk.client(`a AUTHENTICATE ${command}`);
    assert.equal(talk.got(), `~1 AUTHENTICATE PLAIN ${btoa("\0alice\0s3cret")}\r\n`);
    assert.match(talk.server(ok("~1")), /^a OK \[CAPABILITY /);
  }
});

test("AUTHENTICATE › without SASL-IR › the response follows the continuation", () => {
  const talk = new RelayTalk();
  talk.server("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED] Hello.\r\n");
  talk.client("a LOGIN alice s3cret\r\n");
  assert.equal(talk.got(), "~1 AUTHENTICATE PLAIN\r\n");
  talk.server("+ \r\n");
  assert.equal(talk.got(), `${btoa("\0alice\0s3cret")}\r\n`);
});

test("AUTHENTICATE › a continuation too many › fails", () => {
  const talk = RelayTalk.greeted();
  talk.client("a LOGIN alice s3cret\r\n");
  assert.match(talk.server("+ \r\n"), /^\* BYE /);
  assert(talk.failure !== undefined);
});

test("AUTHENTICATE › with two names › the one that counts is reported", () => {
  const talk = RelayTalk.greeted();
  talk.client(`a AUTHENTICATE PLAIN ${btoa("bob\0master\0s3cret")}\r\n`);
  assert.equal(talk.got(), `~1 AUTHENTICATE PLAIN ${btoa("bob\0master\0s3cret")}\r\n`);
  talk.server(ok("~1"));
  assert.equal(talk.relay.session.user, "bob");
});

test("login › the server takes no password › NO, and nothing is sent", () => {
  const talk = new RelayTalk();
  talk.server("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] Hello.\r\n");
  assert.match(talk.client("a LOGIN alice s3cret\r\n"), /a NO \[PRIVACYREQUIRED\]/);
  assert.equal(talk.got(), "");
  assert.deepEqual(talk.told(), ["login-refused"]);
});

test("login › refused by the server › the owner decides when the client learns it", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  talk.client("a LOGIN alice wrong\r\nb LOGIN alice s3cret\r\n");
  assert.equal(talk.got(), "~1 LOGIN alice wrong\r\n");
  assert.equal(talk.server("~1 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"), "");
  const event = talk.events[0];
  assert(event.type === "login-refused" && event.code === "AUTHENTICATIONFAILED");
  // The client's next login waits, too.
  assert.equal(talk.got(), "");
  assert.equal(
    talk.act((relay) => relay.refuseLogin(event.id)),
    "a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n",
  );
  assert.equal(talk.got(), "~2 LOGIN alice s3cret\r\n");
  talk.server(ok("~2"));
  const accepted = talk.events[1];
  assert(accepted.type === "logged-in" && accepted.id === 2);
  assert.equal(talk.relay.session.user, undefined);
  assert.match(talk.act((relay) => relay.acceptLogin(2, { user: "Alice" })), /^b OK /);
  assert.equal(talk.relay.session.user, "Alice");
});

test("login › accepted by the server and refused by the owner › NO, and both sides end", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  talk.client("a LOGIN alice s3cret\r\nb NOOP\r\n");
  talk.server(ok("~1"));
  assert.match(
    talk.act((relay) => relay.refuseLogin(1, "Come back tomorrow.")),
    /^a NO \[UNAVAILABLE\] Come back tomorrow\.\r\n\* BYE /,
  );
  assert.deepEqual(talk.told().sort(), ["end", "end", "logged-in"]);
});

test("login › a wrong decision › throws and changes nothing", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  const { relay } = talk;
  for (const act of [() => relay.acceptLogin(1), () => relay.refuseLogin(1)]) {
    assert.throws(act, LocalProtocolError);
  }
  talk.client("a LOGIN alice wrong\r\n");
  assert.throws(() => relay.acceptLogin(1), LocalProtocolError);
  talk.server("~1 NO Wrong.\r\n");
  assert.throws(() => relay.acceptLogin(1), LocalProtocolError);
  assert.throws(() => relay.refuseLogin(2), LocalProtocolError);
  assert.equal(talk.act(() => relay.refuseLogin(1)), "a NO Wrong.\r\n");
  assert.throws(() => relay.refuseLogin(1), LocalProtocolError);
  talk.client("b LOGIN alice s3cret\r\n");
  talk.server(ok("~2"));
  for (
    const wrong of [
      () => relay.acceptLogin(2, { user: "" }),
      () => relay.acceptLogin(2, { user: 5 as unknown as string }),
      () => relay.acceptLogin(2, { keepalivePhase: NaN }),
      () => relay.refuseLogin(2, "two\r\nlines"),
    ]
  ) {
    assert.throws(wrong, LocalProtocolError);
    assert.equal(talk.act(() => {}), "");
  }
  assert.equal(
    talk.act(() => relay.acceptLogin(2)),
    `b OK [CAPABILITY ${relayed}] Logged in\r\n`,
  );
});

test("login › a decision that can't be sent › throws and changes nothing", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  talk.client("a LOGIN alice s3cret\r\n");
  talk.server(ok("~1"));
  assert.throws(() => talk.relay.refuseLogin(1, "a\r\nb"), LocalProtocolError);
  assert.throws(() => talk.relay.acceptLogin(1, { keepalivePhase: NaN }), LocalProtocolError);
  assert.match(talk.act((relay) => relay.acceptLogin(1)), /^a OK /);
});

test("login › decided when both sides have ended › changes nothing", () => {
  for (const isAccepted of [true, false]) {
    const talk = RelayTalk.greeted({ leavesLogins: true });
    talk.client("a LOGIN alice s3cret\r\n");
    talk.server(isAccepted ? ok("~1") : "~1 NO Wrong.\r\n");
    talk.act((relay) => relay.close("Bye."));
    talk.told();
    const act = isAccepted ? () => talk.relay.acceptLogin(1) : () => talk.relay.refuseLogin(1);
    assert.equal(talk.act(act), "");
    assert.equal(talk.relay.upstream.nextEvent()?.type, undefined);
    assert.deepEqual(talk.told(), []);
  }
});

test("capabilities › asked by the client › the server is asked first, so that its answer has that form", () => {
  const talk = RelayTalk.greeted();
  assert.match(talk.client("a CAPABILITY\r\n"), /^\* CAPABILITY IMAP4rev1 .*\r\na OK /);
  talk.client("b LOGIN alice s3cret\r\n");
  assert.equal(talk.got(), "~1 CAPABILITY\r\n");
  assert.equal(talk.server(`* CAPABILITY ${before}\r\n~1 OK Listed.\r\n`), "");
  assert.equal(talk.got(), "~2 LOGIN alice s3cret\r\n");
  assert.equal(
    talk.server(`* CAPABILITY ${after}\r\n~2 OK Logged in\r\n`),
    `* CAPABILITY ${relayed}\r\nb OK Logged in\r\n`,
  );
  // What the server listed is known, whatever its form.
  assert(talk.relay.session.capabilities.includes("XWAIT"));
  assert(!talk.relay.session.capabilities.some((word) => word.startsWith("COMPRESS")));
});

test("ID › what the relay says of the client › goes before the login, and its answer is the server's", () => {
  const talk = new RelayTalk({ upstreamId });
  assert.equal(talk.server(`* OK [CAPABILITY ${before}] Hello.\r\n`), "");
  assert.equal(
    talk.got(),
    '~1 ID ("name" "dovewire" "x-originating-ip" "192.0.2.7" "x-originating-port" "4711")\r\n',
  );
  talk.server('* ID ("name" {7}\r\nDovecot "version" NIL)\r\n~1 OK Trusted ID completed.\r\n');
  assert.deepEqual([...talk.relay.session.serverId!], [["name", "Dovecot"], [
    "version",
    undefined,
  ]]);
  // The client's own ID is answered and goes nowhere.
  assert.match(
    talk.client('a ID ("x-originating-ip" "203.0.113.1")\r\n'),
    /^\* ID .*\r\na OK ID completed/,
  );
  assert.equal(talk.got(), "");
  assert.deepEqual(talk.told(), ["client-id"]);
});

test("ID › that the server doesn't trust or understand › is told by an event", () => {
  const list = "IMAP4rev1 IDLE INPROGRESS";
  const log = (talk: RelayTalk) => {
    talk.client("a LOGIN alice s3cret\r\n");
    talk.server(`~2 OK [CAPABILITY ${list}] Logged in\r\n`);
    return talk.told();
  };
  const start = (answer: string, id: Record<string, string> = upstreamId) => {
    const talk = new RelayTalk({ upstreamId: id });
    talk.server(`* OK [CAPABILITY ${before}] Hello.\r\n`);
    talk.server(`* ID NIL\r\n~1 ${answer}\r\n`);
    return talk;
  };
  assert.deepEqual(log(start("OK Trusted ID completed.")), ["logged-in"]);
  assert.deepEqual(log(start("OK ID completed.")), ["untrusted", "logged-in"]);
  assert.deepEqual(log(start("OK ID completed.", { name: "dovewire" })), ["logged-in"]);
  assert.deepEqual(start("BAD Invalid ID parameters").told(), ["untrusted"]);
});

test("ID › what it can't carry › is refused", () => {
  for (
    const id of [
      { "na me": "x" },
      { name: "a\r\nb" },
      { name: "é" },
      { ["x".repeat(31)]: "x" },
      { "x-multiplex": "0" },
    ]
  ) {
    assert.throws(
      () => new ImapRelayProtocol({ upstreamId: id as Record<string, string> }),
      LocalProtocolError,
    );
  }
  for (const maxOpenCommands of [0, -1, NaN]) {
    assert.throws(() => new ImapRelayProtocol({ maxOpenCommands }), LocalProtocolError);
  }
});

test("STARTTLS › with the server › nothing goes before it, and the list is asked for again", () => {
  const talk = new RelayTalk({ upstreamStartTls: true, upstreamId });
  talk.server("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Hello.\r\n");
  assert.equal(talk.got(), "~1 STARTTLS\r\n");
  talk.server("~1 OK Begin TLS negotiation now.\r\n");
  assert.deepEqual(talk.told(), ["start-tls"]);
  assert.equal(talk.got(), "");
  assert.equal(talk.relay.upstream.mayRead, false);
  talk.act((relay) => relay.upstream.tlsStarted());
  assert.equal(talk.got(), "~2 CAPABILITY\r\n");
  talk.server("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n~2 OK Listed.\r\n");
  assert.match(talk.got(), /^~3 ID \(/);
  assert.match(talk.server("* ID NIL\r\n~3 OK Trusted ID completed.\r\n"), /^\* OK \[CAPABILITY /);
  talk.client("a CAPABILITY\r\nb LOGIN alice s3cret\r\n");
  assert.equal(talk.got(), "~4 CAPABILITY\r\n");
});

test("STARTTLS › with the server › refused, or with bytes after its answer, fails", () => {
  for (
    const bytes of [
      "~1 BAD Unknown command.\r\n",
      "~1 OK Begin TLS negotiation now.\r\n* OK ",
      "~1 OK Begin TLS negotiation now.\r\n* CAPABILITY IMAP4rev1\r\n",
    ]
  ) {
    const talk = new RelayTalk({ upstreamStartTls: true });
    talk.server("* OK Hello.\r\n");
    assert.match(talk.server(bytes), /^\* BYE /);
    assert(talk.failure !== undefined);
  }
});

test("STARTTLS › of the client › is the relay's own", () => {
  const talk = RelayTalk.greeted({ startTls: true });
  assert.match(talk.client("a STARTTLS\r\n"), /^a OK /);
  assert.deepEqual(talk.told(), ["start-tls"]);
  talk.act((relay) => relay.client.tlsStarted());
  assert.match(talk.client("b LOGIN alice s3cret\r\n"), /^$/);
  talk.server(ok("~1"));
  const event = talk.events[0];
  assert(event.type === "logged-in" && event.isSecure);
  assert.equal(talk.got(), "~1 LOGIN alice s3cret\r\n");
});

test("before the login › what only a server with mail can do › is answered by the relay", () => {
  const talk = RelayTalk.greeted();
  assert.match(talk.client("a SELECT INBOX\r\n"), /^a BAD /);
  assert.match(talk.client("b NOOP\r\nc APPEND INBOX {5+}\r\nb LOGIN\r\n"), /^b OK .*\r\nc BAD /);
  assert.equal(talk.got(), "");
});

test("before the login › LOGOUT › is answered by the relay, and ends both sides", () => {
  const talk = RelayTalk.greeted();
  assert.match(talk.client("a LOGOUT\r\nb LOGIN alice s3cret\r\n"), /^\* BYE .*\r\na OK .*\r\n$/);
  assert.equal(talk.got(), "");
  assert.deepEqual(talk.told(), ["logout", "end", "end"]);
});

test("before the login › the server says BYE or ends › the client is told", () => {
  const talk = RelayTalk.greeted();
  assert.equal(
    talk.server("* BYE Disconnected for inactivity.\r\n"),
    "* BYE Disconnected for inactivity.\r\n",
  );
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
  for (const command of ["", "a LOGIN alice s3cret\r\n"]) {
    const other = RelayTalk.greeted();
    other.client(command);
    assert.match(other.serverEnd(), /^\* BYE \[UNAVAILABLE\] /);
    assert.deepEqual(other.told().sort(), ["end", "end"]);
  }
});

test("before the login › the server ends after its refusal › the client still learns of it", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  talk.client("a LOGIN alice s3cret\r\n");
  talk.server("~1 NO [LIMIT] Maximum number of connections.\r\n");
  assert.equal(talk.serverEnd(), "");
  assert.match(
    talk.act((relay) => relay.refuseLogin(1)),
    /^a NO \[LIMIT\] Maximum number of connections\.\r\n\* BYE /,
  );
});

test("before the login › the client ends › what it sent is still answered", () => {
  const talk = RelayTalk.greeted();
  talk.client("a LOGIN alice s3cret\r\nb NOOP\r\n");
  assert.equal(talk.clientEnd(), "");
  assert.match(talk.server(ok("~1")), /^a OK /);
  assert.equal(talk.got(), "~1 LOGIN alice s3cret\r\nb NOOP\r\n");
  assert.deepEqual(talk.told(), ["logged-in", "close-write"]);
  assert.equal(talk.server("b OK NOOP completed.\r\n"), "b OK NOOP completed.\r\n");
  talk.serverEnd();
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
  const idle = RelayTalk.greeted();
  idle.clientEnd();
  assert.deepEqual(idle.told().sort(), ["end", "end"]);
});

test("a password › that the server repeats › is in no event and no error", () => {
  const talk = RelayTalk.greeted({ leavesLogins: true });
  talk.client("a LOGIN alice zq-s3cret\r\n");
  talk.server("~1 NO zq-s3cret is wrong.\r\n");
  const event = talk.events[0];
  assert(event.type === "login-refused" && event.text === "… is wrong.");
  talk.act((relay) => relay.refuseLogin(1));
  talk.client("b LOGIN alice zq-s3cret\r\n");
  talk.server("+ zq-s3cret\r\n");
  assert.match(talk.failure!.message, /wasn't sent: "…"/);
});

test("STARTTLS › with the server › a handshake that fails ends both sides", () => {
  const talk = new RelayTalk({ upstreamStartTls: true });
  talk.server("* OK Hello.\r\n~1 OK Begin.\r\n");
  assert.deepEqual(talk.told(), ["start-tls"]);
  assert.match(talk.serverEnd(), /^\* BYE \[UNAVAILABLE\] /);
  assert.deepEqual(talk.told().sort(), ["end", "end"]);
});
