/**
 * What the protocols of all versions, and of both ends, have in common.
 *
 * @module
 */

import { OutputQueue, plainBytes } from "../bytes.ts";
import { DovewireError, LocalProtocolError } from "../errors.ts";
import type { Protocol } from "../protocol.ts";

/**
 * A protocol of the extractor, as a value that never touches a process: bytes go in until their end,
 * events come out until an error is thrown, which each later call rethrows. It has no time limit for
 * its peer.
 */
export abstract class ExtractorProtocol<Event> implements Protocol<Event> {
  /** The bytes to write. */
  protected readonly output: OutputQueue = new OutputQueue();
  #inputEnded = false;
  #failure: DovewireError | undefined;

  /** Whether the peer will send no more. */
  protected get inputEnded(): boolean {
    return this.#inputEnded;
  }

  /**
   * Takes bytes that arrived from the peer. The chunk belongs to the protocol from here on. Throws a
   * {@linkcode LocalProtocolError} after {@linkcode receiveEnd}.
   */
  receive(chunk: Uint8Array): void {
    if (this.#inputEnded) {
      throw new LocalProtocolError("receive() was called after receiveEnd(). Leave one out.");
    }
    this.take(plainBytes(chunk));
  }

  /** To be called when the peer's output has ended. */
  receiveEnd(): void {
    this.#inputEnded = true;
  }

  /**
   * The next event in wire order, or `undefined` until there is more input: bytes, an answer to the
   * running request, or the exit status of the process.
   *
   * Throws a `RemoteProtocolError` if the peer broke the protocol or went over a limit, and rethrows the
   * same error afterwards.
   */
  nextEvent(): Event | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.next();
    } catch (error) {
      if (error instanceof DovewireError) {
        this.#failure = error;
        this.fail();
      }
      throw error;
    }
  }

  /** Bytes to write, oldest first, or `undefined` when there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.output.take();
  }

  /** Never: time limits are the caller's. */
  get deadline(): undefined {
    return undefined;
  }

  /** Does nothing: there is no deadline. */
  handleTimeout(_now: number): void {}

  /** Takes bytes that arrived; those that are not needed any more are dropped. */
  protected abstract take(bytes: Uint8Array): void;

  /** The next event, or `undefined`; throws an error if the peer broke the protocol. */
  protected abstract next(): Event | undefined;

  /** Drops everything: {@linkcode next} is not called again. */
  protected abstract fail(): void;
}
