/**
 * The contract that all protocols of dovewire share, and their common parts. No I/O, no dependencies: it
 * runs wherever there is a `Uint8Array`.
 *
 * @module
 */

export {
  concat,
  decodeUtf8,
  decodeUtf8Strictly,
  encodeUtf8,
  indexOfLineFeed,
  OutputQueue,
  plainBytes,
  quote,
  sameSecret,
} from "./bytes.ts";
export {
  AbortError,
  AuthenticationError,
  ConnectError,
  ConnectionLostError,
  DovewireError,
  type DovewireErrorOptions,
  LocalProtocolError,
  QueueFullError,
  RemoteProtocolError,
  type RemoteProtocolErrorOptions,
  TimeoutError,
  type TimeoutPhase,
} from "./errors.ts";
export { lowerFirst, messageOf } from "./error_text.ts";
export type { ExitStatus } from "./exit_status.ts";
export { InputQueue } from "./input_queue.ts";
export { Concealer, escapeControls, quoteText } from "./peer_text.ts";
export type { Protocol } from "./protocol.ts";
export { checkOptions, type OptionTypes } from "./option_checks.ts";
export { Queue } from "./queue.ts";
export type { PlainData } from "./plain_data.ts";
export type { Archived, StateArchive, ThawOptions } from "./state_archive.ts";
