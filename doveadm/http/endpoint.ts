/**
 * Where Dovecot's HTTP API is, and how to prove who we are.
 *
 * @module
 */

import { encodeUtf8 } from "../../core/mod.ts";

/** How to reach the API and prove who we are. */
export interface HttpEndpoint {
  /** Where it is: `http://host:8080/doveadm/v1`. A name and password in it are not sent. */
  readonly url: URL;
  /** Dovecot's `doveadm_password`, for Basic authentication. */
  readonly password?: string;
  /** The name that goes with the password; "doveadm" if left out, the only one that Dovecot takes. */
  readonly username?: string;
  /** Dovecot's `doveadm_api_key`; where there is one, the password is not sent. */
  readonly apiKey?: string;
  /** What to send requests with: the runtime's own, or one that stands in for it. */
  readonly fetch: typeof fetch;
}

/** Who is at the other end, for messages: the URL without what might be secret. */
export function peerOf({ url }: HttpEndpoint): string {
  return url.origin + url.pathname;
}

/** The URL to send to: `fetch` refuses one with a name or password in it, and would quote it. */
export function urlToFetch({ url }: HttpEndpoint): URL {
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  plain.hash = "";
  return plain;
}

/**
 * What the Authorization header says, or `undefined` where there is nothing to prove oneself with.
 *
 * Both schemes are base64 of UTF-8. Source: Dovecot's src/doveadm/client-connection-http.c.
 */
export function authorizationOf(endpoint: HttpEndpoint): string | undefined {
  const { apiKey, password, username = "doveadm" } = endpoint;
  if (apiKey !== undefined) return `X-Dovecot-API ${base64(apiKey)}`;
  if (password !== undefined) return `Basic ${base64(`${username}:${password}`)}`;
  return undefined;
}

/** What must not be shown, the longest first: the secrets, and the forms that they are sent in. */
export function secretsOf(endpoint: HttpEndpoint): readonly string[] {
  const { apiKey, password, url } = endpoint;
  const sent = authorizationOf(endpoint)?.split(" ")[1];
  return [apiKey, password, sent, url.password]
    .filter((secret) => secret !== undefined && secret !== "")
    .sort((a, b) => b!.length - a!.length) as string[];
}

function base64(text: string): string {
  return btoa(Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join(""));
}
