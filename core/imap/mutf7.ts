/**
 * Modified UTF-7, IMAP's old way to spell mailbox names in ASCII (RFC 3501, 5.1.3).
 *
 * @module
 */

/** A text in modified UTF-7: "Entw&APw-rfe" for "Entwürfe". */
export function encodeMutf7(text: string): string {
  return text.replaceAll(/&|[^ -~]+/g, (run) => run === "&" ? "&-" : `&${base64(run)}-`);
}

/** A text's UTF-16 code units in base64, as modified UTF-7 has it. */
function base64(text: string): string {
  let bytes = "";
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes += String.fromCharCode(unit >> 8, unit & 0xff);
  }
  return btoa(bytes).replaceAll("/", ",").replaceAll("=", "");
}

/** The text that modified UTF-7 stands for; `undefined` for what isn't modified UTF-7. */
export function decodeMutf7(encoded: string): string | undefined {
  let isRight = /^(?:[ -%'-~]|&-|&[A-Za-z0-9+,]{3,}-)*$/.test(encoded);
  const text = encoded.replaceAll(/&([A-Za-z0-9+,]*)-/g, (_, run: string) => {
    if (run === "") return "&";
    // One digit too many can't be base64.
    if (run.length % 4 === 1) {
      isRight = false;
      return "";
    }
    const bytes = atob(run.replaceAll(",", "/"));
    isRight &&= bytes.length % 2 === 0;
    const units = Array.from({ length: bytes.length >> 1 }, (_, index) => {
      return bytes.charCodeAt(index * 2) << 8 | bytes.charCodeAt(index * 2 + 1);
    });
    return String.fromCharCode(...units);
  });
  return isRight ? text : undefined;
}
