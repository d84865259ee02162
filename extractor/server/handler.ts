/**
 * What answers an extractor's requests.
 *
 * @module
 */

import type {
  ExtractorMethod,
  ExtractorRequests,
  ExtractorResponseInit,
} from "../messages/methods.ts";

/** What a method of an {@linkcode ExtractorHandler} gets beside the request. */
export interface ExtractorContext {
  /** Aborts when the session is given up, so that nobody waits for the answer. */
  readonly signal: AbortSignal;
  /** How large the answer's message may be, in bytes; a larger one becomes the failure "limit". */
  readonly maxMessageSize: number;
}

/**
 * Answers requests: one function a method, which gives the fields of the answer, or a promise of them.
 *
 * An `ExtractorFailure` that one throws is the answer then. Whatever else it throws is answered as the
 * failure "internal", without a word of what it was, which only `onError` learns. A method that is left
 * out is answered as "unsupported".
 */
export type ExtractorHandler = {
  readonly [Method in ExtractorMethod]?: (
    request: ExtractorRequests[Method],
    context: ExtractorContext,
  ) => ExtractorResponseInit<Method> | Promise<ExtractorResponseInit<Method>>;
};
