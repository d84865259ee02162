/**
 * The events of a client's conversation, and what its calls take.
 *
 * @module
 */

import type { Argument } from "./command_arguments.ts";
import type { ClientFields, ImapSession } from "./session.ts";
import type { ImapString } from "./value.ts";

/** How a client logs in. */
export type LoginMechanism = "LOGIN" | "AUTHENTICATE PLAIN" | "AUTHENTICATE LOGIN";

/** Why a custom command ended without its own result. */
export type CancelReason =
  /** The client sent another line than DONE, and was answered BAD. */
  | "wrong-line"
  /** The conversation is over: the client has gone, or `close()` was called. */
  | "disconnected"
  /** `cancel()` was called, and the client was answered NO. */
  | "cancelled";

/** Events emitted by a conversation. */
export type ConversationEvent =
  /** Write the output, encrypt the transport, then call `tlsStarted()`. */
  | { readonly type: "start-tls" }
  /** A client wants to log in: answer with `accept()` or `refuse()`. Nothing more is read until then. */
  | LoginEvent
  /** The client said who it is by ID; `undefined` for NIL. */
  | { readonly type: "client-id"; readonly fields: ClientFields | undefined }
  /** A custom command to answer, with `untagged()` and so on up to `finish()`. */
  | CommandEvent
  /** The client ended the long-running command with DONE; it is still to be answered with `finish()`. */
  | { readonly type: "done"; readonly id: number }
  /** The command is over, and was answered if it could be; further calls for it are ignored. */
  | { readonly type: "cancel"; readonly id: number; readonly reason: CancelReason }
  /** `isWritable()` has become true again for the running command. */
  | { readonly type: "writable"; readonly id: number }
  /** The client made a mistake and was answered BAD: `reason` is the text. `tag` is `undefined` where it can't be read. */
  | { readonly type: "mistake"; readonly tag: string | undefined; readonly reason: string }
  /** The client says goodbye, and was answered; the "end" follows. */
  | { readonly type: "logout" }
  /**
   * The conversation is over: write the output and close the transport. `unanswered` has the ids of the
   * logins and commands that got no answer.
   */
  | { readonly type: "end"; readonly unanswered: readonly number[] };

/** A client wants to log in. It was not checked in any way but that all is UTF-8 without NUL. */
export interface LoginEvent {
  /** What kind of event it is. */
  readonly type: "login";
  /** Its id, from the same numbers as those of commands. */
  readonly id: number;
  /** The client's tag. */
  readonly tag: string;
  /** How it was asked for. */
  readonly mechanism: LoginMechanism;
  /** The name whose password was given. */
  readonly user: string;
  /** The password. Show it nowhere. */
  readonly password: string;
  /** The name to log in as, if it is another one (PLAIN's authorization identity); "" otherwise. */
  readonly authzid: string;
  /** Whether the connection is encrypted. */
  readonly isSecure: boolean;
  /** Whether the client has asked for the capabilities, so that it may not read the code that has them. */
  readonly hasAskedCapabilities: boolean;
}

/** A custom command to answer. */
export interface CommandEvent {
  /** What kind of event it is. */
  readonly type: "command";
  /** Its id, for the calls that answer it. */
  readonly id: number;
  /** The client's tag. */
  readonly tag: string;
  /** The command's name, in capital letters. */
  readonly name: string;
  /** The client's arguments, in the shape that its definition asks for. */
  readonly args: readonly Argument[];
  /** Who the client is, as of now. */
  readonly session: ImapSession;
}

/**
 * A part of an untagged response: a text as it is, bytes as a literal, or an {@linkcode ImapString}, in quotes if
 * they can contain it. A literal with a NUL becomes a literal8.
 *
 * Text as it is means that quotes in it are quotes: give what comes from elsewhere as an `imapString()`.
 */
export type ResponsePart = string | Uint8Array | ImapString;

/** The end of a command. */
export interface TaggedResult {
  /** Success, failure, or a command that was wrong. */
  readonly status: "OK" | "NO" | "BAD";
  /** The text for people. */
  readonly text: string;
  /** A response code, without its brackets: "TRYCREATE", "XKEYADD 4f2a". */
  readonly code?: string;
}

/** How a conversation begins. */
export interface Greeting {
  /**
   * The capabilities of the server behind, "IMAP4rev1" and so on. What belongs to the login (STARTTLS, AUTH=,
   * SASL-IR, LOGINDISABLED) is replaced by the conversation's own, and the custom commands' are added.
   */
  readonly capabilities?: readonly string[];
  /** The text for people; "dovewire ready." if left out. */
  readonly text?: string;
  /** The name of a user who is logged in from the start: the greeting is PREAUTH. */
  readonly preauthenticated?: string;
}

/** How a login is accepted. */
export interface Acceptance {
  /** The user's name; the one that the client gave if left out. */
  readonly user?: string;
  /** The capabilities from here on, as in {@linkcode Greeting}; the same as before if left out. */
  readonly capabilities?: readonly string[];
  /** The text for people; "Logged in" if left out. */
  readonly text?: string;
  /** The whole answer as it is, instead of an own one: lines of a server behind. */
  readonly answer?: Uint8Array;
  /** The phase of the keepalives, now that the user is known; that of the conversation's options if left out. */
  readonly keepalivePhase?: number;
}

/** How a login is refused. */
export interface Refusal {
  /** The response code; "AUTHENTICATIONFAILED" if left out. */
  readonly code?: string;
  /** The text for people; "Authentication failed." if left out. */
  readonly text?: string;
  /** The whole answer as it is, instead of an own one: lines of a server behind. */
  readonly answer?: Uint8Array;
}
