/**
 * Options of the client over HTTP.
 *
 * @module
 */

import type { ValueOptions } from "../client/values.ts";
import type { HttpLimits } from "./limits.ts";

/** Options for a `DoveadmHttp`. */
export interface DoveadmHttpOptions extends ValueOptions {
  /** Dovecot's `doveadm_password`. */
  password?: string;
  /** The name for the password; "doveadm" if left out, the only one that Dovecot accepts. */
  username?: string;
  /** Dovecot's `doveadm_api_key`; if set, the password is not sent. */
  apiKey?: string;
  /**
   * Allows sending the password or the key unencrypted over a network, with `http://`. Without this they
   * are only sent over loopback.
   */
  allowPlaintextPassword?: boolean;
  /**
   * Sends requests; the runtime's own `fetch` if left out, which sends those with `http://` to this machine directly,
   * whatever proxy the environment names.
   */
  fetch?: typeof fetch;
  /**
   * The default time limit of a call, in milliseconds, waiting for its turn included. 60 s if left out; 0
   * and `Infinity` mean no limit.
   */
  timeout?: number;
  /** How many requests may be under way at once; 10 if left out. Others wait for their turn. */
  maxConnections?: number;
  /** How much memory a server's answers may use. */
  limits?: HttpLimits;
}
