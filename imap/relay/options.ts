/**
 * Options for a relay.
 *
 * @module
 */

import {
  ImapRelayProtocol,
  type ImapRelayProtocolOptions,
  type LoginMechanism,
} from "../../core/imap/mod.ts";
import { LocalProtocolError } from "../../core/mod.ts";
import { checkOptions } from "../../core/option_checks.ts";
import { checkTlsOptions } from "../../transports/address_checks.ts";
import { timeLimit } from "../../transports/timers.ts";
import type { TlsOptions, Transport } from "../../transports/transport.ts";
import { checkOwnTls, definitionsOf } from "../check_options.ts";
import type { ImapCommand } from "../define_command.ts";
import { fromByteString } from "../../core/byte_string.ts";
import type { RelayClientInfo } from "./client_info.ts";

/** A login that the server has accepted. */
export interface AcceptedLogin {
  /** The user's name, as the server was told. */
  readonly user: string;
  /** How the client asked for it. */
  readonly mechanism: LoginMechanism;
  /** Where the client connects from. */
  readonly client: RelayClientInfo;
}

/**
 * Options for one client's connection through a relay.
 *
 * Time limits are in milliseconds; 0 and `Infinity` mean no limit.
 */
export interface RelayConnectionOptions extends
  Pick<
    ImapRelayProtocolOptions,
    | "allowsPlaintext"
    | "isSecure"
    | "keepaliveInterval"
    | "idleTimeout"
    | "limits"
    | "maxOpenCommands"
  > {
  /**
   * Opens a connection to the server, for one client; encrypted, if it is to be from the first byte. When the
   * signal aborts, the client has gone or `connectTimeout` is over.
   */
  readonly connect: (
    context: { readonly client: RelayClientInfo; readonly signal: AbortSignal },
  ) => Promise<Transport>;
  /** The custom commands. Their capabilities are added to those of the server. */
  readonly commands?: readonly ImapCommand[];
  /** Whether to encrypt the connection to the server by STARTTLS, and how. */
  readonly upstreamStartTls?: TlsOptions;
  /**
   * The relay's certificate and key: offers STARTTLS to clients. For a listener that encrypts from the first
   * byte, set `isSecure` instead.
   */
  readonly startTls?: TlsOptions;
  /**
   * What to say to the server by ID before the login; {@linkcode trustedFields} if left out, `false` for
   * nothing.
   */
  readonly upstreamId?: false | ((client: RelayClientInfo) => Readonly<Record<string, string>>);
  /**
   * Returns the user's name as the server has it, for the custom commands. A server doesn't tell: Dovecot logs
   * `ALICE` in as `alice`, and a passdb may rename her. The name that the server was told is used if this is left
   * out. If it rejects, the client can't log in.
   */
  readonly resolveUser?: (login: AcceptedLogin) => string | Promise<string>;
  /**
   * How long the first refusal of a wrong password is delayed for an address that connects over TCP, in
   * milliseconds; 500 if left out, 0 for no delay. Each further refusal takes twice as long, up to sixteen times
   * the first delay, until there is none for 10 minutes. The time that the server took counts. Accepted logins
   * are never delayed.
   */
  readonly refusalDelay?: number;
  /** How long connecting to the server may take; 10 s if left out. */
  readonly connectTimeout?: number;
  /** How long a client may take to log in; 3 minutes if left out, as with Dovecot. */
  readonly handshakeTimeout?: number;
  /** How long a peer may read nothing while it is written to; 5 minutes if left out, as with Dovecot. */
  readonly stallTimeout?: number;
  /** How long the handler of a command may take to end after the client's DONE; 10 s if left out. */
  readonly endTimeout?: number;
  /**
   * How long the server may send nothing after a client has closed its side; 1 minute if left out.
   */
  readonly halfCloseTimeout?: number;
  /**
   * After how long without a byte from either peer the connection is frozen: it takes a fraction of the memory, until
   * something comes or is to be sent, which neither peer notices. Only connections whose client is logged in are
   * frozen, and none whose custom command has a handler that runs; see `sleep()`. 0 or `Infinity` for never, which is
   * the default.
   */
  readonly freezeAfter?: number;
  /**
   * Called with each error: a server that can't be reached or breaks the protocol, one that doesn't trust what
   * the relay says of the client, a refused login, an exceeded limit, an error of `resolveUser` or of a command's
   * handler. None of them stops the relay.
   */
  readonly onError?: (error: unknown, client: RelayClientInfo) => void;
}

/** The options that are numbers, checked and with their defaults; `Infinity` for no limit. */
export interface RelayTimeouts {
  readonly connectTimeout: number;
  readonly handshakeTimeout: number;
  readonly stallTimeout: number;
  readonly endTimeout: number;
  readonly halfCloseTimeout: number;
  readonly freezeAfter: number;
}

/** Checks the time limits. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function timeoutsOf(options: RelayConnectionOptions): RelayTimeouts {
  const { connectTimeout = 10_000, handshakeTimeout = 180_000 } = options;
  const { stallTimeout = 300_000, endTimeout = 10_000, halfCloseTimeout = 60_000 } = options;
  const { freezeAfter = 0 } = options;
  return {
    connectTimeout: timeLimit("connectTimeout", connectTimeout),
    handshakeTimeout: timeLimit("handshakeTimeout", handshakeTimeout),
    stallTimeout: timeLimit("stallTimeout", stallTimeout),
    endTimeout: timeLimit("endTimeout", endTimeout),
    halfCloseTimeout: timeLimit("halfCloseTimeout", halfCloseTimeout),
    freezeAfter: timeLimit("freezeAfter", freezeAfter),
  };
}

/**
 * The protocol for one client. Throws a {@linkcode LocalProtocolError} for invalid options.
 */
export function newRelayProtocol(
  options: RelayConnectionOptions,
  upstreamId?: Readonly<Record<string, string>>,
): ImapRelayProtocol {
  return new ImapRelayProtocol(protocolOptions(options, upstreamId));
}

/** The protocol of a client that was frozen. */
export function thawRelayProtocol(
  options: RelayConnectionOptions,
  { stored, clockShift }: { readonly stored: string; readonly clockShift: number },
): ImapRelayProtocol {
  return ImapRelayProtocol.thaw(fromByteString(stored), protocolOptions(options), { clockShift });
}

function protocolOptions(
  options: RelayConnectionOptions,
  upstreamId?: Readonly<Record<string, string>>,
): ImapRelayProtocolOptions {
  const { allowsPlaintext, isSecure, idleTimeout, keepaliveInterval, limits, maxOpenCommands } =
    options;
  return {
    allowsPlaintext,
    isSecure,
    idleTimeout,
    keepaliveInterval,
    limits,
    maxOpenCommands,
    upstreamId,
    commands: definitionsOf(options.commands),
    startTls: options.startTls !== undefined,
    upstreamStartTls: options.upstreamStartTls !== undefined,
    // A time limit for the whole login stands in its place.
    loginTimeout: 0,
  };
}

/** Checks what can't be left to the first client. */
export function checkRelayOptions(options: RelayConnectionOptions): void {
  checkOptions(options, { functions: ["resolveUser", "onError"] });
  const { connect, startTls, upstreamStartTls, upstreamId } = options;
  if (typeof connect !== "function") {
    throw new LocalProtocolError(
      '"connect" is no function. Set it to one that opens a connection.',
    );
  }
  if (upstreamId !== false) checkOptions({ upstreamId }, { functions: ["upstreamId"] });
  checkOwnTls(startTls);
  if (typeof (upstreamStartTls ?? {}) !== "object" || upstreamStartTls === null) {
    throw new LocalProtocolError(
      '"upstreamStartTls" is no object. Set it to how to encrypt, {} for the defaults.',
    );
  }
  checkTlsOptions(upstreamStartTls);
}
