/**
 * The parameters of Content-Type and Content-Disposition fields in IMAP's body structures: from Dovecot 2.4
 * on, encoded ones (RFC 2231) are decoded.
 *
 * @module
 */

import { encodeUtf8 } from "../../../core/mod.ts";
import { fromByteString, toByteString } from "../../../core/byte_string.ts";
import type { FieldParameter } from "../../dovecot_message/content_type.ts";

/**
 * Decodes the encoded parameters. One whose charset is missing, unknown or wrong keeps its percent signs; one
 * that is there without an encoding, too, is left out.
 */
export function decodeParameters(parameters: readonly FieldParameter[]): readonly FieldParameter[] {
  const names = new Set<string>();
  return parameters.map(decodeParameter).filter(({ name }) => {
    const key = name.toLowerCase();
    return !names.has(key) && names.add(key) !== undefined;
  });
}

function decodeParameter({ name, value }: FieldParameter): FieldParameter {
  if (!name.endsWith("*")) return { name, value };
  const found = /^([^']*)'[^']*'(.*)$/s.exec(value);
  return {
    name: name.slice(0, -1),
    value: found === null ? value : decodedText(found[2], found[1]) ?? found[2],
  };
}

/** An encoded text in UTF-8; `undefined` if it isn't one in the charset. */
function decodedText(text: string, charset: string): string | undefined {
  const bytes = text.replaceAll(/%([\da-f]{2})/gi, (_, digits: string) => {
    return String.fromCharCode(parseInt(digits, 16));
  });
  if (/^(?:us-)?ascii$/i.test(charset)) return /[^\0-\x7f]/.test(bytes) ? undefined : bytes;
  try {
    const decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
    // Dovecot's string ends at a NUL.
    const [decoded] = decoder.decode(fromByteString(bytes)).split("\0");
    return toByteString(encodeUtf8(decoded));
  } catch {
    return undefined;
  }
}
