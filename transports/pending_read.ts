/**
 * A read of a transport that is under way.
 *
 * @module
 */

import type { Transport } from "./transport.ts";

/** How the input ends. */
export type InputEnd = { readonly end: true } | { readonly error: unknown };

/** The outcome of a read. */
export type Read = { readonly chunk: Uint8Array } | InputEnd;

/**
 * A read that is under way, which can be passed on: it keeps nobody alive but whom it is to tell. What it reads is
 * for the one who asks for it last.
 */
export class PendingRead {
  #outcome: Read | undefined;
  #onDone: (() => void) | undefined;

  /** Starts to read. */
  constructor(transport: Transport) {
    void this.#read(transport);
  }

  /** What was read; `undefined` until there is something. */
  get outcome(): Read | undefined {
    return this.#outcome;
  }

  /** Calls back when there is an {@linkcode outcome}, at once if there is one; nobody else is called any more. */
  whenDone(onDone: (() => void) | undefined): void {
    this.#onDone = onDone;
    if (this.#outcome !== undefined) onDone?.();
  }

  async #read(transport: Transport): Promise<void> {
    let outcome: Read;
    try {
      const chunk = await transport.read();
      outcome = chunk === undefined ? { end: true } : { chunk };
    } catch (error) {
      outcome = { error };
    }
    this.#outcome = outcome;
    this.#onDone?.();
  }
}
