/**
 * The arguments of APPEND and REPLACE.
 *
 * @module
 */

import { asciiText } from "./command_line.ts";
import type { StateArchive } from "../state_archive.ts";

/** A part of a command's line. */
type Word =
  /** `(` */
  | "open"
  /** `)` */
  | "close"
  /** A quoted string. */
  | "quoted"
  /** The data of a literal. */
  | "literal"
  /** An atom in capital letters. */
  | { readonly atom: string };

/** What comes next. */
type Place =
  /** The mailbox's name. */
  | "mailbox"
  /** A message: its flags, its date, or the message itself. */
  | "message"
  /** A flag, or the end of the flags. */
  | "flags"
  /** A message's date, or the message itself. */
  | "date"
  /** The message itself. */
  | "data"
  /** The list of a message's parts. */
  | "parts"
  /** A part of a message. */
  | "part"
  /** A part, or the end of the list. */
  | "next-part"
  /** A part's URL. */
  | "url"
  /** A part's text. */
  | "text"
  /** The command's end, or with APPEND another message. */
  | "after";

/**
 * Follows the arguments of APPEND (RFC 9051, 6.3.12; several messages: RFC 3502; CATENATE: RFC 4469) or REPLACE (RFC
 * 8508) along the command's lines and literals.
 *
 * Dovecot reads these commands bit by bit. Where their arguments are wrong, it may say nothing before it has read
 * another line, or skip the next command. So a relay has to know that they are right.
 */
export class AppendGrammar {
  #place: Place | "wrong" = "mailbox";
  /** How many words stand before the mailbox's name. */
  #skips: number;
  #isReplace: boolean;
  /** Whether the latest literal is in a list of parts. */
  #isInParts = false;

  private constructor(skips: number, isReplace: boolean) {
    this.#skips = skips;
    this.#isReplace = isReplace;
  }

  /** The grammar for a command by its first line; `undefined` for other commands. */
  static of(name: string, line: Uint8Array): AppendGrammar | undefined {
    if (name === "APPEND") return new AppendGrammar(2, false);
    if (name === "REPLACE") return new AppendGrammar(3, true);
    const isUidReplace = name === "UID" && /^\S+ +UID +REPLACE /i.test(beginningOf(line));
    return isUidReplace ? new AppendGrammar(4, true) : undefined;
  }

  /** One whose state is going to be read from an archive. */
  static blank(): AppendGrammar {
    return new AppendGrammar(0, false);
  }

  /** Passes where it is through an archive. */
  archive(state: StateArchive): void {
    this.#place = state.value(this.#place);
    this.#skips = state.value(this.#skips);
    this.#isReplace = state.value(this.#isReplace);
    this.#isInParts = state.value(this.#isInParts);
  }

  /** Whether the latest literal is in a list of parts, which Dovecot has to see closed before it skips a line. */
  get isInParts(): boolean {
    return this.#isInParts;
  }

  /** Whether the command can end here. */
  get isComplete(): boolean {
    return this.#place === "after";
  }

  /** Takes a line, up to a literal's marker or its end. */
  line(bytes: Uint8Array): void {
    const text = asciiText(bytes, 0, bytes.length);
    for (const [word] of text.matchAll(/[()]|"(?:[^"\\]|\\.)*"|[^\s()"]+/gs)) {
      if (word === "(") this.#take("open");
      else if (word === ")") this.#take("close");
      else if (word[0] === '"') this.#take("quoted");
      else this.#take({ atom: word.toUpperCase() });
    }
  }

  /** Takes a literal; returns what it is, or `undefined` where none is right. */
  literal(): "string" | "message" | undefined {
    const isString = this.#skips > 0 || this.#place === "mailbox" || this.#place === "url";
    this.#take("literal");
    if (this.#place === "wrong") return undefined;
    this.#isInParts = this.#place === "next-part";
    return isString ? "string" : "message";
  }

  #take(word: Word): void {
    if (this.#skips > 0) this.#skips--;
    else this.#place = this.#placeAfter(word) ?? "wrong";
  }

  #placeAfter(word: Word): Place | undefined {
    const atom = typeof word === "object" ? word.atom : undefined;
    switch (this.#place) {
      case "mailbox":
        return isString(word) ? "message" : undefined;
      case "after":
        if (this.#isReplace) return undefined;
        return placeInMessage(word, "message");
      case "message":
      case "date":
      case "data":
        return placeInMessage(word, this.#place);
      case "flags":
        if (atom !== undefined) return "flags";
        return word === "close" ? "date" : undefined;
      case "parts":
        return word === "open" ? "part" : undefined;
      case "part":
      case "next-part":
        if (atom === "URL") return "url";
        if (atom === "TEXT") return "text";
        return word === "close" && this.#place === "next-part" ? "after" : undefined;
      case "url":
        return isString(word) ? "next-part" : undefined;
      case "text":
        return word === "literal" ? "next-part" : undefined;
    }
  }
}

function placeInMessage(word: Word, place: "message" | "date" | "data"): Place | undefined {
  if (word === "literal") return "after";
  if (word === "open" && place === "message") return "flags";
  if (word === "quoted" && place !== "data") return "data";
  return typeof word === "object" && word.atom === "CATENATE" ? "parts" : undefined;
}

/** Whether a word is an atom, a quoted string or a literal. */
function isString(word: Word): boolean {
  return word !== "open" && word !== "close";
}

/** Enough of a line to know the command. */
function beginningOf(line: Uint8Array): string {
  return asciiText(line, 0, Math.min(line.length, 300));
}
