/**
 * The endpoint of Dovecot's HTTP API: its URL, the credentials, and how messages conceal them.
 *
 * @module
 */

import { Concealer, encodeUtf8, escapeControls, quoteText } from "../../core/mod.ts";

/** Options for an {@linkcode HttpEndpoint}. */
export interface HttpEndpointOptions {
  /** Where it is: `http://host:8080/doveadm/v1`. A name and password in it are not sent. */
  readonly url: URL;
  /** Dovecot's `doveadm_password`, for Basic authentication. */
  readonly password?: string;
  /** The name for the password; "doveadm" if left out, the only one that Dovecot accepts. */
  readonly username?: string;
  /** Dovecot's `doveadm_api_key`; if set, the password is not sent. */
  readonly apiKey?: string;
}

/** How a client authenticates: not at all, by a password, or by an API key. */
export type HttpCredentials =
  | { readonly type: "none" }
  | { readonly type: "password"; readonly username: string }
  | { readonly type: "api-key" };

/** How much of a text is searched for secrets: far more than is shown, so that no cut secret shows. */
const mostConcealed = 8192;

/** The longest message that quotes the peer, in characters. */
const longestMessage = 500;

/** Dovecot's HTTP API at a URL, with the credentials for it. */
export class HttpEndpoint {
  /** The URL to send requests to; `fetch` refuses one with a name or password in it. */
  readonly url: URL;
  /** The value of the Authorization header; `undefined` without credentials. */
  readonly authorization: string | undefined;
  /** The kind of credentials. */
  readonly credentials: HttpCredentials;
  readonly #concealer: Concealer;

  /** Creates an endpoint from its options. */
  constructor({ url, password, username = "doveadm", apiKey }: HttpEndpointOptions) {
    this.url = new URL(url);
    this.url.username = "";
    this.url.password = "";
    this.url.hash = "";
    // Both schemes are base64 of UTF-8. Source: Dovecot's src/doveadm/client-connection-http.c.
    if (apiKey !== undefined) {
      this.credentials = { type: "api-key" };
      this.authorization = `X-Dovecot-API ${base64(apiKey)}`;
    } else if (password !== undefined) {
      this.credentials = { type: "password", username };
      this.authorization = `Basic ${base64(`${username}:${password}`)}`;
    } else {
      this.credentials = { type: "none" };
    }
    const sent = this.authorization?.split(" ")[1];
    this.#concealer = new Concealer([apiKey, password, sent, url.password]);
  }

  /** The other end, for messages: the URL without secrets. */
  get peer(): string {
    return this.url.origin + this.url.pathname;
  }

  /** A text of the peer without the secrets, which it may echo. */
  conceal(text: string): string {
    return this.#concealer.conceal(text);
  }

  /** A message that quotes the peer, without the secrets and shortened. */
  shorten(message: string): string {
    const shown = escapeControls(this.conceal(message.slice(0, mostConcealed)));
    return shown.length <= longestMessage ? shown : `${shown.slice(0, longestMessage)}…`;
  }

  /** A text of the peer for messages: quoted, shortened, without the secrets. */
  quote(text: string): string {
    return quoteText(this.conceal(text.slice(0, mostConcealed)));
  }
}

function base64(text: string): string {
  return btoa(Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join(""));
}
