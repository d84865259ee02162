/**
 * The high-level client: it opens connections as needed and handles server quirks.
 *
 * @module
 */

import { ConnectionCalls } from "./connection_calls.ts";
import { DoveadmClient } from "./doveadm_client.ts";
import type { DoveadmOptions } from "./doveadm_options.ts";
import type { DoveadmTarget } from "./target.ts";

/**
 * A client for a doveadm server; it uses as many connections as it needs.
 *
 * Commands that act on a user's mail share one connection, one at a time and in the order of the calls.
 * Each other command gets its own connection: on a used one, Dovecot mixes up its rows or aborts it. So do
 * streams, so that other commands can be sent while one is read, and commands whose input comes in pieces.
 *
 * If a command makes the server close its connection, it gets an error, and the next command gets another
 * connection. A command that was sent is never sent again.
 */
export class Doveadm extends DoveadmClient {
  /**
   * Creates a client, as `connect()` does. Throws a `LocalProtocolError` for an invalid target or option.
   */
  constructor(target: string | URL | DoveadmTarget, options: DoveadmOptions = {}) {
    super(new ConnectionCalls(target, options), options);
  }
}
