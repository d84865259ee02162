/**
 * The numbers among a client's options.
 *
 * @module
 */

import { LocalProtocolError } from "../core/mod.ts";
import { shownValue } from "../core/option_checks.ts";
import { defaultTimeout, timeLimit } from "../transports/timers.ts";
import type { ImapClientOptions } from "./client_options.ts";

/** The options that are numbers, complete and checked; `Infinity` for no limit. */
export interface ClientSettings {
  readonly handshakeTimeout: number;
  readonly timeout: number;
  readonly silenceTimeout: number;
  readonly maxResponses: number;
}

/** The numbers of the options. Throws a {@linkcode LocalProtocolError} for an invalid one. */
export function settingsOf(options: ImapClientOptions): ClientSettings {
  const { handshakeTimeout = 30_000, timeout = defaultTimeout } = options;
  const { silenceTimeout = 31 * 60_000, maxResponses = 16 * 1024 * 1024 } = options;
  if (typeof maxResponses !== "number" || !(maxResponses > 0)) {
    throw new LocalProtocolError(
      `"maxResponses" is ${shownValue(maxResponses)}. Give a number above 0; Infinity is no limit.`,
    );
  }
  return {
    handshakeTimeout: timeLimit("handshakeTimeout", handshakeTimeout),
    timeout: timeLimit("timeout", timeout),
    silenceTimeout: timeLimit("silenceTimeout", silenceTimeout),
    maxResponses,
  };
}
