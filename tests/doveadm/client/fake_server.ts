/**
 * A client of a server in memory that does what a test wants.
 *
 * @module
 */

import assert from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../../../core/mod.ts";
import { Doveadm, type DoveadmOptions } from "../../../mod.ts";
import { memoryPair } from "../../../transports/memory.ts";
import type { Transport } from "../../../transports/transport.ts";

/** What a server does with a connection, the first of which is number 1. */
export type Behaviour = (talk: Talk, connection: number) => void | Promise<void>;

/** A connection from the server's end. */
export class Talk {
  readonly #transport: Transport;
  #rest = "";

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The next line that the client sends, or `undefined` at the end. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end !== -1) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const chunk = await this.#transport.read();
      if (chunk === undefined) return undefined;
      this.#rest += decodeUtf8(chunk);
    }
  }

  /** Resolves when a command was sent. */
  async command(): Promise<string | undefined> {
    for (let line; (line = await this.line()) !== undefined;) {
      if (!/^(VERSION|PLAIN)\t/.test(line)) return line;
    }
  }

  say(text: string | Uint8Array): Promise<void> {
    return this.#transport.write(typeof text === "string" ? encodeUtf8(text) : text);
  }
}

/** A client of a server in memory, which speaks 1.0 unless the options say otherwise. */
export function clientOf(
  behave: Behaviour,
  options: DoveadmOptions & { cut?: () => number } = {},
): { readonly client: Doveadm; readonly connections: () => number } {
  let connections = 0;
  const client = new Doveadm({ path: "/server" }, {
    maxMinor: 0,
    timeout: 120_000,
    ...options,
    connector: () => {
      const [here, there] = memoryPair({ cut: options.cut });
      const talk = new Talk(there);
      Promise.resolve(behave(talk, ++connections)).catch(() => {});
      return Promise.resolve(here);
    },
  });
  return { client, connections: () => connections };
}

/** A command that shares the connection. */
export const list = { name: "mailbox list", user: "alice" };

/** "answered", or the name of the error. */
export const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "answered", (error: Error) => error.name);

/** The error that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => assert.fail("it was answered"), (error) => error);
}
