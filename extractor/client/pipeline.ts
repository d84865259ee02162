/**
 * Requests of version 3: one process, or one transport, for many.
 *
 * @module
 */

import {
  type ExtractorClientLimits,
  ExtractorClientProtocol,
} from "@dovewire/dovewire/core/extractor";
import { ConnectionLostError, type DovewireError } from "@dovewire/dovewire/core";
import { connectWithin, type OpenConnection } from "./connection.ts";
import { type ConversationEnd, notSentError, unansweredError } from "./errors.ts";
import type { ExtractorLimits } from "./options.ts";
import type { PendingRequest } from "./pending_request.ts";
import type { RequestQueue, RequestRunner } from "./request_queue.ts";
import { ExtractorSession } from "./session.ts";

/** How many requests are sent before their answers unless an option says otherwise. */
const defaultMaxInFlight = 256;

/** How many bytes of requests are given to the session at once, or one request more. */
const writeSize = 32_768;

/** Runs requests in one conversation after the other. */
export class Pipeline implements RequestRunner {
  #queue: RequestQueue;
  #open: OpenConnection;
  #limits: Partial<ExtractorClientLimits> & { readonly maxInFlight: number };
  /** "opening": the next conversation's connection is opened; "open": `#session` runs. */
  #state: "idle" | "opening" | "open" = "idle";
  #session: ExtractorSession | undefined;
  /** What the session hasn't answered yet, by its id, whether or not somebody waits for it. */
  #inFlight = new Map<number, PendingRequest>();
  /** Those of them that somebody waits for, with their ids, in the order in which they were sent. */
  #awaited = new Map<PendingRequest, number>();

  /** Creates one; throws a `LocalProtocolError` for invalid limits. */
  constructor(queue: RequestQueue, open: OpenConnection, limits: Partial<ExtractorLimits> = {}) {
    this.#queue = queue;
    this.#open = open;
    this.#limits = { maxInFlight: defaultMaxInFlight, ...limits };
    // Invalid limits show now, and not with the first request.
    new ExtractorClientProtocol({ limits: this.#limits });
  }

  get isIdle(): boolean {
    return this.#state === "idle";
  }

  advance(): void {
    const { waiting, isClosing, isClosed } = this.#queue;
    if (this.#state === "idle" && waiting.size > 0 && !isClosed) void this.#begin();
    if (this.#session?.isOpen !== true) return;
    if (waiting.size > 0) {
      if (this.#inFlight.size < this.#limits.maxInFlight) this.#session.flush();
    } else if (isClosing) {
      this.#session.finish();
    }
  }

  /** A request that the session has can't be taken back: it leaves sooner or later. */
  statusOf(request: PendingRequest): { readonly isSent: boolean; readonly peer: string } {
    return {
      isSent: this.#awaited.has(request),
      peer: this.#session?.peer ?? "the extractor",
    };
  }

  cancel(request: PendingRequest, hasTimedOut: boolean): void {
    const session = this.#session;
    const hangs = hasTimedOut && session !== undefined && this.#hangs(session, request);
    this.#awaited.delete(request);
    if (!hangs) return;
    session.abort(
      new ConnectionLostError(
        `The extractor was taken to hang and was ended: it sent nothing at all for ` +
          `${request.timeout} ms, while "${request.method}" waited for its answer.`,
      ),
    );
  }

  end(reason: DovewireError): void {
    if (this.#session !== undefined) this.#session.abort(reason);
    else this.#rejectWaiting(reason);
  }

  /**
   * Whether a request that timed out shows that the process hangs: it has sent nothing since the request
   * was called, although it was there for half of that time, and no request before has time left.
   */
  #hangs(session: ExtractorSession, request: PendingRequest): boolean {
    const [first] = this.#awaited.size > 0 ? this.#awaited.keys() : this.#queue.waiting;
    return first === request && session.heardAt < request.calledAt &&
      performance.now() - session.startedAt >= request.timeout / 2;
  }

  /** Opens a connection and starts a conversation. */
  async #begin(): Promise<void> {
    this.#state = "opening";
    try {
      const connection = await connectWithin(this.#open, {
        timeout: this.#queue.connectTimeout,
        signal: this.#queue.ending,
      });
      const session = new ExtractorSession(connection, this.#limits, {
        onDrain: () => this.#sendSome(session),
        onAnswer: (id, message) => this.#onAnswer(id, message),
        onEnd: (end) => this.#onEnd(session, end),
      });
      this.#session = session;
      this.#state = "open";
      this.#queue.waitFor(session.closed);
    } catch (error) {
      this.#state = "idle";
      this.#rejectWaiting(error as DovewireError);
    }
    this.#queue.advance();
  }

  /** Sends what leaves in one write, so that everything else can still be cancelled. */
  #sendSome(session: ExtractorSession): void {
    const { waiting } = this.#queue;
    let size = 0;
    for (const request of waiting) {
      if (this.#inFlight.size >= this.#limits.maxInFlight || size >= writeSize) break;
      waiting.delete(request);
      size += 8 + request.method.length + request.request.input.length;
      this.#send(session, request);
    }
    if (waiting.size === 0) this.advance();
  }

  #send(session: ExtractorSession, request: PendingRequest): void {
    const { method, input } = request.request;
    try {
      const id = session.send(method, input);
      this.#inFlight.set(id, request);
      this.#awaited.set(request, id);
    } catch (error) {
      request.reject(error as DovewireError);
    }
  }

  #onAnswer(id: number, message: Uint8Array): void {
    const request = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    if (request !== undefined && this.#awaited.delete(request)) request.resolve({ message });
    this.advance();
  }

  #onEnd(session: ExtractorSession, end: ConversationEnd): void {
    const unsent: PendingRequest[] = [];
    for (const [request, id] of this.#awaited) {
      if (session.isSent(id)) request.reject(unansweredError(request.method, true, end));
      else unsent.push(request);
    }
    this.#inFlight.clear();
    this.#awaited.clear();
    this.#session = undefined;
    this.#state = "idle";
    const { waiting, isClosed } = this.#queue;
    const rest = [...unsent, ...waiting];
    waiting.clear();
    // The successor of a process that answered nothing at all would do no better.
    if (end.answers > 0 && !isClosed) {
      for (const request of rest) waiting.add(request);
    } else {
      for (const request of rest) request.reject(unansweredError(request.method, false, end));
    }
    this.#queue.advance();
  }

  /** Rejects the requests that wait, each with an error of its own. */
  #rejectWaiting(reason: DovewireError): void {
    const requests = [...this.#queue.waiting];
    this.#queue.waiting.clear();
    for (const request of requests) request.reject(notSentError(request.method, reason));
  }
}
