import { test } from "node:test";
import {
  atom,
  type ImapClientCommand,
  type ImapClientEvent,
  ImapClientProtocol,
} from "../../../core/imap/mod.ts";
import { encodeUtf8 } from "../../../core/mod.ts";
import { type Conversation, lawTests, type Step } from "../../harness/laws.ts";

type Client = ImapClientProtocol;

const laws = lawTests<ImapClientEvent, Client>({
  name: "IMAP client",
  make: () => new ImapClientProtocol(),
  snapshot: (event) => JSON.parse(JSON.stringify(event)),
  answered: (event) => event.type === "answer" ? event.id : undefined,
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  conversations: [
    {
      name: "commands one after the other",
      make: () => new ImapClientProtocol(),
      steps: [
        peer("* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] Dovecot ready.\r\n"),
        send({ name: "NOOP" }),
        send({ name: "SELECT", args: ["INBOX"] }),
        send({ name: "UID FETCH", args: [atom("1:*"), [atom("FLAGS"), atom("BODY[]")]] }),
        peer("* 1 EXISTS\r\nC1 OK NOOP completed.\r\n"),
        peer(
          "* FLAGS (\\Seen)\r\n* OK [UIDNEXT 4] next\r\nC2 OK [READ-WRITE] Select completed.\r\n",
        ),
        peer('* 1 FETCH (UID 3 FLAGS (\\Seen) BODY[] {5}\r\nh\r\nyo X "a\\"b" NIL)\r\n'),
        peer("C3 NO [LIMIT] That's enough.\r\n"),
        peer("* 2 EXISTS\r\n* BYE Disconnected for inactivity.\r\n"),
        { end: true },
      ],
    },
    {
      name: "synchronizing literals, and one that is refused",
      make: () => new ImapClientProtocol(),
      steps: [
        peer("* PREAUTH Logged in as alice\r\n"),
        send({ name: "XKEYADD", args: ["a\r\nb", encodeUtf8("c")] }),
        send({ name: "XKEYADD", args: ["a\r\nb", "c\r\nd"] }),
        peer("+ OK\r\n* 1 EXISTS\r\n+ OK\r\nC1 OK Added.\r\n"),
        peer("+ OK\r\n* OK hm\r\nC2 NO Too many.\r\n"),
        { end: true },
      ],
    },
    {
      name: "IDLE and its like",
      make: () => new ImapClientProtocol(),
      steps: [
        peer("* OK ready\r\n"),
        send({ name: "IDLE" }),
        { local: (client) => client.send({ name: "XKEYSYNC", isLongRunning: true }) },
        send({ name: "LOGOUT" }),
        peer("+ idling\r\n* 1 EXISTS\r\n* OK Still here\r\n"),
        { local: (client) => client.done(1) },
        { local: (client) => client.done(2) },
        peer("* 2 EXISTS\r\nC1 OK Idle completed.\r\n"),
        peer("* XKEYSYNC CREATED {3}\r\na\r\n\r\n* XKEYSYNC OK\r\n+ OK\r\nC2 OK done\r\n"),
        peer("* BYE Logging out\r\nC3 OK Logout completed.\r\n"),
        { end: true },
      ],
    },
    startTls([]),
    startTls([peer("x")]),
    {
      name: "STARTTLS, refused",
      make: () => new ImapClientProtocol(),
      steps: [
        peer("* OK ready\r\n"),
        { local: (client) => client.startTls() },
        { local: (client) => client.login({ username: "alice", password: "s3cret" }) },
        peer("C1 BAD TLS is not available.\r\nC2 NO [AUTHENTICATIONFAILED] no s3cret\r\n"),
        { end: true },
      ],
    },
    {
      name: "AUTHENTICATE without an initial response",
      make: () => new ImapClientProtocol(),
      steps: [
        peer("* OK ready\r\n"),
        { local: (client) => client.authenticatePlain({ username: "alice", password: "s3cret" }) },
        peer("+ \r\n* CAPABILITY IMAP4rev1\r\nC1 OK Logged in\r\n"),
        { end: true },
      ],
    },
    ended("a goodbye as the greeting", "* BYE Too many connections.\r\n"),
    ended("no greeting", ""),
    ended("a goodbye during a command", "* OK ready\r\n* BYE Server shutting down.\r\n"),
    failed("no IMAP", "HTTP/1.1 400 Bad Request\r\n"),
    failed("a greeting with a tag", "C1 OK ready\r\n"),
    failed("another greeting", "* OK ready\r\n* PREAUTH again\r\n"),
    failed("a continuation instead of a greeting", "+ OK\r\n"),
    failed("a continuation that nobody asked for", "* OK ready\r\n+ OK\r\n"),
    failed("an answer with an unknown tag", "* OK ready\r\nC7 OK done\r\n"),
    failed("an answer to a command that waits", "* OK ready\r\nC2 OK done\r\n"),
    failed("a second answer", "* OK ready\r\nC1 OK done\r\nC1 OK done\r\n"),
    failed("bytes that are no text", "* OK ready\r\n\x00\x01\r\n"),
    {
      name: "a second continuation",
      make: () => new ImapClientProtocol(),
      steps: [peer("* OK ready\r\n"), send({ name: "IDLE" }), peer("+ idling\r\n+ idling\r\n")],
    },
  ],
  localMistakes: [
    mistake("an empty name", (client) => client.send({ name: "" })),
    mistake("a name with a line break", (client) => client.send({ name: "NOOP\r\nC9" })),
    mistake("a name with arguments", (client) => client.send({ name: "SELECT (a)" })),
    mistake("STARTTLS as a command", (client) => client.send({ name: "starttls" })),
    mistake("LOGIN as a command", (client) => client.send({ name: "Login", args: ["a", "b"] })),
    mistake("AUTHENTICATE as a command", (client) => client.send({ name: "AUTHENTICATE" })),
    mistake("COMPRESS", (client) => client.send({ name: "COMPRESS", args: ["DEFLATE"] })),
    mistake("a NUL", (client) => client.send({ name: "SELECT", args: ["a\0b"] })),
    mistake(
      "half a surrogate pair",
      (client) => client.send({ name: "SELECT", args: [["INBOX\ud83d"]] }),
    ),
    ...["", "a\r\nb", "a{1}", '"', "é"].map((text) =>
      mistake(
        `the atom ${JSON.stringify(text)}`,
        (client) => client.send({ name: "SELECT", args: [{ type: "atom", text }] }),
      )
    ),
    mistake(
      "an argument that is none",
      (client) => client.send({ name: "SELECT", args: [1 as unknown as string] }),
    ),
    mistake(
      "a NUL in a user's name",
      (client) => client.login({ username: "a\0b", password: "s3cret" }),
    ),
    mistake(
      "a NUL in a password",
      (client) => client.authenticatePlain({ username: "alice", password: "a\0b" }),
    ),
    mistake(
      "half a surrogate pair in the user's name of LOGIN",
      (client) => client.login({ username: "alice\ud83d", password: "s3cret" }),
    ),
    mistake(
      "half a surrogate pair in the user's name of PLAIN",
      (client) => client.authenticatePlain({ username: "alice\ud83d", password: "s3cret" }),
    ),
    mistake("DONE for no command", (client) => client.done(9)),
    mistake("DONE for a command that ends by itself", (client) => client.done(1)),
    mistake("TLS that nobody asked for", (client) => client.tlsStarted()),
    mistake("bytes that are none", (client) => client.receive("x" as unknown as Uint8Array)),
  ],
  floods: [
    flood("response", (at) => at === 0 ? "* XDATA " : "(a) b c ".repeat(1000), 17_000_000),
    ...["C1 OK ", "* OK ", "+ "].map((start) =>
      flood("responseLine", (at) => at === 0 ? start : "so much to say ".repeat(100), 100_000)
    ),
    flood("response", (at) => at === 0 ? "* XDATA (" : "{0}\r\n", 1_000_000),
    flood("literal", () => "* XDATA {1048577}\r\n", 100),
    flood("responseLine", (at) => `* CAPABILITY A${at} B${at}\r\n`, 200_000),
  ],
});

for (const [name, run] of Object.entries(laws)) test(name, run);

function peer(text: string): Step<Client> {
  return { peer: encodeUtf8(text) };
}

function send(command: ImapClientCommand): Step<Client> {
  return { local: (client) => client.send(command) };
}

function startTls(after: readonly Step<Client>[]): Conversation<Client> {
  return {
    name: after.length === 0 ? "STARTTLS" : "unencrypted bytes after STARTTLS",
    make: () => new ImapClientProtocol(),
    steps: [
      peer("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
      { local: (client) => client.startTls() },
      send({ name: "CAPABILITY" }),
      peer("C1 OK Begin TLS negotiation now.\r\n"),
      ...after,
      { local: (client) => client.tlsStarted() },
      peer("* CAPABILITY IMAP4rev1\r\nC2 OK done\r\n"),
      { end: true },
    ],
  };
}

/** A conversation of one command, which ends early. */
function ended(name: string, text: string): Conversation<Client> {
  return {
    name,
    make: () => new ImapClientProtocol(),
    steps: [send({ name: "NOOP" }), send({ name: "CHECK" }), peer(text), { end: true }],
  };
}

/** A server's mistake, while two commands are open. */
function failed(name: string, text: string): Conversation<Client> {
  return {
    name,
    make: () => new ImapClientProtocol({ password: "s3cret" }),
    steps: [send({ name: "NOOP" }), send({ name: "CHECK" }), peer(text)],
  };
}

function mistake(name: string, act: (client: Client) => unknown) {
  return { name, steps: [peer("* OK ready\r\n"), send({ name: "NOOP" })], act };
}

function flood(limit: string, chunk: (at: number) => string, most: number) {
  return {
    limit,
    make: () => new ImapClientProtocol(),
    steps: [peer("* OK ready\r\n"), send({ name: "CAPABILITY" })],
    chunk: (at: number) => encodeUtf8(chunk(at)),
    most,
  };
}
