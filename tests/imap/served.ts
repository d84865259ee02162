/**
 * An IMAP server on a real socket, with commands that do what a test needs, and a client by hand.
 *
 * @module
 */

import assert from "node:assert/strict";
import { decodeUtf8, encodeUtf8 } from "../../core/mod.ts";
import {
  type CommandOutput,
  continuation,
  defineCommand,
  type ImapCommand,
  type ImapServer,
  ok,
  serve,
  type ServeImapOptions,
  type TaggedResult,
  untagged,
} from "../../imap/mod.ts";
import { connect, listen } from "../../transports/mod.ts";
import type { ConnectOptions, ListenOptions, Transport } from "../../transports/transport.ts";
import { until } from "../harness/until.ts";

/** The password of everybody. */
export const password = "s3cret";

/** A command that says so, waits for its end, and says so. */
export const xwait: ImapCommand = defineCommand(
  { name: "XWAIT", isLongRunning: true, capability: "XWAIT" },
  async function* (_args, { user }, { done }) {
    yield untagged(`XWAIT "${user}"`);
    yield continuation("waiting");
    await done;
    yield untagged("XWAIT END");
    return ok("Waited.");
  },
);

/** A command that answers its argument. */
export const xecho: ImapCommand = defineCommand(
  { name: "XECHO", args: ["astring"] },
  ([text]) => ok(text),
);

/** What {@linkcode serving} takes: options for the server, and for its listener. */
export interface ServingOptions extends Partial<ServeImapOptions> {
  readonly listening?: ListenOptions;
}

/** A server on a free port, and what it tells. */
export class Serving implements AsyncDisposable {
  readonly server: ImapServer;
  /** The messages of its errors. */
  readonly errors: string[];

  /** Called by {@linkcode serving}. */
  constructor(server: ImapServer, errors: string[]) {
    this.server = server;
    this.errors = errors;
  }

  /** A client that has read the greeting. */
  async client(options?: ConnectOptions): Promise<Client> {
    const client = new Client(await connect(this.server.address, options));
    await client.hears(/^\* (OK|PREAUTH) .*\r\n/);
    return client;
  }

  /** A client that is logged in. */
  async clientIn(): Promise<Client> {
    const client = await this.client();
    await client.asks(`l LOGIN alice ${password}\r\n`, /^l OK .*\r\n/);
    return client;
  }

  /** Resolves when it has told as many errors. */
  async told(count: number): Promise<readonly string[]> {
    await until(() => this.errors.length >= count, `${count} errors`);
    return this.errors;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.close({ timeout: 1 });
  }
}

/** Starts a server whose users' names are all in small letters. */
export async function serving(options: ServingOptions = {}): Promise<Serving> {
  const { listening, ...settings } = options;
  const listener = await listen({ transport: "tcp", hostname: "127.0.0.1", port: 0 }, listening);
  const errors: string[] = [];
  const server = serve(listener, {
    authenticate: ({ user, password: given, authzid }) =>
      given === password && authzid === "" ? user.toLowerCase() : undefined,
    commands: [xwait, xecho],
    refusalDelay: 0,
    // Otherwise one may come at any time.
    keepaliveInterval: 0,
    onError: (error) => errors.push(error instanceof Error ? error.message : String(error)),
    ...settings,
  });
  return new Serving(server, errors);
}

/** A client by hand. */
export class Client implements AsyncDisposable {
  readonly transport: Transport;
  #heard = "";
  #hasEnded = false;
  #isReading = true;
  #waiting: (() => void)[] = [];

  /** Takes a transport and reads all that comes. */
  constructor(transport: Transport) {
    this.transport = transport;
    void this.#read();
  }

  /** Sends text. */
  say(text: string): Promise<void> {
    return this.transport.write(encodeUtf8(text));
  }

  /** Resolves when what the server has said since the last call matches, to that; fails if it ends before. */
  async hears(expected: RegExp): Promise<string> {
    for (;;) {
      const found = expected.exec(this.#heard);
      if (found !== null) {
        this.#heard = this.#heard.slice(found.index + found[0].length);
        return found[0];
      }
      assert(!this.#hasEnded, `the server ended with ${JSON.stringify(this.#heard)}`);
      await this.#news();
    }
  }

  /** Resolves when the server has said a line, and forgets all before. */
  async hearsLine(line: string): Promise<void> {
    const end = `${line}\r\n`;
    while (!this.#heard.endsWith(end)) {
      assert(!this.#hasEnded, "the server ended");
      // A long answer is not kept.
      this.#heard = this.#heard.slice(-end.length);
      await this.#news();
    }
    this.#heard = "";
  }

  /** Says something and hears the answer. */
  async asks(text: string, expected: RegExp): Promise<string> {
    await this.say(text);
    return await this.hears(expected);
  }

  /** Resolves when the server has ended, to what it said since the last call. */
  async hearsTheEnd(): Promise<string> {
    while (!this.#hasEnded) await this.#news();
    return this.#heard;
  }

  /** Stops or continues to read. What is read already may be heard. */
  reads(does: boolean): void {
    this.#isReading = does;
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.close();
  }

  async #read(): Promise<void> {
    try {
      for (let chunk; (chunk = await this.transport.read()) !== undefined;) {
        this.#heard += decodeUtf8(chunk);
        this.#wake();
        while (!this.#isReading) await this.#news();
      }
    } catch {
      // The connection is over.
    }
    this.#hasEnded = true;
    this.#wake();
    // The server waits a moment for that.
    await this.transport.close();
  }

  /** Resolves when something has changed. */
  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** A server with one command, a client of it, and what its handler noted. */
export async function running(
  command: ImapCommand,
  act: (client: Client, errors: readonly string[]) => Promise<void>,
  options: ServingOptions = {},
): Promise<void> {
  await using served = await serving({ commands: [command], ...options });
  await using client = await served.clientIn();
  await act(client, served.errors);
}

/** A long-running command, XLONG. */
export function long(
  handler: (
    done: Promise<void>,
    signal: AbortSignal,
  ) => AsyncGenerator<CommandOutput, TaggedResult, void>,
): ImapCommand {
  return defineCommand(
    { name: "XLONG", isLongRunning: true },
    (_args, _session, { done, signal }) => handler(done, signal),
  );
}

/** What a client is told when a handler fails. */
export const failure = "NO [SERVERBUG] Internal server failure.";
