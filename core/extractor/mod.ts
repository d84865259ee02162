/**
 * JWebmail's IPC with its extractor, versions 1 to 3, and the pieces that it is made of, each usable
 * alone. No I/O: the caller reads and writes the extractor's stdin and stdout.
 *
 * Versions 1 and 2 run a process for each request, version 3 runs one for many:
 *
 * | version | the method | the request | the answer |
 * | --- | --- | --- | --- |
 * | 1 | an argument | arguments; stdin for "add" | a line of JSON, and binary data after it |
 * | 2 | an argument | a message, all of stdin | a message, all of stdout |
 * | 3 | a frame on stdin | a message in the next frame | a message in a frame |
 *
 * @example Both ends of version 3, with nothing between
 * ```ts
 * import {
 *   ExtractorClientProtocol,
 *   ExtractorServerProtocol,
 * } from "@dovewire/dovewire/core/extractor";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const client = new ExtractorClientProtocol();
 * const server = new ExtractorServerProtocol();
 * client.send("shout", encodeUtf8("hello"));
 *
 * server.receive(client.takeOutput()!);
 * const request = server.nextEvent();
 * assert(request?.type === "request" && request.method === "shout");
 * server.respond(request.id, encodeUtf8(decodeUtf8(request.message).toUpperCase()));
 *
 * client.receive(server.takeOutput()!);
 * const response = client.nextEvent();
 * assert(response?.type === "response");
 * assert.equal(decodeUtf8(response.message), "HELLO");
 * ```
 *
 * @module
 */

export {
  type ExtractorClientEvent,
  type ExtractorClientLimits,
  ExtractorClientProtocol,
  type ExtractorClientProtocolOptions,
} from "./client.ts";
export {
  extractorArguments,
  type ExtractorCommandLine,
  parseExtractorArguments,
} from "./command_line.ts";
export { describeExit, exitCodeMeaning, extractorExitCodes } from "./exit_codes.ts";
export {
  endError,
  type ExtractorEnd,
  ExtractorEndError,
  type ExtractorEndErrorOptions,
  type ExtractorEndKind,
} from "./exit_errors.ts";
export type { ExitStatus } from "../exit_status.ts";
export { encodeFrame, encodeFrames, FrameReader, type PartialFrame } from "./framing.ts";
export { defaultMaxMessageSize, defaultMaxMethodSize } from "./limits.ts";
export {
  type Credentials,
  decodeCredentials,
  encodeCredentials,
  maxPreludeSize,
} from "./prelude.ts";
export {
  type ExtractorServerEvent,
  type ExtractorServerLimits,
  ExtractorServerProtocol,
  type ExtractorServerProtocolOptions,
} from "./server.ts";
export type { SingleShotLimits, SingleShotVersion } from "./single_shot.ts";
export {
  type SingleShotClientEvent,
  SingleShotClientProtocol,
  type SingleShotClientProtocolOptions,
} from "./single_shot_client.ts";
export {
  type SingleShotServerEvent,
  SingleShotServerProtocol,
  type SingleShotServerProtocolOptions,
} from "./single_shot_server.ts";
