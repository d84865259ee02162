/**
 * Reading bytes in pieces, and what was read as plain data.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  type CommandFrame,
  CommandReader,
  type ImapLimits,
  type ImapResponse,
  type ImapValue,
  type ResponseFrame,
} from "../../../core/imap/mod.ts";
import { fromLatin1, latin1 } from "./recordings.ts";

/** A value as plain data: an atom is its text; a string has its bytes and how it was written. */
export type SeenValue = string | { readonly [form: string]: string } | readonly SeenValue[];

/** A value as plain data. */
export function seenValue(value: ImapValue): SeenValue {
  if (value.type === "atom") return value.text;
  if (value.type === "list") return value.values.map(seenValue);
  return { [value.form]: latin1(value.bytes) };
}

/** A frame as plain data. */
export type Seen = Readonly<Record<string, unknown>> & { readonly type: string };

/** A frame as plain data. */
export function seen(frame: CommandFrame | ResponseFrame): Seen {
  if (frame.type === "end") return { type: "end", args: frame.args.map(seenValue) };
  return "bytes" in frame ? { ...frame, bytes: latin1(frame.bytes) } : { ...frame };
}

/** A response as plain data. */
export function seenResponse(response: ImapResponse): Seen {
  return response.type === "untagged"
    ? { ...response, values: response.values.map(seenValue) }
    : { ...response };
}

/** Adds a frame to those before it; pieces of one literal, or of what is passed on, are joined. */
export function addSeen(all: Seen[], frame: CommandFrame | ResponseFrame): void {
  const next = seen(frame);
  const last = all.at(-1);
  const joins = last !== undefined && last.type === next.type &&
    (next.type === "pass" || next.type === "data" && last.isLast === false);
  if (joins) all[all.length - 1] = { ...next, bytes: `${last.bytes}${next.bytes}` };
  else all.push(next);
}

/** Cuts bytes into pieces of a size, or of sizes one after the other. */
export function cut(bytes: Uint8Array, sizes: number | Iterator<number>): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size: number = typeof sizes === "number" ? sizes : sizes.next().value;
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}

/** How a client's bytes are read. */
export interface ReadOptions {
  readonly limits?: Partial<ImapLimits>;
  /** What its owner does about a frame; by default arguments are collected and literals accepted. */
  readonly on?: (frame: CommandFrame, reader: CommandReader) => void;
}

/** The frames of a client's bytes that come in pieces. */
export function readCommands(
  pieces: readonly Uint8Array[],
  { limits, on = takeAll }: ReadOptions = {},
): Seen[] {
  const reader = new CommandReader(limits);
  const all: Seen[] = [];
  const pump = () => {
    for (let frame; (frame = reader.next()) !== undefined;) {
      addSeen(all, frame);
      on(frame, reader);
    }
  };
  for (const piece of pieces) {
    reader.receive(piece);
    pump();
  }
  reader.receiveEnd();
  pump();
  return all;
}

/** Collects arguments and accepts literals. */
export function takeAll(frame: CommandFrame, reader: CommandReader): void {
  if (frame.type === "start") reader.collect();
  else if (frame.type === "literal") reader.acceptLiteral();
}

/** Frames in short: "a NOOP", "a BAD Invalid tag", and what they have of bytes. */
export function inShort(frames: readonly Seen[]): string[] {
  return frames.map((frame) => {
    const { type, tag, name, bytes, reason, size } = frame;
    if (type === "start") return `start ${tag} ${name}`;
    if (type === "bad") return `bad ${tag ?? "*"} ${name ?? "-"}: ${reason}`;
    if (type === "fatal") return `fatal: ${reason}`;
    if (type === "end") return `end ${JSON.stringify(frame.args)}`;
    if (type === "literal") {
      return `literal ${frame.isBinary ? "~" : ""}${size}${frame.isSynchronizing ? "" : "+"}`;
    }
    return `${type} ${JSON.stringify(bytes)}`;
  });
}

/** The frames of a client's bytes, in short; they are the same however the bytes are cut. */
export function readInPieces(wire: string, options?: ReadOptions): string[] {
  const bytes = fromLatin1(wire);
  const whole = readCommands([bytes], options);
  for (const size of [1, 2, 3, 7, 50]) {
    assert.deepEqual(readCommands(cut(bytes, size), options), whole, `in pieces of ${size}`);
  }
  return inShort(whole);
}
