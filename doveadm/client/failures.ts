/**
 * The errors for commands without an answer, and for failed connections.
 *
 * @module
 */

import {
  AuthenticationError,
  type DovewireError,
  lowerFirst,
  RemoteProtocolError,
} from "../../core/mod.ts";
import type { LogLine } from "../../core/doveadm/mod.ts";
import { isTlsFailure } from "../../transports/transport.ts";
import { whyItMayHaveDied } from "./command_traits.ts";
import { ConnectError, ConnectionLostError, TimeoutError } from "../../core/errors.ts";

/** Why a handshake failed; `failure` is the error that the connection ended with, if any. */
export function handshakeError(failure: unknown, peer: string): DovewireError {
  if (failure instanceof AuthenticationError) {
    return new AuthenticationError(
      `Cannot authenticate to ${peer}: ${lowerFirst(failure.message)}`,
      { cause: failure },
    );
  }
  if (failure instanceof RemoteProtocolError) {
    return new RemoteProtocolError(
      `Cannot shake hands with ${peer}: ${lowerFirst(failure.message)}`,
      { cause: failure, limit: failure.limit },
    );
  }
  if (isTlsFailure(failure)) {
    return new ConnectError(failure.message, { cause: failure });
  }
  return new ConnectionLostError(
    `Cannot shake hands with ${peer}: the connection ended. A doveadm server closes it if it ` +
      "can't read the client's version. Check that a doveadm server listens there.",
    { cause: failure },
  );
}

/** The error for a command that took longer than `timeout` milliseconds. */
export function timeoutError(
  name: string,
  timeout: number,
  { peer, sent, isStream }: { peer: string; sent: boolean; isStream: boolean },
): TimeoutError {
  const what = isStream
    ? `${peer} sent no more of its answer to "${name}" for ${timeout} ms.`
    : `"${name}" was not answered by ${peer} within ${timeout} ms.`;
  return new TimeoutError("command", `${what} If it may take longer, raise "timeout".`, { sent });
}

/** The state of a command when its connection ended. */
export interface Unanswered {
  /** The other end. */
  readonly peer: string;
  /** Whether the command may have run. */
  readonly sent: boolean;
  /** Whether the command was the next one to be answered. */
  readonly isHead: boolean;
  /** The log lines that came with the command. */
  readonly log: readonly LogLine[];
  /** Why this side ended the connection; `undefined` if it didn't. */
  readonly reason: DovewireError | undefined;
}

/** Why a command was not answered; `failure` is the error that the connection ended with, if any. */
export function unansweredError(
  name: string,
  failure: unknown,
  { peer, sent, isHead, log, reason }: Unanswered,
): DovewireError {
  const what = `"${name}" was not answered by ${peer}: `;
  if (reason !== undefined) {
    return new ConnectionLostError(what + lowerFirst(reason.message), { cause: reason, sent });
  }
  const options = { cause: failure, sent };
  if (failure instanceof RemoteProtocolError) {
    return new RemoteProtocolError(what + failure.message, { ...options, limit: failure.limit });
  }
  if (!sent) {
    return new ConnectionLostError(`${what}the connection ended before it was sent.`, options);
  }
  const why = isHead
    ? whyItMayHaveDied(name, log)
    : "A command before it may have ended the connection.";
  return new ConnectionLostError(`${what}the connection ended. ${why}`, options);
}

/** The error for a command that can't be sent since the connection has ended; `cause` is the reason. */
export function closedError(
  name: string,
  { peer, cause, wasUsed }: { peer: string; cause: unknown; wasUsed: boolean },
): DovewireError {
  // A protocol error before the first command has not been reported yet.
  if (!wasUsed && cause instanceof RemoteProtocolError) {
    const { message, limit } = cause;
    return new RemoteProtocolError(`Cannot send "${name}" to ${peer}: ${lowerFirst(message)}`, {
      cause,
      limit,
    });
  }
  return new ConnectionLostError(
    `Cannot send "${name}": the connection to ${peer} is closed. Open another.`,
    { cause },
  );
}
