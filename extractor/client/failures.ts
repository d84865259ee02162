/**
 * What to say of requests that an extractor did not answer.
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
  RemoteProtocolError,
  TimeoutError,
} from "@dovewire/dovewire/core";
import type { Line } from "./line.ts";

/** How a conversation with an extractor ended. */
export interface Ending {
  /** Over what. */
  readonly line: Line;
  /** How many answers came. */
  readonly answers: number;
  /** How the process ended, as far as that is known. */
  readonly exit?: ExitStatus;
  /** What the protocol or the transport broke with. */
  readonly failure?: unknown;
  /** Why the conversation was ended, where that was decided on this side. */
  readonly reason?: DovewireError;
}

/** The exit codes of those who end before they look at a request. */
const codesOfTheStart: readonly number[] = [
  extractorExitCodes.misused,
  extractorExitCodes.privileges,
  extractorExitCodes.unavailable,
  extractorExitCodes.temporary,
];

/**
 * Why a request was not answered; `isSent` says whether it had begun to leave. Whether it may have been
 * carried out, as `sent` of the error says, is known better where the exit code tells that nothing was.
 */
export function unansweredError(method: string, isSent: boolean, ending: Ending): DovewireError {
  const { line, answers, exit, failure, reason } = ending;
  const { peer } = line.transport;
  const what = `"${method}" was not answered by ${peer}: `;
  if (reason !== undefined) {
    const Class = reason instanceof AbortError ? AbortError : ConnectionLostError;
    return new Class(what + lowerFirst(reason.message), { cause: reason, sent: isSent });
  }
  const words = line.lastWords();
  const code = answers === 0 ? exit?.code : undefined;
  if (code === extractorExitCodes.refused && line.user !== undefined) {
    return new AuthenticationError(
      `Cannot log in as "${line.user}" to ${peer}: it ${describeExit(exit)}.${words}`,
    );
  }
  const sent = isSent && !(code !== undefined && codesOfTheStart.includes(code));
  if (failure instanceof ExtractorEndError) {
    const { kind, limit } = failure;
    const options = { cause: failure, exit: failure.exit, limit, sent };
    return new ExtractorEndError(kind, what + lowerFirst(failure.message) + words, options);
  }
  if (failure instanceof RemoteProtocolError) {
    const options = { cause: failure, limit: failure.limit, sent };
    return new RemoteProtocolError(what + lowerFirst(failure.message) + words, options);
  }
  if (exit !== undefined) {
    const message = `${what}it ${describeEnd(exit)}.${words}`;
    return new ExtractorEndError("exit", message, { cause: failure, exit, sent });
  }
  return new ConnectionLostError(`${what}the connection ended.`, { cause: failure, sent });
}

/** The error for a request that was not sent because of another. Each request gets one of its own. */
export function notSentError(method: string, reason: DovewireError): DovewireError {
  return errorLike(reason, `"${method}" was not sent: ${lowerFirst(reason.message)}`, false);
}

/**
 * The error for a request whose process was being started when something came between: what it does
 * stands in its arguments, so that it may have begun before anybody knew that it was there.
 */
export function startingError(method: string, reason: DovewireError): DovewireError {
  const what = `"${method}" was given up while its process was started: `;
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
  // "All went well" is what the code means, and not what is to be said here.
  if (exit.code === 0) return "exited before, with code 0";
  return exit.code === undefined && exit.signal === undefined
    ? "said no more, doesn't end, and can't be ended from here"
    : describeExit(exit);
}

function lowerFirst(text: string): string {
  // "ECONNREFUSED", "TLS" and the like stay as they are.
  return /^[A-Z][A-Z0-9]/.test(text) ? text : text.slice(0, 1).toLowerCase() + text.slice(1);
}
