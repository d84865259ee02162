/**
 * The error classes.
 *
 * @module
 */

/** Options for all errors of dovewire, besides a message. */
export interface DovewireErrorOptions {
  /** The cause of this error. */
  cause?: unknown;
  /** Whether the command may have run; `false` if left out. */
  sent?: boolean;
}

/**
 * The base class of all errors of dovewire.
 *
 * Each has a `code` that is the same in all versions, for programs to compare:
 *
 * | code | class |
 * | --- | --- |
 * | "local-protocol" | {@linkcode LocalProtocolError}: the caller's mistake |
 * | "remote-protocol" | {@linkcode RemoteProtocolError}: the peer's mistake |
 * | "authentication" | {@linkcode AuthenticationError}: the password was refused, or is missing |
 * | "connect" | {@linkcode ConnectError}: no connection could be made |
 * | "connection-lost" | {@linkcode ConnectionLostError}: the connection ended too early |
 * | "timeout" | {@linkcode TimeoutError}: it took too long |
 * | "aborted" | {@linkcode AbortError}: the caller aborted it |
 * | "queue-full" | {@linkcode QueueFullError}: too many calls wait already |
 * | "interrupted" | `SweepInterruptedError`: a sweep ended while its work for a user was under way |
 * | "order" | `SweepOrderError`: a sweep can't go on, since its users come in another order |
 * | "journal" | `JournalError`: a sweep's journal failed |
 * | "partial-failure" | `PartialFailure`: a command for several users failed for some of them |
 * | "extractor-end" | `ExtractorEndError`: the extractor's process ended otherwise than it should |
 * | "privileges" | `PrivilegesError`: the extractor can't become the mail's owner |
 * | "other" | none of these |
 *
 * Five classes have more precise codes: `CommandError` and `CommandFailure` have Dovecot's own, in capital
 * letters ("NOTFOUND"), and `ImapCommandError` those of IMAP ("TRYCREATE"); the codes of `TransportError` and
 * `ExtractorFailure` are listed there.
 */
export class DovewireError extends Error {
  /** The class's name. */
  override name = "DovewireError";
  /** The kind of error, as in the table above; the same in all versions. */
  readonly code: string = "other";
  /**
   * Whether the command was sent, at least in part, so that the server may have run it. If `false`, it can
   * be sent again without running twice.
   */
  readonly sent: boolean;

  /** Creates an error; the message says what happened, to what, and what to do. */
  constructor(message: string, options: DovewireErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.sent = options.sent ?? false;
  }
}

/**
 * The caller's mistake: an invalid argument, or a call that is not allowed in this state. Nothing was
 * changed.
 */
export class LocalProtocolError extends DovewireError {
  /** The class's name. */
  override name = "LocalProtocolError";
  /** "local-protocol". */
  override readonly code: string = "local-protocol";
}

/** Options for a {@linkcode RemoteProtocolError}, besides a message. */
export interface RemoteProtocolErrorOptions extends DovewireErrorOptions {
  /** The limit that the peer exceeded, by the name of its option. */
  limit?: string;
  /** The ids of the requests that were made and will not be answered. */
  unanswered?: readonly number[];
}

/** The peer's mistake: bytes that the protocol doesn't allow. The conversation is over. */
export class RemoteProtocolError extends DovewireError {
  /** The class's name. */
  override name = "RemoteProtocolError";
  /** "remote-protocol". */
  override readonly code: string = "remote-protocol";
  /** The limit that the peer exceeded, by the name of its option; `undefined` for other mistakes. */
  readonly limit: string | undefined;
  /** The ids of the requests that were made and will not be answered, oldest first. */
  readonly unanswered: readonly number[];

  /** Creates an error; the message quotes what the peer sent, as far as that helps. */
  constructor(message: string, options: RemoteProtocolErrorOptions = {}) {
    super(message, options);
    this.limit = options.limit;
    this.unanswered = options.unanswered ?? [];
  }
}

/** The server requires a password that is missing, or refused the given one. */
export class AuthenticationError extends DovewireError {
  /** The class's name. */
  override name = "AuthenticationError";
  /** "authentication". */
  override readonly code: string = "authentication";
}

/** No connection could be made, so that nothing was sent. `cause` is the transport's error. */
export class ConnectError extends DovewireError {
  /** The class's name. */
  override name = "ConnectError";
  /** "connect". */
  override readonly code: string = "connect";
}

/** The connection ended before the command was answered; `sent` says whether it may have run. */
export class ConnectionLostError extends DovewireError {
  /** The class's name. */
  override name = "ConnectionLostError";
  /** "connection-lost". */
  override readonly code: string = "connection-lost";
}

/** The operation that took too long. */
export type TimeoutPhase = "connect" | "handshake" | "command" | "write";

/** An operation took too long; `sent` says whether the command may have run. */
export class TimeoutError extends DovewireError {
  /** The class's name. */
  override name = "TimeoutError";
  /** "timeout". */
  override readonly code: string = "timeout";
  /** The operation that took too long. */
  readonly phase: TimeoutPhase;

  /** Creates an error; the message says how long was too long. */
  constructor(phase: TimeoutPhase, message: string, options: DovewireErrorOptions = {}) {
    super(message, options);
    this.phase = phase;
  }
}

/** The caller aborted it, by its signal or by input that failed; `cause` is its reason. */
export class AbortError extends DovewireError {
  /** The class's name. */
  override name = "AbortError";
  /** "aborted". */
  override readonly code: string = "aborted";
}

/** Too many calls wait already, so that this one was not accepted. Nothing was sent. */
export class QueueFullError extends DovewireError {
  /** The class's name. */
  override name = "QueueFullError";
  /** "queue-full". */
  override readonly code: string = "queue-full";
}
