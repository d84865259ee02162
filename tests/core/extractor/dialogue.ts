/**
 * The bytes of both ends of an extractor's session, written by hand for tests, and functions that run a
 * protocol in memory.
 *
 * @module
 */

import type { ExitStatus } from "../../../core/extractor/mod.ts";
import { concat, encodeUtf8, type Protocol } from "../../../core/mod.ts";

/** Bytes from ASCII texts, numbers and arrays. */
export function bytes(...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  return concat(
    parts.map((part) =>
      typeof part === "string"
        ? encodeUtf8(part)
        : typeof part === "number"
        ? Uint8Array.of(part)
        : part
    ),
  );
}

/** A frame, written without the library. */
export function frame(payload: string | Uint8Array): Uint8Array {
  const content = bytes(payload);
  const framed = new Uint8Array(4 + content.length);
  new DataView(framed.buffer).setUint32(0, content.length);
  framed.set(content, 4);
  return framed;
}

/** A process that ended by itself. */
export function code(code: number): ExitStatus {
  return { code, signal: undefined };
}

/** A process that was ended. */
export function signal(signal: string): ExitStatus {
  return { code: undefined, signal };
}

/** Takes all output. */
export function output(protocol: Protocol<unknown>): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = protocol.takeOutput()) !== undefined;) chunks.push(chunk);
  return concat(chunks);
}

/** Takes all events. */
export function events<Event>(protocol: Protocol<Event>): Event[] {
  const all: Event[] = [];
  for (let event; (event = protocol.nextEvent()) !== undefined;) all.push(event);
  return all;
}

/** The error that a call throws. */
export function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
