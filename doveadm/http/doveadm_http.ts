/**
 * The client for Dovecot's HTTP API.
 *
 * @module
 */

import { DoveadmClient } from "../client/doveadm_client.ts";
import { promised } from "../client/promised.ts";
import { checkNamedValues, checkSendOptions, type SendOptions } from "../client/request.ts";
import type { HttpMethod } from "./command_list.ts";
import type { DoveadmHttpOptions } from "./doveadm_http_options.ts";
import { HttpCalls } from "./http_calls.ts";
import type { HttpValue } from "./request_body.ts";

/**
 * A client for Dovecot's HTTP API (`POST /doveadm/v1`): an `inet_listener` that is named "http".
 *
 * The same calls return the same rows as over TCP, within the limits of HTTP:
 *
 * - There are no log lines, and a command that fails loses its rows.
 * - ASCII is preserved at any length, with NUL, CR, TAB and other control characters; so is all UTF-8 in
 *   values of up to 8 KiB. Each byte that isn't UTF-8 becomes a U+FFFD and is lost.
 * - The text of a mail passes through a buffer of 8 KiB. If a character crosses its end, Dovecot 2.3.19.1
 *   returns several U+FFFD in its place, and 2.4.1 crashes, so that the call rejects with a
 *   `ConnectionLostError`. Fetch mail that isn't ASCII over TCP.
 * - The limits are 1 MiB for a request (2.3), or 32 KiB for a string (2.4). Inputs have to be UTF-8 without
 *   NUL.
 * - A field that is requested twice is returned once, and numbers of `stats dump` lose their trailing
 *   zeros.
 *
 * @example
 * ```ts ignore
 * import { connect } from "@dovewire/dovewire";
 *
 * await using doveadm = connect("http://127.0.0.1:8080", { password: "s3cret" });
 * const [{ mailbox }] = await doveadm.run("mailbox list", { user: "alice" });
 * console.log(mailbox);
 * ```
 */
export class DoveadmHttp extends DoveadmClient {
  readonly #calls: HttpCalls;

  /** Creates a client, as `connect()` does for a URL that starts with "http". */
  constructor(target: string | URL, options: DoveadmHttpOptions = {}) {
    const calls = new HttpCalls(target, options);
    super(calls, options);
    this.#calls = calls;
  }

  /** The commands that the server offers and their parameters, by their names in the API. */
  commands(options: SendOptions = {}): Promise<readonly HttpMethod[]> {
    return promised(() => {
      checkSendOptions(options);
      return this.#calls.commands(options);
    });
  }

  /**
   * Calls a command by its name in the API, without using the catalogue, and returns the server's JSON: an
   * array of rows, or an object for `user`.
   *
   * Rejects with what {@linkcode DoveadmClient.run} rejects with.
   */
  call(
    method: string,
    parameters: Readonly<Record<string, HttpValue | undefined>> = {},
    options: SendOptions = {},
  ): Promise<unknown> {
    return promised(() => {
      checkNamedValues(method, parameters);
      checkSendOptions(options);
      return this.#calls.call(method, parameters, options);
    });
  }
}
