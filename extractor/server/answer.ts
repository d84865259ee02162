/**
 * Answers a request with a handler, in any version.
 *
 * @module
 */

import { LocalProtocolError } from "@dovewire/dovewire/core";
import { extractorExitCodes } from "@dovewire/dovewire/core/extractor";
import { ExtractorFailure } from "../messages/failure.ts";
import {
  decodeRequest,
  encodeResponse,
  type ExtractorMethod,
  type ExtractorRequests,
  type ExtractorResponseInit,
  failureResponse,
  isExtractorMethod,
} from "../messages/methods.ts";
import { decodeArguments, encodeJson, jsonFailure } from "../messages/version1.ts";
import type { ExtractorContext, ExtractorHandler } from "./handler.ts";

/** A received request. */
export interface ReceivedRequest {
  /** Its method, possibly unknown. */
  readonly method: string;
  /** The message; in version 1 the input. */
  readonly message: Uint8Array;
}

/** An answer to send. */
export interface Answer {
  /** The message; in version 1 the line of JSON. */
  readonly message: Uint8Array;
  /** Version 1: the bytes after the line. */
  readonly binary?: Uint8Array;
  /** The exit code of a process that has nothing else to answer. */
  readonly exitCode: number;
}

/** Reads requests and writes answers of a version. */
export interface Codec {
  /** Throws an `ExtractorFailure` for an invalid request. */
  decode<Method extends ExtractorMethod>(
    method: Method,
    message: Uint8Array,
  ): ExtractorRequests[Method];
  /** Throws for a value that can't be written. */
  encode<Method extends ExtractorMethod>(
    method: Method,
    response: ExtractorResponseInit<Method>,
  ): Omit<Answer, "exitCode">;
  /** Writes a failure. */
  fail(failure: ExtractorFailure): Omit<Answer, "exitCode">;
}

/** Versions 2 and 3: messages in both directions. */
export const messageCodec: Codec = {
  // Nobody passes them on, and a client could take much memory by them.
  decode: (method, input) => decodeRequest(method, input, { readUnknownFields: false }),
  encode: (method, response) => ({ message: encodeResponse(method, response) }),
  fail: (failure) => ({ message: failureResponse(failure) }),
};

/** Version 1: reads these arguments and writes JSON. */
export function argumentsCodec(args: readonly string[]): Codec {
  return {
    decode: (method, input) => decodeArguments(method, args, input),
    encode: (method, response) => {
      const { header, binary } = encodeJson(method, response);
      return { message: header, binary };
    },
    fail: (failure) => {
      const { header, binary } = jsonFailure(failure);
      return { message: header, binary };
    },
  };
}

/** The handler and its settings. */
export interface Answerer {
  readonly handler: ExtractorHandler;
  readonly codec: Codec;
  readonly context: ExtractorContext;
  /** Called with an error of the handler that is no `ExtractorFailure`. */
  readonly onError: (error: unknown) => void;
}

/** Answers a request, synchronously if the handler does. Never throws, never rejects. */
export function answer(request: ReceivedRequest, answerer: Answerer): Answer | Promise<Answer> {
  const { method, message } = request;
  try {
    if (isExtractorMethod(method)) return run(method, message, answerer);
    return failed(unsupported(method), answerer);
  } catch (error) {
    return failed(error, answerer);
  }
}

function run<Method extends ExtractorMethod>(
  method: Method,
  message: Uint8Array,
  answerer: Answerer,
): Answer | Promise<Answer> {
  const { handler, codec, context } = answerer;
  const act = handler[method];
  if (act === undefined) throw unsupported(method);
  const response = act.call(handler, codec.decode(method, message), context);
  if (!isPromise(response)) return succeeded(method, response, answerer);
  // It may be one of another kind, such as a query of a database.
  return Promise.resolve(response)
    .then((response) => succeeded(method, response, answerer))
    .catch((error) => failed(error, answerer));
}

function succeeded<Method extends ExtractorMethod>(
  method: Method,
  response: ExtractorResponseInit<Method>,
  { codec, context }: Answerer,
): Answer {
  // Otherwise a method that returns nothing would answer with empty values. The value itself may be of a mail.
  if (typeof response !== "object" || response === null) {
    const found = response === undefined || response === null ? response : `a ${typeof response}`;
    throw new LocalProtocolError(
      `The handler's method "${method}" returned ${found}. Return an object with the fields of the ` +
        "answer; {} for none.",
    );
  }
  const { message, binary } = codec.encode(method, response);
  const size = sizeOf({ message, binary });
  if (size > context.maxMessageSize) {
    throw new ExtractorFailure(
      "limit",
      `The answer has ${size} bytes; the limit is ${context.maxMessageSize}. Ask for less, or ` +
        'for the mail with "raw", in pieces by offset and length.',
    );
  }
  return { message, binary, exitCode: extractorExitCodes.ok };
}

function failed(error: unknown, { codec, context, onError }: Answerer): Answer {
  if (error instanceof ExtractorFailure) return failedBy(error, { codec, context });
  // The error follows from the abort, and nobody waits for an answer.
  if (!context.signal.aborted) onError(error);
  const failure = new ExtractorFailure(
    "internal",
    "An error occurred in the extractor. See its log.",
  );
  return failedBy(failure, { codec, context });
}

/** A failure as an answer. Its message may quote what a client sent, and is cut if it is over the limit. */
function failedBy(
  failure: ExtractorFailure,
  { codec, context }: Pick<Answerer, "codec" | "context">,
): Answer {
  const exitCode = exitCodeOf(failure);
  const answer = codec.fail(failure);
  if (sizeOf(answer) <= context.maxMessageSize) return { ...answer, exitCode };
  const cut = new ExtractorFailure(failure.code, `${failure.message.slice(0, cutLength)}…`);
  return { ...codec.fail(cut), exitCode };
}

/** How much is left of a failure's message that is over the limit, in characters. */
const cutLength = 500;

function sizeOf({ message, binary }: Omit<Answer, "exitCode">): number {
  // Version 1 has a line feed between the two.
  return message.length + (binary === undefined ? 0 : binary.length + 1);
}

function exitCodeOf({ code }: ExtractorFailure): number {
  if (code === "invalid") return extractorExitCodes.invalid;
  if (code === "unsupported") return extractorExitCodes.unsupported;
  return extractorExitCodes.failure;
}

function unsupported(method: string): ExtractorFailure {
  return new ExtractorFailure(
    "unsupported",
    `The extractor doesn't know the method ${JSON.stringify(method)}.`,
  );
}

function isPromise<Value>(value: Value | Promise<Value>): value is Promise<Value> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === "function";
}
