/**
 * Where a command's input comes from.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import type { CommandInput } from "../../core/doveadm/catalogue/mod.ts";

/** A command's input: bytes, a text, or either in pieces as they come. */
export type Input = CommandInput;

/** How much of a long input is passed on at once, in bytes. */
const pieceSize = 65_536;

/** Whether an input is there as a whole, so that nobody has to be waited for. */
export function isWhole(input: Input): input is Uint8Array | string {
  return typeof input === "string" || input instanceof Uint8Array;
}

/** The input in pieces of bytes; a text is encoded as UTF-8. */
export async function* piecesOf(input: Input): AsyncGenerator<Uint8Array> {
  for await (const part of isWhole(input) ? [input] : input) {
    const bytes = typeof part === "string" ? encodeUtf8(part) : part;
    for (let at = 0; at < bytes.length; at += pieceSize) yield bytes.subarray(at, at + pieceSize);
  }
}
