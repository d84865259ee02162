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
export { CommandReader } from "./command_reader.ts";
export { completeImapLimits, defaultImapLimits, type ImapLimits } from "./limits.ts";
export { decodeMutf7, encodeMutf7 } from "./mutf7.ts";
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
export { astring, isAtom, isTag, quoted, type WrittenString } from "./syntax.ts";
export {
  astringOf,
  type ImapAtom,
  type ImapList,
  type ImapString,
  type ImapValue,
  isNil,
} from "./value.ts";
