/**
 * The body of a response, limited by its call's deadline.
 *
 * @module
 */

import { concat, decodeUtf8, LocalProtocolError } from "../../core/mod.ts";
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

  /** Creates a reader for the body of a response; throws a `LocalProtocolError` if a caller's `fetch` returned none. */
  constructor(response: Response, options: ResponseBodyOptions) {
    this.#options = options;
    if (!isUnread(response)) throw noResponse();
    this.#reader = response.body?.getReader();
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
      if (value === undefined || value instanceof Uint8Array) return value;
      throw noResponse();
    } catch (error) {
      if (error instanceof LocalProtocolError) throw error;
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

/** Whether a value is a response whose body nobody has read. Those of `node-fetch` have streams of Node. */
function isUnread(value: unknown): value is Response {
  const { status, headers, body } = (value ?? {}) as Partial<Response>;
  const isReadable = (body ?? undefined) === undefined ||
    typeof body?.getReader === "function" && !body.locked;
  return typeof status === "number" && typeof headers?.get === "function" && isReadable;
}

/** The error for a caller's `fetch` that returns something else. */
function noResponse(): LocalProtocolError {
  return new LocalProtocolError(
    '"fetch" returned something else than a response whose body is bytes that nobody has read. Return what fetch() does.',
  );
}
