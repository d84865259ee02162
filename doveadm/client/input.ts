/**
 * The input of a command.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import type { CommandInput } from "../../core/doveadm/catalogue/mod.ts";

/** A command's input: bytes, a text, or an iterable of these. */
export type Input = CommandInput;

/** The chunk size for a long input, in bytes. */
const pieceSize = 65_536;

/** Whether the whole input is available, so that there is nothing to wait for. */
export function isWhole(input: Input): input is Uint8Array | string {
  return typeof input === "string" || input instanceof Uint8Array;
}

/** The input in chunks of bytes; a text is encoded as UTF-8. */
export async function* piecesOf(input: Input): AsyncGenerator<Uint8Array> {
  for await (const part of isWhole(input) ? [input] : input) {
    const bytes = typeof part === "string" ? encodeUtf8(part) : part;
    for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
  }
}
