/** The laws of all protocols, for both sides of a relay. */

import { test } from "node:test";
import {
  type ImapRelayClientEvent,
  ImapRelayProtocol,
  type ImapRelayProtocolOptions,
  type ImapRelayUpstreamEvent,
  type TaggedResult,
} from "../../../core/imap/mod.ts";
import type { Protocol } from "../../../core/mod.ts";
import { lawTests, type Step } from "../../harness/laws.ts";
import { after, before, bytesOf, commands } from "./relay_talk.ts";

const ok: TaggedResult = { status: "OK", text: "Done." };

/** One side of a relay as a protocol of its own; the other one is played by the test's local steps. */
class Side<Event extends { readonly type: string }> implements Protocol<Event> {
  readonly relay: ImapRelayProtocol;
  readonly #name: "client" | "upstream";
  readonly #options: ImapRelayProtocolOptions;
  readonly #side: Protocol<Event>;
  readonly #other: Protocol<{ readonly type: string; readonly id?: number }>;

  constructor(
    name: "client" | "upstream",
    options: ImapRelayProtocolOptions = {},
    relay = new ImapRelayProtocol({ commands, ...options }),
  ) {
    this.#name = name;
    this.#options = options;
    this.relay = relay;
    this.#side = this.relay[name] as unknown as Protocol<Event>;
    this.#other = name === "client" ? this.relay.upstream : this.relay.client;
  }

  /** The same side of the relay, frozen and thawed if that can be. */
  refreeze(): Side<Event> {
    if (!this.relay.mayFreeze) return this;
    const options = { commands, ...this.#options };
    const relay = ImapRelayProtocol.thaw(this.relay.freeze(), options);
    return new Side(this.#name, this.#options, relay);
  }

  /** The other side says something. */
  hear(text: string): void {
    this.#other.receive(bytesOf(text));
  }

  receive(chunk: Uint8Array): void {
    this.#side.receive(chunk);
  }

  receiveEnd(): void {
    this.#side.receiveEnd();
  }

  nextEvent(): Event | undefined {
    for (;;) {
      for (let event; (event = this.#side.nextEvent()) !== undefined;) {
        if (event.type !== "output") return event;
      }
      if (!this.#pumpOther()) return undefined;
    }
  }

  takeOutput(): Uint8Array | undefined {
    return this.#side.takeOutput();
  }

  get deadline(): number | undefined {
    return this.#side.deadline;
  }

  handleTimeout(now: number): void {
    this.#side.handleTimeout(now);
  }

  /** Takes what the other side has; returns whether there was anything. */
  #pumpOther(): boolean {
    let isBusy = false;
    for (let event; (event = this.#other.nextEvent()) !== undefined; isBusy = true) {
      if (event.type === "logged-in") this.relay.acceptLogin(event.id!);
      else if (event.type === "login-refused") this.relay.refuseLogin(event.id!);
    }
    while (this.#other.takeOutput() !== undefined) isBusy = true;
    return isBusy;
  }
}

type Client = Side<ImapRelayClientEvent>;
type Upstream = Side<ImapRelayUpstreamEvent>;

const greeting = `* OK [CAPABILITY ${before}] ready.\r\n`;
const loggedIn = `~1 OK [CAPABILITY ${after}] Logged in\r\n`;

const clientLaws = lawTests<ImapRelayClientEvent, Client>({
  name: "IMAP relay, client's side",
  make: () => new Side("client"),
  snapshot: (event) => event,
  begun: (event) => event.type === "command" ? event.id : undefined,
  answered: (event) =>
    event.type === "cancel" && event.reason !== "disconnected" ? event.id : undefined,
  abandon: ({ relay }) => relay.close(),
  unanswered: (event) =>
    // A login that the server hasn't answered is no command of the caller's.
    event.type === "end" ? event.unanswered.filter((id) => id > 1) : undefined,
  refreeze: (side) => side.refreeze(),
  answersMistakes: true,
  conversations: [
    {
      name: "commands, literals and mistakes",
      make: () => new Side("client"),
      steps: [
        hear(greeting),
        say("a CAPABILITY\r\nb LOGIN {5+}\r\nalice {6}\r\nsecret\r\n"),
        hear(`* CAPABILITY ${before}\r\n~1 OK Listed.\r\n`),
        hear(`* CAPABILITY ${after}\r\n~2 OK Logged in\r\n`),
        say("c APPEND x {8+}\r\nd NOOP\r\n (\\Seen) {3+}\r\nabc\r\ne NOOP {3+}\r\nabc\r\n"),
        hear("+ OK\r\n"),
        hear("+ OK\r\n"),
        hear("c OK Done.\r\n"),
        say("f XYZZY {3+}\r\nabc\r\ng NOOP )(\r\nh APPEND x {3}\r\ni NOOP\r\n"),
        hear("h NO [TRYCREATE] No.\r\n"),
        say("j APPEND x {3+}\r\nabc)(\r\nk NOOP\r\n"),
        hear("+ OK\r\n"),
        hear("i OK\r\nj BAD No.\r\nk OK\r\n"),
        say("l LOGOUT\r\nm NOOP\r\n"),
        hear("* BYE Bye.\r\nl OK Bye.\r\n"),
        { end: true },
      ],
    },
    {
      name: "IDLE and custom commands",
      make: () => new Side("client"),
      steps: [
        hear(greeting),
        say("a LOGIN alice secret\r\n"),
        hear(loggedIn),
        say("b IDLE\r\nDONE\r\nc IDLE\r\nwrong {6+}\r\nx NOOP\r\nd XASK one\r\n"),
        hear("+ idling\r\n"),
        hear("b OK Done.\r\n"),
        hear("+ idling\r\n"),
        hear("c OK Done.\r\n"),
        finish(2),
        say("e XWAIT\r\nDONE\r\nf NOOP\r\n"),
        finish(3),
        hear("+ idling\r\n"),
        hear("~2 OK Done.\r\n"),
        hear("f OK Done.\r\n"),
        say("g XWAIT\r\nwrong\r\nh XWAIT\r\n"),
        { local: ({ relay }) => relay.cancel(5) },
        say("i XWAIT\r\nDON"),
        { end: true },
      ],
    },
    {
      name: "a shutdown while a command runs",
      make: () => new Side("client"),
      steps: [
        hear(greeting),
        say("a LOGIN alice secret\r\n"),
        hear(loggedIn),
        say("b XWAIT\r\n"),
        { local: ({ relay }) => relay.shutDown("Bye.") },
      ],
    },
  ],
  localMistakes: [
    mistake("a command that doesn't run", ({ relay }) => relay.finish(7, ok)),
    mistake("a line end in a response", ({ relay }) => relay.untagged(2, ["a\r\nb"])),
    mistake("a line end in a continuation", ({ relay }) => relay.continue(2, "a\r\nb")),
    mistake("a line end in a result", ({ relay }) => relay.cancel(2, "a\r\nb")),
    mistake("a login that nobody tried", ({ relay }) => relay.acceptLogin(2)),
    mistake("the refusal of one", ({ relay }) => relay.refuseLogin(1)),
    mistake("TLS that nobody asked for", ({ relay }) => relay.client.tlsStarted()),
    mistake("a goodbye of two lines", ({ relay }) => relay.close("a\r\nb")),
    mistake(
      "bytes that are none",
      ({ relay }) => relay.client.receive("x" as unknown as Uint8Array),
    ),
  ],
  floods: [
    flood("line", { limits: { line: 1000, swallow: 3000 } }, "x"),
    flood("swallow", { limits: { swallow: 3000 } }, "a", "a NOOP {2900+}\r\n"),
    flood("mistakes", {}, "a FOO\r\n"),
    flood("backlog behind a literal", { limits: { backlog: 3000 } }, "x", "a APPEND x {9999+}\r\n"),
    flood("backlog behind IDLE", { limits: { backlog: 3000 } }, "DONE\r\n", "a IDLE\r\n"),
    flood(
      "backlog behind too many",
      { limits: { backlog: 3000 }, maxOpenCommands: 2 },
      "a NOOP\r\n",
    ),
  ],
});

const upstreamLaws = lawTests<ImapRelayUpstreamEvent, Upstream>({
  name: "IMAP relay, server's side",
  make: () => new Side("upstream"),
  snapshot: (event) => event,
  answered: () => undefined,
  unanswered: (event) => event.type === "end" ? [] : undefined,
  refreeze: (side) => side.refreeze(),
  conversations: [
    {
      name: "a login, responses of all kinds, and a goodbye",
      make: () => new Side("upstream", { upstreamId: { "x-originating-ip": "192.0.2.7" } }),
      steps: [
        hear(
          "a LOGIN alice wrong\r\nb LOGIN alice {6+}\r\nsecret\r\nc NOOP\r\nd FETCH 1 BODY[]\r\n",
        ),
        peer(greeting),
        peer('* ID ("name" {7}\r\nDovecot)\r\n~1 OK ID completed.\r\n'),
        peer("* OK Waiting.\r\n~2 NO [AUTHENTICATIONFAILED] No.\r\n"),
        decide(({ relay }) => relay.refuseLogin(1)),
        peer(`~3 OK [CAPABILITY ${after} INPROGRESS] Logged in\r\n* 1 EXISTS\r\n`),
        decide(({ relay }) => relay.acceptLogin(2)),
        peer(
          "c OK Done.\r\n* 1 FETCH (BODY[] {12}\r\nd OK Done.\r\n)\r\nd OK Done.\r\n* BYE Bye.\r\n",
        ),
        { end: true },
      ],
    },
    {
      name: "STARTTLS",
      make: () => new Side("upstream", { upstreamStartTls: true }),
      steps: [
        peer("* OK ready.\r\n~1 OK Begin.\r\n"),
        { local: ({ relay }) => relay.upstream.tlsStarted() },
        peer(`* CAPABILITY ${before}\r\n~2 OK Listed.\r\n* BYE Shutting down\r\n`),
      ],
    },
    {
      name: "a custom command, and the end",
      make: () => new Side("upstream"),
      steps: [
        hear("a LOGIN alice secret\r\nb XWAIT\r\n"),
        peer(greeting),
        peer(loggedIn),
        decide(({ relay }) => relay.acceptLogin(1)),
        peer("+ idling\r\n* 3 EXISTS\r\n* OK Still here\r\n"),
        { local: ({ relay }) => relay.finish(2, ok) },
        peer("~2 OK Done.\r\n"),
        { end: true },
      ],
    },
    ...remoteMistakes(),
  ],
  localMistakes: [
    {
      name: "TLS that nobody asked for",
      steps: [peer(greeting)],
      act: ({ relay }) => relay.upstream.tlsStarted(),
    },
    {
      name: "bytes that are none",
      steps: [peer(greeting)],
      act: ({ relay }) => relay.upstream.receive(7 as unknown as Uint8Array),
    },
  ],
  floods: [
    {
      limit: "responseLine",
      make: () => new Side("upstream", { limits: { responseLine: 3000 } }),
      steps: [],
      chunk: () => bytesOf("* OK ..."),
      most: 6000,
    },
    {
      limit: "response",
      make: () =>
        new Side("upstream", { limits: { response: 3000 }, upstreamId: { name: "dovewire" } }),
      steps: [peer(greeting)],
      chunk: (at) => bytesOf(at === 0 ? "* ID (" : "aaaaaaa "),
      most: 6000,
    },
  ],
});

for (const [name, law] of Object.entries({ ...clientLaws, ...upstreamLaws })) test(name, law);

function say(text: string): Step<Client> {
  return { peer: bytesOf(text) };
}

function peer(text: string): Step<Upstream> {
  return { peer: bytesOf(text) };
}

/** The other peer says something. */
function hear<Event extends { readonly type: string }>(text: string): Step<Side<Event>> {
  return { local: (side) => side.hear(text) };
}

/** The caller decides on a login. */
function decide(act: (side: Upstream) => void): Step<Upstream> {
  return { local: act };
}

function finish(id: number): Step<Client> {
  return {
    local({ relay }) {
      relay.finish(id, ok);
      return { answered: id };
    },
  };
}

function mistake(name: string, act: (side: Client) => unknown) {
  return {
    name,
    steps: [hear(greeting), say("a LOGIN alice secret\r\n"), hear(loggedIn), say("b XWAIT\r\n")],
    // It is a mistake only when the command runs.
    act,
  };
}

function flood(limit: string, options: ImapRelayProtocolOptions, chunk: string, first = "") {
  return {
    limit,
    make: () => new Side<ImapRelayClientEvent>("client", options),
    steps: [hear(greeting), say("in LOGIN alice secret\r\n"), hear(loggedIn), say(first)],
    chunk: () => bytesOf(chunk),
    most: 10_000,
  } as const;
}

function remoteMistakes() {
  const start = [hear("a LOGIN alice secret\r\n"), peer(greeting)] as const;
  const inside = [
    ...start,
    peer(loggedIn),
    decide(({ relay }: Upstream) => relay.acceptLogin(1)),
  ] as const;
  const cases: readonly (readonly [string, readonly Step<Upstream>[], string])[] = [
    ["no IMAP", [], "220 mail.example.org ESMTP\r\n"],
    ["PREAUTH", [], "* PREAUTH Hello.\r\n"],
    ["a continuation before the password", start, "+ \r\n"],
    ["an answer to no command before the login", start, "x OK Done.\r\n"],
    ["a continuation that nobody waits for", inside, "* 3 EXISTS\r\n+ OK\r\n"],
    ["an answer to no command", inside, "x OK Done.\r\n"],
    ["no response", inside, "hello\r\n"],
  ];
  return cases.map(([name, steps, text]) => ({
    name,
    make: () => new Side<ImapRelayUpstreamEvent>("upstream"),
    steps: [...steps, peer(text)],
  }));
}
