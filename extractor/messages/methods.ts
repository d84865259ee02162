/**
 * The methods of an extractor: their names on the wire, and what is asked and answered.
 *
 * A new method is a new rpc in `extractor.proto` and a line in three places of this file.
 *
 * @module
 */

import {
  create,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { LocalProtocolError, RemoteProtocolError } from "@dovewire/dovewire/core";
import {
  type AddRequest,
  type AddResponse,
  type AuthRequest,
  type AuthResponse,
  AuthResponseSchema,
  type CountRequest,
  type CountResponse,
  ExtractorService,
  type Failure,
  type FoldersRequest,
  type FoldersResponse,
  type ListRequest,
  type ListResponse,
  type MoveRequest,
  type MoveResponse,
  type PartRequest,
  type PartResponse,
  type RawRequest,
  type RawResponse,
  type ReadMailRequest,
  type ReadMailResponse,
  type RemoveRequest,
  type RemoveResponse,
  type SearchRequest,
  type SearchResponse,
} from "./extractor/extractor_pb.ts";
import { ExtractorFailure } from "./failure.ts";

/** What is asked, by method. */
export interface ExtractorRequests {
  /** Does nothing: that there is an answer says that the password was right. */
  readonly auth: AuthRequest;
  /** A page of a folder's mails, in an order. */
  readonly list: ListRequest;
  /** How many mails a folder has, and how large they are. */
  readonly count: CountRequest;
  /** A mail's head and its body. */
  readonly "read-mail": ReadMailRequest;
  /** A folder's mails whose subject or text matches. */
  readonly search: SearchRequest;
  /** The folders' names. */
  readonly folders: FoldersRequest;
  /** Moves a mail to another folder. */
  readonly move: MoveRequest;
  /** A mail as it is, byte for byte. */
  readonly raw: RawRequest;
  /** A part of a mail, such as an attachment. */
  readonly part: PartRequest;
  /** Puts a mail into a folder. */
  readonly add: AddRequest;
  /** Removes a mail for good. */
  readonly remove: RemoveRequest;
}

/** What is answered, by method. */
export interface ExtractorResponses {
  /** The password was right. */
  readonly auth: AuthResponse;
  /** The page. */
  readonly list: ListResponse;
  /** What the folder comes to. */
  readonly count: CountResponse;
  /** The mail. */
  readonly "read-mail": ReadMailResponse;
  /** The mails that match. */
  readonly search: SearchResponse;
  /** The names. */
  readonly folders: FoldersResponse;
  /** The mail is in the folder. */
  readonly move: MoveResponse;
  /** The bytes. */
  readonly raw: RawResponse;
  /** The part's content. */
  readonly part: PartResponse;
  /** The mail is kept. */
  readonly add: AddResponse;
  /** The mail is gone. */
  readonly remove: RemoveResponse;
}

/** The name of a method on the wire. */
export type ExtractorMethod = keyof ExtractorRequests;

/** What makes a method's request: its fields, all of which may be left out. */
export type ExtractorRequestInit<Method extends ExtractorMethod> = MessageInitShape<
  GenMessage<ExtractorRequests[Method]>
>;

/** What makes a method's response: its fields, all of which may be left out. */
export type ExtractorResponseInit<Method extends ExtractorMethod> = MessageInitShape<
  GenMessage<ExtractorResponses[Method]>
>;

/** The two messages of a method. */
export interface MethodSchemas<Request extends Message, Response extends Message> {
  /** What is asked. */
  readonly request: GenMessage<Request>;
  /** What is answered. */
  readonly response: GenMessage<Response>;
}

/** The methods' messages by the methods' names. */
export type MethodTable = {
  readonly [Method in ExtractorMethod]: MethodSchemas<
    ExtractorRequests[Method],
    ExtractorResponses[Method]
  >;
};

const { method: rpcs } = ExtractorService;

/** The methods' messages by the methods' names, as the service of `extractor.proto` has them. */
export const extractorMethods: MethodTable = {
  auth: { request: rpcs.auth.input, response: rpcs.auth.output },
  list: { request: rpcs.list.input, response: rpcs.list.output },
  count: { request: rpcs.count.input, response: rpcs.count.output },
  "read-mail": { request: rpcs.readMail.input, response: rpcs.readMail.output },
  search: { request: rpcs.search.input, response: rpcs.search.output },
  folders: { request: rpcs.folders.input, response: rpcs.folders.output },
  move: { request: rpcs.move.input, response: rpcs.move.output },
  raw: { request: rpcs.raw.input, response: rpcs.raw.output },
  part: { request: rpcs.part.input, response: rpcs.part.output },
  add: { request: rpcs.add.input, response: rpcs.add.output },
  remove: { request: rpcs.remove.input, response: rpcs.remove.output },
};

/**
 * How deep messages may be nested in each other. A level of a mail's parts takes two; what is above
 * protobuf's usual 100 is what mails nested 100 deep need.
 */
const MAX_DEPTH = 1_000;

/** Whether a name is that of a method that there is. */
export function isExtractorMethod(name: string): name is ExtractorMethod {
  return Object.hasOwn(extractorMethods, name);
}

/**
 * Encodes a request from its fields, or from a whole message, unknown fields of which are kept. Half
 * of a character in a text becomes U+FFFD.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that its field can't take.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { decodeRequest, encodeRequest } from "./methods.ts";
 *
 * const bytes = encodeRequest("list", { end: 50, sortBy: "!date" });
 * assert.equal(decodeRequest("list", bytes).end, 50);
 * ```
 */
export function encodeRequest<Method extends ExtractorMethod>(
  method: Method,
  request: ExtractorRequestInit<Method>,
): Uint8Array {
  return encode(extractorMethods[method].request, request, `the request "${method}"`);
}

/**
 * Decodes a request. Its `bytes` fields are views of what is given; unknown fields are kept.
 *
 * Throws an {@linkcode ExtractorFailure} "invalid", which is to be answered, for bytes that are none.
 */
export function decodeRequest<Method extends ExtractorMethod>(
  method: Method,
  bytes: Uint8Array,
): ExtractorRequests[Method] {
  try {
    return decode(extractorMethods[method].request, bytes);
  } catch (error) {
    const message = `The request "${method}" is no message of that method: ${reasonOf(error)}.`;
    throw new ExtractorFailure("invalid", message, { cause: error });
  }
}

/**
 * Encodes a response from its fields, or from a whole message, unknown fields of which are kept. Half
 * of a character in a text becomes U+FFFD.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that its field can't take.
 */
export function encodeResponse<Method extends ExtractorMethod>(
  method: Method,
  response: ExtractorResponseInit<Method>,
): Uint8Array {
  return encode(extractorMethods[method].response, response, `the response to "${method}"`);
}

/**
 * Decodes a response. Its `bytes` fields are views of what is given; unknown fields are kept.
 *
 * Throws the {@linkcode ExtractorFailure} that it says, and a {@linkcode RemoteProtocolError} for
 * bytes that are no response.
 */
export function decodeResponse<Method extends ExtractorMethod>(
  method: Method,
  bytes: Uint8Array,
): ExtractorResponses[Method] {
  let response: ExtractorResponses[Method];
  try {
    response = decode(extractorMethods[method].response, bytes);
  } catch (error) {
    throw noResponse(error, method);
  }
  if (response.failure !== undefined) throw failureOf(response.failure);
  return response;
}

/**
 * Encodes the response that a request came to nothing. It is the same for all methods, those included
 * that the extractor doesn't know.
 */
export function failureResponse({ code, message }: ExtractorFailure): Uint8Array {
  return encodeResponse("auth", { failure: { code, message } });
}

/**
 * The failure that a response says, of whichever method; `undefined` if it says none.
 *
 * Throws a {@linkcode RemoteProtocolError} for bytes that are no response.
 */
export function failureIn(response: Uint8Array): ExtractorFailure | undefined {
  let failure: Failure | undefined;
  try {
    ({ failure } = fromBinary(AuthResponseSchema, response, { readUnknownFields: false }));
  } catch (error) {
    throw noResponse(error);
  }
  return failure && failureOf(failure);
}

function encode<Shape extends Message>(
  schema: GenMessage<Shape>,
  init: MessageInitShape<GenMessage<Shape>>,
  what: string,
): Uint8Array {
  try {
    return toBinary(schema, create(schema, init));
  } catch (error) {
    const message = `Cannot encode ${what}: ${reasonOf(error)}.`;
    throw new LocalProtocolError(message, { cause: error });
  }
}

function decode<Shape extends Message>(schema: GenMessage<Shape>, bytes: Uint8Array): Shape {
  return fromBinary(schema, bytes, { recursionLimit: MAX_DEPTH });
}

function failureOf({ code, message }: Failure): ExtractorFailure {
  return new ExtractorFailure(code || "internal", message || "The extractor didn't say why.");
}

function noResponse(error: unknown, method?: ExtractorMethod): RemoteProtocolError {
  const what = method === undefined ? "is no response" : `is no response to "${method}"`;
  const message = `What the extractor answered ${what}: ${reasonOf(error)}.`;
  return new RemoteProtocolError(message, { cause: error, sent: true });
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
