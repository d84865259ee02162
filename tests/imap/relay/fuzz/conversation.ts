/**
 * What a client says in one conversation.
 *
 * @module
 */

/** A literal, in Latin-1. */
export interface Literal {
  /** Its data. */
  readonly data: string;
  /** Whether the client waits for a continuation: `{n}`, and not `{n+}`. */
  readonly isSynchronizing: boolean;
  /** Whether it is announced with `~`. */
  readonly isBinary: boolean;
}

/** A part of a command, in Latin-1. A literal's announcement and its line's end are not in the text. */
export type Part = string | Literal;

/** A command, right or wrong. */
export interface Command {
  /** The tag of its answer; `undefined` if it has none that could be repeated, so that `*` stands there. */
  readonly tag: string | undefined;
  /** All of it, its last line's end included. */
  readonly parts: readonly Part[];
  /** What is sent after each continuation that isn't a literal's: responses to AUTHENTICATE, and the end of IDLE. */
  readonly replies: readonly (readonly Part[])[];
  /** Whether it sends them at once, before the continuations come. */
  readonly isEager: boolean;
  /** Whether the client sends its next command without waiting for the answer. */
  readonly isPipelined: boolean;
}

/** A conversation. */
export interface Conversation {
  /** What it says, one after the other. */
  readonly commands: readonly Command[];
  /** How it ends: after the last answer, by ending its side, or by a reset in the middle of the last command. */
  readonly end: "close" | "half-close" | "break";
}

/** The text that announces a literal, up to its line's end. */
export function announcement({ data, isSynchronizing, isBinary }: Literal): string {
  return `${isBinary ? "~" : ""}{${data.length}${isSynchronizing ? "" : "+"}}\r\n`;
}

/** All bytes of a conversation in their order, as a client sends them that waits for nothing. */
export function flatten({ commands }: Conversation): string {
  const textOf = (part: Part) => typeof part === "string" ? part : announcement(part) + part.data;
  return commands.map(({ parts, replies }) => [...parts, ...replies.flat()].map(textOf).join(""))
    .join("");
}
