/**
 * Options and events of the client side of the doveadm protocol.
 *
 * @module
 */

import type { LogLevel } from "./log.ts";
import type { DoveadmReply } from "./reply.ts";
import type { DoveadmField, DoveadmValues } from "./reply_reader.ts";

/** Limits on the memory that a server can use, in bytes unless noted. */
export interface DoveadmClientLimits {
  /** A line of the handshake; 1 KiB if left out. */
  handshakeLine: number;
  /** All fields of a reply that isn't streamed, as on the wire; 128 MiB if left out. */
  reply: number;
  /**
   * How many fields a reply that isn't streamed may have, since an empty one takes memory as well, and how many
   * items the lists in its rows, or in a streamed row; 2,000,000 if left out.
   */
  values: number;
  /** The status line of a reply; 8 KiB if left out. */
  statusLine: number;
  /** A line of the log; 64 KiB if left out. */
  logLine: number;
}

/** Options for a `DoveadmClientProtocol`. */
export interface DoveadmClientProtocolOptions {
  /** The server's `doveadm_password`, for a server that requires one. */
  password?: string;
  /** The name to log in with; "doveadm" if left out, the only one that Dovecot accepts. */
  username?: string;
  /** The highest minor version to offer, 0 to 4; 4 if left out. */
  maxMinor?: number;
  /**
   * "required" encrypts the connection before the login, as `doveadm+starttls://` does. It is an error if
   * the server doesn't offer STARTTLS: the connection never continues unencrypted.
   */
  starttls?: "required";
  /** Whether to request the log, from protocol 1.3 on. Servers of 1.1 and 1.2 always send it. */
  logPassthrough?: boolean;
  /** Limits that differ from the defaults. */
  limits?: Partial<DoveadmClientLimits>;
}

/** Events emitted by a `DoveadmClientProtocol`. */
export type DoveadmClientEvent =
  /** Write the output, encrypt the transport, then call `tlsStarted()`. */
  | { readonly type: "start-tls" }
  /**
   * The handshake is over. `minor` is the version of the connection; `preauthenticated` says that the
   * server required no password.
   */
  | { readonly type: "ready"; readonly minor: number; readonly preauthenticated: boolean }
  /** A line of the server's log; `id` is the request that was running, if one was. */
  | {
    readonly type: "log";
    readonly id: number | undefined;
    readonly level: LogLevel;
    readonly message: string;
  }
  /** A piece of a streamed command's value. */
  | DoveadmField
  /** A piece of the values of a command that is streamed "escaped". */
  | DoveadmValues
  /** The reply to a request; of a streamed one without the fields. */
  | DoveadmReply
  /** The conversation is over; `unanswered` has the requests that got no reply, oldest first. */
  | { readonly type: "end"; readonly unanswered: readonly number[] };

/** The default limits of a `DoveadmClientProtocol`. */
export const defaultClientLimits: DoveadmClientLimits = {
  handshakeLine: 1024,
  reply: 128 * 1024 * 1024,
  values: 2_000_000,
  statusLine: 8 * 1024,
  logLine: 64 * 1024,
};
