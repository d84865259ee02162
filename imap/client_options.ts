/**
 * Options and results of the IMAP client.
 *
 * @module
 */

import type {
  Continuation,
  ImapClientProtocolOptions,
  ImapUntagged,
  ResponseCode,
} from "../core/imap/mod.ts";
import type { Connector, TlsOptions } from "../transports/transport.ts";

/** Where an IMAP server listens: a TCP port or a UNIX socket. */
export type ImapTarget =
  | {
    /** A name or an IP address. */
    readonly hostname: string;
    /** 143 if left out, 993 with `tls`. */
    readonly port?: number;
    /** Whether the port uses TLS from the first byte. */
    readonly tls?: boolean;
  }
  | {
    /** The path of a UNIX socket. */
    readonly path: string;
  };

/** Options for an `ImapClient`. Times are in milliseconds; 0 and `Infinity` mean no limit. */
export interface ImapClientOptions extends ImapClientProtocolOptions {
  /** The name to log in with; without one there is no login, unless the server needs none. */
  username?: string;
  /** That user's password. */
  password?: string;
  /** The user to be, if it is another one than `username`, a master user; only AUTHENTICATE PLAIN can tell. */
  authzid?: string;
  /** How to log in; if left out, AUTHENTICATE PLAIN if the server offers it, else LOGIN. */
  mechanism?: "PLAIN" | "LOGIN";
  /** Whether to encrypt by STARTTLS before the login; if left out, it isn't used. */
  starttls?: "required";
  /** How to encrypt the transport. */
  tls?: TlsOptions;
  /**
   * Allows sending the password unencrypted over a network. Without this it is only sent over UNIX sockets
   * and loopback, and over transports that don't know whether they use a network.
   */
  allowPlaintextPassword?: boolean;
  /** How long the greeting, STARTTLS and the login may take together; 30 s if left out. */
  handshakeTimeout?: number;
  /** The default time limit of a command; 60 s if left out. */
  timeout?: number;
  /**
   * How long the server may send nothing while a long-running command runs; 31 minutes if left out, since a
   * server sends keepalives or ends IDLE after 30. After that the connection counts as lost.
   */
  silenceTimeout?: number;
  /**
   * How much memory the responses of one command may take that are collected for its result, in bytes: their
   * size, and 64 for each value. 16 MiB if left out.
   */
  maxResponses?: number;
  /** Called with each untagged response that comes while no command runs. */
  onResponse?: (response: ImapUntagged) => void;
  /** Aborts connecting and the handshake. */
  signal?: AbortSignal;
}

/** Options for `ImapClient.connect`. */
export interface ImapConnectOptions extends ImapClientOptions {
  /** How long connecting may take; 10 s if left out. */
  connectTimeout?: number;
  /** Opens the transport; the current runtime's adapter if left out. */
  connector?: Connector;
}

/** The time limit and signal of a command. */
export interface ImapCommandOptions {
  /**
   * Aborts the command. If it was sent, that closes the connection, and the server may still run it.
   */
  signal?: AbortSignal;
  /** How long it may take, from the call to the answer; the client's `timeout` if left out. */
  timeout?: number;
}

/** The server's answer to a command that succeeded. */
export interface ImapResult {
  /** The response code; `undefined` if there is none. */
  readonly code: ResponseCode | undefined;
  /** The text for humans. */
  readonly text: string;
  /** The untagged responses that came while the command ran, in order. */
  readonly responses: readonly ImapUntagged[];
}

/** What a long-running command yields: untagged responses, and the continuation once. */
export type LongResponse = ImapUntagged | Continuation;
