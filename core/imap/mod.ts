/**
 * IMAP (RFC 9051, 3501, 7888): framing, and pieces that dovewire needs elsewhere. No I/O, no dependency.
 *
 * @module
 */

export {
  capabilitiesIn,
  type CapabilityRewrite,
  rewriteCapabilities,
  rewriteCapabilityResponse,
} from "./capability.ts";
export { ImapClientProtocol } from "./client.ts";
export { atom, type ImapArgument, type ImapClientCommand } from "./client_command.ts";
export type {
  ImapAnswerEvent,
  ImapClientEvent,
  ImapClientProtocolOptions,
  ImapCredentials,
  ImapPlainCredentials,
  ImapUntagged,
} from "./client_events.ts";
export type {
  BadCommand,
  CommandData,
  CommandEnd,
  CommandFrame,
  CommandLiteral,
  CommandStart,
  CommandText,
  DataLine,
  FatalCommand,
} from "./command_frame.ts";
export type { Argument, ArgumentKind, ArgumentShape } from "./command_arguments.ts";
export type { CommandDefinition, CommandState } from "./command_definition.ts";
export { CommandReader } from "./command_reader.ts";
export { Conversation } from "./conversation.ts";
export type {
  Acceptance,
  CancelReason,
  CommandEvent,
  ConversationEvent,
  Greeting,
  LoginEvent,
  LoginMechanism,
  Refusal,
  ResponsePart,
  TaggedResult,
} from "./conversation_events.ts";
export type { ConversationLimits, ConversationOptions } from "./conversation_options.ts";
export { nextKeepalive } from "./keepalive.ts";
export { completeImapLimits, defaultImapLimits, type ImapLimits } from "./limits.ts";
export { decodeMutf7, encodeMutf7 } from "./mutf7.ts";
export type {
  PassDecision,
  PassedLine,
  PassedLiteral,
  PassNext,
  PassThrough,
} from "./pass_through.ts";
export { ImapRelayProtocol, type ImapRelaySide } from "./relay.ts";
export type {
  ImapRelayClientEvent,
  ImapRelayProtocolOptions,
  ImapRelayUpstreamEvent,
  RelayAcceptance,
  RelayLoggedInEvent,
  RelayLogin,
  RelayOutputEvent,
  RelayRefusedEvent,
} from "./relay_events.ts";
export { parseResponseText, type ResponseCode, type ResponseText } from "./response_code.ts";
export {
  type Continuation,
  type ImapResponse,
  ResponseParser,
  type TaggedResponse,
  type UntaggedData,
  type UntaggedStatus,
} from "./response_parser.ts";
export {
  type PassFrame,
  type ResponseFrame,
  ResponseReader,
  type StatusFrame,
} from "./response_reader.ts";
export type { StatusLine } from "./status_line.ts";
export { ImapServerProtocol, type ImapServerProtocolOptions } from "./server.ts";
export type { ClientFields, ImapSession } from "./session.ts";
export { astring, isAtom, isTag, quoted, type WrittenString } from "./syntax.ts";
export {
  astringOf,
  type ImapAtom,
  type ImapList,
  type ImapString,
  imapString,
  type ImapValue,
  isNil,
} from "./value.ts";
