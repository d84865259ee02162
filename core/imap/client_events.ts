/**
 * The options and the events of the client's side of an IMAP connection.
 *
 * @module
 */

import type { ImapLimits } from "./limits.ts";
import type { ResponseCode } from "./response_code.ts";
import type { UntaggedData, UntaggedStatus } from "./response_parser.ts";

/** Options for an `ImapClientProtocol`. */
export interface ImapClientProtocolOptions {
  /** Limits on what the server may send, as far as they differ from the defaults. */
  readonly limits?: Partial<ImapLimits>;
  /**
   * The password that the login will use: errors quote what the server sent only if this is given, so that
   * they can leave it out.
   */
  readonly password?: string;
}

/** The name and the password to log in with. */
export interface ImapCredentials {
  /** The user's name. */
  readonly username: string;
  /** That user's password. */
  readonly password: string;
}

/** What to authenticate with by SASL's PLAIN (RFC 4616). */
export interface ImapPlainCredentials extends ImapCredentials {
  /** The user to be, if it is another one than the one whose password is given. */
  readonly authzid?: string;
}

/** A response without a tag. */
export type ImapUntagged = UntaggedData | UntaggedStatus;

/** The server's answer to a command. */
export interface ImapAnswerEvent {
  /** What kind of event it is. */
  readonly type: "answer";
  /** The command's id. */
  readonly id: number;
  /** Whether the command succeeded, failed, or was wrong. */
  readonly status: "OK" | "NO" | "BAD";
  /** The response code; `undefined` if there is none. That of NO and BAD is without the password of a login. */
  readonly code: ResponseCode | undefined;
  /** The text for humans, without the password of a login. */
  readonly text: string;
}

/** Events emitted by an `ImapClientProtocol`. */
export type ImapClientEvent =
  /** The server is ready. With `isAuthenticated`, it needs no login. */
  | {
    readonly type: "greeting";
    readonly isAuthenticated: boolean;
    readonly code: ResponseCode | undefined;
    readonly text: string;
  }
  /** Write the output, encrypt the transport, then call `tlsStarted()`. */
  | { readonly type: "start-tls" }
  /** A response without a tag; `id` is the command that runs, if one does, whether or not it asked for that. */
  | { readonly type: "response"; readonly id: number | undefined; readonly response: ImapUntagged }
  /** The server's continuation to a long-running command, which may be ended with DONE from here on. */
  | { readonly type: "continuation"; readonly id: number; readonly text: string }
  /** The answer to a command. */
  | ImapAnswerEvent
  /** The server says goodbye, and closes the connection. */
  | { readonly type: "bye"; readonly code: ResponseCode | undefined; readonly text: string }
  /** The conversation is over; `unanswered` has the ids of the commands without an answer, oldest first. */
  | { readonly type: "end"; readonly unanswered: readonly number[] };
