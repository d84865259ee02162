/**
 * Made-up conversations through a relay, for freezing it at any point.
 *
 * @module
 */

import type { ImapRelayProtocolOptions, TaggedResult } from "../../../core/imap/mod.ts";
import { Random } from "../../harness/random.ts";
import { FreezePair } from "./freeze_pair.ts";
import { after, before, commands } from "./relay_talk.ts";

const ok: TaggedResult = { status: "OK", text: "Done." };

const clientLines: readonly string[] = [
  "NOOP",
  "CAPABILITY",
  "SELECT INBOX",
  "SELECT {5+}\r\nINBOX",
  "EXAMINE {5}\r\nINBOX",
  "CLOSE",
  "IDLE\r\nDONE",
  "IDLE",
  "IDLE\r\nwrong {3+}\r\nabc",
  "APPEND x {8+}\r\nd NOOP\r\n",
  "APPEND x (\\Seen) {8}\r\nd NOOP\r\n",
  "APPEND x {3+}\r\nabc (\\Seen) {4+}\r\nabcd",
  "APPEND x {3+}\r\nabc)(",
  'APPEND x "no date" 7 {6+}\r\nx NOOP',
  "REPLACE 1 x {3+}\r\nabc",
  'LIST "" (a b (c d))',
  "FETCH 1 (FLAGS (",
  "SEARCH ({3+}\r\nabc {2+}\r\nde) x",
  "NOOP )(",
  "NOOP {7+}\r\na NOOP\r",
  "XYZZY {3+}\r\nabc",
  "UID FETCH 1 BODY[]",
  "XASK",
  "XASK one (two (three)) {3+}\r\nabc {0+}\r\n x",
  "XASK {3}\r\nabc",
  "XWAIT",
  "XWAIT\r\nDONE",
  "XWAIT (a {3+}\r\nabc b)",
  "XWAIT\r\nwrong {4+}\r\nabcd",
  'ID ("name" "x")',
  "LOGOUT",
  "ENABLE CONDSTORE",
];

const serverLines: readonly string[] = [
  "* 3 EXISTS",
  "* 1 FETCH (BODY[] {12}\r\nd OK Done.\r\n)",
  "* 1 FETCH (BODY[] {0}\r\n FLAGS ())",
  '* 1 FETCH (X "{5}" ENVELOPE ("a\\"b"))',
  "* OK [CLOSED] Closed.",
  "* OK Still here",
  "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE",
  "* OK [CAPABILITY IMAP4rev1 IDLE] Listed.",
  "* NO [ALERT] Careful.",
];

/** The server behind the relay: answers what it understands, more or less. */
class Server {
  /** What it is going to say. */
  said = "";
  readonly #random: Random;
  #heard = "";
  #tag = "";
  #idleTag = "";
  #missing = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  hear(text: string): void {
    this.#heard += text;
    for (;;) {
      const skipped = Math.min(this.#missing, this.#heard.length);
      this.#heard = this.#heard.slice(skipped);
      this.#missing -= skipped;
      const end = this.#heard.indexOf("\r\n");
      if (end === -1) return;
      const line = this.#heard.slice(0, end);
      this.#heard = this.#heard.slice(end + 2);
      this.#take(line);
    }
  }

  #take(line: string): void {
    const random = this.#random;
    if (random.chance(30)) this.say(random.pick(serverLines));
    if (line === "DONE") return this.#answer(this.#idleTag);
    this.#tag ||= line.split(" ")[0];
    const literal = /\{(\d+)\}$/.exec(line);
    if (literal !== null) {
      if (random.chance(25)) return this.#answer(this.#tag, "NO [TRYCREATE] No.");
      this.#missing = Number(literal[1]);
      return this.say("+ OK");
    }
    if (/ IDLE$/i.test(line)) {
      if (random.chance(10)) return this.#answer(this.#tag, "BAD No IDLE.");
      this.#idleTag = this.#tag;
      this.#tag = "";
      return this.say("+ idling");
    }
    this.#answer(this.#tag);
  }

  #answer(
    tag: string,
    result = this.#random.pick(["OK Done.", "OK [CLOSED] Done.", "NO No.", "BAD No."]),
  ): void {
    this.#tag = "";
    if (tag !== "") this.say(`${tag} ${result}`);
  }

  say(line: string): void {
    this.said += `${line}\r\n`;
  }
}

/** One made-up conversation, from the login on. */
export class FreezeConversation {
  readonly #random: Random;
  /** Chooses where to freeze; whatever it chooses, the conversation is the same. */
  readonly #freezing: Random;
  readonly #pair: FreezePair;
  readonly #server: Server;
  #client = "";
  #tags = 0;
  #running: number | undefined;
  #hasEnded = { client: false, upstream: false };

  /** The conversation of that number. */
  constructor(seed: number) {
    const random = new Random(seed);
    this.#random = random;
    this.#freezing = new Random(~seed);
    this.#server = new Server(random);
    const options: ImapRelayProtocolOptions = {
      commands,
      maxOpenCommands: random.pick([2, 100]),
      keepaliveInterval: 120_000,
      upstreamId: { name: "x" },
      limits: {
        output: 500,
        ...(random.chance(20) ? { line: 60, swallow: 40, command: 300 } : {}),
      },
    };
    this.#pair = new FreezePair(options);
  }

  /** Runs it; returns how often the relay was frozen. Throws if freezing makes a difference. */
  run(): number {
    const pair = this.#pair;
    const listed = this.#random.chance(80) ? after : "IMAP4rev1";
    pair.hear("upstream", `* OK [CAPABILITY ${before}] ready.\r\n`);
    pair.pump();
    pair.hear("upstream", '* ID ("name" "scripted")\r\n~1 OK Done.\r\n');
    pair.hear("client", 'id ID ("name" "x" "y" NIL)\r\nin LOGIN alice secret\r\n');
    pair.pump();
    pair.hear("upstream", `~2 OK [CAPABILITY ${listed}] Logged in\r\n`);
    this.#pump();
    for (let turn = 0; turn < 50; turn++) {
      this.#maybeFreeze();
      this.#step();
      this.#maybeFreeze();
      if (this.#random.chance(85)) this.#pump();
    }
    this.#pump();
    return pair.freezes;
  }

  #maybeFreeze(): void {
    if (this.#freezing.chance(15)) this.#pair.freeze(this.#freezing.below(1_000_000) - 500_000);
  }

  #pump(): void {
    const { said, running } = this.#pair.pump();
    this.#server.hear(said.upstream);
    this.#running = running;
  }

  #step(): void {
    const random = this.#random;
    const pair = this.#pair;
    const kind = random.below(100);
    if (kind < 40) this.#clientSays();
    else if (kind < 70) this.#serverSays();
    else if (kind < 85) this.#ownerActs();
    else if (kind < 96) pair.pass(random.pick([1, 1000, 60_000, 900_000, 1_800_000]));
    else if (kind < 97) this.#end("client");
    else if (kind < 98) this.#end("upstream");
    else if (kind < 99) pair.act((relay) => relay.shutDown("Bye."));
    else if (random.chance(20)) {
      this.#server.said += random.pick(["nonsense\r\n", "x OK What?\r\n", "+ \r\n"]);
    }
  }

  /** The client sends some of what it has to say. */
  #clientSays(): void {
    const random = this.#random;
    if (this.#hasEnded.client) return;
    if (this.#client.length < 4) {
      const tag = random.chance(90) ? `t${this.#tags++}` : "t";
      const end = random.chance(90) ? "\r\n" : "\n";
      this.#client += `${tag} ${random.pick(clientLines)}${end}`;
      if (random.chance(20)) this.#client += "DONE\r\n";
    }
    this.#client = this.#cut("client", this.#client);
  }

  #serverSays(): void {
    const server = this.#server;
    if (this.#hasEnded.upstream) return;
    if (server.said === "" && this.#random.chance(30)) server.say(this.#random.pick(serverLines));
    server.said = this.#cut("upstream", server.said);
  }

  /** Sends the beginning of a text; returns the rest. */
  #cut(from: "client" | "upstream", text: string): string {
    const size = this.#random.chance(40) ? text.length : this.#random.below(text.length + 1);
    if (size > 0) this.#pair.hear(from, text.slice(0, size));
    return text.slice(size);
  }

  #ownerActs(): void {
    const random = this.#random;
    const id = this.#running;
    if (id === undefined) {
      // Of a command that has ended.
      const old = random.pick([1, 2, 3, 4]);
      if (random.chance(30)) this.#pair.act((relay) => relay.finish(old, ok));
      return;
    }
    const kind = random.below(5);
    const large = new Uint8Array(random.pick([3, 300]));
    this.#pair.act((relay) => {
      // It may have ended since.
      if (relay.running !== id) return;
      if (kind < 2) relay.untagged(id, ["XNEWS ", large]);
      else if (kind === 2) relay.finish(id, ok);
      else if (kind === 3) relay.cancel(id);
      else relay.isWritable(id);
    });
  }

  #end(from: "client" | "upstream"): void {
    if (this.#hasEnded[from] || this.#random.chance(50)) return;
    this.#hasEnded[from] = true;
    this.#pair.act((relay) => relay[from].receiveEnd());
  }
}
