/**
 * Requests of versions 1 and 2: a process for each.
 *
 * @module
 */

import {
  endError,
  type SingleShotClientEvent,
  SingleShotClientProtocol,
} from "@dovewire/dovewire/core/extractor";
import { type DovewireError, TimeoutError } from "@dovewire/dovewire/core";
import { Driver } from "@dovewire/dovewire/transports";
import { connectWithin, type ExtractorConnection } from "./connection.ts";
import { notSentError, startingError, unansweredError } from "./errors.ts";
import type { ExtractorLimits } from "./options.ts";
import type { PendingRequest, Reply } from "./pending_request.ts";
import type { ProcessStarter } from "./process_starter.ts";
import type { RequestQueue, RequestRunner } from "./request_queue.ts";

/** How many processes run at once unless an option says otherwise. */
const defaultMaxInFlight = 4;

/** A request's process. */
interface Run {
  /** Aborts its start. */
  readonly starting: AbortController;
  /** The process, once it is started. */
  connection: ExtractorConnection | undefined;
}

/** Runs requests by a process for each. */
export class ProcessPool implements RequestRunner {
  #queue: RequestQueue;
  #starter: ProcessStarter;
  #version: 1 | 2;
  #maxInFlight: number;
  #limits: { maxMessageSize?: number };
  #running = new Map<PendingRequest, Run>();

  /** Creates one; throws a `LocalProtocolError` for invalid limits. */
  constructor(
    queue: RequestQueue,
    starter: ProcessStarter,
    { version, limits = {} }: { version: 1 | 2; limits?: Partial<ExtractorLimits> },
  ) {
    const { maxInFlight = defaultMaxInFlight, ...others } = limits;
    this.#queue = queue;
    this.#starter = starter;
    this.#version = version;
    this.#maxInFlight = maxInFlight;
    this.#limits = others;
    // Invalid limits show now, and not with the first request.
    new SingleShotClientProtocol({ version, limits: others });
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  advance(): void {
    const { waiting } = this.#queue;
    for (const request of waiting) {
      if (this.#running.size >= this.#maxInFlight || this.#queue.isClosed) return;
      waiting.delete(request);
      this.#queue.waitFor(this.#run(request));
    }
  }

  /** A request's process may have started before that is known. */
  statusOf(request: PendingRequest): { readonly isSent: boolean; readonly peer: string } {
    const run = this.#running.get(request);
    return {
      isSent: run !== undefined,
      peer: run?.connection?.transport.peer ?? "the extractor",
    };
  }

  /** Ends the request's process, which runs nothing else. */
  cancel(request: PendingRequest): void {
    const run = this.#running.get(request);
    run?.starting.abort();
    void run?.connection?.end().catch(() => {});
  }

  end(reason: DovewireError): void {
    const waiting = [...this.#queue.waiting];
    this.#queue.waiting.clear();
    for (const request of waiting) request.reject(notSentError(request.method, reason));
    for (const [request, { connection }] of this.#running) {
      if (request.isSettled) continue;
      const { method } = request;
      request.reject(
        connection === undefined
          ? startingError(method, reason)
          : unansweredError(method, true, { connection, answers: 0, reason }),
      );
      this.cancel(request);
    }
  }

  async #run(request: PendingRequest): Promise<void> {
    const run: Run = { starting: new AbortController(), connection: undefined };
    this.#running.set(request, run);
    const { method, args, input } = request.request;
    try {
      // An invalid request shows before there is a process for it.
      const protocol = new SingleShotClientProtocol({
        version: this.#version,
        input,
        awaitsExit: true,
        limits: this.#limits,
      });
      const start = (signal: AbortSignal) => this.#starter.start(signal, { method, args });
      run.connection = await connectWithin(start, {
        timeout: this.#queue.connectTimeout,
        signal: run.starting.signal,
      });
      // It may have been cancelled meanwhile.
      if (request.isSettled) await run.connection.end();
      else await this.#converse(request, run.connection, protocol);
    } catch (error) {
      if (!request.isSettled) {
        // A process that isn't there in time may have started nevertheless.
        const errorOf = error instanceof TimeoutError ? startingError : notSentError;
        request.reject(errorOf(method, error as DovewireError));
      }
    } finally {
      this.#running.delete(request);
      this.#queue.advance();
    }
  }

  async #converse(
    request: PendingRequest,
    connection: ExtractorConnection,
    protocol: SingleShotClientProtocol,
  ): Promise<void> {
    const { method } = request;
    let reply: Reply | undefined;
    let failure: unknown;
    try {
      const driver = new Driver<SingleShotClientEvent>(protocol, connection.transport, {
        onEvent(event) {
          if (event.type === "response") {
            reply = "header" in event
              ? { message: event.header, binary: event.binary }
              : { message: event.message };
          }
        },
        onReadEnd: () => connection.expectEnd(),
      });
      void connection.exited?.then((status) => {
        protocol.exited(status);
        void driver.flush();
      });
      await driver.run();
    } catch (error) {
      failure = error;
    }
    await connection.end();
    const exit = await connection.exited;
    if (request.isSettled) return;
    const end = { connection, answers: 0, exit };
    if (reply === undefined) {
      request.reject(unansweredError(method, true, { ...end, failure }));
    } else if (exit?.code === 0) {
      request.resolve(reply);
    } else {
      const cause = endError({ unanswered: [1], exit });
      const exitError = unansweredError(method, true, { ...end, failure: cause });
      request.resolve({ ...reply, exitError });
    }
  }
}
