/**
 * A response's body that is sent while it is made.
 *
 * @module
 */

import type { AsyncQueue } from "../../../transports/async_queue.ts";
import { startTimer, type Timer } from "../../../transports/timers.ts";

/** Options for {@linkcode streamOf}. */
export interface ResponseStreamOptions {
  /** How long the client may read nothing, in milliseconds. */
  readonly stallTimeout: number;
  /** Called when the last chunk was taken. */
  readonly onEnd: () => void;
  /** Called when the client has disconnected. */
  readonly onCancel: () => void;
  /** Called when the client has read nothing for too long, with that as a part of a sentence. */
  readonly onStall: (why: string) => void;
}

/** A stream of the chunks in a queue, which takes one when the client has read the one before. */
export function streamOf(
  chunks: AsyncQueue<Uint8Array>,
  { stallTimeout, onEnd, onCancel, onStall }: ResponseStreamOptions,
): ReadableStream<Uint8Array> {
  let timer: Timer | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller): void {
      timer = startStallTimer(controller);
    },
    async pull(controller): Promise<void> {
      timer?.stop();
      let chunk: Uint8Array | undefined;
      try {
        chunk = await chunks.take();
      } catch (error) {
        onEnd();
        controller.error(error);
        return;
      }
      if (chunk === undefined) {
        onEnd();
        controller.close();
        return;
      }
      controller.enqueue(chunk);
      timer = startStallTimer(controller);
    },
    cancel(): void {
      timer?.stop();
      onCancel();
    },
  }, { highWaterMark: 0 });

  function startStallTimer(controller: ReadableStreamDefaultController<Uint8Array>): Timer {
    return startTimer(stallTimeout, () => {
      const why = `its client read nothing for ${stallTimeout} ms`;
      onStall(why);
      controller.error(new Error(`The response was broken off: ${why}.`));
    });
  }
}
