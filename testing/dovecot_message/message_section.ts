/**
 * Sections of a message (RFC 3501, 6.4.5), as `body.…` and `binary.…` of "fetch" name them.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../../core/mod.ts";
import { CommandFailure } from "../../doveadm/server/command_failure.ts";
import type { HeaderField } from "./headers.ts";
import type { Message } from "./message.ts";
import type { MessagePart } from "./mime.ts";
import { decodeBody, transferEncodingOf } from "./transfer_encoding.ts";

const NUL = 0x00;
const LF = 0x0a;
const CR = 0x0d;

const lineEnd = encodeUtf8("\r\n");

/** Replaces a NUL where none is allowed. */
const nulSubstitute = 0x80;

/** A section: a part of a message, and which piece of it. */
export interface Section {
  /** The part's numbers, from the outside in; none for the whole message. */
  readonly path: readonly number[];
  /**
   * Which piece: "all" of the message; the "content" of a part; its "mime" header; a message's "header",
   * or the "text" after it; some "fields" of that header, or all "other" fields.
   */
  readonly kind: "all" | "content" | "mime" | "header" | "text" | "fields" | "other";
  /** The names of those fields, in lower case. */
  readonly names: ReadonlySet<string>;
}

/** Reads a section, like "1.2.mime"; returns `undefined` for an invalid one. */
export function parseSection(section: string): Section | undefined {
  const found = /^(\d+(?:\.\d+)*)?(?:(^|\.)([a-z].*))?$/i.exec(section);
  if (found === null || (found[1] === undefined && found[2] === ".")) return undefined;
  const path = found[1]?.split(".").map(Number) ?? [];
  const names = new Set<string>();
  const what = found[3]?.toLowerCase();
  switch (what) {
    case undefined:
      return { path, kind: path.length === 0 ? "all" : "content", names };
    case "mime":
      return path.length === 0 ? undefined : { path, kind: what, names };
    case "header":
    case "text":
      return { path, kind: what, names };
  }
  const list = /^header\.fields(\.not)?\(([^() ]+)\)$/.exec(what);
  if (list === null) return undefined;
  // "fetch" separates its fields with spaces, so that a section's names are separated with commas.
  for (const name of list[2].split(",")) names.add(name.replaceAll(/^"|"$/g, ""));
  return { path, kind: list[1] === undefined ? "fields" : "other", names };
}

/** A section's bytes, with CR LF for line ends and 0x80 for NULs; empty if the part doesn't exist. */
export function readSection(message: Message, section: Section): Uint8Array {
  const place = findPart(message, section);
  return place === undefined ? new Uint8Array() : withoutNuls(rawSection(message, place, section));
}

/**
 * A section's bytes, with transfer encodings decoded, and with CR LF for line ends where there is none.
 * Throws a `CommandFailure`: "DATAERR" if they can't be decoded, "TEMPFAIL" if they are cut short.
 */
export function readBinarySection(message: Message, section: Section): Uint8Array {
  const place = findPart(message, section);
  if (place === undefined) return new Uint8Array();
  switch (section.kind) {
    case "all":
    case "content":
    case "text": {
      const header = section.kind === "all" ? decodedHeader(message, place) : [];
      const decoded = concat([...header, ...decodedContent(message, place)]);
      if (hasEncoded(place)) return decoded;
      // The headers don't have to be changed to say that it is decoded.
      const raw = rawSection(message, place, section);
      return hasNuls(message, place) ? raw : withoutNuls(raw);
    }
    default:
      return withoutNuls(rawSection(message, place, section));
  }
}

/** Whether a part, or one of the parts in it, has a transfer encoding. */
function hasEncoded(part: MessagePart): boolean {
  if (part.children.length > 0) return part.children.some(hasEncoded);
  return part.bodySize.physical > 0 && isEncoded(part);
}

/** Whether a part contains NULs; those between the parts in it don't count. */
function hasNuls(message: Message, part: MessagePart): boolean {
  const { children, start, bodyStart, end } = part;
  const own = message.bytes.subarray(start, children.length > 0 ? bodyStart : end);
  return own.includes(NUL) || children.some((child) => hasNuls(message, child));
}

function isEncoded({ fields }: MessagePart): boolean {
  const encoding = transferEncodingOf(fields);
  return encoding === "base64" || encoding === "quoted-printable";
}

/** The part of a section; for pieces that only messages have, the message in an attached one. */
function findPart({ root }: Message, { path, kind }: Section): MessagePart | undefined {
  let part: MessagePart | undefined = root;
  for (const [at, number] of path.entries()) {
    const isLast = at === path.length - 1;
    if (part.kind === "multipart") part = part.children[Math.max(number, 1) - 1];
    else if (number !== 1 || !(isLast || part.kind === "message")) return undefined;
    if (part === undefined) return undefined;
    if (part.kind === "message" && !isLast) part = part.children[0];
  }
  if (path.length === 0 || kind === "content" || kind === "mime") return part;
  return part.kind === "message" ? part.children[0] : undefined;
}

function rawSection(message: Message, part: MessagePart, { kind, names }: Section): Uint8Array {
  const { bytes } = message;
  switch (kind) {
    case "all":
      return withLineEnds(bytes);
    case "content":
    case "text":
      return withLineEnds(bytes.subarray(part.bodyStart, part.end));
    case "mime":
    case "header":
      return withLineEnds(bytes.subarray(part.start, part.bodyStart));
    case "fields":
    case "other": {
      const isWanted = (field: HeaderField) =>
        names.has(field.name.toLowerCase()) === (kind === "fields");
      const fields = part.fields.filter(isWanted).map((field) => field.bytes);
      const end = emptyLine(message, part);
      if (end.length === 0 && kind === "fields" && part.parent === undefined) {
        if (fields.length > 0 && fields.at(-1)!.at(-1) !== LF) fields.push(lineEnd);
        fields.push(lineEnd);
      }
      return withLineEnds(concat([...fields, ...end]));
    }
  }
}

function* decodedHeader(message: Message, part: MessagePart): Iterable<Uint8Array> {
  if (!isEncoded(part)) {
    yield withLineEnds(message.bytes.subarray(part.start, part.bodyStart));
    return;
  }
  for (const field of part.fields) {
    if (field.name.toLowerCase() === "content-transfer-encoding") continue;
    yield withLineEnds(field.bytes);
  }
  const end = emptyLine(message, part);
  if (end.length > 0) yield encodeUtf8("Content-Transfer-Encoding: binary\r\n");
  for (const line of end) yield withLineEnds(line);
}

function* decodedContent(message: Message, part: MessagePart): Iterable<Uint8Array> {
  const encoding = transferEncodingOf(part.fields);
  if (encoding === "unknown") {
    throw new CommandFailure("DATAERR", {
      log: "A part of it has a Content-Transfer-Encoding that nobody knows.",
    });
  }
  const { bytes } = message;
  if (part.children.length === 0) {
    const body = bytes.subarray(part.bodyStart, part.end);
    if (encoding === "identity" || body.length === 0) {
      yield withLineEnds(body);
      return;
    }
    const decoded = decodeBody(body, encoding);
    if (decoded.fault !== undefined) {
      const isCut = decoded.fault === "cut";
      throw new CommandFailure(isCut ? "TEMPFAIL" : "DATAERR", {
        log: isCut ? `Its ${encoding} ends too early.` : `Its ${encoding} isn't valid.`,
      });
    }
    yield decoded.bytes;
    return;
  }
  let at = part.bodyStart;
  for (const child of part.children) {
    yield withLineEnds(bytes.subarray(at, child.start));
    yield* decodedHeader(message, child);
    yield* decodedContent(message, child);
    at = child.end;
  }
  yield withLineEnds(bytes.subarray(at, part.end));
}

/** The line that ends a part's header, if there is one. */
function emptyLine({ bytes }: Message, { fields, start, bodyStart }: MessagePart): Uint8Array[] {
  const end = fields.at(-1)?.end ?? start;
  return end < bodyStart ? [bytes.subarray(end, bodyStart)] : [];
}

/** Bytes with CR LF for each line end; the same array where they have it already. */
export function withLineEnds(bytes: Uint8Array): Uint8Array {
  let bare = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) bare++;
  }
  if (bare === 0) return bytes;
  const whole = new Uint8Array(bytes.length + bare);
  let size = 0;
  let from = 0;
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] === CR) continue;
    whole.set(bytes.subarray(from, at), size);
    size += at - from;
    whole[size++] = CR;
    from = at;
  }
  whole.set(bytes.subarray(from), size);
  return whole;
}

function withoutNuls(bytes: Uint8Array): Uint8Array {
  return bytes.includes(NUL) ? bytes.map((byte) => byte === NUL ? nulSubstitute : byte) : bytes;
}
