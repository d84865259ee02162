/**
 * The input of a command.
 *
 * @module
 */

import { AbortError, LocalProtocolError } from "../../core/errors.ts";
import { concat, encodeUtf8 } from "../../core/mod.ts";
import { shownValue } from "../../core/option_checks.ts";
import { nameForMessages } from "../../core/doveadm/command.ts";
import type { CommandInput } from "../../core/doveadm/catalogue/mod.ts";
import { Pause } from "../../transports/pause.ts";

/** A command's input: bytes, a text, or an iterable of these. */
export type Input = CommandInput;

/** The chunk size for a long input, in bytes. */
const pieceSize = 65_536;

/** Whether the whole input is available, so that there is nothing to wait for. */
export function isWhole(input: Input): input is Uint8Array | string {
  return typeof input === "string" || input instanceof Uint8Array;
}

/** The most bytes of an input in pieces that is kept, to be sent several times. */
const largestKept = 128 * 1024 * 1024;

/**
 * An input that can be sent several times: pieces are gathered. Rejects with an `AbortError` if the input
 * fails, and with a `LocalProtocolError` if it is larger than 128 MiB.
 */
export async function wholeInput(
  command: string,
  input: Input | undefined,
): Promise<Uint8Array | string | undefined> {
  if (input === undefined || isWhole(input)) return input;
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of piecesOf(input)) {
      pieces.push(piece);
      size += piece.length;
      if (size > largestKept) break;
    }
  } catch (error) {
    throw new AbortError(`The input of "${command}" failed, so that nothing was sent.`, {
      cause: error,
    });
  }
  if (size <= largestKept) return concat(pieces);
  throw new LocalProtocolError(
    `The input of "${command}" has more than ${largestKept} bytes, which are too many to keep for several ` +
      "users. Send it for one user after the other.",
  );
}

/** Throws a `LocalProtocolError` for what is no input. */
export function checkInput(command: string, input: Input): void {
  if (isWhole(input)) return;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = Object(input);
  if (!ArrayBuffer.isView(input) && typeof (later ?? now) === "function") return;
  throw new LocalProtocolError(
    `The input of ${
      nameForMessages(command)
    } is neither a string nor a Uint8Array, nor an iterable of these. ` +
      "Pass one of them.",
  );
}

/**
 * The input in chunks of bytes, with pauses: where it never waits, and the server reads fast, nothing else would be
 * attended to. A text is encoded as UTF-8. Throws a `LocalProtocolError` for a piece that is neither: numbers, and
 * buffers of other kinds, would count as nothing.
 */
export async function* piecesOf(input: Input): AsyncGenerator<Uint8Array> {
  const pause = new Pause();
  const encoder = new PieceEncoder();
  for await (const part of isWhole(input) ? [input] : input) {
    const bytes = encoder.bytesOf(part);
    for (let at = 0; at < bytes.length; at += pieceSize) {
      yield bytes.subarray(at, at + pieceSize);
      await pause.ifDue();
    }
    if (bytes.length === 0) await pause.ifDue();
  }
  const rest = encoder.end();
  if (rest.length > 0) yield rest;
}

/**
 * Encodes the pieces of an input. A character that is cut between two texts, into the halves of its surrogate pair,
 * stays whole; half a pair without the other becomes U+FFFD.
 */
class PieceEncoder {
  /** The first half of a pair, of which the other may follow. */
  #half = "";

  /** The bytes of a piece that are known, after those that the one before has left. */
  bytesOf(piece: unknown): Uint8Array {
    if (typeof piece === "string") {
      const text = this.#half + piece;
      const end = text.length - (endsWithFirstHalf(text) ? 1 : 0);
      this.#half = text.slice(end);
      return encodeUtf8(text.slice(0, end));
    }
    if (!(piece instanceof Uint8Array)) {
      throw new LocalProtocolError(
        `A piece of the input is ${shownValue(piece)}. Pass strings or Uint8Arrays.`,
      );
    }
    return this.#half === "" ? piece : concat([this.end(), piece]);
  }

  /** The bytes that are left after the last piece. */
  end(): Uint8Array {
    const bytes = encodeUtf8(this.#half);
    this.#half = "";
    return bytes;
  }
}

/** Whether a text ends with the first half of a surrogate pair; one without characters doesn't. */
function endsWithFirstHalf(text: string): boolean {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}
