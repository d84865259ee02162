/**
 * Connections to an extractor, for one conversation each: over a transport, or to a process.
 *
 * @module
 */

import {
  ConnectError,
  DovewireError,
  type ExitStatus,
  LocalProtocolError,
  messageOf,
  TimeoutError,
} from "@dovewire/dovewire/core";
import {
  Deadline,
  startTimer,
  type Timer,
  type Transport,
  TransportError,
} from "@dovewire/dovewire/transports";
import type { ExtractorTransportOptions } from "./options.ts";

/** A connection to an extractor. */
export interface ExtractorConnection {
  /** Its bytes. */
  readonly transport: Transport;
  /**
   * How the process at the other end ended; neither by a code nor by a signal if it is still there
   * although {@linkcode end} did what it could. `undefined` where there is no process.
   */
  readonly exited: Promise<ExitStatus> | undefined;
  /** The user whose password is checked before; `undefined` where none is. */
  readonly user: string | undefined;
  /** The end of the process's stderr, as the end of an error message; "" for nothing. */
  readonly stderr: string;
  /**
   * Ends the connection in two seconds, unless it ends before by itself: to be called when the other end
   * sends or takes no more.
   */
  expectEnd(): void;
  /**
   * Closes it. A process gets SIGTERM at once, and later SIGKILL. Resolves when it has ended, or can't be
   * ended from here.
   */
  end(): Promise<void>;
}

/** How long the other end may take to end after it has ended its output, in milliseconds. */
export const endGrace = 2_000;

/** Opens a connection; the signal aborts when nobody waits for it any more. */
export type OpenConnection = (signal: AbortSignal) => Promise<ExtractorConnection>;

/** Options for {@linkcode connectWithin}. */
export interface ConnectWithinOptions {
  /** The time limit in milliseconds; `Infinity` for no limit. */
  readonly timeout: number;
  /** Aborts with the error to reject with as its reason. */
  readonly signal: AbortSignal;
}

/**
 * Opens a connection within a time limit. Rejects with a `ConnectError`, a `TimeoutError` or the
 * signal's reason; a connection that opens after that is closed.
 */
export async function connectWithin(
  open: OpenConnection,
  { timeout, signal }: ConnectWithinOptions,
): Promise<ExtractorConnection> {
  let reject: (error: unknown) => void;
  const ended = new Promise<never>((_, rejectEnded) => {
    reject = rejectEnded;
  });
  // Even if no caller waits any more.
  ended.catch(() => {});
  const deadline = new Deadline({
    timeout,
    signals: [signal],
    errorOf: (aborted) =>
      aborted?.reason ?? new TimeoutError(
        "connect",
        `The connection to the extractor was not open within ${timeout} ms. If that may take ` +
          'longer, raise "connectTimeout".',
      ),
    onEnd: (error) => reject(error),
  });
  const opening = open(deadline.signal);
  try {
    return await Promise.race([opening, ended]);
  } catch (error) {
    opening.then((connection) => connection.end()).catch(() => {});
    if (error instanceof DovewireError && !(error instanceof TransportError)) throw error;
    throw new ConnectError(messageOf(error), { cause: error });
  } finally {
    deadline.stop();
  }
}

/** Opens the transport of a client that was given one; only once, if it was given an open one. */
export function transportConnector({ transport }: ExtractorTransportOptions): OpenConnection {
  if (typeof transport === "function") {
    return async (signal) => {
      const opened = await transport({ signal });
      checkOpenTransport(opened);
      return new TransportConnection(opened);
    };
  }
  checkOpenTransport(transport);
  let isUsed = false;
  return async () => {
    if (isUsed) {
      throw new ConnectError(
        `The transport to ${transport.peer} has ended, and there is no other. Set "transport" to a ` +
          "function that opens one, so that another one can be opened.",
      );
    }
    isUsed = true;
    return await new TransportConnection(transport);
  };
}

function checkOpenTransport(transport: Transport): void {
  const methods = [transport?.read, transport?.write, transport?.close];
  if (methods.every((method) => typeof method === "function")) return;
  throw new LocalProtocolError(
    '"transport" is none. Set it to what connect() of a runtime\'s transports returns, awaited, or to a function ' +
      "that returns that.",
  );
}

/** A connection over a transport of the caller's. */
class TransportConnection implements ExtractorConnection {
  readonly transport: Transport;
  readonly exited = undefined;
  readonly user = undefined;
  readonly stderr = "";
  #timer: Timer | undefined;
  #hasEnded = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  expectEnd(): void {
    if (!this.#hasEnded) this.#timer ??= startTimer(endGrace, () => void this.end());
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    this.#timer?.stop();
    // The conversation has already reported its errors.
    await this.transport.close().catch(() => {});
  }
}
