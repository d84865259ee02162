/**
 * Stand-ins for `fetch`, with answers that no server would give on purpose.
 *
 * @module
 */

import { DoveadmHttp, type DoveadmHttpOptions } from "../../../mod.ts";

const url = "http://127.0.0.1:9/";

/** A client whose requests get what `answer` gives, without a network. */
export function clientOf(
  answer: (init: RequestInit) => Response | Promise<Response>,
  options: DoveadmHttpOptions = {},
): DoveadmHttp {
  return new DoveadmHttp(url, {
    ...options,
    fetch: async (_, init) => await answer(init!),
  });
}

/** A body that begins with a text and repeats another without end, as fast as it is read. */
export function endless(beginning: string, more: string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const piece = encoder.encode(more.repeat(Math.ceil(65_536 / more.length)));
  let isBegun = false;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(isBegun ? piece.slice() : encoder.encode(beginning));
      isBegun = true;
    },
  });
}

/** A body that sends nothing more after a text, until the request is aborted. */
export function stalling(text: string, { signal }: RequestInit): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (text !== "") controller.enqueue(new TextEncoder().encode(text));
      signal!.addEventListener("abort", () => controller.error(signal!.reason));
    },
  });
}

/** A response that never comes; rejects as `fetch` does when the request is aborted. */
export function never({ signal }: RequestInit): Promise<Response> {
  return new Promise((_, reject) => {
    if (signal!.aborted) reject(signal!.reason);
    signal!.addEventListener("abort", () => reject(signal!.reason));
  });
}

/** The answer to one command: its rows. */
export function rowsResponse(...rows: readonly unknown[]): Response {
  return Response.json([["doveadmResponse", rows, "0"]]);
}
