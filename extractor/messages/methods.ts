/**
 * The methods of an extractor: their names on the wire, their requests and responses.
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
  ScalarType,
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

/** The requests by method. */
export interface ExtractorRequests {
  /** Does nothing: an answer shows that the password was right. */
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
  /** Removes a mail permanently. */
  readonly remove: RemoveRequest;
}

/** The responses by method. */
export interface ExtractorResponses {
  /** The password was right. */
  readonly auth: AuthResponse;
  /** The page. */
  readonly list: ListResponse;
  /** The folder's totals. */
  readonly count: CountResponse;
  /** The mail. */
  readonly "read-mail": ReadMailResponse;
  /** The mails that match. */
  readonly search: SearchResponse;
  /** The names. */
  readonly folders: FoldersResponse;
  /** The mail was moved. */
  readonly move: MoveResponse;
  /** The bytes. */
  readonly raw: RawResponse;
  /** The part's content. */
  readonly part: PartResponse;
  /** The mail was added. */
  readonly add: AddResponse;
  /** The mail was removed. */
  readonly remove: RemoveResponse;
}

/** The name of a method on the wire. */
export type ExtractorMethod = keyof ExtractorRequests;

/** The fields of a method's request, all optional. */
export type ExtractorRequestInit<Method extends ExtractorMethod> = MessageInitShape<
  GenMessage<ExtractorRequests[Method]>
>;

/** The fields of a method's response, all optional. */
export type ExtractorResponseInit<Method extends ExtractorMethod> = MessageInitShape<
  GenMessage<ExtractorResponses[Method]>
>;

/** The two messages of a method. */
export interface MethodSchemas<Request extends Message, Response extends Message> {
  /** The request. */
  readonly request: GenMessage<Request>;
  /** The response. */
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

/** The methods' messages by the methods' names, as the service of `extractor.proto` defines them. */
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
 * The maximum nesting of messages. A level of a mail's parts takes two; mails nested 100 deep need more
 * than protobuf's usual 100.
 */
const MAX_DEPTH = 1_000;

/** Whether a method of that name exists. */
export function isExtractorMethod(name: string): name is ExtractorMethod {
  return Object.hasOwn(extractorMethods, name);
}

/**
 * Encodes a request from its fields, or from a whole message, whose unknown fields are kept. Lone
 * surrogates in texts become U+FFFD.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that is invalid for its field.
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

/** Options for decoding. */
export interface DecodeOptions {
  /**
   * Whether to keep fields that the message's type doesn't have, for who passes it on; `true` if left out. They take some
   * hundred times their size in memory.
   */
  readonly readUnknownFields?: boolean;
}

/**
 * Decodes a request. Its `bytes` fields are views of the input; unknown fields are kept unless the options say
 * otherwise.
 *
 * Throws an {@linkcode ExtractorFailure} "invalid", to send as the answer, for bytes that are no request.
 */
export function decodeRequest<Method extends ExtractorMethod>(
  method: Method,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): ExtractorRequests[Method] {
  try {
    return decode(extractorMethods[method].request, bytes, options);
  } catch (error) {
    const message = `The request "${method}" can't be decoded: ${reasonOf(error)}.`;
    throw new ExtractorFailure("invalid", message, { cause: error });
  }
}

/**
 * Encodes a response from its fields, or from a whole message, whose unknown fields are kept. Lone
 * surrogates in texts become U+FFFD.
 *
 * Throws a {@linkcode LocalProtocolError} for a value that is invalid for its field.
 */
export function encodeResponse<Method extends ExtractorMethod>(
  method: Method,
  response: ExtractorResponseInit<Method>,
): Uint8Array {
  return encode(extractorMethods[method].response, response, `the response to "${method}"`);
}

/**
 * Decodes a response. Its `bytes` fields are views of the input; unknown fields are kept unless the options say
 * otherwise.
 *
 * Throws the {@linkcode ExtractorFailure} in it, and a {@linkcode RemoteProtocolError} for bytes that are
 * no response.
 */
export function decodeResponse<Method extends ExtractorMethod>(
  method: Method,
  bytes: Uint8Array,
  options: DecodeOptions = {},
): ExtractorResponses[Method] {
  let response: ExtractorResponses[Method];
  try {
    response = decode(extractorMethods[method].response, bytes, options);
  } catch (error) {
    throw noResponse(error, method);
  }
  if (response.failure !== undefined) throw failureOf(response.failure);
  return response;
}

/**
 * Encodes a failure as a response. It is the same for all methods, including those that the extractor
 * doesn't know.
 */
export function failureResponse({ code, message }: ExtractorFailure): Uint8Array {
  return encodeResponse("auth", { failure: { code, message } });
}

/**
 * The failure in a response of any method; `undefined` if it has none.
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
    checkFields(schema, init);
    return toBinary(schema, create(schema, init));
  } catch (error) {
    const message = `Cannot encode ${what}: ${reasonOf(error)}.`;
    throw new LocalProtocolError(message, { cause: error });
  }
}

/** Throws a `TypeError` for values that would be written as others: "false" as true, other arrays than bytes as broken ones. */
export function checkFields<Shape extends Message>(
  schema: GenMessage<Shape>,
  init: MessageInitShape<GenMessage<Shape>>,
): void {
  const values = init as Readonly<Record<string, unknown>>;
  for (const { localName, scalar, fieldKind } of schema.fields) {
    const value = values[localName];
    if (value === undefined || scalar === undefined) continue;
    for (const item of fieldKind === "list" && Array.isArray(value) ? value : [value]) {
      const isWrong = scalar === ScalarType.STRING
        ? typeof item !== "string"
        : scalar === ScalarType.BOOL
        ? typeof item !== "boolean"
        : scalar === ScalarType.BYTES && !(item instanceof Uint8Array);
      if (isWrong) throw new TypeError(`"${localName}" is no ${shownTypes[scalar]}`);
    }
  }
}

const shownTypes: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.STRING]: "string",
  [ScalarType.BOOL]: "boolean",
  [ScalarType.BYTES]: "Uint8Array",
};

function decode<Shape extends Message>(
  schema: GenMessage<Shape>,
  bytes: Uint8Array,
  { readUnknownFields = true }: DecodeOptions,
): Shape {
  return fromBinary(schema, bytes, { recursionLimit: MAX_DEPTH, readUnknownFields });
}

function failureOf({ code, message }: Failure): ExtractorFailure {
  return new ExtractorFailure(code || "internal", message || "The extractor gave no reason.");
}

function noResponse(error: unknown, method?: ExtractorMethod): RemoteProtocolError {
  const what = method === undefined ? "is no response" : `is no response to "${method}"`;
  const message = `The extractor's answer ${what}: ${reasonOf(error)}.`;
  return new RemoteProtocolError(message, { cause: error, sent: true });
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
}
