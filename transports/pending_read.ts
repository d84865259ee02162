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

/** Who learns the outcome of a read. */
export interface ReadReceiver {
  /** Takes the outcome, maybe at once. */
  receive(outcome: Read): void;
}

/** The method of transports that tell a {@linkcode ReadReceiver} in place of settling a promise. */
export const readFor: unique symbol = Symbol("readFor");

/**
 * A transport that reads without a promise: a promise and its callbacks take a multiple of the memory, and a read may
 * wait for days.
 */
export interface ReceivedTransport extends Transport {
  /** Reads as `read()` does, and tells the receiver in place of settling a promise. */
  [readFor](receiver: ReadReceiver): void;
}

/** The promise of a read, which is started with who learns its outcome. */
export function promisedRead(
  start: (receiver: ReadReceiver) => void,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    start({
      receive(outcome) {
        if ("error" in outcome) reject(outcome.error);
        else resolve("chunk" in outcome ? outcome.chunk : undefined);
      },
    });
  });
}

/**
 * A read that is under way, which can be passed on: it keeps nobody alive but whom it is to tell. What it reads is
 * for the one who asks for it last.
 */
export class PendingRead {
  #outcome: Read | undefined;
  #onDone: ((outcome: Read) => void) | undefined;

  /** Starts to read. */
  constructor(transport: Transport) {
    if (isReceived(transport)) transport[readFor](this);
    else {
      startRead(transport).then(
        (chunk) => this.#end(chunk === undefined ? { end: true } : { chunk }),
        (error) => this.#end({ error }),
      );
    }
  }

  /** What was read; `undefined` until there is something. */
  get outcome(): Read | undefined {
    return this.#outcome;
  }

  /** Calls back with the {@linkcode outcome}, at once if there is one; nobody else is called any more. */
  whenDone(onDone: ((outcome: Read) => void) | undefined): void {
    this.#onDone = onDone;
    if (this.#outcome !== undefined) onDone?.(this.#outcome);
  }

  /** Takes the outcome, from the transport. */
  receive(outcome: Read): void {
    // As after a promise: nobody is called back by the call that starts a read, nor by the socket.
    queueMicrotask(() => this.#end(outcome));
  }

  #end(outcome: Read): void {
    this.#outcome = outcome;
    this.#onDone?.(outcome);
  }
}

function isReceived(transport: Transport): transport is ReceivedTransport {
  return readFor in transport;
}

/** The promise of a read, also where a transport throws instead. */
function startRead(transport: Transport): Promise<Uint8Array | undefined> {
  try {
    return transport.read();
  } catch (error) {
    return Promise.reject(error);
  }
}
