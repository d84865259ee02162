/**
 * The types of handlers, which answer the commands of a server's clients.
 *
 * @module
 */

import type { DoveadmCommand, LogLevel } from "../../core/doveadm/mod.ts";

/** A reply that is a single text without rows, such as the JSON of "user". */
export interface TextReply {
  /** The text, without NUL, TAB and line ends. */
  readonly text: string;
}

/** A value of a reply: a text, bytes, bytes in pieces, or a text that is the whole reply. */
export type ReplyField = string | Uint8Array | AsyncIterable<Uint8Array> | TextReply;

/** A connected client. */
export interface DoveadmPeer {
  /** The client's address, for messages: "unix", "tcp 192.0.2.1:4711"; over HTTP "http 192.0.2.1", or "http". */
  readonly address: string;
  /** The name that it logged in with, or that `authenticate` returned; `undefined` without login. */
  readonly username: string | undefined;
  /** The minor protocol version of the connection; over HTTP that of the version whose API it is. */
  readonly minor: number;
}

/** A command of a client. */
export interface ServerRequest {
  /** The command's name: "mailbox list". */
  readonly name: string;
  /** Options and arguments, as on doveadm's command line. */
  readonly args: readonly string[];
  /** The user to act on; `undefined` for none. */
  readonly user: string | undefined;
  /** How verbose the client wants the log. */
  readonly verbosity: DoveadmCommand["verbosity"];
  /** Fields that accompany the command, such as "proxy-ttl". */
  readonly extraFields: Readonly<Record<string, readonly string[]>>;
  /** Whether input follows the command. */
  readonly hasInput: boolean;
  /**
   * The command's input, as it arrives; empty for a command without. Can be read once. Reading throws if
   * the client disconnects before the input's end. Unread input is skipped.
   */
  readonly input: AsyncIterable<Uint8Array>;
  /**
   * Aborts when the client has disconnected or the server closes, so that nobody waits for the answer. A
   * reset is noticed within a second or two, whatever the handler reads or writes. A client that only
   * closes its side still waits; below protocol 1.1, which has no way to check, this can't be distinguished from a
   * client that is gone without a reset.
   */
  readonly signal: AbortSignal;
  /** The client that sent it. */
  readonly client: DoveadmPeer;
  /** Sends a line to the client's log. */
  log(level: LogLevel, message: string): void;
}

/**
 * Answers a command: returns the fields of the reply, as an iterable or a promise of one. An error that it
 * throws becomes the reply's failure code.
 */
export type DoveadmHandler = (
  request: ServerRequest,
) =>
  | Iterable<ReplyField>
  | AsyncIterable<ReplyField>
  | Promise<Iterable<ReplyField> | AsyncIterable<ReplyField> | void>;
