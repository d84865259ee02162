/**
 * Opens a connection to an address: the transport, then the handshake.
 *
 * @module
 */

import { ConnectError } from "../../core/errors.ts";
import { connect as connectTransport } from "../../transports/mod.ts";
import { openTransport } from "../../transports/open_transport.ts";
import { timeLimit } from "../../transports/timers.ts";
import {
  type Address,
  type Connector,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "../../transports/transport.ts";
import { withDoveadmAlpn } from "../alpn.ts";
import { DoveadmConnection } from "./connection.ts";
import type { DoveadmConnectionOptions } from "./connection_options.ts";
import type { Security } from "./target.ts";

/** Where to connect to, and how. */
export interface OpenOptions extends Omit<DoveadmConnectionOptions, "signal" | "starttls"> {
  /** Where the server listens. */
  readonly address: Address;
  /** How to encrypt. */
  readonly security: Security;
  /** How long connecting may take, in milliseconds; 10 s if left out. */
  readonly connectTimeout?: number;
  /** Opens the transports; the current runtime's adapter if left out. */
  readonly connector?: Connector;
}

/**
 * Opens a connection. Rejects with a `ConnectError`, a `TimeoutError`, and with what {@linkcode
 * DoveadmConnection.open} rejects with; if the signal aborts, with its reason, or an error that has it as
 * its cause.
 */
export async function openConnection(
  options: OpenOptions,
  signal: AbortSignal,
): Promise<DoveadmConnection> {
  const { address, security, tls, ...rest } = options;
  // The server's certificate must be for the host in the target.
  const serverName = address.transport === "tcp" ? address.hostname : undefined;
  const encryption: TlsOptions = { serverName, ...withDoveadmAlpn(tls) };
  return await DoveadmConnection.open(await transportFor(options, encryption, signal), {
    logPassthrough: true,
    ...rest,
    starttls: security === "starttls" ? "required" : undefined,
    tls: encryption,
    signal,
  });
}

async function transportFor(
  { address, security, connector = connectTransport, connectTimeout = 10_000 }: OpenOptions,
  tls: TlsOptions,
  signal: AbortSignal,
): Promise<Transport> {
  try {
    return await openTransport(connector, address, {
      connectTimeout: timeLimit("connectTimeout", connectTimeout),
      signal,
      ...(security === "tls" ? { tls } : {}),
    });
  } catch (error) {
    throw error instanceof TransportError ? connectError(error, address) : error;
  }
}

/** What to check in Dovecot if a transport can't be opened. */
const advice: Partial<Record<TransportErrorCode, Record<Address["transport"], string>>> = {
  refused: {
    unix: "Is Dovecot running?",
    tcp: "Is Dovecot running, with an inet_listener for that port in service doveadm?",
  },
  "not-found": {
    unix: "Is Dovecot running, and is the path that of its base_dir?",
    tcp: "",
  },
};

function connectError(error: TransportError, { transport }: Address): ConnectError {
  const more = Object.hasOwn(advice, error.code) ? advice[error.code]![transport] : "";
  return new ConnectError(`${error.message} ${more}`.trimEnd(), { cause: error });
}
