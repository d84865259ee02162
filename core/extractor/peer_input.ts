/**
 * What a peer sends, for the protocols of all versions and of both ends.
 *
 * @module
 */

import { plainBytes } from "../bytes.ts";
import { DovewireError, LocalProtocolError } from "../errors.ts";

/** The input of a protocol: it ends with the peer's last byte, or with the first one that is wrong. */
export class PeerInput {
  #isEnded = false;
  #failure: DovewireError | undefined;

  /** Whether the peer will send no more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The bytes of a chunk that arrived. Throws a {@linkcode LocalProtocolError} after {@linkcode end}. */
  bytesOf(chunk: Uint8Array): Uint8Array {
    if (this.#isEnded) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    return plainBytes(chunk);
  }

  /** To be called when the peer's output has ended. */
  end(): void {
    this.#isEnded = true;
  }

  /**
   * Reads the next event with `next`. If that throws one of our errors, `fail` is called to drop everything,
   * and later calls only throw the same error.
   */
  read<Event>(next: () => Event | undefined, fail: () => void): Event | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return next();
    } catch (error) {
      if (error instanceof DovewireError) {
        this.#failure = error;
        fail();
      }
      throw error;
    }
  }
}
