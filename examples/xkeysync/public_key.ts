/**
 * Public keys: reading PEM, its normal form, and the fingerprint by which XKEYSYNC names a key.
 *
 * @module
 */

/** A public key as a store keeps it. */
export interface PublicKey {
  /** 64 hexadecimal digits in lower case, as {@linkcode readPublicKey} computes them. */
  readonly fingerprint: string;
  /** The key in its normal form: PEM with lines of 64 characters, each of which ends in LF. */
  readonly pem: string;
}

/** The size limit of a key, in bytes of PEM; an RSA key of 4096 bits takes 800. */
export const maxKeySize = 1024;

/** A fingerprint as a client has to write it. */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** The kinds of keys that are accepted, each by a use that WebCrypto knows. */
const algorithms = [
  { name: "RSA-OAEP", hash: "SHA-256" },
  { name: "ECDH", namedCurve: "P-256" },
  { name: "ECDH", namedCurve: "P-384" },
  { name: "X25519" },
];

/**
 * Reads a public key of RSA, P-256, P-384 or X25519 in PEM (RFC 7468, section 13). Resolves to `undefined`
 * for anything else.
 *
 * The same key always gets the same PEM and the same fingerprint, whatever the line breaks and the encoding
 * of the given text. The fingerprint is the SHA-256 of the key's bits alone, without the algorithm's name:
 * OpenSSL's X509_pubkey_digest(), which Splintermail's programs use as well.
 */
export async function readPublicKey(text: string): Promise<PublicKey | undefined> {
  const der = decodePem(text);
  const normal = der && await normalForm(der);
  if (normal === undefined) return undefined;
  const pem = encodePem(normal);
  if (pem.length > maxKeySize) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", keyBits(normal));
  return { fingerprint: hex(new Uint8Array(digest)), pem };
}

function decodePem(text: string): Uint8Array<ArrayBuffer> | undefined {
  const block = /^-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----$/;
  const [, body] = block.exec(text.trim()) ?? [];
  if (body === undefined) return undefined;
  try {
    return Uint8Array.from(atob(body), (sign) => sign.charCodeAt(0));
  } catch {
    // It isn't base64.
    return undefined;
  }
}

/** The key as WebCrypto writes it; `undefined` unless one of the algorithms can use it. */
async function normalForm(der: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  for (const algorithm of algorithms) {
    try {
      const uses: KeyUsage[] = algorithm.name === "RSA-OAEP" ? ["encrypt"] : [];
      const key = await crypto.subtle.importKey("spki", der, algorithm, true, uses);
      return new Uint8Array(await crypto.subtle.exportKey("spki", key));
    } catch {
      // It isn't a key of this kind.
    }
  }
}

/**
 * The key's bits: the content of the BIT STRING that ends a SubjectPublicKeyInfo (RFC 5280, section 4.1),
 * after the byte that counts its unused bits.
 */
function keyBits(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = elementAt(der, 0);
  const algorithm = elementAt(der, whole.start);
  const bits = elementAt(der, algorithm.end);
  return der.slice(bits.start + 1, bits.end);
}

/** The range of the content of a DER element. */
function elementAt(der: Uint8Array, at: number): { readonly start: number; readonly end: number } {
  const first = der[at + 1];
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const start = at + 2 + (first & 0x7f);
  const size = der.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  return { start, end: start + size };
}

function encodePem(der: Uint8Array): string {
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g)!;
  return ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----", ""].join("\n");
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
