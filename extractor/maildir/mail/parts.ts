/**
 * A mail taken apart into its parts (RFC 2045, RFC 2046), which stay where they are in its bytes.
 *
 * @module
 */

import { encodeUtf8, indexOfLineFeed } from "@dovewire/dovewire/core";
import { contentTypeOf } from "./head.ts";
import { Header } from "./header.ts";
import { parseStructuredField } from "./structured_field.ts";
import { decodeTransfer, type TransferEncoding, transferEncodingOf } from "./transfer_encoding.ts";
import { cleanText, decodeField } from "./words.ts";

/** A part of a mail. */
export interface Part {
  /**
   * Where it is: "" for the whole body, "2" for the second part in it, "2.1" for the first in that. The
   * body of a mail within a mail is the first and only one in that.
   */
  readonly path: string;
  /** The type without parameters, in lower case. */
  readonly contentType: string;
  /** The charset that was declared, in lower case; "" for none. */
  readonly charset: string;
  /** "inline", "attachment", or what else was declared, in lower case; "" for none. */
  readonly disposition: string;
  /** The decoded name of the file; "" for none. */
  readonly filename: string;
  /** The header Content-ID with its angle brackets; "" for none. */
  readonly contentId: string;
  /** How its content is encoded. */
  readonly encoding: TransferEncoding;
  /** Whether it has parts in it, or a mail. */
  readonly kind: "leaf" | "multipart" | "mail";
  /** The content as it came, encoded. */
  readonly encoded: Uint8Array;
  /** The parts in it; of a mail, its body. */
  readonly parts: readonly Part[];
}

/** Parts within so many others aren't taken apart any more. */
const maxDepth = 256;

/** Behind so many parts no other begins: the last one has all the rest in it. */
const maxParts = 20_000;

/** No boundary is longer than 70 characters (RFC 2046, 5.1.1); some programs don't know. */
const maxBoundaryLength = 512;

const names = [
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
  "content-id",
];

/**
 * Takes a mail apart. Nothing that bytes can be made of is an error:
 *
 * - A multipart without parts, since it has no boundary or that never comes, has a text in it, which
 *   is all of its content.
 * - A part ends where one around it goes on or ends, whether its own parts were ended or not, and where
 *   the mail ends.
 * - Parts 256 deep in others aren't taken apart, and no part begins behind the 20,000th.
 * - A mail within a mail may be encoded, which RFC 2046 forbids; another one encoded in that isn't
 *   taken apart, so that no mail is decoded over and over.
 *
 * What is ahead of the first part and behind the last of a multipart is meant for nobody, and left out.
 */
export function parseParts(mail: Uint8Array): Part {
  return new PartsReader(mail, { path: "", depth: 0, readsEncodedMails: true }).read();
}

/** The content of a part, with its transfer encoding taken off. */
export function contentOf(part: Part): Uint8Array {
  return decodeTransfer(part.encoded, part.encoding);
}

/** A part that is being read: first its header, then its body. */
interface OpenPart extends Part {
  readonly headerStart: number;
  readonly depth: number;
  /** What a part in it is that doesn't say. */
  defaultType: string;
  state: "header" | "body" | "ended";
  boundary: string | undefined;
  bodyStart: number;
  contentType: string;
  charset: string;
  disposition: string;
  filename: string;
  contentId: string;
  encoding: TransferEncoding;
  kind: Part["kind"];
  encoded: Uint8Array;
  parts: Part[];
}

/** What begins or ends at a line. */
interface Delimiter {
  readonly multipart: OpenPart;
  readonly isLast: boolean;
}

const dash = 0x2d;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

class PartsReader {
  readonly #bytes: Uint8Array;
  readonly #path: string;
  readonly #depth: number;
  readonly #readsEncodedMails: boolean;
  /** The parts that haven't ended, each in the one ahead of it. */
  readonly #open: OpenPart[] = [];
  /** The open multiparts by their boundaries; the innermost is the last. */
  readonly #boundaries: Map<string, OpenPart[]> = new Map();
  #count = 0;

  constructor(
    bytes: Uint8Array,
    options: { path: string; depth: number; readsEncodedMails: boolean },
  ) {
    this.#bytes = bytes;
    this.#path = options.path;
    this.#depth = options.depth;
    this.#readsEncodedMails = options.readsEncodedMails;
  }

  /** Reads all of it, line by line, each once or twice. */
  read(): Part {
    const bytes = this.#bytes;
    const root = this.#begin(0, undefined);
    let at = 0;
    while (at < bytes.length) {
      const innermost = this.#open[this.#open.length - 1];
      if (innermost.state !== "header" && this.#boundaries.size === 0) break;
      const found = indexOfLineFeed(bytes, at, bytes.length);
      const next = found === -1 ? bytes.length : found + 1;
      let end = found === -1 ? bytes.length : found;
      while (end > at && bytes[end - 1] === carriageReturn) end--;
      const delimiter = this.#delimiterAt(at, end);
      if (delimiter !== undefined) {
        this.#endParts(delimiter, at);
        if (!delimiter.isLast) this.#begin(next, delimiter.multipart);
        at = next;
      } else if (innermost.state === "header" && end === at) {
        at = this.#endHeader(innermost, next);
      } else at = next;
    }
    this.#closeTo(0, bytes.length);
    return root;
  }

  /** Begins a part in another, or the whole. */
  #begin(start: number, parent: OpenPart | undefined): OpenPart {
    const number = parent === undefined ? "" : String(parent.parts.length + 1);
    const part: OpenPart = {
      path: parent === undefined
        ? this.#path
        : parent.path === ""
        ? number
        : `${parent.path}.${number}`,
      depth: parent === undefined ? this.#depth : parent.depth + 1,
      headerStart: start,
      bodyStart: start,
      state: "header",
      defaultType: "text/plain",
      boundary: undefined,
      contentType: parent?.defaultType ?? "text/plain",
      charset: "",
      disposition: "",
      filename: "",
      contentId: "",
      encoding: "identity",
      kind: "leaf",
      encoded: this.#bytes.subarray(0, 0),
      parts: [],
    };
    parent?.parts.push(part);
    this.#open.push(part);
    this.#count++;
    return part;
  }

  /** Reads the header of a part, which ends ahead of `end`; gives where its body begins. */
  #endHeader(part: OpenPart, end: number): number {
    const header = new Header(this.#bytes.subarray(part.headerStart, end), names);
    part.bodyStart = part.headerStart + header.bodyStart;
    part.state = "body";
    const type = contentTypeOf(header.first("content-type"), part.contentType);
    const disposition = parseStructuredField(header.first("content-disposition"));
    part.contentType = type.value;
    part.charset = cleanText(type.params.charset ?? "").toLowerCase();
    part.disposition = cleanText(disposition.value);
    part.filename = decodeField(disposition.params.filename || type.params.name || "");
    part.contentId = cleanText(header.first("content-id"));
    part.encoding = transferEncodingOf(header.first("content-transfer-encoding"));
    if (part.depth >= maxDepth) return part.bodyStart;
    if (part.contentType.startsWith("multipart/")) this.#beginMultipart(part, type.params.boundary);
    else if (/^message\/(?:rfc822|global)$/.test(part.contentType)) {
      if (part.encoding === "identity") {
        part.kind = "mail";
        this.#begin(part.bodyStart, part);
      } else if (this.#readsEncodedMails) part.kind = "mail";
    }
    return part.bodyStart;
  }

  #beginMultipart(part: OpenPart, boundary: string | undefined): void {
    part.kind = "multipart";
    if (part.contentType === "multipart/digest") part.defaultType = "message/rfc822";
    const bytes = encodeUtf8(boundary?.trimEnd() ?? "");
    if (bytes.length === 0 || bytes.length > maxBoundaryLength) return;
    part.boundary = String.fromCharCode(...bytes);
    const others = this.#boundaries.get(part.boundary);
    if (others === undefined) this.#boundaries.set(part.boundary, [part]);
    else others.push(part);
  }

  #delimiterAt(start: number, lineEnd: number): Delimiter | undefined {
    const bytes = this.#bytes;
    if (bytes[start] !== dash || bytes[start + 1] !== dash || this.#boundaries.size === 0) return;
    let end = lineEnd;
    while (bytes[end - 1] === 0x20 || bytes[end - 1] === 0x09) end--;
    if (end - start - 2 < 1 || end - start - 2 > maxBoundaryLength + 2) return undefined;
    const text = String.fromCharCode(...bytes.subarray(start + 2, end));
    const begun = this.#boundaries.get(text)?.at(-1);
    const ended = text.endsWith("--") ? this.#boundaries.get(text.slice(0, -2))?.at(-1) : undefined;
    if (ended !== undefined && (begun === undefined || ended.depth > begun.depth)) {
      return { multipart: ended, isLast: true };
    }
    if (begun === undefined || this.#count >= maxParts) return undefined;
    return { multipart: begun, isLast: false };
  }

  /** Ends what is open within a multipart; its delimiter is at `start`. */
  #endParts({ multipart, isLast }: Delimiter, start: number): void {
    const bytes = this.#bytes;
    let end = start;
    // The line's end ahead of it belongs to the delimiter.
    if (end > 0 && bytes[end - 1] === lineFeed) end--;
    if (end > 0 && end < start && bytes[end - 1] === carriageReturn) end--;
    this.#closeTo(this.#open.indexOf(multipart) + 1, end, start);
    if (isLast) this.#forget(multipart);
  }

  /** Ends all open parts from one on; a header that hasn't ended ends at `headerEnd`. */
  #closeTo(first: number, end: number, headerEnd: number = end): void {
    while (this.#open.length > first) {
      const part = this.#open[this.#open.length - 1];
      // This may begin a mail in it, which is to be ended as well.
      if (part.state === "header") this.#endHeader(part, headerEnd);
      else {
        this.#open.pop();
        this.#close(part, Math.max(part.bodyStart, end));
      }
    }
  }

  #close(part: OpenPart, end: number): void {
    part.encoded = this.#bytes.subarray(part.bodyStart, end);
    this.#forget(part);
    if (part.kind === "mail" && part.parts.length === 0) {
      const mail = contentOf(part);
      const path = part.path === "" ? "1" : `${part.path}.1`;
      const options = { path, depth: part.depth + 1, readsEncodedMails: false };
      part.parts.push(new PartsReader(mail, options).read());
    } else if (part.kind === "multipart" && part.parts.length === 0) this.#addText(part);
  }

  /** Puts all that a multipart without parts has in it into a text, unless that is nothing. */
  #addText(multipart: OpenPart): void {
    const { encoded, encoding, charset } = multipart;
    if (encoded.every((byte) => byte <= 0x20)) return;
    const text = this.#begin(multipart.bodyStart, multipart);
    this.#open.pop();
    text.contentType = "text/plain";
    text.encoding = encoding;
    text.charset = charset;
    text.encoded = encoded;
  }

  /** No delimiter of a multipart is looked for any more. */
  #forget(part: OpenPart): void {
    if (part.boundary === undefined || part.state === "ended") return;
    part.state = "ended";
    const others = this.#boundaries.get(part.boundary) ?? [];
    others.splice(others.indexOf(part), 1);
    if (others.length === 0) this.#boundaries.delete(part.boundary);
  }
}
