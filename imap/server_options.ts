/**
 * Options for an IMAP server.
 *
 * @module
 */

import {
  type ClientFields,
  ImapServerProtocol,
  type ImapServerProtocolOptions,
  type LoginMechanism,
} from "../core/imap/mod.ts";
import { LocalProtocolError } from "../core/mod.ts";
import { checkOptions } from "../core/option_checks.ts";
import { timeLimit } from "../transports/timers.ts";
import type { TlsOptions } from "../transports/transport.ts";
import { checkOwnTls, definitionsOf } from "./check_options.ts";
import type { ConnectionLimits } from "./connection_host.ts";
import type { ImapCommand } from "./define_command.ts";

/** What a client gives to log in. */
export interface ImapLogin {
  /** The name whose password it is. */
  readonly user: string;
  /** The password. */
  readonly password: string;
  /** The name to log in as, if it is another one; "" otherwise. */
  readonly authzid: string;
  /** How the client logs in. */
  readonly mechanism: LoginMechanism;
}

/** Who a client is before its login. */
export interface ImapClientInfo {
  /** The client, for messages: "tcp 192.0.2.1:4711". */
  readonly peer: string;
  /** Whether the connection is encrypted. */
  readonly isSecure: boolean;
  /** What it said by ID; `undefined` if nothing. */
  readonly clientId: ClientFields | undefined;
}

/**
 * Decides who may log in: returns the user's name, or `undefined` to refuse. An "authzid" that isn't meant to
 * work has to be refused. Compare secrets with `sameSecret` of the core.
 */
export type AuthenticateImap = (
  login: ImapLogin,
  client: ImapClientInfo,
) => string | undefined | Promise<string | undefined>;

/**
 * Options for {@linkcode serve}. Times are in milliseconds; 0 and `Infinity` mean no limit.
 */
export interface ServeImapOptions extends
  ConnectionLimits,
  Pick<
    ImapServerProtocolOptions,
    | "isSecure"
    | "allowsPlaintext"
    | "id"
    | "text"
    | "idleTimeout"
    | "keepaliveInterval"
    | "limits"
  > {
  /** Decides who may log in. */
  readonly authenticate: AuthenticateImap;
  /** The custom commands. */
  readonly commands?: readonly ImapCommand[];
  /**
   * The server's certificate and key: offers STARTTLS. For a listener that encrypts from the first byte, set
   * `isSecure` instead.
   */
  readonly startTls?: TlsOptions;
  /**
   * How long the first refusal of a login is delayed for an address that connects over TCP; 500 if left out, 0
   * for no delay. Each further refusal takes twice as long, up to sixteen times the first delay, until there is
   * none for 10 minutes. Accepted logins are never delayed.
   */
  readonly refusalDelay?: number;
  /** How long a client may take to log in; 3 minutes if left out, as with Dovecot. */
  readonly handshakeTimeout?: number;
  /** How long a client may read nothing while it is written to; 5 minutes if left out, as with Dovecot. */
  readonly stallTimeout?: number;
  /**
   * How long the handler of a command may take to end after the client's DONE; 10 s if left out. The time in
   * which the client has to read first doesn't count.
   */
  readonly endTimeout?: number;
  /**
   * How long a command may still take after its client has closed its side; 1 minute if left out. A
   * long-running command ends at once.
   */
  readonly halfCloseTimeout?: number;
  /**
   * Called with each error: a refused login, an exceeded limit, an error of `authenticate` or of a command's
   * handler. None of them stops the server.
   */
  readonly onError?: (error: unknown, peer: string) => void;
  /** Closes the server when it aborts. */
  readonly signal?: AbortSignal;
}

/** The times of a connection, complete and checked; `Infinity` for no limit. */
export interface ServerTimes {
  readonly handshakeTimeout: number;
  readonly stallTimeout: number;
  readonly endTimeout: number;
  readonly halfCloseTimeout: number;
}

/** The times of the options. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function serverTimes(options: ServeImapOptions): ServerTimes {
  const { handshakeTimeout = 180_000, stallTimeout = 300_000 } = options;
  const { endTimeout = 10_000, halfCloseTimeout = 60_000 } = options;
  return {
    handshakeTimeout: timeLimit("handshakeTimeout", handshakeTimeout),
    stallTimeout: timeLimit("stallTimeout", stallTimeout),
    endTimeout: timeLimit("endTimeout", endTimeout),
    halfCloseTimeout: timeLimit("halfCloseTimeout", halfCloseTimeout),
  };
}

/** The protocol for one client. Throws a {@linkcode LocalProtocolError} for invalid options. */
export function newServerProtocol(options: ServeImapOptions): ImapServerProtocol {
  const { isSecure, allowsPlaintext, id, text, idleTimeout, keepaliveInterval, limits } = options;
  return new ImapServerProtocol({
    isSecure,
    allowsPlaintext,
    id,
    text,
    idleTimeout,
    keepaliveInterval,
    limits,
    commands: definitionsOf(options.commands),
    startTls: options.startTls !== undefined,
    // A time limit for the whole login stands in its place.
    loginTimeout: 0,
  });
}

/** Checks what can't be left to the first client. */
export function checkServerOptions(options: ServeImapOptions): void {
  checkOptions(options, { functions: ["onError"] });
  const { authenticate, startTls } = options;
  if (typeof authenticate !== "function") {
    throw new LocalProtocolError(
      '"authenticate" is no function. Set it to one that decides who may log in.',
    );
  }
  checkOwnTls(startTls);
}
