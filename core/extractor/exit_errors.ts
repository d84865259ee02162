/**
 * Errors for the way in which an extractor ended.
 *
 * @module
 */

import {
  LocalProtocolError,
  RemoteProtocolError,
  type RemoteProtocolErrorOptions,
} from "../errors.ts";
import { describeExit } from "./exit_codes.ts";
import type { ExitStatus } from "../exit_status.ts";

/**
 * What went wrong: "cut-short": the output ended within an answer; "exit": it ended between two answers,
 * with requests unanswered or an exit code other than 0; "trailing-bytes": bytes came that belong to no
 * request.
 */
export type ExtractorEndKind = "cut-short" | "exit" | "trailing-bytes";

/** Options for an {@linkcode ExtractorEndError}. */
export interface ExtractorEndErrorOptions extends RemoteProtocolErrorOptions {
  /** How the process ended. */
  exit?: ExitStatus;
}

/** An extractor ended in another way than it should. */
export class ExtractorEndError extends RemoteProtocolError {
  /** The class's name. */
  override name = "ExtractorEndError";
  /** "extractor-end"; `kind` says more. */
  override readonly code: string = "extractor-end";
  /** What went wrong. */
  readonly kind: ExtractorEndKind;
  /** How the process ended; `undefined` where that isn't known, or the peer is no process. */
  readonly exit: ExitStatus | undefined;

  /** Creates one; the message has the exit code's meaning in it. */
  constructor(kind: ExtractorEndKind, message: string, options: ExtractorEndErrorOptions = {}) {
    super(message, options);
    this.kind = kind;
    this.exit = options.exit;
  }
}

/** The end of a client's conversation, as in its "end" event. */
export interface ExtractorEnd {
  /** The requests that got no answer, oldest first. */
  readonly unanswered: readonly number[];
  /** How the process ended; `undefined` where that isn't known, or the peer is no process. */
  readonly exit: ExitStatus | undefined;
}

/**
 * The error for the requests that an "end" event leaves without an answer, of kind "exit". `sent` says
 * whether the request may have run; `false` if left out.
 *
 * @example
 * ```ts
 * import { endError } from "@dovewire/dovewire/core/extractor";
 * import assert from "node:assert/strict";
 *
 * const error = endError({ unanswered: [3, 4], exit: { code: 5, signal: undefined } });
 * assert.equal(error.kind, "exit");
 * assert.match(error.message, /2 requests: .* code 5 \(the extractor couldn't become the user/);
 * ```
 */
export function endError(
  { unanswered, exit }: ExtractorEnd,
  { sent = false }: { sent?: boolean } = {},
): ExtractorEndError {
  const when = unanswered.length === 0
    ? "with no request left to answer"
    : `before it answered ${count(unanswered.length)}`;
  const message = `The extractor's output ended ${when}: it ${describeExit(exit)}.`;
  return new ExtractorEndError("exit", message, { exit, unanswered, sent });
}

function count(requests: number): string {
  return requests === 1 ? "1 request" : `${requests} requests`;
}

/** The exit status, which can be given only once. */
export function tellExit(known: ExitStatus | undefined, status: ExitStatus): ExitStatus {
  if (known === undefined) return status;
  throw new LocalProtocolError(
    "exited() was called again. A process ends once: call it with how that one ended.",
  );
}
