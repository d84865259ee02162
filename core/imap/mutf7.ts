/**
 * Modified UTF-7, IMAP's old encoding of mailbox names in ASCII (RFC 3501, 5.1.3).
 *
 * @module
 */

/** A text in modified UTF-7: "Entw&APw-rfe" for "Entwürfe". */
export function encodeMutf7(text: string): string {
  return text.replaceAll(/&|[^ -~]+/g, (run) => run === "&" ? "&-" : `&${base64(run)}-`);
}

/** A text's UTF-16 code units in the base64 of modified UTF-7. */
function base64(text: string): string {
  let bytes = "";
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes += String.fromCharCode(unit >> 8, unit & 0xff);
  }
  return btoa(bytes).replaceAll("/", ",").replaceAll("=", "");
}

/**
 * Decodes modified UTF-7; returns `undefined` for invalid input, which includes every encoding of a text
 * but the canonical one.
 */
export function decodeMutf7(encoded: string): string | undefined {
  let isRight = /^(?:[ -%'-~]|&-|&[A-Za-z0-9+,]{3,}-(?!&[^-]))*$/.test(encoded);
  const text = encoded.replaceAll(/&([A-Za-z0-9+,]*)-/g, (_, run: string) => {
    if (run === "") return "&";
    const decoded = decodeRun(run);
    isRight &&= decoded !== undefined;
    return decoded ?? "";
  });
  return isRight ? text : undefined;
}

/** The UTF-16 code units in a run of base64; `undefined` if invalid or plain ASCII. */
function decodeRun(run: string): string | undefined {
  // The number of digits is invalid in base64.
  if (run.length % 4 === 1) return undefined;
  const bytes = atob(run.replaceAll(",", "/"));
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    text += String.fromCharCode(bytes.charCodeAt(at) << 8 | bytes.charCodeAt(at + 1));
  }
  return bytes.length % 2 === 0 && !/[\0 -~]|\p{Cs}/u.test(text) ? text : undefined;
}
