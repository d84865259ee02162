/**
 * Makes up conversations whose literals contain commands.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Random } from "../../../harness/random.ts";
import type { Command, Conversation, Literal, Part } from "./conversation.ts";

/** Who may log in. */
export const USERS: readonly string[] = ["alice", "bob", "carol", "dave", "erin", "frank"];

/** Who is only named in data, so that it never logs in. */
export const TRAPPED = "mallory";

/** The beginning of the tags that stand only in data. */
export const TRAP_TAG = "z";

/** The beginnings of names of mailboxes that are created by commands, and in data. */
export const MADE = "made";
export const LEAKED = "leaked";

/** The custom commands of the relay: a long-running one and another. */
export const LONG = "XLONG";
export const SHORT = "XSHORT";

/** What parsers may take for different things. */
const NOISE: readonly string[] = [
  ...[..."\"()\\{}[]~%*+<&'\0\x7f\t\r\xe9  a"],
  ...["NIL", "{3}", "{3+}", "~{3}", '"a\\"', '"a', "BODY[", "\\Seen", "1:*"],
];

/** Makes up one conversation. */
export class Generator {
  #random: Random;
  #password: string;
  /** Makes tags and mailboxes different in all conversations of a server. */
  #number: number;
  #count = 0;
  #lastTag = "";

  /** Creates one with a source of choices; `number` is the conversation's. */
  constructor(random: Random, { number, password }: { number: number; password: string }) {
    this.#random = random;
    this.#number = number;
    this.#password = password;
  }

  /** A conversation. */
  conversation(): Conversation {
    const random = this.#random;
    const commands: Command[] = [];
    for (let turn = random.below(4); turn > 0; turn--) commands.push(this.#beforeLogin());
    for (let turn = random.chance(20) ? 2 : 1; turn > 0; turn--) commands.push(this.#login(true));
    for (let turn = random.below(7); turn > 0; turn--) commands.push(this.#afterLogin());
    const end = random.pick(["close", "close", "half-close", "break"] as const);
    if (end === "close") commands.push(this.#command(["LOGOUT\r\n"], [], "bye"));
    return { commands, end };
  }

  #beforeLogin(): Command {
    const random = this.#random;
    switch (random.below(5)) {
      case 0:
        return this.#command([
          random.pick(["NOOP", "CAPABILITY", "ENABLE X", "noop", "ID NIL"]),
          "\r\n",
        ]);
      case 1:
        return this.#command([
          'ID ("name" ',
          this.#string("x"),
          ' "vendor" ',
          this.#literal(),
          ")\r\n",
        ]);
      case 2:
        return this.#login(false);
      default:
        return this.#mistake();
    }
  }

  /** A login; a wrong one has another password, or is taken back. */
  #login(isRight: boolean): Command {
    const random = this.#random;
    const user = random.pick(USERS);
    const name = random.chance(20) ? user.toUpperCase() : user;
    const password = isRight ? this.#password : "wrong";
    if (random.chance(60)) {
      const secret = !isRight && random.chance(50) ? this.#literal() : this.#string(password);
      return this.#command(["LOGIN ", this.#string(name), " ", secret, "\r\n"]);
    }
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const taken = isRight || random.chance(50);
    if (random.chance(30)) {
      const replies = [[base64(name)], [taken ? base64(password) : "*"]];
      return this.#command(["AUTHENTICATE LOGIN\r\n"], replies);
    }
    const response = base64(`${random.chance(20) ? name : ""}\0${name}\0${password}`);
    if (random.chance(40)) return this.#command([`AUTHENTICATE PLAIN ${response}\r\n`]);
    const trap = random.pick([
      "*",
      "!",
      `${this.#trapTag()} LOGIN ${TRAPPED} ${this.#password}`,
      "",
    ]);
    return this.#command(["AUTHENTICATE plain\r\n"], [[taken ? response : trap]]);
  }

  #afterLogin(): Command {
    const random = this.#random;
    const mailbox = () =>
      this.#string(random.pick(["INBOX", "inbox", "Archive", "none", "work{3", 'a"b']));
    switch (random.below(14)) {
      case 0:
        return this.#command(["CREATE ", this.#string(this.#name(MADE)), "\r\n"]);
      case 1:
        return this.#command([random.pick(["SELECT ", "EXAMINE ", "STATUS "]), mailbox(), "\r\n"]);
      case 2:
        return this.#command([
          ...["LIST ", this.#string(""), " ", this.#string("*")],
          random.pick(["\r\n", " RETURN (SUBSCRIBED)\r\n", "\n"]),
        ]);
      case 3:
        return this.#append(mailbox());
      case 4: {
        const keys = random.several(["SUBJECT", "BODY", "FROM", "OR TO x CC"], 1, 3);
        const parts = keys.flatMap((key): Part[] => [` ${key} `, this.#literal()]);
        return this.#command([random.pick(["SEARCH", "UID SEARCH"]), ...parts, "\r\n"]);
      }
      case 5:
        return this.#command([
          ...["FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (", this.#string("Subject"), " "],
          ...[this.#literal(), ")]<0.20>)\r\n"],
        ]);
      case 6:
        return this.#idle("IDLE");
      case 7:
        return random.chance(50)
          ? this.#idle(`${LONG}${random.pick(["", " a", ' "b c" {+}', " ("])}`)
          : this.#command([LONG, " ", this.#literal(), "\r\n"], [this.#lineOfIdle()]);
      case 8:
        return this.#command([SHORT, " ", this.#string("x"), " ", this.#literal(), "\r\n"]);
      case 9:
        return this.#command([
          random.pick([
            "NOOP",
            "CAPABILITY",
            "ID NIL",
            "ENABLE CONDSTORE",
            "CHECK",
            "CLOSE",
            "EXPUNGE",
          ]),
          random.pick(["\r\n", "\n"]),
        ]);
      case 10:
        return this.#command([
          random.pick([
            "LIST",
            "SEARCH",
            "STORE 1 FLAGS",
            "FETCH 1",
            "CREATE",
            "STATUS",
            "COPY 1",
            "GETMETADATA",
          ]),
          ...[" ", this.#string("INBOX"), random.pick(this.#ends()), "\r\n"],
        ]);
      default:
        return this.#mistake();
    }
  }

  #append(mailbox: Part): Command {
    const random = this.#random;
    const options = random.pick([
      "",
      " (\\Seen)",
      ' "01-Jan-2026 00:00:00 +0000"',
      ' "bad date"',
      " (",
      " x y",
    ]);
    const more: Part[] = random.chance(30)
      ? [random.pick([" ", " () ", "  "]), this.#literal()]
      : [];
    const end = random.pick(["", "", " ", " )(", " x", ...this.#ends()]);
    return this.#command([
      "APPEND ",
      mailbox,
      options,
      " ",
      this.#literal(),
      ...more,
      `${end}\r\n`,
    ]);
  }

  /** Text at the end of a command that would be run if the command were over before. */
  #ends(): readonly string[] {
    const command = `${this.#trapTag()} CREATE ${this.#name(LEAKED)}`;
    const noise = this.#random.several(NOISE, 1, 5).join("");
    const starts = [
      " ) ",
      " (\\Seen) ",
      ' "x" ',
      " x ",
      " x) ",
      " {3} ",
      " {3}",
      noise,
      ` ${noise}`,
      ` ${noise} `,
    ];
    return starts.map((start) => start + command);
  }

  /** A long-running command, ended by DONE or by another line. */
  #idle(text: string): Command {
    const command = this.#command([text, "\r\n"], [this.#lineOfIdle()]);
    const waits = command.replies.flat().some((it) => typeof it !== "string" && it.isSynchronizing);
    const isTaken = text === "IDLE" && !command.tag?.includes("]");
    return { ...command, isEager: isTaken && !waits && this.#random.chance(30) };
  }

  #lineOfIdle(): Part[] {
    if (this.#random.chance(50)) return [this.#random.pick(["DONE", "done", "dOnE"])];
    const tag = this.#trapTag();
    const commands = [`${tag} NOOP`, `${tag} CREATE ${this.#name(LEAKED)}`];
    const wrong = this.#random.pick(["DONE ", " DONE", "", ...commands]);
    const literals: Part[] = this.#random.chance(60) ? [" ", this.#literal()] : [];
    return [wrong, ...literals];
  }

  /** Something that isn't right, with literals after the mistake. */
  #mistake(): Command {
    const random = this.#random;
    const literal = this.#literal();
    const tag = this.#tag();
    const tagged = (...parts: Part[]) => this.#command(parts, [], tag);
    const tagless = (...parts: Part[]) => this.#raw({ tag: undefined, parts });
    switch (random.below(15)) {
      case 0:
        return tagged(
          random.pick(["NOOP", "CAPABILITY", "CLOSE", "STARTTLS", "LOGOUT", "CHECK"]),
          " ",
          literal,
          "\r\n",
        );
      case 1:
        return tagged(
          random.pick(["NOOP )( ", "LIST )( ", "SELECT )( ", "FETCH (1 "]),
          literal,
          "\r\n",
        );
      case 2:
        return tagged(
          random.pick(["AUTHENTICATE PLAIN ", "AUTHENTICATE ", "AUTHENTICATE PLAIN AA== "]),
          literal,
          "\r\n",
        );
      case 3:
        return tagged("LOGIN ", { ...literal, isBinary: true }, " x\r\n");
      case 4:
        return tagged("LOGIN ", literal, random.pick(["\r\n", " x y\r\n", " (\r\n", '"x"\r\n']));
      case 5:
        return tagged(
          random.pick(['LIST "', "LIST a", "LIST x\r", "LIST \0", "LIST \xe9 ", "NO\rOP "]),
          literal,
          "\r\n",
        );
      case 6:
        return tagged(
          random.pick(["XNOTHING ", "COMPRESS DEFLATE ", "COMPRESS ", "X\x01 "]),
          literal,
          " ",
          this.#literal(),
          "\r\n",
        );
      case 7:
        return tagged("IDLE ", literal, "\r\n");
      case 8:
        return tagged(
          `LIST ${random.pick(["{5 }", "{ 5}", "{-1}", "{+}", "{}", "{5+ }", "{5-}", "~{5"])}`,
          "\r\n",
        );
      case 9:
        return tagged(
          random.pick(["LIST {3} ", "LIST {3+} ", 'LIST "{3}" {3 ', "LIST ~ "]),
          literal,
          "\r\n",
        );
      case 10:
        return tagless(random.pick(["", " ", "\t", "(", "+", "*"]), " NOOP ", literal, "\r\n");
      case 11:
        return tagless(tag.padEnd(127 + random.below(200), "x"), " NOOP ", literal, "\r\n");
      case 12:
        return tagless(
          tag,
          random.pick(["+", "*", "%", "(", ")", "{", '"', "\\", "\x7f", "\xe9"]),
          " NOOP ",
          literal,
          "\r\n",
        );
      default:
        return this.#raw({
          tag,
          parts: [tag, random.pick([" ", "  NOOP ", " \t", "  "]), literal, "\r\n"],
        });
    }
  }

  /** A string in any form. */
  #string(text: string): Part {
    const random = this.#random;
    switch (random.below(4)) {
      case 0:
        if (/^[a-z0-9]+$/i.test(text)) return text;
        return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
      case 1:
        return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
      default:
        return { data: text, isSynchronizing: random.chance(50), isBinary: false };
    }
  }

  /** A literal with a trap in its data. */
  #literal(): Literal {
    const random = this.#random;
    return { data: this.#trap(), isSynchronizing: random.chance(40), isBinary: random.chance(10) };
  }

  /** Data that would leave traces if it were run as commands. */
  #trap(): string {
    const random = this.#random;
    const tag = this.#trapTag();
    const commands = [
      `${tag} LOGIN ${TRAPPED} ${this.#password}`,
      `${tag} CREATE ${this.#name(LEAKED)}`,
      `${tag} NOOP`,
      `${tag} LOGIN ${TRAPPED} {6+}\r\n${this.#password}`,
      `${tag} LOGOUT`,
      `${tag} IDLE`,
    ];
    const start = random.pick([
      "",
      "\r\n",
      "\n",
      "DONE\r\n",
      ")\r\n",
      '"\r\n',
      " {3+}\r\nabc\r\n",
      "*\r\n",
      "\0\r\n",
    ]);
    const lines = random.several(commands, 1, 3).join(random.pick(["\r\n", "\n"]));
    return start + lines + random.pick(["\r\n", "\r\n\r\n", "\n", "", " {9+}\r\n", ' "']);
  }

  #command(
    parts: readonly Part[],
    replies: readonly (readonly Part[])[] = [],
    tag = this.#tag(),
  ): Command {
    return this.#raw({ tag, parts: [`${tag} `, ...parts], replies });
  }

  #raw({ tag, parts, replies = [] }: Partial<Command> & Pick<Command, "tag" | "parts">): Command {
    const random = this.#random;
    return {
      ...{ tag, parts, isEager: false },
      replies: replies.map((reply) => [...reply, "\r\n"]),
      isPipelined: random.chance(50),
    };
  }

  /** A tag: rarely one that was used before, or with a bracket, which Dovecot doesn't take. */
  #tag(): string {
    const random = this.#random;
    if (random.chance(5) && this.#lastTag !== "") return this.#lastTag;
    const tag = `a${++this.#count}`;
    return this.#lastTag = random.chance(3) ? `${tag}]` : tag;
  }

  #trapTag(): string {
    return `${TRAP_TAG}${++this.#count}`;
  }

  #name(start: string): string {
    return `${start}${this.#number}x${++this.#count}`;
  }
}
