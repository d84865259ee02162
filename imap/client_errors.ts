/**
 * The errors of the IMAP client.
 *
 * @module
 */

import {
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  lowerFirst,
  quoteText,
  RemoteProtocolError,
  TimeoutError,
} from "../core/mod.ts";
import type { ImapAnswerEvent, ResponseCode } from "../core/imap/mod.ts";
import { isTlsFailure } from "../transports/transport.ts";

/** The server answered a command with NO or BAD. */
export class ImapCommandError extends DovewireError {
  /** The class's name. */
  override name = "ImapCommandError";
  /** The name of the answer's response code, "TRYCREATE", "LIMIT" …; without one, the status. */
  override readonly code: string;
  /** The command's name. */
  readonly command: string;
  /** "NO": it failed; "BAD": it was wrong, or the server doesn't know it. */
  readonly status: "NO" | "BAD";
  /** The answer's response code; `undefined` if there is none. */
  readonly responseCode: ResponseCode | undefined;
  /** The answer's text for humans. */
  readonly text: string;

  /** Creates an error from an answer. */
  constructor(command: string, { status, code, text }: Omit<ImapAnswerEvent, "type" | "id">) {
    super(`"${command}" failed: the server said ${said({ status, code, text })}.`, { sent: true });
    this.command = command;
    this.status = status === "BAD" ? "BAD" : "NO";
    this.code = code?.name ?? status;
    this.responseCode = code;
    this.text = text;
  }
}

/** An answer, for messages. */
function said({ status, code, text }: Omit<ImapAnswerEvent, "type" | "id">): string {
  const shownCode = code === undefined ? "" : `[${code.name}${code.text && ` ${code.text}`}] `;
  return quoteText(`${status} ${shownCode}${text}`);
}

/** The error for a login that was refused. */
export function loginError(peer: string, username: string, answer: ImapAnswerEvent): DovewireError {
  const options = { cause: new ImapCommandError("login", answer), sent: true };
  return new AuthenticationError(
    `${peer} refused the login of ${quoteText(username)}: it said ${said(answer)}. ` +
      'Check "username" and "password".',
    options,
  );
}

/** Whether an error of the login is the server's answer: it refused the client, or can't do what it was asked for. */
export function isRefusal(error: unknown): boolean {
  return error instanceof AuthenticationError || error instanceof ConnectError ||
    error instanceof ImapCommandError;
}

/** How a connection ended. */
export interface ImapEnd {
  /** Why this side ended it; `undefined` if it didn't. */
  readonly reason: DovewireError | undefined;
  /** The error that it ended with otherwise; `undefined` if the server just closed it. */
  readonly failure: unknown;
  /** What the server said in its BYE; `undefined` without one. */
  readonly bye: string | undefined;
}

/** Why a handshake failed. */
export function handshakeError(peer: string, { reason, failure, bye }: ImapEnd): DovewireError {
  if (reason !== undefined) return reason;
  if (failure instanceof RemoteProtocolError) {
    const { limit } = failure;
    return new RemoteProtocolError(
      `Cannot log in to ${peer}: ${lowerFirst(failure.message)}`,
      { cause: failure, limit },
    );
  }
  if (isTlsFailure(failure)) {
    return new ConnectError(failure.message, { cause: failure });
  }
  return new ConnectionLostError(
    `Cannot log in to ${peer}: the connection ended${goodbye(bye)}.`,
    { cause: failure },
  );
}

/** Why a command got no answer. */
export function unansweredError(
  command: string,
  { peer, sent, reason, failure, bye }: ImapEnd & { readonly peer: string; readonly sent: boolean },
): DovewireError {
  const what = `"${command}" was not answered by ${peer}: `;
  const options = { cause: reason ?? failure, sent };
  if (reason !== undefined) {
    return new ConnectionLostError(what + lowerFirst(reason.message), options);
  }
  if (failure instanceof RemoteProtocolError) {
    const { limit } = failure;
    return new RemoteProtocolError(what + lowerFirst(failure.message), { ...options, limit });
  }
  const when = sent ? "" : " before it was sent";
  return new ConnectionLostError(`${what}the connection ended${when}${goodbye(bye)}.`, options);
}

/** The error for a command that can't be sent since the connection has ended. */
export function closedError(
  command: string,
  { peer, reason, failure, bye }: ImapEnd & { readonly peer: string },
): DovewireError {
  return new ConnectionLostError(
    `Cannot send "${command}": the connection to ${peer} is closed${goodbye(bye)}. Open another.`,
    { cause: reason ?? failure },
  );
}

function goodbye(bye: string | undefined): string {
  return bye === undefined ? "" : `; the server said ${quoteText(`BYE ${bye}`)}`;
}

/** The error for a command that wasn't answered in time. */
export function timeoutError(
  command: string,
  { peer, timeout, sent }: {
    readonly peer: string;
    readonly timeout: number;
    readonly sent: boolean;
  },
): TimeoutError {
  const what = sent
    ? `"${command}" was not answered by ${peer} within ${timeout} ms.`
    : `"${command}" could not be sent to ${peer} within ${timeout} ms, since an earlier command still runs.`;
  return new TimeoutError("command", `${what} If it may take longer, raise "timeout".`, { sent });
}

/** The error for a handshake that took too long. */
export function handshakeTimeoutError(peer: string, timeout: number): TimeoutError {
  return new TimeoutError(
    "handshake",
    `The login to ${peer} took more than ${timeout} ms. Check that it is an IMAP server. After wrong ` +
      "passwords servers answer later each time.",
  );
}

/** The error for a long-running command during which the server sent nothing for too long. */
export function silenceError(command: string, peer: string, timeout: number): TimeoutError {
  return new TimeoutError(
    "command",
    `${peer} sent nothing for ${timeout} ms while "${command}" ran ("silenceTimeout").`,
    { sent: true },
  );
}
