import { test } from "node:test";
import {
  type ConversationEvent,
  ImapServerProtocol,
  type ImapServerProtocolOptions,
  type TaggedResult,
} from "../../../core/imap/mod.ts";
import { encodeUtf8 } from "../../../core/mod.ts";
import { lawTests, type Step } from "../../harness/laws.ts";
import { commands } from "./talk.ts";

type Server = ImapServerProtocol;

const ok: TaggedResult = { status: "OK", text: "Done." };
const plain = btoa("\0alice\0secret");

const laws = lawTests<ConversationEvent, Server>({
  name: "IMAP server",
  make: () => server({ preauthenticated: "alice" }),
  snapshot: (event) => event,
  begun: (event) => event.type === "command" || event.type === "login" ? event.id : undefined,
  answered: (event) =>
    event.type === "cancel" && event.reason !== "disconnected" ? event.id : undefined,
  abandon: (protocol) => protocol.close(),
  unanswered: (event) => event.type === "end" ? event.unanswered : undefined,
  answersMistakes: true,
  conversations: [
    {
      name: "logins of all kinds, built-in commands and mistakes",
      make: () => server({ startTls: true }),
      steps: [
        peer('a CAPABILITY\r\nb ID ("name" {3+}\r\nlab)\r\nc AUTHENTICATE PLAIN\r\n*\r\n'),
        peer(`d AUTHENTICATE PLAIN ${plain}\r\ne NOOP\r\n`),
        answer(1, (protocol) => protocol.refuse(1)),
        peer(`f AUTHENTICATE LOGIN\r\n${btoa("alice")}\r\n${btoa("secret")}\r\n`),
        answer(2, (protocol) => protocol.refuse(2)),
        peer("g AUTHENTICATE PLAIN\r\n!!!\r\nh FOO {5+}\r\nhello\r\n\r\ni NOOP\r\n"),
        peer("j LOGIN {5}\r\nalice {6+}\r\nsecret\r\nk NOOP {3}\r\nl NOOP\r\n"),
        answer(3, (protocol) => protocol.accept(3)),
        peer(
          "m LOGIN a b\r\nn IDLE\r\nDONE\r\no IDLE\r\nwrong {7+}\r\nx NOOP\r\n\r\np LOGOUT\r\nq NOOP\r\n",
        ),
        { end: true },
      ],
    },
    {
      name: "custom commands and all their ends",
      make: () => server({ preauthenticated: "alice" }),
      steps: [
        peer('a XASK one "two" {3+}\r\nx\r\n (a (b))\r\nb NOOP\r\n'),
        answer(1, (protocol) => {
          protocol.untagged(1, ["XASK ", Uint8Array.of(0, 1, 2)]);
          protocol.finish(1, { status: "NO", text: "No.", code: "XWHY" });
        }),
        peer("c XWAIT\r\nDONE\r\nd NOOP\r\n"),
        answer(2, (protocol) => {
          protocol.continue(2);
          protocol.finish(2, ok);
        }),
        peer("e XWAIT\r\nx APPEND INBOX {5+}\r\nhello\r\n"),
        { local: (protocol) => protocol.finish(3, ok) },
        peer("f XWAIT\r\n"),
        answer(4, (protocol) => protocol.finish(4, ok)),
        peer("g XWAIT\r\n"),
        { local: (protocol) => protocol.cancel(5) },
        peer("h XWAIT\r\nDON"),
        { end: true },
      ],
    },
    {
      name: "a client that leaves while a stateless command runs",
      make: () => server({ preauthenticated: "alice" }),
      steps: [
        peer("a XASK\r\nb NOOP\r\nc NO"),
        { end: true },
        answer(1, (protocol) => protocol.finish(1, ok)),
      ],
    },
    {
      name: "a shutdown while a command runs",
      make: () => server({ preauthenticated: "alice" }),
      steps: [peer("a XWAIT\r\n"), { local: (protocol) => protocol.close("Bye.") }],
    },
    {
      name: "bad commands up to the last",
      make: () => server({}),
      steps: [peer("a FOO\r\n\r\n) (\r\nb NOOP\r\n")],
    },
  ],
  localMistakes: [
    mistake("a command that doesn't run", (protocol) => protocol.untagged(7, ["X"])),
    mistake("a response without text", (protocol) => protocol.untagged(1, [])),
    mistake("a line end in a response", (protocol) => protocol.untagged(1, ["X\r\nb OK"])),
    mistake("a literal that is none", (protocol) => protocol.untagged(1, ["X {5}"])),
    mistake("a line end in a result", (protocol) => protocol.finish(1, { ...ok, text: "\n" })),
    mistake("a code that is none", (protocol) => protocol.finish(1, { ...ok, code: "a]" })),
    mistake("a second greeting", (protocol) => protocol.greet()),
    mistake("a login that nobody tried", (protocol) => protocol.accept(1)),
    mistake("TLS that nobody asked for", (protocol) => protocol.tlsStarted()),
    mistake("a goodbye of two lines", (protocol) => protocol.close("a\r\nb")),
    mistake("bytes that are none", (protocol) => protocol.receive("x" as unknown as Uint8Array)),
  ],
  floods: [
    flood("line", { limits: { line: 1000, swallow: 3000 } }, "x"),
    flood("swallow", { limits: { swallow: 3000 } }, "a", "a FOO {2900+}\r\n"),
    flood(
      "command",
      { limits: { command: 1000, swallow: 3000 } },
      "{10+}\r\n0123456789 ",
      "a XASK ",
    ),
    flood("mistakes", {}, "a FOO\r\n"),
    flood("backlog behind a command", { limits: { backlog: 3000 } }, "b NOOP\r\n", "a XASK\r\n"),
    flood("backlog of an unread answer", { limits: { backlog: 3000, output: 500 } }, "b NOOP\r\n"),
    flood("line in place of DONE", { limits: { line: 1000, swallow: 3000 } }, "x", "a XWAIT\r\n"),
    {
      ...flood(
        "line of AUTHENTICATE",
        { limits: { swallow: 3000 } },
        "A",
        "a AUTHENTICATE PLAIN\r\n",
      ),
      make: () => server({ limits: { swallow: 3000 } }),
      most: 15_000,
    },
    {
      ...flood("backlog behind a login", {}, "b NOOP\r\n", "a LOGIN alice secret\r\n"),
      make: () => server({ limits: { backlog: 3000 } }),
    },
    {
      ...flood("backlog behind STARTTLS", {}, "b NOOP\r\n", "a STARTTLS\r\n"),
      make: () => server({ startTls: true, limits: { backlog: 3000 } }),
    },
  ],
});

for (const [name, law] of Object.entries(laws)) test(name, law);

function server(options: ImapServerProtocolOptions): Server {
  return new ImapServerProtocol({ commands, ...options });
}

function peer(text: string): Step<Server> {
  return { peer: encodeUtf8(text) };
}

/** The caller answers a login or a command. */
function answer(id: number, act: (protocol: Server) => void): Step<Server> {
  return {
    local(protocol) {
      act(protocol);
      return { answered: id };
    },
  };
}

function mistake(name: string, act: (protocol: Server) => unknown) {
  return { name, steps: [peer("a XWAIT\r\n")], act };
}

function flood(limit: string, options: ImapServerProtocolOptions, chunk: string, first?: string) {
  return {
    limit,
    make: () => server({ preauthenticated: "alice", ...options }),
    steps: first === undefined ? [] : [peer(first)],
    chunk: () => encodeUtf8(chunk),
    most: 6000,
  };
}
