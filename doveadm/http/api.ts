/**
 * Requests to Dovecot's HTTP API: limits their number, and each by its call's deadline.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";
import { checkCount } from "../../core/option_checks.ts";
import type { CallDeadline } from "./call_deadline.ts";
import { fetchFor } from "./direct_fetch.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type HttpLimits, limitsWithDefaults } from "./limits.ts";
import { fetchError, type HttpRequest, statusError, waitedFor } from "./request_errors.ts";
import { ResponseBody } from "./response_body.ts";
import { Slots } from "./slots.ts";

/** Options for a {@linkcode HttpApi}. */
export interface HttpApiOptions {
  /** Sends requests; the runtime's own `fetch` if left out. */
  readonly fetch?: typeof fetch;
  /** How many requests may be under way at once; 10 if left out. Others wait for their turn. */
  readonly maxConnections?: number;
  /** Limits that differ from the defaults. */
  readonly limits?: HttpLimits;
}

/** The HTTP API at an endpoint. */
export class HttpApi {
  /** The endpoint of the API. */
  readonly endpoint: HttpEndpoint;
  /** How much memory a server's answers may use. */
  readonly limits: Required<HttpLimits>;
  /** How many requests may be under way at once. */
  readonly maxConnections: number;
  readonly #fetch: (url: URL, init: RequestInit) => Promise<Response>;
  readonly #slots: Slots;

  /** Creates the API; throws a `LocalProtocolError` for invalid options. */
  constructor(endpoint: HttpEndpoint, options: HttpApiOptions = {}) {
    const { maxConnections = 10 } = options;
    checkCount("maxConnections", maxConnections, 1);
    this.endpoint = endpoint;
    this.limits = limitsWithDefaults(options.limits);
    this.#fetch = options.fetch ?? fetchFor(endpoint.url);
    this.maxConnections = Math.floor(maxConnections);
    this.#slots = new Slots(this.maxConnections);
  }

  /**
   * Sends a request when it is its turn, and returns the body of its response, which must be closed.
   *
   * Rejects with an `AuthenticationError`; a `ConnectError` if the runtime reports that no connection was
   * made; a `ConnectionLostError` if it ended; a `RemoteProtocolError` for an HTTP status other than 200;
   * and with the deadline's error.
   */
  async open(request: HttpRequest, deadline: CallDeadline): Promise<ResponseBody> {
    const slot = this.#slots.take();
    let end = slot.free;
    try {
      await deadline.wait(slot.taken, { ...waitedFor(request), sent: false });
      const controller = new AbortController();
      const forget = deadline.onEnd(() => controller.abort());
      const close = end = () => {
        forget();
        // Ends what is still under way: a body that isn't read to its end would keep its connection.
        controller.abort();
        slot.free();
      };
      const response = await this.#respond(request, deadline, controller.signal);
      const body = new ResponseBody(response, { request, deadline, onClose: close });
      if (response.status === 200) return body;
      throw statusError(response, await body.beginning(), request);
    } catch (error) {
      end();
      throw error;
    }
  }

  async #respond(
    request: HttpRequest,
    deadline: CallDeadline,
    signal: AbortSignal,
  ): Promise<Response> {
    const { url, authorization } = this.endpoint;
    const { body } = request;
    const headers = new Headers({ accept: "application/json" });
    if (authorization !== undefined) headers.set("authorization", authorization);
    if (body !== undefined) headers.set("content-type", "application/json");
    const waited = waitedFor(request);
    deadline.throwIfOver({ ...waited, sent: false });
    // Called without its object, since `fetch` of some runtimes throws if it is called on another object.
    const fetch = this.#fetch;
    try {
      const response = fetch(url, {
        method: body === undefined ? "GET" : "POST",
        headers,
        body: body === undefined ? undefined : encodeUtf8(body) as Uint8Array<ArrayBuffer>,
        redirect: "manual",
        signal,
      });
      return await deadline.wait(response, waited);
    } catch (error) {
      throw deadline.errorFor(waited) ?? fetchError(error, request);
    }
  }
}
