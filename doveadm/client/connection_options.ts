/**
 * Options for connections and their streams.
 *
 * @module
 */

import type { DoveadmClientProtocolOptions } from "../../core/doveadm/mod.ts";
import type { TlsOptions } from "../../transports/transport.ts";
import type { DoveadmLog, SendOptions } from "./request.ts";

/** Options for a `DoveadmConnection`. */
export interface DoveadmConnectionOptions extends DoveadmClientProtocolOptions {
  /**
   * How long the handshake may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit.
   */
  handshakeTimeout?: number;
  /**
   * How long a command may take whose own options don't say, in milliseconds; 60 s if left out, 0 or
   * `Infinity` for no limit.
   */
  timeout?: number;
  /** How to encrypt the transport where `starttls` asks for it. */
  tls?: TlsOptions;
  /**
   * Lets the password go in clear over a network. Without this it only does over UNIX sockets and
   * loopback, and over transports that don't know where they lead.
   */
  allowPlaintextPassword?: boolean;
  /** Gets each log line of the server as it arrives. */
  onLog?: (log: DoveadmLog) => void;
  /** Aborts the handshake. */
  signal?: AbortSignal;
}

/** Options for `DoveadmConnection.stream`. */
export interface StreamOptions extends SendOptions {
  /**
   * How many values make a row. The time limit is then for a row, from the end of the one before it,
   * so that a value without end takes too long at some time. Left out, it is for each piece of a value.
   */
  valuesPerRow?: number;
}
