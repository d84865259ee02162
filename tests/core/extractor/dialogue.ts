/**
 * What both ends of an extractor's session say, put together by hand for tests, and moved between two
 * ends without anything between.
 *
 * @module
 */

import type { ExitStatus } from "../../../core/extractor/mod.ts";
import { concat, encodeUtf8, type Protocol } from "../../../core/mod.ts";

/** The bytes of a text of ASCII or of numbers. */
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

/** All output that is there. */
export function output(protocol: Protocol<unknown>): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = protocol.takeOutput()) !== undefined;) chunks.push(chunk);
  return concat(chunks);
}

/** All events that are there. */
export function events<Event>(protocol: Protocol<Event>): Event[] {
  const all: Event[] = [];
  for (let event; (event = protocol.nextEvent()) !== undefined;) all.push(event);
  return all;
}

/** What a call throws, and the same again for a protocol. */
export function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
