/**
 * The requests of a client of an extractor, whichever version it speaks.
 *
 * @module
 */

import {
  AbortError,
  checkOptions,
  ConnectionLostError,
  type DovewireError,
  LocalProtocolError,
  TimeoutError,
} from "@dovewire/dovewire/core";
import {
  abortError,
  defaultTimeout,
  onAbort,
  startTimer,
  timeLimit,
} from "@dovewire/dovewire/transports";
import type { ExtractorCallOptions, ExtractorOptions } from "./options.ts";
import { PendingRequest, type Reply, type Request } from "./pending_request.ts";

/** How long connecting may take unless an option says otherwise, in milliseconds. */
const defaultConnectTimeout = 10_000;

/** How long closing may take unless an option says otherwise, in milliseconds. */
const defaultCloseTimeout = 5_000;

/**
 * What runs the requests of a {@linkcode RequestQueue}: one process for all of them, or a process for
 * each. It takes them from {@linkcode RequestQueue.waiting}, and settles those that it took.
 */
export interface RequestRunner {
  /** Whether nothing runs that has to end before the client is closed. */
  readonly isIdle: boolean;
  /** Takes requests while there is room for them; called whenever something has changed. */
  advance(): void;
  /** Whether a request that was taken may have run, and the name of whoever would run it. */
  statusOf(request: PendingRequest): { readonly isSent: boolean; readonly peer: string };
  /** Called after a request was rejected because it timed out or its signal aborted. */
  cancel(request: PendingRequest, hasTimedOut: boolean): void;
  /** Ends everything at once, and rejects the requests that were taken. */
  end(reason: DovewireError): void;
}

/** Keeps the requests that wait, ends those whose time is over, and closes in order. */
export class RequestQueue {
  /** Requests that wait to be taken, in the order of the calls. */
  readonly waiting: Set<PendingRequest> = new Set();
  /** How long connecting may take, in milliseconds; `Infinity` for no limit. */
  readonly connectTimeout: number;
  #runner: RequestRunner;
  #timeout: number;
  #closeTimeout: number;
  #state: "open" | "closing" | "closed" = "open";
  /** Aborts, with the error that says why, when nothing runs any more. */
  #ending = new AbortController();
  /** What ends in the background. */
  #ends = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;
  #wakeClose = () => {};
  #forgetSignal = () => {};

  /**
   * Creates one, and what runs its requests. Throws a `LocalProtocolError` for invalid options.
   */
  constructor(options: ExtractorOptions, createRunner: (queue: RequestQueue) => RequestRunner) {
    checkOptions(options, { objects: ["limits"] });
    const { timeout, connectTimeout, closeTimeout, signal, limits } = options;
    this.#timeout = timeLimit("timeout", timeout ?? defaultTimeout);
    this.connectTimeout = timeLimit("connectTimeout", connectTimeout ?? defaultConnectTimeout);
    this.#closeTimeout = timeLimit("closeTimeout", closeTimeout ?? defaultCloseTimeout);
    const { maxInFlight = 1 } = limits ?? {};
    if (typeof maxInFlight !== "number" || !(maxInFlight >= 1)) {
      throw new LocalProtocolError(
        `"limits.maxInFlight" is ${String(maxInFlight)}. Set it to a number from 1 on.`,
      );
    }
    this.#runner = createRunner(this);
    if (signal !== undefined) {
      this.#forgetSignal = onAbort(signal, () => {
        const message = "The extractor's client was ended by its signal.";
        this.#end(new AbortError(message, { cause: signal.reason }));
      });
    }
  }

  /** Aborts, with the error that says why, when nothing runs any more. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether no more requests are accepted. */
  get isClosing(): boolean {
    return this.#state !== "open";
  }

  /** Whether nothing runs any more. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Runs a request when its turn comes; resolves to the answer, rejects with the error in its place. */
  submit(request: Request, options: ExtractorCallOptions): Promise<Reply> {
    checkOptions(options);
    const { signal, timeout } = options;
    const { method } = request;
    const limit = timeout === undefined ? this.#timeout : timeLimit("timeout", timeout);
    if (signal?.aborted) return Promise.reject(abortError(method, signal, false));
    if (this.#state !== "open") {
      const message = `Cannot send "${method}": the extractor's client is closed.`;
      const cause = this.#ending.signal.reason;
      return Promise.reject(new ConnectionLostError(message, { cause }));
    }
    const pending: PendingRequest = new PendingRequest(request, {
      timeout: limit,
      signals: [signal],
      errorOf: (aborted) => this.#errorFor(pending, aborted),
      onEnd: (error) => this.#cancel(pending, error),
    });
    this.waiting.add(pending);
    this.#runner.advance();
    return pending.reply;
  }

  /** Has {@linkcode close} wait for something that ends. */
  waitFor(end: Promise<void>): void {
    const tracked: Promise<void> = end.catch(() => {}).then(() => {
      this.#ends.delete(tracked);
      this.#wakeClose();
    });
    this.#ends.add(tracked);
  }

  /** To be called by the runner whenever something of it has ended: takes requests, and may close. */
  advance(): void {
    this.#runner.advance();
    this.#wakeClose();
  }

  /** Accepts no more requests, lets the others be answered, and ends everything, within the limit. */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  #errorFor(request: PendingRequest, aborted: AbortSignal | undefined): DovewireError {
    const { method, timeout } = request;
    const { isSent, peer } = this.#runner.statusOf(request);
    const sent = isSent && !this.waiting.has(request);
    if (aborted !== undefined) return abortError(method, aborted, sent);
    const what = sent
      ? `"${method}" was not answered by ${peer} within ${timeout} ms.`
      : `"${method}" was not sent to ${peer} within ${timeout} ms: it waited for the start, or for ` +
        "requests before it.";
    const message = `${what} If it may take longer, raise "timeout".`;
    return new TimeoutError("command", message, { sent });
  }

  #cancel(request: PendingRequest, error: Error): void {
    request.reject(error);
    this.#runner.cancel(request, error instanceof TimeoutError);
    this.waiting.delete(request);
    this.advance();
  }

  async #close(): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    const timer = startTimer(this.#closeTimeout, () => {
      const message = `the extractor's client was closed, and ${this.#closeTimeout} ms were not ` +
        'enough to answer all requests. If it may take longer, raise "closeTimeout".';
      this.#end(new ConnectionLostError(message));
    });
    this.#runner.advance();
    while (this.#ends.size > 0 || this.waiting.size > 0 || !this.#runner.isIdle) {
      await new Promise<void>((resolve) => {
        this.#wakeClose = resolve;
      });
    }
    timer.stop();
    this.#end(new ConnectionLostError("The extractor's client was closed."));
  }

  #end(reason: DovewireError): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#forgetSignal();
    this.#ending.abort(reason);
    this.#runner.end(reason);
    this.#wakeClose();
  }
}
