/**
 * The first line of a command: its tag and its name.
 *
 * @module
 */

import { nameByte, skipBytes, tagByte } from "./syntax.ts";

const SPACE = 0x20;

/** How many bytes a command's name may have. */
export const longestName = 64;

/** A command's tag and name, and what is wrong with them. */
export interface CommandLineStart {
  /** The tag; `undefined` for an invalid one. */
  readonly tag: string | undefined;
  /** The name in capital letters; `undefined` for an invalid one, and after an invalid tag. */
  readonly name: string | undefined;
  /** Where the arguments begin, with their space. */
  readonly end: number;
  /** What is wrong; `undefined` if nothing is. */
  readonly reason: string | undefined;
}

/**
 * Reads the tag and the name at the start of a line. `isCut` says that more follows the end, so that what it
 * cuts off is no tag and no name.
 */
export function parseCommandStart(
  bytes: Uint8Array,
  { end, tagLimit, isCut = false }: {
    readonly end: number;
    readonly tagLimit: number;
    readonly isCut?: boolean;
  },
): CommandLineStart {
  const tagEnd = skipBytes(bytes, { start: 0, end, kind: tagByte });
  const endsTag = tagEnd === end ? !isCut : bytes[tagEnd] === SPACE;
  if (tagEnd === 0 || tagEnd > tagLimit || !endsTag) {
    return { tag: undefined, name: undefined, end: 0, reason: "Invalid tag" };
  }
  const tag = asciiText(bytes, 0, tagEnd);
  // One space: what comes after two is not for all servers the name.
  const start = Math.min(tagEnd + 1, end);
  const nameEnd = skipBytes(bytes, { start, end, kind: nameByte });
  const endsName = nameEnd === end ? !isCut : bytes[nameEnd] === SPACE;
  if (nameEnd === start || nameEnd - start > longestName || !endsName) {
    return { tag, name: undefined, end: tagEnd, reason: "Invalid command name" };
  }
  const name = asciiText(bytes, start, nameEnd).toUpperCase();
  return { tag, name, end: nameEnd, reason: undefined };
}

/** The text of a few ASCII bytes. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}
