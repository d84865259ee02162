/**
 * The lines that a server sends, made from what a caller gives, and checked.
 *
 * @module
 */

import { concat, encodeUtf8, plainBytes } from "../bytes.ts";
import { LocalProtocolError } from "../errors.ts";
import { quoteText } from "../peer_text.ts";
import type { ResponsePart, TaggedResult } from "./conversation_events.ts";
import { quotedBytes } from "./syntax.ts";
import type { ImapString } from "./value.ts";

/** What clients may take for the marker of a literal. */
const endsInMarker = /\{\d+\+?\}$/;

const lineEnd = encodeUtf8("\r\n");

/** An untagged response, of text and literals. Throws a {@linkcode LocalProtocolError} for parts that are none. */
export function untaggedLines(parts: readonly ResponsePart[]): Uint8Array {
  if (!Array.isArray(parts) || typeof parts[0] !== "string" || /^( |$)/.test(parts[0])) {
    throw new LocalProtocolError(
      'An untagged response has to begin with a word of text, as in ["XKEYSYNC CREATED ", bytes].',
    );
  }
  const what = "An untagged response";
  const pieces: Uint8Array[] = [encodeUtf8("* ")];
  // Texts that follow each other are one on the wire.
  let text = "";
  for (const part of parts) {
    const written = typeof part === "string" ? part : quotedPart(part);
    if (typeof written === "string") text += written;
    else {
      const bytes = plainBytes(written);
      checkText(text, what, false);
      text += `${bytes.includes(0) ? "~" : ""}{${bytes.length}}\r\n`;
      pieces.push(encodeUtf8(text), bytes);
      text = "";
    }
  }
  checkText(text, what, true);
  pieces.push(encodeUtf8(text), lineEnd);
  return concat(pieces);
}

/** A string in quotes, or bytes that only a literal can contain. */
function quotedPart(part: Uint8Array | ImapString): string | Uint8Array {
  if (part instanceof Uint8Array || part?.type !== "string") return part as Uint8Array;
  const bytes = plainBytes(part.bytes);
  return (part.form === "quoted" ? quotedBytes(bytes) : undefined) ?? bytes;
}

/** The line that ends a command. Throws a {@linkcode LocalProtocolError} for a result that can't be sent. */
export function taggedLine(tag: string, result: TaggedResult): string {
  const { status, text, code } = result ?? {};
  if (status !== "OK" && status !== "NO" && status !== "BAD") {
    const given = status === undefined ? `${typeof result} without a status` : quoteText(status);
    throw new LocalProtocolError(
      `A command can't end with ${given}. Its result is { status, text }, with "OK", "NO" or "BAD".`,
    );
  }
  checkText(text, "The text of a result", true);
  if (code === undefined) {
    checkNoCode(text, "The text of a result");
    return `${tag} ${status} ${text || "Done."}`;
  }
  checkText(code, "A response code", false);
  if (/^( |$)|\]/.test(code)) {
    throw new LocalProtocolError(
      `${quoteText(code)} is no response code. Begin with a word, and leave the brackets out.`,
    );
  }
  return `${tag} ${status} [${code}] ${text || "Done."}`;
}

/** The line that asks the client to go on. Throws a {@linkcode LocalProtocolError} for a text that can't be sent. */
export function continuationLine(text: string): string {
  checkText(text, "The text of a continuation", true);
  checkNoCode(text, "The text of a continuation");
  return `+ ${text}`;
}

/** Checks text that goes into a line; `isLast` is whether the line ends after it. */
export function checkText(text: string, what: string, isLast: boolean): void {
  if (typeof text !== "string") {
    throw new LocalProtocolError(`${what} has to be a string, and it is a ${typeof text}.`);
  }
  if (/[\r\n\0]/.test(text)) {
    throw new LocalProtocolError(
      `${what} can't contain a line end or a NUL, as ${
        quoteText(text)
      } does. Send such bytes as a ` +
        "literal, as a Uint8Array.",
    );
  }
  if (isLast && endsInMarker.test(text)) {
    throw new LocalProtocolError(
      `${what} can't end as ${
        quoteText(text.slice(-30))
      } does: clients would take that for a literal.`,
    );
  }
}

/** A text of another server, so that it can stand at a line's end as text and nothing else. */
export function asLineText(text: string): string {
  // These can't be in a line.
  const line = text.replaceAll(/[\r\n\0]/g, " ");
  return endsInMarker.test(line) ? `${line}.` : line;
}

/** Checks that a text that may have come from elsewhere isn't read as a response code. */
function checkNoCode(text: string, what: string): void {
  if (!text.startsWith("[")) return;
  throw new LocalProtocolError(
    `${what} can't begin with a bracket, as ${
      quoteText(text)
    } does: clients would take that for a response code. Give that as "code".`,
  );
}
