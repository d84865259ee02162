/**
 * Which version a server over HTTP is.
 *
 * @module
 */

import { type DovecotVersion, versionOfList } from "../../core/doveadm/catalogue/mod.ts";
import type { HttpApi } from "./api.ts";
import { CallDeadline } from "./call_deadline.ts";
import { listCommands } from "./command_list.ts";

/** A request for the list of commands, for all who wait for what it tells. */
interface Lookup {
  readonly version: Promise<DovecotVersion>;
  readonly controller: AbortController;
  waiting: number;
}

/** The version of a server: the first call that needs it asks for it, and then it is known. */
export class ServerVersion {
  readonly #api: HttpApi;
  #version: DovecotVersion | undefined;
  #lookup: Lookup | undefined;

  /** The version of the server behind an API. */
  constructor(api: HttpApi) {
    this.#api = api;
  }

  /**
   * The version. Rejects with why the server doesn't tell, and with what the deadline ends with; `name`
   * is the command that needs it. One request serves all who wait; it ends when nobody waits any more.
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
    // How long it may take is for those to say who wait for it.
    const deadline = new CallDeadline({
      ...{ timeout: Infinity, signal: controller.signal, peer: this.#api.endpoint.peer },
    });
    const version = listCommands(this.#api, deadline).then(versionOfList)
      .finally(() => deadline.stop());
    // Nobody may wait for it any more.
    version.catch(() => {});
    return { version, controller, waiting: 0 };
  }
}
