/**
 * Dovecot's doveadm protocol, 1.0 to 1.4, and its parts, each of which can be used alone.
 *
 * @module
 */

export { DoveadmClientProtocol } from "./client.ts";
export type {
  DoveadmClientEvent,
  DoveadmClientLimits,
  DoveadmClientProtocolOptions,
} from "./client_options.ts";
export type { DoveadmCommand } from "./command.ts";
export { dotStuff, DotStuffer, DotUnstuffer, type Unstuffed } from "./dot_stuffing.ts";
export { codeOfExit, exitCode, exitCodes } from "./exit_codes.ts";
export { type LogLevel, logLevels, type LogLine, LogReader } from "./log.ts";
export {
  Demultiplexer,
  type DemultiplexerOptions,
  encodePacket,
  LOG_CHANNEL,
  MAIN_CHANNEL,
  type MultiplexFormat,
  type MultiplexFrame,
  type Segment,
  StreamMultiplexer,
} from "./multiplex.ts";
export * as query from "./query/builder.ts";
export { parseQuery } from "./query/parse_query.ts";
export { QueryError } from "./query/query_words.ts";
export type { NumberRange } from "./query/number_set.ts";
export type { FieldUse, SearchDate, SearchKey, SearchQuery } from "./query/search_key.ts";
export type { SearchTime } from "./query/search_time.ts";
export type { DoveadmFailure, DoveadmReply, DoveadmReplyBase, DoveadmSuccess } from "./reply.ts";
export type { DoveadmField, DoveadmValues } from "./reply_reader.ts";
export {
  type DoveadmServerEvent,
  type DoveadmServerLimits,
  DoveadmServerProtocol,
  type DoveadmServerProtocolOptions,
  takesInput,
} from "./server.ts";
export type { ServerHandshakeOptions } from "./server_handshake.ts";
export {
  tabEscape,
  tabEscapeBytes,
  tabUnescape,
  tabUnescapeBytes,
  TabUnescaper,
} from "./tab_escape.ts";
export {
  ConversationDecoder,
  type ConversationDecoderOptions,
} from "./trace/conversation_decoder.ts";
export type {
  TraceContent,
  TracedCommand,
  TraceItem,
  TraceRange,
  TraceSide,
  TraceText,
} from "./trace/trace_item.ts";
