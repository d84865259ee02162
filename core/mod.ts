/**
 * The contract that all protocols of dovewire share, and the pieces that they are made of. No I/O,
 * no dependency: it runs wherever there is a `Uint8Array`.
 *
 * @module
 */

export {
  concat,
  decodeUtf8,
  decodeUtf8Strictly,
  encodeUtf8,
  OutputQueue,
  quote,
  sameSecret,
} from "./bytes.ts";
export {
  AuthenticationError,
  DovewireError,
  type DovewireErrorOptions,
  LocalProtocolError,
  RemoteProtocolError,
  type RemoteProtocolErrorOptions,
} from "./errors.ts";
export { InputQueue } from "./input_queue.ts";
export type { Protocol } from "./protocol.ts";
