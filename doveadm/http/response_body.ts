/**
 * The body of a response, read within its call's time.
 *
 * @module
 */

import { concat, decodeUtf8 } from "../../core/mod.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { type HttpRequest, lostError, waitedFor } from "./request_errors.ts";

/** Options for a {@linkcode ResponseBody}. */
export interface ResponseBodyOptions {
  /** What it answers. */
  readonly request: HttpRequest;
  /** How long reading may take. */
  readonly deadline: CallDeadline;
  /** Is called when it is closed. */
  readonly onClose: () => void;
}

/** How much of a refusal is read, in bytes. */
const refusalRead = 4096;

/** The body of a response. */
export class ResponseBody {
  readonly #options: ResponseBodyOptions;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** Takes the body of a response. */
  constructor({ body }: Response, options: ResponseBodyOptions) {
    this.#options = options;
    this.#reader = body?.getReader();
  }

  /**
   * The next bytes, decompressed if they were compressed; `undefined` at the end. Rejects with a
   * `ConnectionLostError` if the connection breaks off, and with what the deadline ends with.
   */
  async next(): Promise<Uint8Array | undefined> {
    const { request, deadline } = this.#options;
    if (this.#reader === undefined) return undefined;
    const waited = waitedFor(request);
    deadline.throwIfOver(waited);
    try {
      const { value } = await deadline.wait(this.#reader.read(), waited);
      return value;
    } catch (error) {
      throw deadline.errorFor(waited) ??
        lostError(request, "the response was cut short", error);
    }
  }

  /** How the body of a refusal begins; nothing if that can't be had. */
  async beginning(): Promise<string> {
    const { request, deadline } = this.#options;
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for (let chunk; size < refusalRead && (chunk = await this.next()) !== undefined;) {
        chunks.push(chunk);
        size += chunk.length;
      }
    } catch {
      deadline.throwIfOver(waitedFor(request));
    }
    return decodeUtf8(concat(chunks).subarray(0, refusalRead));
  }

  /** Ends the request, if it is still under way. */
  close(): void {
    this.#options.onClose();
    this.#reader?.cancel().catch(() => {});
  }
}
