/**
 * What can go wrong, and whose fault it was.
 *
 * @module
 */

/** What the errors of dovewire have beside a message. */
export interface DovewireErrorOptions {
  /** What this error came of. */
  cause?: unknown;
  /** Whether the command may have run; `false` if left out. */
  sent?: boolean;
}

/** The error that all others of dovewire extend. */
export class DovewireError extends Error {
  /** The class's name. */
  override name = "DovewireError";
  /**
   * Whether the command had begun to leave when this happened, so that the server may have run it,
   * wholly or in part. `false` means that it can be sent again without doing anything twice.
   */
  readonly sent: boolean;

  /** Makes one; the message says what happened, to what, and what to do. */
  constructor(message: string, options: DovewireErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.sent = options.sent ?? false;
  }
}

/** The caller's mistake: a bad argument, or a call that can't be made now. Nothing was changed. */
export class LocalProtocolError extends DovewireError {
  /** The class's name. */
  override name = "LocalProtocolError";
}

/** What a {@linkcode RemoteProtocolError} has beside a message. */
export interface RemoteProtocolErrorOptions extends DovewireErrorOptions {
  /** The limit that the peer went over, by the name of its option. */
  limit?: string;
  /** The ids of the requests that were made and will not be answered. */
  unanswered?: readonly number[];
}

/** The peer's mistake: bytes that the protocol doesn't allow. The conversation is over. */
export class RemoteProtocolError extends DovewireError {
  /** The class's name. */
  override name = "RemoteProtocolError";
  /** The limit that the peer went over, by the name of its option; `undefined` for other mistakes. */
  readonly limit: string | undefined;
  /** The ids of the requests that were made and will not be answered, oldest first. */
  readonly unanswered: readonly number[];

  /** Makes one; the message quotes what the peer sent, as far as that helps. */
  constructor(message: string, options: RemoteProtocolErrorOptions = {}) {
    super(message, options);
    this.limit = options.limit;
    this.unanswered = options.unanswered ?? [];
  }
}

/** The server wants a password that was not given, or refused the one that was. */
export class AuthenticationError extends DovewireError {
  /** The class's name. */
  override name = "AuthenticationError";
}

/** No connection could be made, so that nothing was sent. `cause` is the transport's error. */
export class ConnectError extends DovewireError {
  /** The class's name. */
  override name = "ConnectError";
}

/** The connection ended before the command was answered; `sent` says whether it may have run. */
export class ConnectionLostError extends DovewireError {
  /** The class's name. */
  override name = "ConnectionLostError";
}

/** What took too long. */
export type TimeoutPhase = "connect" | "handshake" | "command" | "write";

/** Something took longer than it may; `sent` says whether the command may have run. */
export class TimeoutError extends DovewireError {
  /** The class's name. */
  override name = "TimeoutError";
  /** What took too long. */
  readonly phase: TimeoutPhase;

  /** Makes one; the message says how long was too long. */
  constructor(phase: TimeoutPhase, message: string, options: DovewireErrorOptions = {}) {
    super(message, options);
    this.phase = phase;
  }
}

/** The caller gave up, by its signal or by input that failed; `cause` is its reason. */
export class AbortError extends DovewireError {
  /** The class's name. */
  override name = "AbortError";
}
