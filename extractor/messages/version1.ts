/**
 * Version 1 of the extractor's IPC: requests as arguments of the program, responses as JSON with bytes
 * after it.
 *
 * @module
 */

export { decodeArguments, encodeArguments, type Version1Request } from "./version1/arguments.ts";
export { decodeJson, encodeJson, jsonFailure, type Version1Response } from "./version1/json.ts";
