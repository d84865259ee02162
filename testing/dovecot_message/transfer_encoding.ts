/**
 * The transfer encodings of a message's parts (RFC 2045, 6), and decoding them.
 *
 * @module
 */

import { fromByteString, toByteString } from "../../core/byte_string.ts";
import { decodeBase64 } from "./encoded_words.ts";
import type { HeaderField } from "./headers.ts";
import { Rfc822Reader } from "./rfc822_reader.ts";

/** A body's transfer encoding: "identity" for none, "unknown" for any other name. */
export type TransferEncoding = "identity" | "quoted-printable" | "base64" | "unknown";

/** A body, decoded as far as possible. */
export interface DecodedBody {
  /** The decoded bytes; after a fault, as much as could be decoded. */
  readonly bytes: Uint8Array;
  /**
   * The fault: something in it is "invalid", or it is "cut" short; `undefined` if there is none.
   */
  readonly fault: "invalid" | "cut" | undefined;
}

/** The encoding of the body after a header: that of the last Content-Transfer-Encoding. */
export function transferEncodingOf(fields: readonly HeaderField[]): TransferEncoding {
  const field = fields.findLast(({ name }) => name.toLowerCase() === "content-transfer-encoding");
  if (field === undefined) return "identity";
  const reader = new Rfc822Reader(field.value);
  reader.skipSpace();
  const step = reader.token();
  // Some programs write parameters after it, which the field doesn't have.
  if (step === "more" && reader.next() !== ";") return "unknown";
  const encoding = reader.read.toLowerCase();
  if (/^(7bit|8bit|binary)$/.test(encoding)) return "identity";
  return encoding === "quoted-printable" || encoding === "base64" ? encoding : "unknown";
}

/** Decodes a body; one in an unknown encoding gives no bytes. */
export function decodeBody(body: Uint8Array, encoding: TransferEncoding): DecodedBody {
  switch (encoding) {
    case "identity":
      return { bytes: body, fault: undefined };
    case "quoted-printable":
      return decodeQuotedPrintable(toByteString(body));
    case "base64":
      return { bytes: decodeBase64(body), fault: base64Fault(toByteString(body)) };
    case "unknown":
      return { bytes: body.subarray(0, 0), fault: "invalid" };
  }
}

function base64Fault(text: string): DecodedBody["fault"] {
  const [, data, rest] = /^([A-Za-z0-9+/]*)([^]*)$/.exec(text.replaceAll(/[ \t\r\n]+/g, ""))!;
  const padding = ["", undefined, "==", "="][data.length % 4];
  if (rest === padding) return undefined;
  return rest === "" || (rest === "=" && padding === "==") ? "cut" : "invalid";
}

/** The longest run of blanks, more than a line may have; the rest of a longer one is dropped. */
const tooManyBlanks = 77;

/** Decodes quoted-printable; line ends become CR LF, blanks before them are dropped. */
function decodeQuotedPrintable(text: string): DecodedBody {
  const lines = text.split("\n");
  let decoded = "";
  let isInvalid = false;
  let isCut = false;
  for (const [at, line] of lines.entries()) {
    const isLast = at === lines.length - 1;
    let end = line.length;
    if (line[end - 1] === "\r") end--;
    isCut = end < line.length;
    while (line[end - 1] === " " || line[end - 1] === "\t") end--;
    const isSoft = line[end - 1] === "=";
    isCut ||= isSoft;
    if (isSoft) end--;
    else if (isLast && end === line.length && /=[0-9A-Fa-f]$/.test(line.slice(-2))) {
      isCut = true;
      end -= 2;
    }
    const content = line.slice(0, end);
    isInvalid ||= invalidText.test(content);
    decoded += decodeDigits(content);
    if (!isLast && !isSoft) decoded += "\r\n";
  }
  const fault = isInvalid ? "invalid" : isCut ? "cut" : undefined;
  return { bytes: fromByteString(decoded), fault };
}

/** A CR alone, a "=" without two digits after it, and too many blanks; they stay unchanged. */
const invalidText = /\r|=(?![0-9A-Fa-f]{2})|[ \t]{77}/;

function decodeDigits(text: string): string {
  return text
    .replaceAll(/[ \t]{78,}/g, (blanks) => blanks.slice(0, tooManyBlanks))
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => {
      return String.fromCharCode(parseInt(digits, 16));
    });
}
