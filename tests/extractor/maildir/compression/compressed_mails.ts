/**
 * Compressed mails: as Dovecot 2.3 and 2.4 wrote them, which differ only in bz2's level, and one that xz
 * wrote, which Dovecot reads but doesn't write.
 *
 * @module
 */

import type { Format } from "../../../../extractor/maildir/compression/unpacker.ts";

/** The mail. */
export const text: string = "From: a@example.org\nSubject: Gepackt\n\n" +
  "Hello world, this is a line.\n".repeat(5000);

const written: Readonly<Record<Format, string>> = {
  gz: [
    "H4sIAAAAAAAAA+3JsQ3CMAAAsD1X5ADUAzoxATsXhBJBISVVCILz4Q8sefOu1WWMaZs/aVlLHmq7hOPrdMtTH+M+",
    "r2m69xAOuZQa37WV8yb26/yMPymW+ZEHKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSiml",
    "lFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWU",
    "UkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRS",
    "SimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJK",
    "KaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkop",
    "pZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkoppZRSSimllFJKKaWUUkr5P/kFEbrnYY42AgA=",
  ].join(""),
  bz2: [
    "QlpoNjFBWSZTWUH9uFYATiTfgAAQQAUAEEHACAA+/97AMAEYAYwAAAABjAAAAABSqUNimm1MgaNkam3oIVHl0x2E",
    "KjDAQqNBCozEKjsIVHwIVHzEKjj/Y8eWEQqMIhUa7+OGewhUdxCow26iFR1/PHMQqMRCo0EKjYQqNdsRCo6cBCo0",
    "EKjIQqPvn3EKjzEKjLXcQqMuucQqO+YQqN9OQhUb4CFRn/i7kinChIIP7cKw",
  ].join(""),
  zstd: [
    "KLUv/QBYZAIAJARGcm9tOiBhQGV4YW1wbGUub3JnClN1YmplY3Q6IEdlcGFja3QKCkhlbGxvIHdvcmxkLCB0aGlz",
    "IGlzIGEgbGluZS4BAMLuP8hVFEQAAAggAQCKlgdCAQAA",
  ].join(""),
  xz: [
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4jaNAJtdACMcieb317WdmmxHXrxJCR+hyTLbZayCe3mE2c0FM2I87bGD",
    "pG0lEcrgJDj40bBDnQGttjTvBnn9ZKOpwwcEcXJhO1zqOaYkQvaZrgWLsQhb+i5dOiqvP+8imnvGheQEQLEKNLwi",
    "x2TCzxA/AZqmLZrOjmPJZsMR4S5/MpbATJkBfh0OkPfl/uMsQKstBc4m+81iz57DMU/f/nUAAACNYdkNvqdPqQAB",
    "twGO7QgAU9afnbHEZ/sCAAAAAARZWg==",
  ].join(""),
  lz4: [
    "RG92ZWNvdC1MWjQNKpvFAAEAAAAAAU3/M0Zyb206IGFAZXhhbXBsZS5vcmcKU3ViamVjdDogR2VwYWNrdAoKSGVs",
    "bG8gd29ybGQsIHRoaXMgaXMgYSBsaW5lLh0A////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "/////////////////////////6ZQLCB0aGkAAAEo/w5zIGlzIGEgbGluZS4KSGVsbG8gd29ybGQsIHRoaR0A////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////",
    "/////////////////////////////////////////////////////////////////////////8tQb3JsZCwAAABe",
    "/w4gdGhpcyBpcyBhIGxpbmUuCkhlbGxvIHdvcmxkLB0A////////////////////////////////////////////",
    "////////////////////////////j1BpbmUuCg==",
  ].join(""),
};

/** The mail in each format. */
export const compressed: ReadonlyMap<Format, Uint8Array> = new Map(
  (Object.keys(written) as Format[]).map((format) => [format, bytesOf(written[format])]),
);

/** The mail as zstd's program writes it: with a checksum. */
export const zstdWithChecksum: Uint8Array = bytesOf([
  "KLUv/QRYZAIAJARGcm9tOiBhQGV4YW1wbGUub3JnClN1YmplY3Q6IEdlcGFja3QKCkhlbGxvIHdvcmxkLCB0aGlz",
  "IGlzIGEgbGluZS4BAMLuP8hVFEUAAAggAQCKlgdCtg5dVQ==",
].join(""));

/** 2 MiB of zeros. */
export const zeros: Readonly<Record<"bz2" | "xz", Uint8Array>> = {
  bz2: bytesOf([
    "QlpoOTFBWSZTWX7hkbEAEBBgAMAAAAQACCAAMMwFKaYEA2IIB4u5IpwoSD9wyNiA",
  ].join("")),
  xz: bytesOf([
    "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM//8RAWxdAABv/f//o7f/Rz5IFXI5YVG4kijmo4YH+e7kHoLTL8U6PAFL",
    "sX7JiopNL6MN2X+m44wjEVPgWRjFdYrid/i2lH8MasDedElk4ulcU7IE2PdEDKtfDW1G6eXDdoi3llestk3haR1v",
    "+0uIEGxCy4g/XACP0E6vJiiUcR89jyThcJ6nI1/sKMuF0ZWYin4qkfIndfcZwAaYTZj92K/VkA/EJVP49ZE2MQWl",
    "sO5vwXBNRwzRkRGqrWAdus6xJxhcWYbpZlJYvul2rFnk5VsFCPnH2q38+1IrdM0eWyBC+d1TPfgpZAk7gMsqbN+1",
    "O/DEvS5fqg8+S2ZCkBMO/xCT+HF4WfgLzf+VKEYPqfx83vuaMC5WwI+F84OBwGXEJVP49ZE2MQWlsO5vwXBNRwzR",
    "kRGqrWAdus6xJxhcWYbpZlJYvul2rFnk5VsFCPnH2q38+1IrdM0eWyBC+d1TPfgpZAk7gMsqbN+1O/DEvEgn5liA",
    "AO0ABQAcpiTxAAAAtlNaZoaR/h0AAZMDgICAAYbP71+xxGf7AgAAAAAEWVo=",
  ].join("")),
};

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
