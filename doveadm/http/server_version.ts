/**
 * The Dovecot version of a server over HTTP.
 *
 * @module
 */

import { type DovecotVersion, versionOfList } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpApi } from "./api.ts";
import { CallDeadline } from "./call_deadline.ts";
import { listCommands } from "./command_list.ts";

/** A pending request for the list of commands, shared by all calls that wait for the version. */
interface Lookup {
  readonly version: Promise<DovecotVersion>;
  readonly controller: AbortController;
  waiting: number;
}

/** The version of a server: requested by the first call that needs it, and cached. */
export class ServerVersion {
  readonly #api: HttpApi;
  #version: DovecotVersion | undefined;
  #lookup: Lookup | undefined;

  /** Creates it for the server of an API. */
  constructor(api: HttpApi) {
    this.#api = api;
  }

  /**
   * The version. Rejects with the reason if the server doesn't report it, and with the deadline's error;
   * `name` is the command that needs it. Waiting calls share one request, which is aborted when no call
   * waits any more.
   */
  async get(name: string, deadline: CallDeadline): Promise<DovecotVersion> {
    if (this.#version !== undefined) return this.#version;
    deadline.throwIfOver({ name, sent: false });
    const lookup = this.#lookup ??= this.#ask();
    lookup.waiting++;
    try {
      return this.#version = await deadline.wait(lookup.version, { name, sent: false });
    } finally {
      lookup.waiting--;
      if (lookup.waiting === 0) {
        if (this.#lookup === lookup) this.#lookup = undefined;
        lookup.controller.abort();
      }
    }
  }

  #ask(): Lookup {
    const controller = new AbortController();
    // The waiting calls have time limits; this request has none.
    const deadline = new CallDeadline({
      ...{ timeout: Infinity, signal: controller.signal, peer: this.#api.endpoint.peer },
    });
    const version = listCommands(this.#api, deadline).then(versionOfList)
      .finally(() => deadline.stop());
    // Perhaps no call waits for it any more.
    version.catch(() => {});
    return { version, controller, waiting: 0 };
  }
}
