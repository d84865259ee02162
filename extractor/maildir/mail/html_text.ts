/**
 * The text that HTML shows, to be searched.
 *
 * @module
 */

import PostalMime from "postal-mime";
import { encodeUtf8 } from "@dovewire/dovewire/core";

const start = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n\n--b\n" +
  "Content-Type: text/html; charset=utf-8\n\n ";

/**
 * The text of an HTML document: without tags, comments, scripts and styles, with entities replaced and
 * blanks in a row made one. If that should fail, the HTML is the text.
 *
 * Entities are postal-mime's part: it makes a text of HTML that a plain text stands beside, as here an
 * empty one. It could take the tags off as well, but some that don't end (`<a href=<a href=…`) take
 * version 4.0.0 a time that grows with their number squared.
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

/** Of so many characters at once entities are replaced, which may take a hundred times that in memory. */
const pieceLength = 65_536;

/** The pieces of a line; if it can be helped none of them ends in an entity. */
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

/** What begins at a "<" that isn't one of the text. */
const markup = /<(?:(!--)|(script|style)\b|\/?([a-z][a-z0-9]*)|[!?/])/gi;

/** Tags that part no words. */
const inline =
  /^(?:a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strong|sub|sup|tt|u|wbr)$/i;

/** The text with blanks where tags were, and "&lt;" for each "<" that begins none. */
function withoutTags(html: string): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < html.length) {
    markup.lastIndex = at;
    const found = markup.exec(html);
    pieces.push(html.slice(at, found?.index).replaceAll("<", "&lt;"));
    if (found === null) break;
    const [, comment, element, name] = found;
    if (comment !== undefined) at = behind(html, "-->", found.index + 2);
    else {
      if (element !== undefined) markup.lastIndex = endOfElement(html, element, markup.lastIndex);
      at = behind(html, ">", markup.lastIndex);
      if (name === undefined || !inline.test(name)) pieces.push(" ");
    }
  }
  return pieces.join("");
}

/** Where the tag is that ends an element in which no other tags are. */
function endOfElement(html: string, name: string, from: number): number {
  const end = name.toLowerCase() === "script" ? /<\/script/gi : /<\/style/gi;
  end.lastIndex = from;
  return end.exec(html)?.index ?? html.length;
}

/** Behind the next `wanted`, or the end, as browsers have it. */
function behind(html: string, wanted: string, from: number): number {
  const found = html.indexOf(wanted, from);
  return found === -1 ? html.length : found + wanted.length;
}
