/**
 * The beginning of a message's text, as mail programs show it in a list (preview).
 *
 * @module
 */

import { htmlText } from "./html_text.ts";
import type { Message } from "./message.ts";
import type { MessagePart } from "./mime.ts";
import { partText } from "./part_text.ts";

/** How many characters it may have. */
const longest = 200;

/** The beginning of a message's text; "" for a message that has none. */
export function snippetOf(message: Message): string {
  const part = firstText(message.root);
  if (part === undefined) return "";
  const { subtype } = part.contentType ?? { subtype: "plain" };
  if (subtype === "") return "";
  const text = partText(message, part);
  return new SnippetWriter().write(subtype.toLowerCase() === "html" ? htmlText(text) : text);
}

/** The first part that is text; of alternatives plain text if there is any, and HTML if not. */
function firstText(part: MessagePart): MessagePart | undefined {
  const subtype = part.contentType?.subtype.toLowerCase();
  // The text of an attached message isn't the message's own text.
  if (isText(part)) return part;
  if (part.kind !== "multipart") return undefined;
  if (subtype !== "alternative") {
    for (const child of part.children) {
      const found = firstText(child);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const texts = part.children.filter(isText);
  const subtypes = texts.map(({ contentType }) => contentType?.subtype.toLowerCase() ?? "plain");
  const plain = subtypes.indexOf("plain");
  const html = subtypes.lastIndexOf("html");
  return texts[plain !== -1 ? plain : html !== -1 ? html : texts.length - 1];
}

/** Whether it is declared as text, or has no type. */
function isText({ contentType }: MessagePart): boolean {
  return contentType === undefined || contentType.type.toLowerCase() === "text";
}

/** A text that is filled up to the longest length. */
class Draft {
  text = "";
  #left: number;

  constructor(longest: number) {
    this.#left = longest;
  }

  get isFull(): boolean {
    return this.#left === 0;
  }

  /** Writes a character, with a space before it if one is due; returns whether there was room. */
  write(character: string, isSpaceDue: boolean): boolean {
    if (this.isFull) return false;
    this.#left--;
    if (isSpaceDue) {
      // A space at the end is not written.
      if (this.isFull) return false;
      this.#left--;
      this.text += " ";
    }
    this.text += character;
    return true;
  }
}

/** Writes a text's own lines into one line, and its quoted lines into another. */
class SnippetWriter {
  readonly #own: Draft = new Draft(longest);
  readonly #quoted: Draft = new Draft(longest - 1);
  #isAtLineStart = true;
  #isQuoting = false;
  #isSpaceDue = false;

  /** Takes a text; returns the beginning of its own lines, or if there are none, of the quoted ones. */
  write(text: string): string {
    for (const character of text) {
      if (this.#own.isFull) break;
      this.#take(character);
    }
    if (this.#own.text !== "") return withoutSpace(this.#own.text);
    return this.#quoted.text === "" ? "" : `>${withoutSpace(this.#quoted.text)}`;
  }

  #take(character: string): void {
    if (this.#isAtLineStart) {
      this.#isAtLineStart = false;
      this.#isQuoting = character === ">";
      if (this.#isQuoting) return;
    }
    const draft = this.#isQuoting ? this.#quoted : this.#own;
    if (character === "\ufeff" || character === "\0") return;
    if (/[ \t\n\v\f\r]/.test(character)) {
      this.#isSpaceDue ||= draft.text !== "";
      this.#isAtLineStart = character === "\n";
    } else if (draft.write(character, this.#isSpaceDue)) this.#isSpaceDue = false;
  }
}

function withoutSpace(text: string): string {
  return text.replace(/^ /, "");
}
