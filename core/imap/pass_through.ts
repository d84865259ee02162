/**
 * What a conversation hands on to an upstream server.
 *
 * A {@linkcode PassThrough} is implemented by a relay. The conversation with the client parses, checks and
 * answers; what it doesn't answer itself goes to the pass-through, in pieces and in the client's order.
 *
 * @module
 */

import type { ImapValue } from "./value.ts";

/** What happens with a command whose name is known; see {@linkcode PassThrough.begin}. */
export type PassDecision =
  /** It goes to the server: `text()` and so on follow. */
  | "pass"
  /** It goes to the server, and `end()` is told its arguments, within `limits.command`. */
  | "pass-collecting"
  /** The conversation answers it, as it does without an upstream server. */
  | "own"
  /** The conversation answers `BAD … Unknown command`. */
  | "refuse"
  /** Not now: nothing more is read until `resume()`, and then `begin()` is called again. */
  | "hold";

/** What follows a command or a line. */
export type PassNext =
  /** The next command is read at once. */
  | "next"
  /** Nothing is read until the conversation's `resume()`, or `readLine()`, is called. */
  | "hold"
  /** After `end()` only: the command wasn't passed on. The conversation answers `BAD … Invalid arguments`. */
  | "refuse";

/** The announcement of a literal. */
export interface PassedLiteral {
  /** How many bytes of data follow. */
  readonly size: number;
  /** Whether it is a literal8, `~{n}`. */
  readonly isBinary: boolean;
  /** Whether the client waits for `+` before it sends the data; not so for `{n+}`. */
  readonly isSynchronizing: boolean;
}

/** A line that is data and no command: what a client sends while an IDLE runs. */
export interface PassedLine {
  /** Its bytes, without the line's end; cut off where it is too long. */
  readonly bytes: Uint8Array;
  /** Whether it is longer than `limits.line`: its rest was skipped. */
  readonly isTooLong: boolean;
}

/**
 * The server behind a conversation, as the conversation sees it.
 *
 * All calls come from within the conversation's `nextEvent()`, in the order of the client's bytes: `begin`,
 * then `text` up to a `literal`, then its `data`, `text` again, and so on up to `end` or `bad`. Nothing
 * is awaited: the methods note what is to be done, and return.
 *
 * The implementation answers a `literal` with the conversation's `literalGranted()` or `literalRefused()`,
 * at once or later, and calls its `resume()` each time that what a "hold" waited for has come, and that
 * {@linkcode openCommands} has become 0.
 */
export interface PassThrough {
  /**
   * How many of the client's commands the server hasn't answered yet. A custom command waits until
   * there are none, and no time limit for the client's input runs while there are some.
   */
  readonly openCommands: number;
  /**
   * Learns that a custom command is over. Returns whether it may be answered; if not, `resume()` is called as soon as
   * it may. If left out, it may at once.
   */
  commandOver?(): boolean;
  /**
   * Decides on a command, as soon as its name is known; only called after the login, and not for custom
   * commands. `name` is in capital letters; of UID commands it is "UID".
   */
  begin(command: { readonly tag: string; readonly name: string }): PassDecision;
  /**
   * Takes bytes of the command's lines, tag and name included. A literal's own marker, `{n}`, and the line
   * end after it are left out; the end of the command's last line is as the client wrote it.
   *
   * The line isn't known to be right before `literal` or `end` is called: keep the bytes until then.
   */
  text(bytes: Uint8Array): void;
  /**
   * Learns that a literal follows; its data come after `literalGranted()`. `literalRefused()` skips it and the
   * rest of the command.
   */
  literal(literal: PassedLiteral): void;
  /** Takes bytes of the literal's data. They add up to its size. */
  data(bytes: Uint8Array): void;
  /**
   * Ends the command: it is whole, and its syntax is right. `args` are its arguments after "pass-collecting",
   * else empty. Says what follows.
   */
  end(args: readonly ImapValue[]): PassNext;
  /**
   * Breaks the command off: what the client sent is no valid command, for that reason. Returns whether the
   * server answers it, since it has some of it already; if not, the conversation answers BAD.
   */
  bad(reason: string): boolean;
  /**
   * Takes the line that `readLine()` asked for. A literal at its end, which makes it a wrong one, is
   * swallowed by the conversation. Says what follows.
   */
  line(line: PassedLine): PassNext;
  /**
   * Learns that the client will send no more, and that all it has sent was passed on; an incomplete command
   * was broken off without `bad`. Returns whether the conversation stays open for the server's last answers:
   * then `close()` ends it.
   */
  inputEnd(): boolean;
}
