/**
 * What a handler gets and returns: it answers the commands of a server's clients.
 *
 * @module
 */

import type { DoveadmCommand, LogLevel } from "../../core/doveadm/mod.ts";

/** A reply that is one text without rows, as "user" replies with its JSON. */
export interface TextReply {
  /** The text, without NUL, TAB and line ends. */
  readonly text: string;
}

/** A value of a reply: a text, bytes, bytes in pieces, or a text that is the whole reply. */
export type ReplyField = string | Uint8Array | AsyncIterable<Uint8Array> | TextReply;

/** The client at the other end of a connection. */
export interface DoveadmPeer {
  /** The client's address, for messages: "unix", "tcp 192.0.2.1:4711". */
  readonly address: string;
  /** The name that it logged in with, or that `authenticate` returned; none if it needn't log in. */
  readonly username: string | undefined;
  /** The minor version of the protocol that both ends speak. */
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
   * The command's input, as it arrives; empty for a command without. Can be read once. It throws if the
   * client goes away before the input's end. What isn't read is skipped.
   */
  readonly input: AsyncIterable<Uint8Array>;
  /**
   * Aborts when the client has gone or the server closes, so that nobody waits for the answer. A reset
   * shows within a second or two, whatever the handler reads or writes. A client that only closes its side
   * still waits; below protocol 1.1, where nothing can be sent to find out, one that has gone without a
   * reset looks the same.
   */
  readonly signal: AbortSignal;
  /** The client that sends it. */
  readonly client: DoveadmPeer;
  /** Sends a line to the client's log. */
  log(level: LogLevel, message: string): void;
}

/**
 * Answers a command: returns the fields of the reply, as an iterable or a promise of one. What it throws
 * becomes the reply's failure code.
 */
export type DoveadmHandler = (
  request: ServerRequest,
) =>
  | Iterable<ReplyField>
  | AsyncIterable<ReplyField>
  | Promise<Iterable<ReplyField> | AsyncIterable<ReplyField> | void>;
