/**
 * Bytes that are kept for long.
 *
 * @module
 */

/** How many bytes become text at once: a function takes so many arguments on every runtime. */
const pieceSize = 8192;

/**
 * Bytes as text of as many characters, each a byte: an array takes some 400 bytes more, and has a buffer of its own
 * between those of the sockets, whose memory couldn't be given back.
 */
export function storeBytes(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceSize) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + pieceSize)));
  }
  return pieces.join("");
}

/** The bytes that {@linkcode storeBytes} has stored. */
export function storedBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
