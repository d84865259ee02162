import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { isFingerprint, readPublicKey } from "../../../examples/xkeysync/public_key.ts";
import { pemOf } from "./keys.ts";

/** A key of RSA with 1024 bits, and its fingerprint as OpenSSL's X509_pubkey_digest() computes it. */
const sample = {
  fingerprint: "e8a75cdb7c3a526fe5d2ac44e1ed91cb6771a35c37f9094dc9abd341b0b8321d",
  pem: `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCVg3y/xe9w5b/Hhye8V1faseAN
2ddJ0yfIzOv3ZDrjOzCDdM2MCYSIjHrOTVNj7IrauqQd8bhbKMYEhCKNnOrccKMb
HN1pL49l3NY+YPL1vZ22YmX8L6Yf09xmVJQr0jmnLzRGywhlBLOPNzvY2jzw/SGL
M+aVNTZzdHYg1Bhi5wIDAQAB
-----END PUBLIC KEY-----
`,
};

test("public key › of RSA › has the fingerprint of its PKCS #1 form", async () => {
  for (const modulusLength of [1024, 2048]) {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength });
    const key = await readPublicKey(String(publicKey.export({ type: "spki", format: "pem" })));
    const bits = publicKey.export({ type: "pkcs1", format: "der" });
    assert.equal(key?.fingerprint, createHash("sha256").update(bits).digest("hex"));
    assert(isFingerprint(key.fingerprint));
  }
});

test("public key › made by OpenSSL › has OpenSSL's fingerprint and text", async () => {
  const key = await readPublicKey(sample.pem);
  assert.deepEqual(key, { fingerprint: sample.fingerprint, pem: sample.pem });
});

test("public key › of P-256, P-384 or X25519 › is read", async () => {
  const pairs = [
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("x25519"),
  ];
  for (const { publicKey } of pairs) {
    const pem = String(publicKey.export({ type: "spki", format: "pem" }));
    const key = await readPublicKey(pem);
    assert.equal(key?.pem, pem);
    const der = publicKey.export({ type: "spki", format: "der" });
    // The bits are the end of the key: a point, whose size the curve tells.
    const size = [65, 97, 32].find((length) => key?.fingerprint === digestOfEnd(der, length));
    assert(size !== undefined);
  }
});

function digestOfEnd(bytes: Uint8Array, length: number): string {
  return createHash("sha256").update(bytes.subarray(-length)).digest("hex");
}

test("public key › with other line breaks › gets the same text and fingerprint", async () => {
  const base64 = sample.pem.split("\n").slice(1, -2).join("");
  const texts = [
    pemOf(base64),
    sample.pem.trimEnd(),
    `\n\n ${sample.pem}\n`,
    sample.pem.replaceAll("\n", "\r\n"),
    pemOf(base64.match(/.{1,10}/g)!.join("\n")),
  ];
  for (const text of texts) assert.equal((await readPublicKey(text))?.pem, sample.pem);
});

test("public key › anything else › is none", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const texts = [
    "",
    "no key",
    pemOf(""),
    pemOf("AAAA"),
    pemOf("===="),
    pemOf("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"),
    sample.pem.replace("PUBLIC", "PRIVATE"),
    `${sample.pem}${sample.pem}`,
    // It signs, and encrypts nothing.
    String(publicKey.export({ type: "spki", format: "pem" })),
    String(privateKey.export({ type: "pkcs8", format: "pem" })),
  ];
  for (const text of texts) assert.equal(await readPublicKey(text), undefined, text);
});

/** A key of RSA whose modulus is the largest number of that size. */
function rsaKey(bits: number): string {
  const modulus = element(0x02, Buffer.alloc(1 + bits / 8, 0xff).fill(0, 0, 1));
  const key = element(0x30, modulus, element(0x02, Buffer.from([1, 0, 1])));
  const algorithm = Buffer.from("300d06092a864886f70d0101010500", "hex");
  const der = element(0x30, algorithm, element(0x03, Buffer.from([0]), key));
  return pemOf(der.toString("base64").match(/.{1,64}/g)!.join("\n"));
}

/** A DER element of at least 128 bytes, or of 3. */
function element(type: number, ...content: Buffer[]): Buffer {
  const { length } = Buffer.concat(content);
  const size = length === 3
    ? [3]
    : length < 256
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([type, ...size]), ...content]);
}

test("public key › over the size limit › is none", async () => {
  for (const [bits, isRead] of [[4096, true], [6144, false]] as const) {
    const pem = rsaKey(bits);
    assert.equal(pem.length > 1024, !isRead);
    assert.equal((await readPublicKey(pem))?.pem, isRead ? pem : undefined);
  }
});

test("fingerprint › in upper case, short, long or with a line break › is none", () => {
  const good = sample.fingerprint;
  const bad = [good.toUpperCase(), good.slice(1), `${good}0`, `${good}\n`, good.replace(/./, "g")];
  assert(isFingerprint(good));
  for (const text of bad) assert(!isFingerprint(text), text);
});
