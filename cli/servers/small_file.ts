/**
 * Files that are read as a whole, and are small.
 *
 * @module
 */

import { decodeUtf8 } from "@dovewire/dovewire/core";
import { open } from "node:fs/promises";

/** How many bytes are asked for at once. */
const chunkSize = 65_536;

/**
 * The text of a file, a pipe or a device; `undefined` if it has more than `most` bytes, of which no more are
 * read. Rejects with the runtime's error if it can't be read.
 */
export async function readSmallFile(path: string, most: number): Promise<string | undefined> {
  const file = await open(path);
  try {
    let bytes = new Uint8Array(Math.min(most + 1, chunkSize));
    for (let size = 0;;) {
      const { bytesRead } = await file.read(bytes, size, bytes.length - size, null);
      size += bytesRead;
      if (size > most) return undefined;
      if (bytesRead === 0) return decodeUtf8(bytes.subarray(0, size));
      if (size === bytes.length) {
        const larger = new Uint8Array(Math.min(most + 1, size * 2));
        larger.set(bytes);
        bytes = larger;
      }
    }
  } finally {
    await file.close();
  }
}
