/**
 * The body of a response, limited by its call's deadline.
 *
 * @module
 */

import { concat, decodeUtf8 } from "../../core/mod.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { type HttpRequest, lostError, waitedFor } from "./request_errors.ts";

/** Options for a {@linkcode ResponseBody}. */
export interface ResponseBodyOptions {
  /** The request. */
  readonly request: HttpRequest;
  /** The call's deadline. */
  readonly deadline: CallDeadline;
  /** Called when it is closed. */
  readonly onClose: () => void;
}

/** How much of a refusal is read, in bytes. */
const refusalRead = 4096;

/** The body of a response. */
export class ResponseBody {
  readonly #options: ResponseBodyOptions;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** Creates a reader for the body of a response. */
  constructor({ body }: Response, options: ResponseBodyOptions) {
    this.#options = options;
    this.#reader = body?.getReader();
  }

  /**
   * The next bytes, decompressed; `undefined` at the end. Rejects with a `ConnectionLostError` if the
   * connection breaks, and with the deadline's error.
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

  /** The first bytes of a refusal's body; empty if it can't be read. */
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

  /** Aborts the request, if it is still under way. */
  close(): void {
    this.#options.onClose();
    this.#reader?.cancel().catch(() => {});
  }
}
