/**
 * Public keys for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type PublicKey, readPublicKey } from "../../../examples/xkeysync/public_key.ts";

/** Creates as many keys, in the order of their fingerprints. They are small, since a test needs many. */
export async function createKeys(count: number): Promise<readonly PublicKey[]> {
  const keys = await Promise.all(Array.from({ length: count }, createKey));
  return keys.sort((a, b) => a.fingerprint < b.fingerprint ? -1 : 1);
}

async function createKey(): Promise<PublicKey> {
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const { publicKey } = await crypto.subtle.generateKey(algorithm, true, ["deriveBits"]);
  const der = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const key = await readPublicKey(pemOf(btoa(String.fromCharCode(...der))));
  assert(key !== undefined);
  return key;
}

/** A public key as PEM, with its base64 in one line. */
export function pemOf(base64: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
}
