/**
 * Errors for requests that an extractor did not answer.
 *
 * @module
 */

import {
  describeExit,
  ExtractorEndError,
  extractorExitCodes,
} from "@dovewire/dovewire/core/extractor";
import {
  AbortError,
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  type DovewireError,
  type ExitStatus,
  LocalProtocolError,
  lowerFirst,
  RemoteProtocolError,
  TimeoutError,
} from "@dovewire/dovewire/core";
import type { ExtractorConnection } from "./connection.ts";

/** How a conversation with an extractor ended. */
export interface ConversationEnd {
  /** The connection that it ran over. */
  readonly connection: ExtractorConnection;
  /** How many answers came. */
  readonly answers: number;
  /** How the process ended, as far as that is known. */
  readonly exit?: ExitStatus;
  /** The error of the protocol or of the transport. */
  readonly failure?: unknown;
  /** Why the conversation was ended, where that was decided on this side. */
  readonly reason?: DovewireError;
}

/** The exit codes of programs that end before they look at a request. */
const codesOfTheStart: readonly number[] = [
  extractorExitCodes.misused,
  extractorExitCodes.privileges,
  extractorExitCodes.unavailable,
  extractorExitCodes.temporary,
];

/**
 * The error for a request that was not answered; `isSent` says whether it had begun to leave. The error's
 * `sent` is `false` nevertheless where the exit code says that nothing has run.
 */
export function unansweredError(
  method: string,
  isSent: boolean,
  end: ConversationEnd,
): DovewireError {
  const { connection, answers, exit, failure, reason } = end;
  const { peer } = connection.transport;
  const what = `"${method}" was not answered by ${peer}: `;
  if (reason !== undefined) {
    const Class = reason instanceof AbortError ? AbortError : ConnectionLostError;
    return new Class(what + lowerFirst(reason.message), { cause: reason, sent: isSent });
  }
  const { stderr } = connection;
  const code = answers === 0 ? exit?.code : undefined;
  if (code === extractorExitCodes.refused && connection.user !== undefined) {
    return new AuthenticationError(
      `Cannot log in as "${connection.user}" to ${peer}: it ${describeExit(exit)}.${stderr}`,
    );
  }
  const sent = isSent && !(code !== undefined && codesOfTheStart.includes(code));
  if (failure instanceof ExtractorEndError) {
    const { kind, limit } = failure;
    const options = { cause: failure, exit: failure.exit, limit, sent };
    return new ExtractorEndError(kind, what + lowerFirst(failure.message) + stderr, options);
  }
  if (failure instanceof RemoteProtocolError) {
    const options = { cause: failure, limit: failure.limit, sent };
    return new RemoteProtocolError(what + lowerFirst(failure.message) + stderr, options);
  }
  if (exit !== undefined) {
    const message = `${what}it ${describeEnd(exit)}.${stderr}`;
    return new ExtractorEndError("exit", message, { cause: failure, exit, sent });
  }
  return new ConnectionLostError(`${what}the connection ended.`, { cause: failure, sent });
}

/** The error for a request that was not sent because of another error; each request gets its own. */
export function notSentError(method: string, reason: DovewireError): DovewireError {
  return errorLike(reason, `"${method}" was not sent: ${lowerFirst(reason.message)}`, false);
}

/**
 * The error for a request that was ended while its process started. The process's arguments say what to
 * do, so that it may have begun before it was known to be there.
 */
export function startingError(method: string, reason: DovewireError): DovewireError {
  const what = `"${method}" was ended while its process started: `;
  return errorLike(reason, what + lowerFirst(reason.message), true);
}

function errorLike(reason: DovewireError, message: string, sent: boolean): DovewireError {
  const options = { cause: reason, sent };
  if (reason instanceof TimeoutError) return new TimeoutError(reason.phase, message, options);
  for (const Class of [AbortError, ConnectionLostError, LocalProtocolError]) {
    if (reason instanceof Class) return new Class(message, options);
  }
  return new ConnectError(message, options);
}

function describeEnd(exit: ExitStatus): string {
  // The code's meaning, "all went well", would mislead here.
  if (exit.code === 0) return "exited before, with code 0";
  return exit.code === undefined && exit.signal === undefined
    ? "sent no more, doesn't end, and can't be ended from here"
    : describeExit(exit);
}
