/**
 * Which failed commands may be sent again.
 *
 * @module
 */

import {
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  RemoteProtocolError,
  TimeoutError,
} from "../../../core/errors.ts";
import { TransportError, type TransportErrorCode } from "../../../transports/transport.ts";
import { CommandError } from "../command_error.ts";
import type { RetryReason } from "./pool_event.ts";

/** How many times an idempotent command may be sent. */
export const mostSent = 3;

/** What was done with a command that failed. */
export interface Attempt {
  /** How many times it was given to a connection. */
  readonly attempts: number;
  /** Whether its input, if it has any, can be sent once more, and its caller got nothing of its answer. */
  readonly isRepeatable: boolean;
  /** Whether the caller allows to run it twice. */
  readonly isIdempotent: boolean;
  /** How many mail commands its connection had, this one included. */
  readonly mailCommands: number;
}

/** Why a command that failed may be sent again; `undefined` if it may not. */
export function retryReason(error: unknown, attempt: Attempt): RetryReason | undefined {
  if (!attempt.isRepeatable) return undefined;
  if (attempt.mailCommands > 1 && isSecondRefused(error)) return "refused";
  const isOver = error instanceof ConnectionLostError || error instanceof RemoteProtocolError;
  if (!isOver) return undefined;
  if (!error.sent) return "unsent";
  const mayRepeat = attempt.isIdempotent && attempt.attempts < mostSent &&
    error instanceof ConnectionLostError;
  return mayRepeat ? "idempotent" : undefined;
}

/**
 * Whether a server refused a mail command since its connection had one before: a Dovecot 2.3 with
 * `doveadm_port` asks for the passdb's proxy fields before each mail command, and from the second on it does
 * so as the mail user of the first, who may not.
 */
function isSecondRefused(error: unknown): boolean {
  return error instanceof CommandError && error.code === "TEMPFAIL" &&
    error.log.some(({ message }) =>
      message.includes("passdb lookup failed") && message.includes("doveadm_port is set")
    );
}

/** The failures to connect that will not go away by themselves. */
const lasting: ReadonlySet<TransportErrorCode> = new Set(
  ["certificate", "tls", "denied", "invalid", "unsupported"] as const,
);

/**
 * Whether a connection that could not be opened will not be later either: the password is wrong, the
 * certificate isn't trusted, the socket is forbidden. Before the first connection a socket or host that isn't
 * there counts as well: its name is probably misspelled. After it, a server that suddenly wants a password
 * doesn't count: Dovecot needs none at a UNIX socket if the file's mode is 0600, and while it reloads the file is
 * missing.
 */
export function isLasting(
  error: unknown,
  { isFirst, hasPassword }: { readonly isFirst: boolean; readonly hasPassword: boolean },
): boolean {
  if (!(error instanceof DovewireError)) return true;
  if (error instanceof ConnectError) {
    const { cause } = error;
    if (!(cause instanceof TransportError)) return false;
    return lasting.has(cause.code) || (isFirst && cause.code === "not-found");
  }
  if (error instanceof AuthenticationError) return isFirst || hasPassword;
  return error.code === "local-protocol";
}

/** Whether a server was reached, and the handshake with it, that of TLS included, was cut off or took too long. */
export function isUnfinished(error: unknown): boolean {
  if (error instanceof ConnectError) {
    return error.cause instanceof TransportError && error.cause.code === "reset";
  }
  return error instanceof ConnectionLostError || error instanceof TimeoutError;
}
