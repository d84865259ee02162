/**
 * The parts of a message, found as Dovecot finds them: any line that begins with a boundary counts as
 * one, and a part without an end ends with the part around it.
 *
 * @module
 */

import { type ContentType, parseContentType } from "./content_type.ts";
import { firstField, type HeaderField, readHeader } from "./headers.ts";

const LF = 0x0a;
const CR = 0x0d;
const DASH = 0x2d;

/** The deepest nesting and the most parts, as in Dovecot; parts beyond that are not split. */
const deepest = 100;
const mostParts = 10_000;

/** The longest boundary, in characters; a longer one is cut. */
const longestBoundary = 80;

/** How large something is. */
export interface MessageSize {
  /** The size in bytes, as it is stored. */
  readonly physical: number;
  /** The size in bytes with CR LF for every line end. */
  readonly virtual: number;
  /** How many line feeds it has. */
  readonly lines: number;
}

/** An index in a message, and the line feeds before it. */
interface Place {
  readonly at: number;
  readonly lines: number;
  /** Line feeds without a CR. */
  readonly bare: number;
}

/** The kind of a part: one with parts in it, a message as an attachment, text, or something else. */
export type PartKind = "multipart" | "message" | "text" | "other";

/** A part of a message; the whole message is one as well. */
export interface MessagePart {
  /** The part around it; `undefined` for the whole message. */
  readonly parent: MessagePart | undefined;
  /** The parts of a "multipart", or the message in a "message". */
  readonly children: readonly MessagePart[];
  /** Its kind. */
  readonly kind: PartKind;
  /** Whether it is MIME: it has a Content-Type or MIME-Version, or is a part of another. */
  readonly isMime: boolean;
  /** The fields of its header. */
  readonly fields: readonly HeaderField[];
  /** Its Content-Type, from the first field of that name; `undefined` without one. */
  readonly contentType: ContentType | undefined;
  /** Where in the message it begins, with its header. */
  readonly start: number;
  /** Where its body begins. */
  readonly bodyStart: number;
  /** Where it ends; the line end before the next boundary isn't part of it. */
  readonly end: number;
  /** Its body. */
  readonly body: Uint8Array;
  /** How large its header is, with the empty line after it. */
  readonly headerSize: MessageSize;
  /** How large its body is, with all parts in it. */
  readonly bodySize: MessageSize;
}

class Part implements MessagePart {
  readonly parent: Part | undefined;
  readonly children: Part[] = [];
  readonly depth: number;
  kind: PartKind = "text";
  isDigest = false;
  isMime: boolean;
  fields: readonly HeaderField[] = [];
  contentType: ContentType | undefined;
  readonly #message: Uint8Array;
  readonly #start: Place;
  #bodyStart: Place;
  #end: Place;

  constructor(message: Uint8Array, parent: Part | undefined, start: Place) {
    this.#message = message;
    this.parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
    this.isMime = parent !== undefined && parent.kind === "multipart";
    this.#start = this.#bodyStart = this.#end = start;
    parent?.children.push(this);
  }

  get start(): number {
    return this.#start.at;
  }

  get bodyStart(): number {
    return this.#bodyStart.at;
  }

  get end(): number {
    return this.#end.at;
  }

  get body(): Uint8Array {
    return this.#message.subarray(this.bodyStart, this.end);
  }

  get headerSize(): MessageSize {
    return sizeBetween(this.#start, this.#bodyStart);
  }

  get bodySize(): MessageSize {
    return sizeBetween(this.#bodyStart, this.#end);
  }

  endHeader(place: Place): void {
    this.#bodyStart = this.#end = place;
  }

  finish(place: Place): void {
    this.#end = place;
  }
}

interface Boundary {
  readonly part: Part;
  /** The text after the dashes. */
  readonly text: Uint8Array;
}

/** Finds the parts of a message; returns the part that is all of it. */
export function parseParts(message: Uint8Array): MessagePart {
  return new PartsParser(message).parse();
}

class PartsParser {
  readonly #message: Uint8Array;
  /** The boundaries that may follow, the innermost last. */
  #boundaries: Boundary[] = [];
  #part: Part;
  #count = 1;
  #place: Place = { at: 0, lines: 0, bare: 0 };
  /**
   * A part with a boundary right after its header: the header's last line end belongs to the boundary,
   * and the part ends before it. The part around it ends after it.
   */
  #cut: { readonly part: Part; readonly place: Place } | undefined;

  constructor(message: Uint8Array) {
    this.#message = message;
    this.#part = new Part(message, undefined, this.#place);
  }

  parse(): MessagePart {
    const root = this.#part;
    do {
      this.#readHeader();
      while (this.#part.kind === "message") {
        this.#begin();
        this.#readHeader();
      }
    } while (this.#readBody());
    this.#finishUntil(undefined);
    return root;
  }

  /** Begins a part of the current one. */
  #begin(): void {
    this.#part = new Part(this.#message, this.#part, this.#cut?.place ?? this.#place);
    this.#count++;
  }

  #readHeader(): void {
    const part = this.#part;
    const { length } = this.#boundaries;
    const isBoundary = (at: number) => this.#boundaryAt(at) !== undefined;
    const header = readHeader(
      this.#message,
      this.#place.at,
      length === 0 ? undefined : isBoundary,
    );
    part.fields = header.fields;
    this.#read(header.fields, header.hasEnd);
    this.#move(header.end);
    part.endHeader(this.#cut?.place ?? this.#place);
    const next = this.#boundaryAt(header.end);
    if (next === undefined || next.part === part || header.lastLineEnd === 0) return;
    this.#cut = { part, place: this.#back(header.lastLineEnd) };
    part.endHeader(this.#cut.place);
  }

  /** Finds out the part's kind. */
  #read(fields: readonly HeaderField[], hasEnd: boolean): void {
    const part = this.#part;
    const field = firstField(fields, "Content-Type");
    part.isMime ||= field !== undefined || firstField(fields, "MIME-Version") !== undefined;
    if (field === undefined) {
      if (part.parent?.isDigest === true) part.kind = "message";
    } else {
      const contentType = part.contentType = parseContentType(field.value);
      part.kind = kindOf(contentType);
      part.isDigest = part.kind === "multipart" && contentType.subtype.toLowerCase() === "digest";
      if (part.kind === "multipart") this.#expectBoundary(contentType, hasEnd);
    }
    const isTooMuch = part.depth + 1 >= deepest || this.#count >= mostParts;
    if (part.kind === "message" && isTooMuch) part.kind = "other";
  }

  #expectBoundary({ parameters }: ContentType, hasEnd: boolean): void {
    const part = this.#part;
    const boundary = parameters.find(({ name }) => name.toLowerCase() === "boundary");
    if (boundary === undefined || !hasEnd) return;
    if (part.depth + 1 >= deepest) {
      part.kind = "other";
      return;
    }
    const text = boundary.value.slice(0, longestBoundary);
    this.#boundaries.push({
      part,
      text: Uint8Array.from(text, (character) => character.charCodeAt(0)),
    });
  }

  /** Reads to the next part and begins it, or to the end; returns whether a part began. */
  #readBody(): boolean {
    const message = this.#message;
    const cut = this.#cut;
    this.#cut = undefined;
    if (cut !== undefined) this.#finishUntil(cut.part.parent, cut.place);
    let lineEnd = 0;
    while (this.#place.at < message.length) {
      const { at } = this.#place;
      const boundary = this.#boundaryAt(at);
      if (boundary !== undefined) {
        const end = at + 2 + boundary.text.length;
        const isLast = message[end] === DASH && message[end + 1] === DASH;
        this.#finishUntil(boundary.part, this.#back(lineEnd));
        const index = this.#boundaries.indexOf(boundary);
        this.#boundaries.length = isLast ? index : index + 1;
        if (!this.#nextLine()) return false;
        if (this.#boundaries.at(-1)?.part === this.#part) {
          this.#begin();
          return true;
        }
        lineEnd = 0;
      } else {
        if (this.#boundaries.length === 0) this.#move(message.length);
        else if (!this.#nextLine()) return false;
        // The line end before a boundary belongs to it.
        lineEnd = message[this.#place.at - 2] === CR ? 2 : 1;
      }
    }
    return false;
  }

  /** The boundary that a line begins with: the longest match, and of equal ones the innermost. */
  #boundaryAt(at: number): Boundary | undefined {
    const message = this.#message;
    const boundaries = this.#boundaries;
    if (message[at] !== DASH || message[at + 1] !== DASH || boundaries.length === 0) {
      return undefined;
    }
    if (this.#count >= mostParts) return undefined;
    const lineFeed = message.indexOf(LF, at + 2);
    let end = lineFeed === -1 ? message.length : lineFeed;
    if (lineFeed !== -1 && end > at + 2 && message[end - 1] === CR) end--;
    const length = end - at - 2;
    const hasDashes = lineFeed !== -1 && length > 2 && message[end - 1] === DASH &&
      message[end - 2] === DASH;
    let best: Boundary | undefined;
    for (let index = boundaries.length - 1; index >= 0; index--) {
      const boundary = boundaries[index];
      const { text } = boundary;
      if (text.length > length || (best !== undefined && text.length <= best.text.length)) continue;
      if (!text.every((byte, offset) => message[at + 2 + offset] === byte)) continue;
      best = boundary;
      if (text.length === length || (hasDashes && text.length === length - 2)) break;
    }
    return best;
  }

  /** Ends parts until `part` is the current one, or all of them. */
  #finishUntil(part: Part | undefined, place: Place = this.#place): void {
    for (let ended: Part | undefined = this.#part; ended !== part && ended !== undefined;) {
      ended.finish(place);
      ended = ended.parent;
      if (ended !== undefined) this.#part = ended;
    }
  }

  /** Moves after the next line feed; returns whether there is one. */
  #nextLine(): boolean {
    const lineFeed = this.#message.indexOf(LF, this.#place.at);
    this.#move(lineFeed === -1 ? this.#message.length : lineFeed + 1);
    return lineFeed !== -1;
  }

  /** Moves on, and counts the line ends on the way. */
  #move(to: number): void {
    const message = this.#message;
    let { at, lines, bare } = this.#place;
    for (;;) {
      const lineFeed = message.indexOf(LF, at);
      if (lineFeed === -1 || lineFeed >= to) break;
      lines++;
      if (message[lineFeed - 1] !== CR) bare++;
      at = lineFeed + 1;
    }
    this.#place = { at: to, lines, bare };
  }

  /** The place before the line end that was just read, of `length` bytes. */
  #back(length: number): Place {
    const { at, lines, bare } = this.#place;
    if (length === 0) return this.#place;
    return { at: at - length, lines: lines - 1, bare: bare - (length === 1 ? 1 : 0) };
  }
}

function kindOf({ type, subtype }: ContentType): PartKind {
  switch (type.toLowerCase()) {
    case "text":
      return "text";
    case "multipart":
      return subtype === "" ? "other" : "multipart";
    case "message":
      return subtype.toLowerCase() === "rfc822" ? "message" : "other";
    default:
      return "other";
  }
}

function sizeBetween(from: Place, to: Place): MessageSize {
  const physical = to.at - from.at;
  return { physical, virtual: physical + to.bare - from.bare, lines: to.lines - from.lines };
}
