/**
 * A listener for HTTP.
 *
 * @module
 */

import type { Address } from "../transport.ts";

/** Where to listen for HTTP. */
export interface HttpPlace {
  /** A name or an IP address of this machine. */
  readonly hostname: string;
  /** The port; 0 for any that is free. */
  readonly port: number;
}

/** Answers a request of a client with this IP address, "" if it is unknown. */
export type HttpResponder = (request: Request, address: string) => Response | Promise<Response>;

/** Options for closing an {@linkcode HttpListener}. */
export interface HttpCloseOptions {
  /**
   * How long running requests may continue before their connections are closed, in milliseconds; 5 s if left
   * out, 0 or `Infinity` for no limit.
   */
  timeout?: number;
}

/** Answers HTTP requests until it is closed. */
export interface HttpListener extends AsyncDisposable {
  /** Where it listens; with the chosen port if 0 was asked for. */
  readonly address: Address & { readonly transport: "tcp" };
  /**
   * Stops listening at once, and closes all connections when the running requests are answered, or the time is
   * over. Resolves when everything is closed; rejects with a `LocalProtocolError` for an invalid `timeout`.
   * Further calls wait for the first one.
   */
  close(options?: HttpCloseOptions): Promise<void>;
}

/** Opens a listener for HTTP: adapters that can listen export one as `listenHttp`. */
export type ListenHttp = (place: HttpPlace, responder: HttpResponder) => Promise<HttpListener>;
