/**
 * The errors for calls that got no connection.
 *
 * @module
 */

import {
  AbortError,
  ConnectionLostError,
  DovewireError,
  QueueFullError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../core/errors.ts";

/** The error for a command that waited too long for a connection. */
export function unsentError(name: string, timeout: number, cause: unknown): TimeoutError {
  return new TimeoutError(
    "command",
    `"${name}" was not sent within ${timeout} ms: it waited for a connection, or for the ` +
      'commands before it. If that may take longer, raise "timeout".',
    cause === undefined ? {} : { cause },
  );
}

/** The error for a command that would be one too many to wait. */
export function queueFullError(name: string, peer: string, maxQueue: number): QueueFullError {
  return new QueueFullError(
    `"${name}" was not sent: ${maxQueue} calls wait for ${peer} already. Make fewer calls at once, or ` +
      'raise "maxQueue" or "maxConnections".',
  );
}

/** The error for a client that had no connection in time. */
export function notReadyError(peer: string, timeout: number): TimeoutError {
  return new TimeoutError(
    "connect",
    `Connecting to ${peer} took more than ${timeout} ms. Check the address, the firewall, and that the ` +
      "server still accepts connections.",
  );
}

/** The error for calls to a client that was closed. */
export function poolClosedError(peer: string): ConnectionLostError {
  return new ConnectionLostError(`The client of ${peer} was closed.`);
}

/**
 * The same error for a command that an earlier attempt has sent: only its last attempt was not, and the
 * caller must know that it may have run.
 */
export function asSent(error: unknown): unknown {
  if (!(error instanceof DovewireError) || error.sent) return error;
  const { message, cause } = error;
  const options = { cause: cause ?? error, sent: true };
  if (error instanceof AbortError) return new AbortError(message, options);
  if (error instanceof TimeoutError) return new TimeoutError(error.phase, message, options);
  if (error instanceof RemoteProtocolError) {
    return new RemoteProtocolError(message, { ...options, limit: error.limit });
  }
  return new ConnectionLostError(message, options);
}
