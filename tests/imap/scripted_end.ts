/**
 * Ends of connections in memory that say what a test tells them to, and an IMAP server of that kind.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../../core/mod.ts";
import { ImapClient } from "../../imap/client.ts";
import type { ImapClientOptions } from "../../imap/client_options.ts";
import { memoryPair } from "../../transports/memory.ts";
import type { Transport } from "../../transports/transport.ts";

/** An end of a connection: says what a test tells it to, and checks what it hears. */
export class ScriptedEnd {
  readonly transport: Transport;
  #heard = "";
  #hear: () => void = () => {};
  #hasEnded = false;

  /** Takes a transport and reads all that comes. */
  constructor(transport: Transport) {
    this.transport = transport;
    void this.#listen();
  }

  /** Resolves when the other end has said that, and nothing else since the last call. */
  async hears(expected: string): Promise<void> {
    await this.#until(() => this.#heard.length >= expected.length);
    const heard = this.#take(expected.length);
    if (heard === expected) return;
    throw new Error(`expected ${JSON.stringify(expected)}, heard ${JSON.stringify(heard)}`);
  }

  /** Resolves to the next line, with its end. */
  async line(): Promise<string> {
    await this.#until(() => this.#heard.includes("\n"));
    return this.#take(this.#heard.indexOf("\n") + 1);
  }

  /** Sends text. */
  say(text: string): Promise<void> {
    return this.transport.write(encodeUtf8(text));
  }

  /** Resolves when the other end has closed its side; to what it said since the last call. */
  async hearsTheEnd(): Promise<string> {
    await this.#until(() => false);
    return this.#heard;
  }

  /** Closes the connection when the other end has closed its side; resolves to what it said since the last call. */
  async closesAtTheEnd(): Promise<string> {
    const rest = await this.hearsTheEnd();
    await this.close();
    return rest;
  }

  /** Closes the connection. */
  close(): Promise<void> {
    return this.transport.close();
  }

  /** Resolves when a condition holds, or nothing more will come. */
  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#hear = resolve;
      });
    }
  }

  #take(length: number): string {
    const taken = this.#heard.slice(0, length);
    this.#heard = this.#heard.slice(length);
    return taken;
  }

  async #listen(): Promise<void> {
    try {
      for (let chunk; (chunk = await this.transport.read()) !== undefined;) {
        this.#heard += decodeUtf8(chunk);
        this.#hear();
      }
    } catch {
      // The connection is over.
    }
    this.#hasEnded = true;
    this.#hear();
  }
}

/** A client that is logged in from the start, and its server. */
export async function startTalk(
  options: ImapClientOptions = {},
): Promise<{ readonly client: ImapClient; readonly server: ScriptedEnd } & AsyncDisposable> {
  const [near, far] = memoryPair();
  const server = new ScriptedEnd(far);
  await server.say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE LITERAL+] Logged in as alice\r\n");
  const client = await ImapClient.open(near, options);
  return {
    client,
    server,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}
