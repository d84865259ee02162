/**
 * The extractor's server: answers a webmail's requests from a maildir, or with functions, over any transport.
 *
 * @module
 */

export type { ExtractorContext, ExtractorHandler } from "./handler.ts";
export { maildirHandler, type MaildirHandlerOptions } from "./maildir_handler.ts";
export { serveExtractor, type ServeExtractorOptions } from "./session.ts";
export { extractorExitCodes, type ExtractorServerLimits } from "@dovewire/dovewire/core/extractor";
export {
  DovewireError,
  type DovewireErrorOptions,
  LocalProtocolError,
} from "@dovewire/dovewire/core";
export {
  type ByteRange,
  type FolderTotals,
  type ListOptions,
  loadUnpackers,
  Maildir,
  type MaildirOptions,
  type MailFile,
  type NewMail,
  type UnpackingBudget,
} from "../maildir/maildir.ts";
export { ExtractorFailure, type FailureCode } from "../messages/failure.ts";
export type {
  ExtractorMethod,
  ExtractorRequests,
  ExtractorResponseInit,
  ExtractorResponses,
} from "../messages/methods.ts";
export type {
  AddRequest,
  AddResponse,
  Address,
  AuthRequest,
  AuthResponse,
  CountRequest,
  CountResponse,
  EmbeddedMail,
  Failure,
  FoldersRequest,
  FoldersResponse,
  ListRequest,
  ListResponse,
  MailHead,
  MimePart,
  MoveRequest,
  MoveResponse,
  Multipart,
  PartRequest,
  PartResponse,
  RawRequest,
  RawResponse,
  ReadMailRequest,
  ReadMailResponse,
  RemoveRequest,
  RemoveResponse,
  SearchRequest,
  SearchResponse,
} from "../messages/extractor/extractor_pb.ts";
export type { TlsOptions, Transport } from "@dovewire/dovewire/transports";
