/**
 * Opens the transport of an IMAP client.
 *
 * @module
 */

import { AbortError, ConnectError, LocalProtocolError } from "../core/mod.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import { connect as connectTransport } from "../transports/mod.ts";
import { checkTlsOptions } from "../transports/address_checks.ts";
import { openTransport } from "../transports/open_transport.ts";
import { timeLimit } from "../transports/timers.ts";
import {
  type Address,
  peerName,
  type TlsOptions,
  type Transport,
  TransportError,
} from "../transports/transport.ts";
import type { ImapConnectOptions, ImapTarget } from "./client_options.ts";

/** The ports of IMAP (RFC 9051, 11.1; RFC 8314). */
const defaultPorts = { plain: 143, tls: 993 };

/** The protocol's name in ALPN. */
const alpn = "imap";

/**
 * Opens a transport, and completes the options for TLS. Rejects with a `ConnectError`, a `TimeoutError`, for a
 * bad target with a `LocalProtocolError`, and if the signal aborts, with an `AbortError`.
 */
export async function openImapTransport(
  target: ImapTarget,
  options: ImapConnectOptions,
): Promise<{ readonly transport: Transport; readonly tls: TlsOptions }> {
  checkOptions(options, { functions: ["connector"], objects: ["tls"] });
  checkTlsOptions(options.tls);
  const address = addressOf(target);
  const isTls = "hostname" in target && target.tls === true;
  const { connector = connectTransport, connectTimeout = 10_000, signal } = options;
  if (isTls && options.starttls !== undefined) {
    throw new LocalProtocolError('Both "tls" in the target and "starttls" are set. Leave one out.');
  }
  const serverName = address.transport === "tcp" ? address.hostname : undefined;
  const tls: TlsOptions = { serverName, alpnProtocols: [alpn], ...options.tls };
  try {
    const transport = await openTransport(connector, address, {
      connectTimeout: timeLimit("connectTimeout", connectTimeout),
      signal,
      ...(isTls ? { tls } : {}),
    });
    return { transport, tls };
  } catch (error) {
    if (signal?.aborted) {
      throw new AbortError(`Connecting to ${peerName(address)} was aborted.`, {
        cause: signal.reason,
      });
    }
    if (error instanceof TransportError) throw new ConnectError(error.message, { cause: error });
    throw error;
  }
}

function addressOf(target: ImapTarget): Address {
  if (typeof target !== "object" || target === null) {
    throw new LocalProtocolError(
      `The target is ${shownValue(target)}. Pass an object with "hostname" or "path".`,
    );
  }
  if ("path" in target) {
    if (typeof target.path === "string" && target.path !== "") {
      return { transport: "unix", path: target.path };
    }
    throw new LocalProtocolError(
      'The target\'s "path" is empty. Give the path of a UNIX socket.',
    );
  }
  checkOptions(target, { booleans: ["tls"] });
  const { hostname, tls = false, port = tls ? defaultPorts.tls : defaultPorts.plain } = target;
  if (typeof hostname !== "string" || hostname === "") {
    throw new LocalProtocolError('The target has neither "hostname" nor "path". Set one of them.');
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new LocalProtocolError(
      `The target's "port" is ${shownValue(port)}. Set it to a number from 1 to 65535.`,
    );
  }
  return { transport: "tcp", hostname, port };
}
