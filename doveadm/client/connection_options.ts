/**
 * Options for connections and their streams.
 *
 * @module
 */

import type { DoveadmClientProtocolOptions } from "../../core/doveadm/mod.ts";
import type { TlsOptions } from "../../transports/transport.ts";
import { LocalProtocolError } from "../../core/errors.ts";
import { checkOptions, shownValue } from "../../core/option_checks.ts";
import { checkTlsOptions } from "../../transports/address_checks.ts";
import { checkSendOptions, type DoveadmLog, type FieldStreamOptions } from "./request.ts";

/** Throws a `LocalProtocolError` for options of a connection that have another type. */
export function checkConnectionOptions(
  options: DoveadmConnectionOptions,
  { functions = [] }: { readonly functions?: readonly string[] } = {},
): void {
  checkOptions(options, {
    functions: ["onLog", ...functions],
    objects: ["limits", "tls"],
    booleans: ["allowPlaintextPassword", "logPassthrough"],
  });
  checkTlsOptions(options.tls);
}

/** Options for a `DoveadmConnection`. */
export interface DoveadmConnectionOptions extends DoveadmClientProtocolOptions {
  /**
   * How long the handshake may take, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit.
   */
  handshakeTimeout?: number;
  /**
   * The default time limit of a command, in milliseconds; 60 s if left out, 0 or `Infinity` for no limit.
   */
  timeout?: number;
  /** How to encrypt the transport, if `starttls` asks for it. */
  tls?: TlsOptions;
  /**
   * Allows sending the password unencrypted over a network. Without this it is only sent over UNIX sockets
   * and loopback, and over transports that don't know whether they use a network.
   */
  allowPlaintextPassword?: boolean;
  /** Called with each log line of the server as it arrives. */
  onLog?: (log: DoveadmLog) => void;
  /** Aborts the handshake. */
  signal?: AbortSignal;
}

/** Options for `DoveadmConnection.stream`. */
export interface StreamOptions extends FieldStreamOptions {
  /**
   * How many values make a row. The time limit then applies to each row, from the end of the previous one,
   * so that an endless value times out. If left out, it applies to each chunk of a value.
   */
  valuesPerRow?: number;
}

/** Throws a `LocalProtocolError` for options that aren't those of a stream. */
export function checkStreamOptions(options: StreamOptions): void {
  checkSendOptions(options);
  const { valuesPerRow } = options;
  if (valuesPerRow === undefined || (Number.isInteger(valuesPerRow) && valuesPerRow > 0)) return;
  throw new LocalProtocolError(
    `"valuesPerRow" is ${shownValue(valuesPerRow)}. Set it to a whole number from 1 on.`,
  );
}
