/**
 * Content-Type and Content-Disposition fields and their parameters (RFC 2045, 2183, 2231).
 *
 * @module
 */

import { Rfc822Reader } from "./rfc822_reader.ts";

/** A parameter of a field, in byte strings. */
export interface FieldParameter {
  /** Its name as it is written; with a "*" after it if the value is encoded (RFC 2231). */
  readonly name: string;
  /** Its value; numbered pieces are joined. */
  readonly value: string;
}

/** A Content-Type field, in byte strings. */
export interface ContentType {
  /** "text" of "text/plain", as it is written; "" for an invalid field. */
  readonly type: string;
  /** "plain" of "text/plain"; "" for a field without a subtype. */
  readonly subtype: string;
  /** The parameters; none for a broken type. */
  readonly parameters: readonly FieldParameter[];
}

/** A Content-Disposition field, in byte strings. */
export interface ContentDisposition {
  /** "attachment", "inline" …, as it is written. */
  readonly value: string;
  /** The parameters. */
  readonly parameters: readonly FieldParameter[];
}

/** Reads a Content-Type field's value, a byte string. */
export function parseContentType(value: string): ContentType {
  const reader = new Rfc822Reader(value);
  const broken: ContentType = { type: "", subtype: "", parameters: [] };
  if (reader.skipSpace() !== "more") return broken;
  const isAlone = reader.token() !== "more";
  const type = reader.read;
  if (isAlone) return { ...broken, type };
  if (type === "" || reader.next() !== "/") return broken;
  reader.at++;
  if (reader.skipSpace() !== "more") return broken;
  const step = reader.token();
  const subtype = reader.read;
  if (step === "broken" || subtype === "" || (reader.next() !== "" && reader.next() !== ";")) {
    return broken;
  }
  return { type, subtype, parameters: readParameters(reader) };
}

/** Reads a Content-Disposition field's value; returns `undefined` for a broken one. */
export function parseContentDisposition(value: string): ContentDisposition | undefined {
  const reader = new Rfc822Reader(value);
  reader.skipSpace();
  if (reader.token() === "broken") return undefined;
  return { value: reader.read, parameters: readParameters(reader) };
}

/** Reads a Content-Transfer-Encoding field's value; returns `undefined` for a broken one. */
export function parseTransferEncoding(value: string): string | undefined {
  const reader = new Rfc822Reader(value);
  reader.skipSpace();
  const step = reader.token();
  const encoding = reader.read;
  if (step === "broken" || reader.skipSpace() !== "end" || encoding === "") return undefined;
  return encoding;
}

/** A piece of a parameter's value (RFC 2231). */
interface Piece {
  readonly name: string;
  readonly value: string;
  readonly index: number;
  readonly isEncoded: boolean;
}

function readParameters(reader: Rfc822Reader): readonly FieldParameter[] {
  const parameters: FieldParameter[] = [];
  const pieces: Piece[] = [];
  let index = 0;
  while (reader.next() !== "") {
    const parameter = readParameter(reader);
    if (parameter === undefined) {
      if (reader.next() === "") break;
      reader.at++;
      continue;
    }
    const { name, value } = parameter;
    const found = /^([^*]*)\*(\d*)(\*?)$/.exec(name);
    if (found === null) {
      parameters.push(parameter);
      continue;
    }
    const [, key, number, star] = found;
    // A lone "*" has no number: Dovecot keeps the previous one.
    if (number !== "" || star !== "") index = Number(number);
    pieces.push({ name: key, value, index, isEncoded: star !== "" || number === "" });
  }
  return [...parameters, ...join(pieces)];
}

/** Reads a ";" and a parameter; returns `undefined` for a broken one. */
function readParameter(reader: Rfc822Reader): FieldParameter | undefined {
  if (reader.next() !== ";") return undefined;
  reader.at++;
  if (reader.skipSpace() !== "more" || reader.token() !== "more") return undefined;
  const name = reader.read;
  if (reader.next() !== "=") return undefined;
  reader.at++;
  const step = reader.skipSpace();
  if (step !== "more") return step === "end" ? { name, value: "" } : undefined;
  if (reader.next() === '"') {
    return reader.quotedString() === "broken" ? undefined : { name, value: reader.read };
  }
  if (reader.next() === "=") {
    // An encoded word isn't allowed here, but some programs write one: name==?utf-8?b?…?=
    const word = /[^; \t\r\n]*/y;
    word.lastIndex = reader.at;
    const [value] = word.exec(reader.text)!;
    reader.at += value.length;
    return { name, value };
  }
  return reader.token() === "broken" ? undefined : { name, value: reader.read };
}

/** Joins the pieces of values; if a piece is missing, they stay separate parameters. */
function join(pieces: readonly Piece[]): FieldParameter[] {
  const groups = new Map<string, Piece[]>();
  const sorted = [...pieces].sort((a, b) => compare(a.name, b.name) || a.index - b.index);
  for (const piece of sorted) {
    const key = piece.name.toLowerCase();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [piece]);
    else group.push(piece);
  }
  return [...groups.values()].flatMap((group) => {
    if (group.some(({ index }, position) => index !== position)) {
      return group.map(({ name, value, index, isEncoded }) => {
        return { name: `${name}*${index}${isEncoded ? "*" : ""}`, value };
      });
    }
    const isEncoded = group.some((piece) => piece.isEncoded);
    const values = group.map((piece) => {
      return isEncoded && !piece.isEncoded ? piece.value.replaceAll("%", "%25") : piece.value;
    });
    if (isEncoded && !group[0].isEncoded) values.unshift("''");
    return [{ name: isEncoded ? `${group[0].name}*` : group[0].name, value: values.join("") }];
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
