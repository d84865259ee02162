/**
 * What a decoded conversation consists of.
 *
 * @module
 */

import type { LogLevel } from "../log.ts";
import type { MultiplexFrame } from "../multiplex.ts";

/** A side of a conversation. */
export type TraceSide = "client" | "server";

/** A range of the bytes that a side sent, by their places from 0 on. */
export interface TraceRange {
  /** The place of its first byte. */
  readonly start: number;
  /** The place after its last byte. */
  readonly end: number;
}

/** Bytes of a peer as text. Secrets in it are concealed; its control characters are as they came. */
export interface TraceText {
  /** The text, or its beginning. Bytes that aren't UTF-8 are `\x` and two hexadecimal digits. */
  readonly text: string;
  /** How many bytes the whole value has. */
  readonly size: number;
  /** Whether there is more than `text`. */
  readonly isCut: boolean;
}

/** A command, with its secrets concealed. */
export interface TracedCommand {
  /** Its name: "mailbox list". */
  readonly name: TraceText;
  /** The user; `undefined` for none. */
  readonly user: TraceText | undefined;
  /** How much it has the server log. */
  readonly verbosity: "verbose" | "debug" | undefined;
  /** Its options and arguments. */
  readonly args: readonly TraceText[];
  /** The fields that accompany it, as "proxy-ttl=5". */
  readonly extraFields: readonly TraceText[];
}

/** What some bytes mean. `id` is a command's number: 1, 2, 3 … in the order in which they were sent. */
export type TraceContent =
  /** A VERSION line. `minor` is `undefined` for an invalid one. */
  | { readonly type: "version"; readonly minor: number | undefined }
  /** A client's login by PLAIN; the password is never told. `username` is `undefined` for an invalid one. */
  | { readonly type: "login"; readonly username: TraceText | undefined }
  /** A client's request for TLS. */
  | { readonly type: "start-tls" }
  /** A server's request for a login. */
  | { readonly type: "login-wanted" }
  /** The server has accepted the client; `minor` is the version of what follows. */
  | { readonly type: "accepted"; readonly minor: number }
  /** The server has refused the client. */
  | { readonly type: "refused"; readonly detail: TraceText }
  /** A client's request for options of the conversation: "log-passthrough". */
  | { readonly type: "option"; readonly options: readonly TraceText[] }
  /** A client's command. */
  | { readonly type: "command"; readonly id: number; readonly command: TracedCommand }
  /** A command's whole input, with the dot that ends it; `text` has no dot-stuffing. */
  | { readonly type: "input"; readonly id: number; readonly text: TraceText }
  /** What says which channel follows. */
  | { readonly type: "frame"; readonly frame: MultiplexFrame }
  /** A value of a reply. `row` is from 1 on; both are `undefined` if the columns aren't known. */
  | {
    readonly type: "value";
    readonly id: number | undefined;
    readonly row: number | undefined;
    readonly column: string | undefined;
    readonly text: TraceText;
  }
  /** The end of a reply. `code` is that of a failure; `values` counts the reply's values. */
  | {
    readonly type: "reply";
    readonly id: number | undefined;
    readonly ok: boolean;
    readonly code: string;
    readonly detail: TraceText;
    readonly values: number;
  }
  /** A line of the server's log; `id` is the command that was running. */
  | {
    readonly type: "log";
    readonly id: number | undefined;
    readonly level: LogLevel;
    readonly text: TraceText;
  }
  /** TLS begins: nothing after it can be decoded. */
  | { readonly type: "encrypted" }
  /** Bytes of another protocol, or that nothing is known about. Encrypted ones aren't told. */
  | { readonly type: "bytes"; readonly text: TraceText | undefined; readonly size: number }
  /** The side sends no more. */
  | { readonly type: "end" };

/** A piece of a conversation. */
export interface TraceItem {
  /** Who sent it. */
  readonly side: TraceSide;
  /**
   * Where its bytes are, in their order; none for what has no bytes of its own. A value that came in several
   * packets has a range in each of them. Every byte is in one range of one item.
   */
  readonly ranges: readonly TraceRange[];
  /** What it means. */
  readonly content: TraceContent;
  /** How it breaks the protocol, and what was expected instead, in a sentence. */
  readonly mistake?: string;
  /** What else a reader should know, in a sentence. */
  readonly remark?: string;
}
