/**
 * The text of HTML, as Dovecot extracts it for a message's preview.
 *
 * @module
 */

import { entityCharacter } from "./html_entities.ts";

/** The most characters between the "&" and the ";" of an entity. */
const longestEntity = 9;

/**
 * The text of an HTML document: without tags, comments, scripts and styles, with entities replaced.
 * Tags leave a space; in a quotation they begin a line with ">". An unfinished tag at the end is dropped.
 */
export function htmlText(html: string): string {
  return new HtmlReader(html).read();
}

class HtmlReader {
  readonly #html: string;
  #at = 0;
  readonly #pieces: string[] = [];
  /** The last character of the text; a space at first, so that the text doesn't begin with one. */
  #last = " ";
  /** How many quotations are open here. */
  #quotes = 0;
  #isBehindQuote = false;

  constructor(html: string) {
    this.#html = html;
  }

  /** Reads all of it and returns the text. */
  read(): string {
    const html = this.#html;
    while (this.#at < html.length) {
      const next = html[this.#at];
      if (next === "<") this.#readMarkup();
      else if (next === "&") this.#readEntity();
      else {
        const start = this.#at;
        this.#skipTo(/[<&]/g, start);
        this.#add(html.slice(start, this.#at));
      }
    }
    return this.#pieces.join("");
  }

  #readEntity(): void {
    const rest = this.#html.slice(this.#at + 1, this.#at + longestEntity + 2);
    const found = /^([^; \t\r\n]*);/.exec(rest);
    if (found !== null) {
      this.#add(entityCharacter(found[1]) ?? "");
      this.#at += found[0].length + 1;
    } else if (/[ \t\r\n]/.test(rest) || rest.length > longestEntity) this.#at++;
    else this.#at = this.#html.length;
  }

  #readMarkup(): void {
    const start = this.#html.slice(this.#at + 1, this.#at + 13);
    if (start.startsWith("!--")) this.#skipComment();
    else if (/^script[ \t\r\n>]/i.test(start)) this.#skipElement(/<\/script>/gi, "<script>");
    else if (/^style[ \t\r\n>]/i.test(start)) this.#skipElement(/<\/style>/gi, "<style>");
    else if (/^!\[CDATA\[/i.test(start)) this.#readCharacterData();
    else this.#readTag(start);
  }

  #readTag(start: string): void {
    if (/^blockquote[ \t\r\n>]/i.test(start)) this.#quotes++;
    else if (this.#quotes > 0 && /^\/blockquote>/i.test(start)) {
      this.#quotes--;
      this.#isBehindQuote = true;
    }
    if (!this.#skipTag()) return;
    if (this.#quotes > 0) this.#add("\n>");
    else if (this.#isBehindQuote) this.#add("\n");
    this.#isBehindQuote = false;
    this.#addSpace();
  }

  /** Skips a tag, in which an attribute's value may contain ">"; returns whether the tag ends. */
  #skipTag(): boolean {
    while (this.#skipTo(/["'>]/g, this.#at)) {
      const quote = this.#html[this.#at++];
      if (quote === ">") return true;
      while (this.#skipTo(quote === '"' ? /["\\]/g : /['\\]/g, this.#at)) {
        if (this.#html[this.#at++] === quote) break;
        this.#at++;
      }
    }
    return false;
  }

  #readCharacterData(): void {
    const start = this.#at + "<![CDATA[".length;
    const isEnded = this.#skipTo(/\]\]>/g, start);
    this.#add(this.#html.slice(start, this.#at));
    if (isEnded) this.#at += "]]>".length;
  }

  /** Skips to "-->". After two dashes, a third counts as any other character, as in Dovecot. */
  #skipComment(): void {
    const end = /--[ \t\r\n]*([^ \t\r\n])/g;
    end.lastIndex = this.#at + "<!--".length;
    let found = end.exec(this.#html);
    while (found !== null && found[1] !== ">") found = end.exec(this.#html);
    this.#at = found === null ? this.#html.length : end.lastIndex;
  }

  #skipElement(end: RegExp, start: string): void {
    if (!this.#skipTo(end, this.#at + start.length)) return;
    this.#at = end.lastIndex;
    this.#addSpace();
  }

  /** Moves to the next match of `wanted`, or to the end; returns whether there is one. */
  #skipTo(wanted: RegExp, from: number): boolean {
    wanted.lastIndex = from;
    const found = wanted.exec(this.#html);
    this.#at = found?.index ?? this.#html.length;
    return found !== null;
  }

  #add(text: string): void {
    if (text === "") return;
    this.#pieces.push(text);
    this.#last = text[text.length - 1];
  }

  #addSpace(): void {
    if (this.#last !== " " && this.#last !== "\n") this.#add(" ");
  }
}
