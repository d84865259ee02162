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
 * events come out until one is an error, and that one is thrown for ever after. It waits for its peer as
 * long as it takes.
 */
export abstract class ExtractorProtocol<Event> implements Protocol<Event> {
  /** What waits to be written. */
  protected readonly output: OutputQueue = new OutputQueue();
  #inputEnded = false;
  #failure: DovewireError | undefined;

  /** Whether the peer will send no more. */
  protected get inputEnded(): boolean {
    return this.#inputEnded;
  }

  /**
   * Takes bytes that arrived from the peer. The chunk belongs to the protocol from here on. Throws a
   * {@linkcode LocalProtocolError} behind {@linkcode receiveEnd}.
   */
  receive(chunk: Uint8Array): void {
    if (this.#inputEnded) {
      throw new LocalProtocolError("receive() was called behind receiveEnd(). Leave one out.");
    }
    this.take(plainBytes(chunk));
  }

  /** Learns that the peer will send no more. */
  receiveEnd(): void {
    this.#inputEnded = true;
  }

  /**
   * The next event in wire order, or `undefined` when it takes more to know: bytes, an answer to the
   * request that runs, or how the process ended.
   *
   * Throws a `RemoteProtocolError`, once and for ever after, where the peer broke the protocol or went
   * over a limit.
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

  /** Never: how long something may take is the caller's to say. */
  get deadline(): undefined {
    return undefined;
  }

  /** Learns what time it is, and does nothing with it. */
  handleTimeout(_now: number): void {}

  /** Takes bytes that arrived, as far as they are still wanted. */
  protected abstract take(bytes: Uint8Array): void;

  /** The next event, or `undefined`; throws what the peer did wrong. */
  protected abstract next(): Event | undefined;

  /** Gives up: {@linkcode next} is not asked again. */
  protected abstract fail(): void;
}
