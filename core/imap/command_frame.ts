/**
 * What a client's bytes are taken apart into.
 *
 * @module
 */

import type { ImapValue } from "./value.ts";

/** The first line of a command is whole, and its syntax is right. */
export interface CommandStart {
  /** What kind of frame it is. */
  readonly type: "start";
  /** The command's tag. */
  readonly tag: string;
  /** The command's name in capital letters, as Dovecot compares names. `UID FETCH` has the name `UID`. */
  readonly name: string;
}

/**
 * Bytes of a command as the client wrote them, tag and name included: one line of it, checked as a whole.
 * A literal's marker and the line end after it are left out; otherwise the line end is the client's.
 */
export interface CommandText {
  /** What kind of frame it is. */
  readonly type: "text";
  /** The bytes; empty where there is nothing between a line's start and a literal's marker. */
  readonly bytes: Uint8Array;
}

/**
 * A literal is announced. Nothing follows before `acceptLiteral()`, `refuseLiteral()` or `skipCommand()` was
 * called.
 */
export interface CommandLiteral {
  /** What kind of frame it is. */
  readonly type: "literal";
  /** How many bytes its data have. */
  readonly size: number;
  /** Whether the client waits for a continuation before it sends the data: `{1}`, and not `{1+}`. */
  readonly isSynchronizing: boolean;
  /** Whether it is `~{1}`, whose data may contain NULs (RFC 9051, 4.3; RFC 3516). */
  readonly isBinary: boolean;
}

/** A piece of a literal's data. Pieces may be cut anywhere. */
export interface CommandData {
  /** What kind of frame it is. */
  readonly type: "data";
  /** The bytes, which are part of a chunk that was received; empty for a literal of size 0. */
  readonly bytes: Uint8Array;
  /** Whether the literal ends with this piece. */
  readonly isLast: boolean;
}

/** The command is whole, and its syntax is right. */
export interface CommandEnd {
  /** What kind of frame it is. */
  readonly type: "end";
  /** The command's arguments, if `collect()` was called after its start; else empty. */
  readonly args: readonly ImapValue[];
}

/** A line of data, after `readLine()`. */
export interface DataLine {
  /** What kind of frame it is. */
  readonly type: "line";
  /** The line without its CRLF or LF. If it is too long, its beginning. */
  readonly bytes: Uint8Array;
  /**
   * Whether the line is longer than the limit. It is told at once; the rest of the line and its literals are
   * dropped as after a mistake.
   */
  readonly isTooLong: boolean;
  /**
   * The literal that the line announces at its end, if a command could end in it: `{1}` or `{1+}`. It is
   * dropped if `swallowLiteral()` is called before the next frame is asked for; otherwise its data are the
   * next line.
   */
  readonly literal?: { readonly size: number; readonly isSynchronizing: boolean };
}

/**
 * A client's mistake, told once for each command. The input is in step afterwards: the rest of the command is
 * dropped, with the literals that the client doesn't wait with (RFC 7888, 3). It stands in place of the
 * continuation for a literal that the client waits with.
 */
export interface BadCommand {
  /** What kind of frame it is. */
  readonly type: "bad";
  /** The tag, if there is a valid one. */
  readonly tag: string | undefined;
  /** The command's name in capital letters, if there is a valid one. */
  readonly name: string | undefined;
  /** What is wrong, for the client to read: "Missing '\"'". */
  readonly reason: string;
  /** The limit that the client exceeded, by the name of its option. */
  readonly limit?: string;
}

/** A client's mistake after which nothing can be understood any more. It is the last frame. */
export interface FatalCommand {
  /** What kind of frame it is. */
  readonly type: "fatal";
  /** What is wrong, for the client to read: "Literal size too large". */
  readonly reason: string;
  /** The limit that the client exceeded, by the name of its option. */
  readonly limit?: string;
}

/** What a client's bytes are taken apart into, in wire order. */
export type CommandFrame =
  | CommandStart
  | CommandText
  | CommandLiteral
  | CommandData
  | CommandEnd
  | DataLine
  | BadCommand
  | FatalCommand;
