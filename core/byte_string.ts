/**
 * Bytes as strings, one character a byte: they lose nothing if the bytes are no valid text, and bytes that are kept
 * for long take some 400 bytes less so, without a buffer of their own between those of the sockets.
 *
 * @module
 */

/** How many characters `String.fromCharCode` takes at once; its arguments go onto the stack. */
const piece = 8192;

/** The byte string of bytes: a character of U+0000 to U+00FF for each. */
export function toByteString(bytes: Uint8Array): string {
  if (bytes.length <= piece) return characters(bytes);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    pieces.push(characters(bytes.subarray(at, at + piece)));
  }
  return pieces.join("");
}

/** The characters of at most {@linkcode piece} bytes; to spread them would make an object of each first. */
function characters(bytes: Uint8Array): string {
  return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
}

/** The bytes of a byte string. */
export function fromByteString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
