/**
 * Splits a mail into its parts (RFC 2045, RFC 2046), which are views of its bytes.
 *
 * @module
 */

import { indexOfLineFeed } from "@dovewire/dovewire/core";
import { type Boundary, boundaryOf, delimiterLine, isEnd, mediaType } from "./boundary.ts";
import { decodeBytes } from "./encoded_words.ts";
import { Header, withLineFeeds } from "./header.ts";
import { StructuredField } from "./structured_field.ts";
import { decodeTransfer, type TransferEncoding, transferEncodingOf } from "./transfer_encoding.ts";
import { cleanText } from "./words.ts";

/** A part of a mail. */
export interface Part {
  /**
   * Its path: "" for the whole body, "2" for the second part in it, "2.1" for the first in that. The body
   * of a nested mail is its first and only part.
   */
  readonly path: string;
  /** The type without parameters, in lower case. */
  readonly contentType: string;
  /** The declared charset, in lower case; "" for none. */
  readonly charset: string;
  /** "inline", "attachment", or another declared value, in lower case; "" for none. */
  readonly disposition: string;
  /** The decoded name of the file; "" for none. */
  readonly filename: string;
  /** The header Content-ID with its angle brackets; "" for none. */
  readonly contentId: string;
  /** How its content is encoded. */
  readonly encoding: TransferEncoding;
  /** Whether it contains parts, or a mail. */
  readonly kind: "leaf" | "multipart" | "mail";
  /** The content, still encoded. */
  readonly encoded: Uint8Array;
  /** The parts in it; of a mail, its body. */
  readonly parts: readonly Part[];
}

/** Parts nested deeper aren't split. */
const maxDepth = 256;

/** The maximum number of parts: the last one contains all the rest. */
const maxParts = 20_000;

const names = [
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
  "content-id",
];

/**
 * Splits a mail into parts. Accepts any bytes:
 *
 * - A multipart without parts, because its boundary is missing or never occurs, contains one text: all of
 *   its content.
 * - A part ends where an enclosing one continues or ends, whether its own parts have ended or not, and
 *   where the mail ends. Its header ends there too, and where the first part in it begins.
 * - Blanks at the end of a boundary are ignored, both in its declaration and in delimiters. If several open
 *   multiparts have the same boundary, a delimiter belongs to the innermost.
 * - Parts nested in 256 others aren't split, and no part begins after the 20,000th.
 * - A nested mail may be encoded, which RFC 2046 forbids; another encoded mail in it isn't split, so that
 *   no mail is decoded repeatedly.
 *
 * Text before the first part and after the last one of a multipart is left out (RFC 2046, 5.1.1).
 */
export function parseParts(mail: Uint8Array): Part {
  return new PartsReader(mail, { path: "", depth: 0, readsEncodedMails: true }).read();
}

/** The content of a part, without its transfer encoding. */
export function contentOf(part: Part): Uint8Array {
  return decodeTransfer(part.encoded, part.encoding);
}

/** A part that is being read. */
interface OpenPart extends Part {
  readonly depth: number;
  readonly bodyStart: number;
  /** The default type of parts in it. */
  readonly defaultType: string;
  /** The boundary searched for in its body; `undefined` once it has ended. */
  boundary: Boundary | undefined;
  encoded: Uint8Array;
  parts: Part[];
}

/** The part that begins or ends at a line. */
interface Delimiter {
  readonly multipart: OpenPart;
  readonly isLast: boolean;
  /** How many carriage returns end its line; the lines before it end the same way. */
  readonly returns: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

class PartsReader {
  readonly #bytes: Uint8Array;
  readonly #path: string;
  readonly #depth: number;
  readonly #readsEncodedMails: boolean;
  /** The open parts, each after the one that contains it. */
  readonly #open: OpenPart[] = [];
  /** The open multiparts by the texts of their boundaries; the innermost is the last. */
  readonly #boundaries: Map<string, OpenPart[]> = new Map();
  /** How many of their boundaries begin with each byte: a fast check for most lines with dashes. */
  readonly #firstBytes: Uint16Array = new Uint16Array(256);
  #count = 0;
  /** The open multiparts whose boundaries end in a blank. */
  #blankBoundaries = 0;

  constructor(
    bytes: Uint8Array,
    options: { path: string; depth: number; readsEncodedMails: boolean },
  ) {
    this.#bytes = bytes;
    this.#path = options.path;
    this.#depth = options.depth;
    this.#readsEncodedMails = options.readsEncodedMails;
  }

  /** Reads all of it, line by line. */
  read(): Part {
    const bytes = this.#bytes;
    const root = this.#begin(0, undefined);
    let at = this.#open[this.#open.length - 1].bodyStart;
    while (at < bytes.length && this.#boundaries.size > 0) {
      const found = indexOfLineFeed(bytes, at, bytes.length);
      const next = found === -1 ? bytes.length : found + 1;
      const delimiter = this.#delimiterAt(at, found === -1 ? bytes.length : found);
      if (delimiter !== undefined) this.#endParts(delimiter, at);
      if (delimiter === undefined || delimiter.isLast) at = next;
      else {
        this.#begin(next, delimiter.multipart);
        at = this.#open[this.#open.length - 1].bodyStart;
      }
    }
    this.#closeTo(0, bytes.length);
    return root;
  }

  /** Begins a part in another, or the whole mail: reads its header. Also begins a mail in it. */
  #begin(start: number, parent: OpenPart | undefined): OpenPart {
    const header = new Header(this.#bytes, names, {
      from: start,
      isDelimiter: (start, end) => this.#delimiterAt(start, end) !== undefined,
    });
    const type = new StructuredField(header.first("content-type"));
    const disposition = new StructuredField(header.first("content-disposition"));
    const contentType = mediaType(type, parent?.defaultType ?? "text/plain");
    const encoding = transferEncodingOf(header.first("content-transfer-encoding"));
    const depth = parent === undefined ? this.#depth : parent.depth + 1;
    const part: OpenPart = {
      path: parent === undefined ? this.#path : pathIn(parent, parent.parts.length + 1),
      depth,
      bodyStart: header.bodyStart,
      defaultType: contentType === "multipart/digest" ? "message/rfc822" : "text/plain",
      boundary: undefined,
      contentType,
      charset: type.text("charset").toLowerCase(),
      disposition: cleanText(decodeBytes(disposition.value)),
      filename: disposition.text("filename") || type.text("name"),
      contentId: cleanText(decodeBytes(header.first("content-id"))),
      encoding,
      kind: depth >= maxDepth ? "leaf" : this.#kindOf(contentType, encoding),
      encoded: this.#bytes.subarray(0, 0),
      parts: [],
    };
    parent?.parts.push(part);
    this.#open.push(part);
    this.#count++;
    if (part.kind === "multipart") this.#lookFor(boundaryOf(type), part);
    // An encoded mail is read when all of it is known.
    else if (part.kind === "mail" && encoding === "identity") this.#begin(part.bodyStart, part);
    return part;
  }

  #kindOf(contentType: string, encoding: TransferEncoding): Part["kind"] {
    if (contentType.startsWith("multipart/")) return "multipart";
    const isMail = contentType === "message/rfc822" || contentType === "message/global";
    return isMail && (encoding === "identity" || this.#readsEncodedMails) ? "mail" : "leaf";
  }

  #lookFor(boundary: Boundary | undefined, part: OpenPart): void {
    part.boundary = boundary;
    if (boundary === undefined) return;
    const others = this.#boundaries.get(boundary.text);
    if (others === undefined) this.#boundaries.set(boundary.text, [part]);
    else others.push(part);
    this.#firstBytes[boundary.text.charCodeAt(0)]++;
    if (boundary.endsInBlank) this.#blankBoundaries++;
  }

  /** The part that a line, without its line feed, begins or ends. */
  #delimiterAt(start: number, lineEnd: number): Delimiter | undefined {
    if (this.#bytes[start] !== 0x2d || this.#firstBytes[this.#bytes[start + 2]] === 0) {
      return undefined;
    }
    let end = lineEnd;
    while (end > start && this.#bytes[end - 1] === carriageReturn) end--;
    // After so many parts none begins, and this line ends none.
    const last = this.#bytes[end - 1];
    if (this.#count >= maxParts && last !== 0x2d && last !== 0x20 && last !== 0x09) {
      return undefined;
    }
    const line = delimiterLine(this.#bytes, start, end);
    if (line === undefined) return undefined;
    const returns = lineEnd - end;
    const begun = this.#boundaries.get(line.text)?.at(-1);
    let ended = line.ended === undefined ? undefined : this.#boundaries.get(line.ended)?.at(-1);
    if (this.#blankBoundaries > 0 && ended === undefined) {
      const bare = this.#boundaries.get(line.ended?.trimEnd() ?? "")?.at(-1);
      if (bare?.boundary !== undefined && isEnd(line, bare.boundary)) ended = bare;
    }
    if (ended !== undefined && (begun === undefined || ended.depth > begun.depth)) {
      return { multipart: ended, isLast: true, returns };
    }
    if (begun === undefined || this.#count >= maxParts) return undefined;
    return { multipart: begun, isLast: false, returns };
  }

  /** Ends the open parts of a multipart; its delimiter is at `start`. */
  #endParts({ multipart, isLast, returns }: Delimiter, start: number): void {
    const bytes = this.#bytes;
    let end = start;
    // The line break before it belongs to the delimiter.
    if (end > 0 && bytes[end - 1] === lineFeed) end--;
    for (let left = end < start ? Math.max(returns, 1) : 0; left > 0; left--) {
      if (end > 0 && bytes[end - 1] === carriageReturn) end--;
    }
    this.#closeTo(this.#open.indexOf(multipart) + 1, end);
    if (isLast) this.#forget(multipart);
  }

  /** Ends all open parts from an index on. */
  #closeTo(first: number, end: number): void {
    while (this.#open.length > first) {
      const part = this.#open.pop()!;
      this.#close(part, Math.max(part.bodyStart, end));
    }
  }

  #close(part: OpenPart, end: number): void {
    part.encoded = this.#bytes.subarray(part.bodyStart, end);
    this.#forget(part);
    if (part.kind === "mail" && part.parts.length === 0) {
      const mail = withLineFeeds(contentOf(part));
      const options = { path: pathIn(part, 1), depth: part.depth + 1, readsEncodedMails: false };
      part.parts.push(new PartsReader(mail, options).read());
    } else if (part.kind === "multipart" && part.parts.length === 0) addText(part);
  }

  /** Stops searching for a multipart's delimiters. */
  #forget(part: OpenPart): void {
    const { boundary } = part;
    if (boundary === undefined) return;
    part.boundary = undefined;
    this.#firstBytes[boundary.text.charCodeAt(0)]--;
    if (boundary.endsInBlank) this.#blankBoundaries--;
    const others = this.#boundaries.get(boundary.text) ?? [];
    others.splice(others.indexOf(part), 1);
    if (others.length === 0) this.#boundaries.delete(boundary.text);
  }
}

/** The path of a part in another. */
function pathIn({ path }: Part, number: number): string {
  return path === "" ? String(number) : `${path}.${number}`;
}

/** Puts the content of a multipart without parts into a text, unless it is empty. */
function addText(multipart: OpenPart): void {
  const { encoded, encoding, charset } = multipart;
  if (encoded.every((byte) => byte <= 0x20)) return;
  multipart.parts.push({
    path: pathIn(multipart, 1),
    contentType: "text/plain",
    charset,
    disposition: "",
    filename: "",
    contentId: "",
    encoding,
    kind: "leaf",
    encoded,
    parts: [],
  });
}
