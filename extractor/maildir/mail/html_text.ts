/**
 * The visible text of HTML, for searching.
 *
 * @module
 */

import PostalMime from "postal-mime";
import { encodeUtf8 } from "@dovewire/dovewire/core";

const start = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n--b\n" +
  "Content-Type: text/html; charset=utf-8\n\n ";

/**
 * The text of an HTML document: without tags, comments, scripts and styles, with entities replaced and
 * runs of blanks reduced to one. If that fails, the HTML is the text.
 *
 * postal-mime replaces the entities: it converts HTML to text when there is also a plain text, here
 * an empty one. It could remove the tags as well, but some unclosed ones (`<a href=<a href=…`) take version
 * 4.0.0 quadratic time.
 */
export async function htmlToText(html: string): Promise<string> {
  const line = withoutTags(html).replace(/[\s\u2028\u2029]+/g, " ").trim();
  if (!line.includes("&")) return line;
  const pieces: string[] = [];
  try {
    for (const piece of piecesOf(line)) pieces.push(await withoutEntities(piece));
  } catch {
    return html;
  }
  return pieces.join("");
}

/** Entities are replaced in pieces of so many characters: it may take a hundred times that in memory. */
const pieceLength = 65_536;

/** The pieces of a line; if possible, none of them ends in an entity. */
function* piecesOf(line: string): Generator<string> {
  for (let at = 0; at < line.length;) {
    const piece = line.slice(at, at + pieceLength);
    const isLast = at + piece.length === line.length;
    const end = isLast ? -1 : Math.max(piece.lastIndexOf(" "), piece.lastIndexOf(";"));
    yield end === -1 ? piece : piece.slice(0, end + 1);
    at += end === -1 ? piece.length : end + 1;
  }
}

async function withoutEntities(piece: string): Promise<string> {
  if (!piece.includes("&")) return piece;
  // In one line nothing can be a delimiter, and nothing is done line by line.
  const { text } = await PostalMime.parse(encodeUtf8(`${start}${piece}\n--b--\n`));
  return (text ?? "").trim() + (piece.endsWith(" ") ? " " : "");
}

/** The starts of tags and comments. */
const markup = /<(?:(!--)|(!\[CDATA\[)|\/?([a-z][^\s/>]*)|[!?/])/gi;

/** Tags that don't end a word. */
const inline =
  /^(?:a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strong|sub|sup|tt|u|wbr)$/i;

/** The text with blanks in place of tags, and "&lt;" for each "<" that begins none. */
function withoutTags(html: string): string {
  const scanner = new MarkupScanner(html);
  const pieces: string[] = [];
  let at = 0;
  while (at < html.length) {
    markup.lastIndex = at;
    const found = markup.exec(html);
    pieces.push(html.slice(at, found?.index).replaceAll("<", "&lt;"));
    if (found === null) break;
    const [whole, comment, data, name] = found;
    const inside = found.index + whole.length;
    if (comment !== undefined) at = scanner.endOfComment(found.index);
    else if (data !== undefined) {
      const end = scanner.indexOf("]]>", inside);
      pieces.push(html.slice(inside, end).replaceAll("&", "&amp;").replaceAll("<", "&lt;"));
      at = Math.min(end + 3, html.length);
    } else if (name === undefined) {
      at = Math.min(scanner.indexOf(">", inside) + 1, html.length);
      pieces.push(" ");
    } else {
      at = scanner.endOfTag(inside);
      const isElement = /^(?:script|style)$/i.test(name) && whole[1] !== "/";
      if (isElement) at = scanner.endOfElement(name, at);
      if (!inline.test(name)) pieces.push(" ");
    }
  }
  return pieces.join("");
}

/** Finds the ends of tags, comments and elements, as browsers do, and scans nothing twice. */
class MarkupScanner {
  readonly #html: string;
  /** The last position of each searched text; the length of the HTML if there is none. */
  readonly #found: Map<string, number> = new Map();

  constructor(html: string) {
    this.#html = html;
  }

  /** The next position of a text; the length of the HTML if there is none. `start` grows from call to call. */
  indexOf(text: string, from: number): number {
    const known = this.#found.get(text);
    if (known !== undefined && known >= from) return known;
    const found = this.#html.indexOf(text, from);
    const index = found === -1 ? this.#html.length : found;
    this.#found.set(text, index);
    return index;
  }

  /** The end of a tag whose name was read. Its attributes' values may be quoted. */
  endOfTag(from: number): number {
    const html = this.#html;
    const stop = /[>=]/g;
    let at = from;
    for (;;) {
      stop.lastIndex = at;
      const found = stop.exec(html);
      if (found === null) return html.length;
      at = found.index + 1;
      if (found[0] === ">") return at;
      const blanks = blanksHere(html, at);
      const quote = html[at + blanks.length];
      if (quote !== '"' && quote !== "'") continue;
      const end = this.indexOf(quote, at + blanks.length + 1);
      // An unclosed one would swallow all the rest.
      if (end < html.length) at = end + 1;
    }
  }

  /** The end of the comment that begins at `start`; "<!-->" and "<!--->" are complete comments. */
  endOfComment(start: number): number {
    const html = this.#html;
    const short = /^<!---?>/.exec(html.slice(start, start + 6));
    if (short !== null) return start + short[0].length;
    const [end, other] = [this.indexOf("-->", start + 4), this.indexOf("--!>", start + 4)];
    if (Math.min(end, other) === html.length) return html.length;
    return end < other ? end + 3 : other + 4;
  }

  /** The start of the tag that ends an element without other tags in it. */
  endOfElement(name: string, from: number): number {
    const end = name.toLowerCase() === "script" ? /<\/script(?=[\s/>])/gi : /<\/style(?=[\s/>])/gi;
    end.lastIndex = from;
    return end.exec(this.#html)?.index ?? this.#html.length;
  }
}

/** The blanks at a position. */
function blanksHere(html: string, at: number): string {
  const blanks = /\s*/y;
  blanks.lastIndex = at;
  return blanks.exec(html)?.[0] ?? "";
}
