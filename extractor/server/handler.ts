/**
 * The handler of an extractor's requests.
 *
 * @module
 */

import type {
  ExtractorMethod,
  ExtractorRequests,
  ExtractorResponseInit,
} from "../messages/methods.ts";

/** Passed to a method of an {@linkcode ExtractorHandler} with the request. */
export interface ExtractorContext {
  /** Aborts when the session ends early, and nobody waits for the answer. */
  readonly signal: AbortSignal;
  /** The maximum size of the answer's message, in bytes; a larger one becomes the failure "limit". */
  readonly maxMessageSize: number;
}

/**
 * Answers requests: one function per method, which returns the fields of the answer, or a promise of them.
 *
 * If one throws an `ExtractorFailure`, that is the answer. Any other error is answered as the failure
 * "internal", without details, which only `onError` gets. A missing method is answered as "unsupported".
 */
export type ExtractorHandler = {
  readonly [Method in ExtractorMethod]?: (
    request: ExtractorRequests[Method],
    context: ExtractorContext,
  ) => ExtractorResponseInit<Method> | Promise<ExtractorResponseInit<Method>>;
};
