/**
 * Reads the tokens of structured header fields (RFC 5322, RFC 2045), as leniently as Dovecot.
 *
 * @module
 */

/** The characters of an atom, among them all that aren't ASCII. */
const atomText = /[!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff]/;

/** The characters of a Content-Type field's token: those of an atom except "/", "?" and "=", and dots. */
const tokenText = /[!#$%&'*+\-.0-9A-Z^_`a-z{|}~\x80-\xff]/;

/** Replaces a NUL: U+FFFD in UTF-8. */
const replacement = "\xef\xbf\xbd";

/**
 * The result of a step of the reader: "more" follows; the "end" was reached (a value was read
 * nevertheless); the text is "broken".
 */
export type Step = "more" | "end" | "broken";

/** Reads a field's value, a byte string, from its beginning on. */
export class Rfc822Reader {
  /** The value. */
  readonly text: string;
  /** The index of the next character to read. */
  at = 0;
  /** The text that the last step read. */
  read = "";
  /** The last skipped comment, without its parentheses. */
  comment = "";

  /** Creates one for a value. */
  constructor(text: string) {
    this.text = text;
  }

  /** The next character; "" at the end. */
  next(): string {
    return this.text.charAt(this.at);
  }

  /** Whether an atom can begin here. */
  get isAtAtom(): boolean {
    return atomText.test(this.next());
  }

  /** Skips white space and comments. */
  skipSpace(): Step {
    for (;;) {
      const next = this.next();
      if (next === " " || next === "\t" || next === "\r" || next === "\n") this.at++;
      else if (next !== "(") break;
      else if (!this.#skipComment()) return "broken";
    }
    return this.at < this.text.length ? "more" : "end";
  }

  /** Reads an atom, and skips the space after it. */
  atom(): Step {
    return this.isAtAtom ? this.#run(atomText) : "broken";
  }

  /** Reads an atom that may have dots in it, with space around them. */
  dotAtom(): Step {
    if (!this.isAtAtom) return "broken";
    let read = "";
    for (;;) {
      if (!this.isAtAtom) {
        this.read = read;
        return "broken";
      }
      const step = this.#run(atomText);
      read += this.read;
      this.read = read;
      if (step !== "more" || this.next() !== ".") return step;
      this.at++;
      this.read = read += ".";
      if (this.skipSpace() !== "more") return "broken";
    }
  }

  /** Reads a token of a Content-Type field, which may be empty, and skips the space after it. */
  token(): Step {
    return this.#run(tokenText);
  }

  /** Reads words, dots and quoted strings, with one space between any two. */
  phrase(): Step {
    this.read = "";
    if (this.next() === "") return "end";
    if (this.next() === ".") return "broken";
    let phrase = "";
    for (;;) {
      const step = this.next() === '"' ? this.quotedString() : this.#run(atomText, ".");
      this.read = phrase += this.read;
      if (step !== "more") return step;
      if (!this.isAtAtom && this.next() !== '"' && this.next() !== ".") return "more";
      phrase += " ";
    }
  }

  /** Reads a quoted string; nothing of a broken one is kept. */
  quotedString(): Step {
    return this.#quoted('"', "");
  }

  /** Reads a domain: a dot-atom, or an address in brackets. */
  domain(): Step {
    this.read = "";
    this.at++;
    if (this.skipSpace() !== "more") return "broken";
    return this.next() === "[" ? this.#quoted("]", "[") : this.dotAtom();
  }

  /** Reads characters as long as they match. */
  #run(fits: RegExp, besides = ""): Step {
    const start = this.at;
    while (
      this.at < this.text.length && (fits.test(this.text[this.at]) || this.next() === besides)
    ) this.at++;
    this.read = this.text.slice(start, this.at);
    return this.skipSpace();
  }

  /**
   * Reads until `close`, without line ends and backslashes. A domain in brackets keeps its backslashes,
   * and no other bracket may open in it.
   */
  #quoted(close: string, open: string): Step {
    const { text } = this;
    let read = open;
    let start = ++this.at;
    for (; this.at < text.length; this.at++) {
      const next = text[this.at];
      if (next === close) {
        this.read = read + text.slice(start, this.at) + (open === "" ? "" : close);
        this.at++;
        return this.skipSpace();
      }
      if (next === open) break;
      if (next === "\n") {
        read += text.slice(start, text[this.at - 1] === "\r" ? this.at - 1 : this.at);
        start = this.at + 1;
      } else if (next === "\0") {
        read += text.slice(start, this.at) + replacement;
        start = this.at + 1;
      } else if (next === "\\") {
        if (++this.at === text.length) break;
        if (/[\r\n\0]/.test(text[this.at])) {
          this.at--;
        } else if (open === "") {
          read += text.slice(start, this.at - 1);
          start = this.at;
        }
      }
    }
    this.read = read;
    return "broken";
  }

  /** Skips a comment; returns whether it ended. */
  #skipComment(): boolean {
    const { text } = this;
    let comment = "";
    let depth = 1;
    let start = ++this.at;
    for (; this.at < text.length; this.at++) {
      const next = text[this.at];
      if (next === "(") depth++;
      else if (next === ")" && --depth === 0) {
        this.comment = comment + text.slice(start, this.at);
        this.at++;
        return true;
      } else if (next === "\n") {
        comment += text.slice(start, text[this.at - 1] === "\r" ? this.at - 1 : this.at);
        start = this.at + 1;
      } else if (next === "\0") {
        comment += text.slice(start, this.at) + replacement;
        start = this.at + 1;
      } else if (next === "\\" && !/[\r\n\0]/.test(text.charAt(this.at + 1))) {
        comment += text.slice(start, this.at);
        start = ++this.at;
      }
    }
    this.at = text.length;
    return false;
  }
}
