/**
 * A command's input, which is a parameter over HTTP.
 *
 * @module
 */

import {
  AbortError,
  concat,
  decodeUtf8Strictly,
  DovewireError,
  LocalProtocolError,
} from "../../core/mod.ts";
import type { CommandInfo } from "../../core/doveadm/catalogue/mod.ts";
import { TransportError } from "../../transports/transport.ts";
import { type Input, isWhole, piecesOf } from "../client/input.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { largestRequest } from "./request_errors.ts";

/**
 * A command's input as a parameter; no parameter if there is no input.
 *
 * Rejects with an `AbortError` if the input fails, and with a `LocalProtocolError` for an input that HTTP
 * can't carry.
 */
export async function inputParameter(
  { name, input: parameter }: CommandInfo,
  input: Input | undefined,
  deadline: CallDeadline,
): Promise<Readonly<Record<string, string>>> {
  if (input === undefined) return {};
  if (parameter === undefined) {
    throw new LocalProtocolError(`"${name}" takes no input. Leave it out.`);
  }
  const waited = { name, sent: false };
  const text = typeof input === "string"
    ? input
    : decodeUtf8Strictly(await deadline.wait(gather(name, input, deadline), waited));
  if (text === undefined) {
    throw new LocalProtocolError(
      `The input of "${name}" isn't UTF-8, and HTTP carries only text. Use TCP for it.`,
    );
  }
  if (text.includes("\0")) {
    throw new LocalProtocolError(
      `The input of "${name}" has a NUL, which Dovecot refuses over HTTP. Use TCP for it.`,
    );
  }
  // Half a surrogate pair becomes U+FFFD, as over TCP.
  return { [parameter]: text.toWellFormed() };
}

/** The bytes of an input, which is read no further once the call has ended. */
async function gather(name: string, input: Input, deadline: CallDeadline): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of piecesOf(input)) {
      deadline.throwIfOver({ name, sent: false });
      pieces.push(piece);
      size += piece.length;
      if (size > largestRequest && !isWhole(input)) throw tooLarge(name);
    }
  } catch (error) {
    if (error instanceof DovewireError && !(error instanceof TransportError)) throw error;
    throw new AbortError(`The input of "${name}" failed, so that the command was not sent.`, {
      cause: error,
    });
  }
  return concat(pieces);
}

function tooLarge(name: string): LocalProtocolError {
  return new LocalProtocolError(
    `The input of "${name}" has more than ${largestRequest} bytes, and no Dovecot takes so much over ` +
      "HTTP. Use TCP for it.",
  );
}
