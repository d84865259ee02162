/**
 * How the bodies of a message's parts are encoded (RFC 2045, 6), and what they decode to.
 *
 * @module
 */

import { fromByteString, toByteString } from "./byte_string.ts";
import { decodeBase64 } from "./encoded_words.ts";
import type { HeaderField } from "./headers.ts";
import { Rfc822Reader } from "./rfc822_reader.ts";

/** How a body is encoded: "identity" is not at all, "unknown" in a way that nobody knows. */
export type TransferEncoding = "identity" | "quoted-printable" | "base64" | "unknown";

/** A body, decoded as far as that goes. */
export interface DecodedBody {
  /** What it decodes to; behind a fault, what could be made of it. */
  readonly bytes: Uint8Array;
  /**
   * What is wrong with it: something in it is "invalid", or it is "cut" off; `undefined` for
   * nothing.
   */
  readonly fault: "invalid" | "cut" | undefined;
}

/** How the body behind a header is encoded: what the last Content-Transfer-Encoding says. */
export function transferEncodingOf(fields: readonly HeaderField[]): TransferEncoding {
  const field = fields.findLast(({ name }) => name.toLowerCase() === "content-transfer-encoding");
  if (field === undefined) return "identity";
  const reader = new Rfc822Reader(field.value);
  reader.skipSpace();
  const step = reader.token();
  // Some write parameters behind it, which it doesn't have.
  if (step === "more" && reader.next() !== ";") return "unknown";
  const encoding = reader.read.toLowerCase();
  if (/^(7bit|8bit|binary)$/.test(encoding)) return "identity";
  return encoding === "quoted-printable" || encoding === "base64" ? encoding : "unknown";
}

/** Decodes a body; one in an unknown encoding decodes to nothing. */
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

/** No line may be long enough for a run of so many blanks, and what is more of them is dropped. */
const tooManyBlanks = 77;

/** Decodes quoted-printable; line ends become CR LF, blanks ahead of them go. */
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

/** A CR alone, a "=" without two digits behind it, and too many blanks; they stay what they are. */
const invalidText = /\r|=(?![0-9A-Fa-f]{2})|[ \t]{77}/;

function decodeDigits(text: string): string {
  return text
    .replaceAll(/[ \t]{78,}/g, (blanks) => blanks.slice(0, tooManyBlanks))
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, digits: string) => {
      return String.fromCharCode(parseInt(digits, 16));
    });
}
