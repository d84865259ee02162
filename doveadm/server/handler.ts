/**
 * What answers the commands of a server's clients.
 *
 * @module
 */

import type { DoveadmCommand, LogLevel } from "../../core/doveadm/mod.ts";

/** A reply that is one text and no row, as "user" gives its JSON. */
export interface TextReply {
  /** The text; without NUL, TAB and line ends, which it could carry only escaped. */
  readonly text: string;
}

/** A value of a reply: a text, bytes, bytes that come in pieces, or the text that is all of it. */
export type ReplyField = string | Uint8Array | AsyncIterable<Uint8Array> | TextReply;

/** Who sends the commands of a connection. */
export interface DoveadmPeer {
  /** The client's address, for messages: "unix", "tcp 192.0.2.1:4711". */
  readonly address: string;
  /** The name that it logged in with, or what `authenticate` made of it; none if it needn't log in. */
  readonly username: string | undefined;
  /** The minor version of the protocol that both ends speak. */
  readonly minor: number;
}

/** A command that a client wants answered. */
export interface ServerRequest {
  /** The command's name: "mailbox list". */
  readonly name: string;
  /** Options and arguments, as on doveadm's command line. */
  readonly args: readonly string[];
  /** The user to act on; `undefined` for none. */
  readonly user: string | undefined;
  /** How much the client wants to be told in the log. */
  readonly verbosity: DoveadmCommand["verbosity"];
  /** Fields that accompany the command, such as "proxy-ttl". */
  readonly extraFields: Readonly<Record<string, readonly string[]>>;
  /** Whether input follows the command. */
  readonly hasInput: boolean;
  /**
   * The command's input, as it arrives; empty for a command without. It throws where the client went
   * away before the input's end. What isn't read is skipped.
   */
  readonly input: AsyncIterable<Uint8Array>;
  /** Aborts when the client went away, or the server closes: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Who sends it. */
  readonly client: DoveadmPeer;
  /** Sends a line to the client's log. */
  log(level: LogLevel, message: string): void;
}

/**
 * Answers a command: with the fields of the reply, as they come or as a promise of them. What it
 * throws becomes the reply's failure code.
 */
export type DoveadmHandler = (
  request: ServerRequest,
) =>
  | Iterable<ReplyField>
  | AsyncIterable<ReplyField>
  | Promise<Iterable<ReplyField> | AsyncIterable<ReplyField> | void>;
