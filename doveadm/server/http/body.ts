/**
 * Reads the bodies of requests.
 *
 * @module
 */

import { GatheredBytes } from "../../../core/bytes.ts";
import { LocalProtocolError } from "../../../core/errors.ts";
import { Deadline } from "../../../transports/timers.ts";
import type { HttpNumbers } from "./options.ts";

/** Why a body isn't read, as a response says it. */
export class BodyError extends Error {
  /** The response's status. */
  readonly status: number;

  /** Creates an error. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads bodies, and counts what they take in memory. */
export class Bodies {
  readonly #numbers: HttpNumbers;
  #size = 0;

  /** Creates a reader with these limits. */
  constructor(numbers: HttpNumbers) {
    this.#numbers = numbers;
  }

  /**
   * The body of a request; counts it until `release` is called. Rejects with a {@linkcode BodyError} for one
   * that is over a limit, or doesn't arrive.
   */
  async read(request: Request): Promise<{ bytes: Uint8Array; release: () => void }> {
    const { limits, bodyTimeout } = this.#numbers;
    const encoding = request.headers.get("content-encoding") ?? "identity";
    if (encoding.trim().toLowerCase() !== "identity") {
      throw new BodyError(415, "Send the body without a Content-Encoding");
    }
    if (Number(request.headers.get("content-length")) > limits.body) throw tooLarge(limits.body);
    if (request.body === null) return { bytes: new Uint8Array(0), release: () => {} };
    if (request.bodyUsed || request.body.locked) {
      throw new LocalProtocolError(
        "The request's body was read before it reached the handler. Pass on a request that nobody has read.",
      );
    }
    const reader = request.body.getReader();
    const deadline = new Deadline({
      timeout: bodyTimeout,
      signals: [request.signal],
      errorOf: (aborted) =>
        aborted === undefined
          ? new BodyError(408, `The body did not arrive within ${bodyTimeout} ms`)
          : new BodyError(400, "Client disconnected"),
      onEnd: (error) => void reader.cancel(error).catch(() => {}),
    });
    const body = new GatheredBytes();
    let counted = 0;
    const release = () => {
      this.#size -= counted;
      counted = 0;
    };
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (deadline.error !== undefined) throw deadline.error;
        if (done) break;
        counted += value.length;
        this.#size += value.length;
        if (counted > limits.body) throw tooLarge(limits.body);
        if (this.#size > limits.bodies) {
          throw new BodyError(503, "Too many requests with large bodies are being answered");
        }
        body.push(value, 0, value.length);
      }
      return { bytes: body.take(), release };
    } catch (error) {
      release();
      void reader.cancel(error).catch(() => {});
      if (error instanceof BodyError) throw error;
      throw deadline.error ?? new BodyError(400, "Client disconnected");
    } finally {
      deadline.stop();
    }
  }
}

function tooLarge(limit: number): BodyError {
  return new BodyError(413, `The body has more than ${limit} bytes`);
}
