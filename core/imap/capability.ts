/**
 * Lists of capabilities, and how a relay rewrites them.
 *
 * @module
 */

import { concat, encodeUtf8 } from "../bytes.ts";
import { asciiText } from "./command_line.ts";

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
 * A response of a server with its list of capabilities rewritten: `* CAPABILITY …`, or a status with the code
 * `[CAPABILITY …]`, tagged or not. All other bytes stay, and so does any other response.
 *
 * @example
 * ```ts
 * import { rewriteCapabilityResponse } from "@dovewire/dovewire/core/imap";
 * import { decodeUtf8, encodeUtf8 } from "@dovewire/dovewire/core";
 * import assert from "node:assert/strict";
 *
 * const rewritten = rewriteCapabilityResponse(
 *   encodeUtf8("a OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] Logged in\r\n"),
 *   { removes: (capability) => capability.startsWith("COMPRESS="), adds: ["XKEY"] },
 * );
 * assert.equal(decodeUtf8(rewritten), "a OK [CAPABILITY IMAP4rev1 XKEY] Logged in\r\n");
 * ```
 */
export function rewriteCapabilityResponse(
  response: Uint8Array,
  rewrite: CapabilityRewrite,
): Uint8Array {
  const line = asciiText(response, 0, response.length);
  const found = /^(\* CAPABILITY)(?=[ \r\n]|$)((?: [^\r\n]*)?)/i.exec(line) ??
    /^(\S+ \S+ +\[CAPABILITY)((?: [^\]\r\n]*)?)(?=\])/i.exec(line);
  if (found === null) return response;
  const [, before, list] = found;
  const capabilities = capabilitiesIn(list);
  const rewritten = rewriteCapabilities(capabilities, rewrite);
  if (rewritten.join(" ") === capabilities.join(" ")) return response;
  return concat([
    response.subarray(0, before.length),
    encodeUtf8(rewritten.map((word) => ` ${word}`).join("")),
    response.subarray(before.length + list.length),
  ]);
}
