/**
 * Reads a conversation from two files, one with all bytes of each side. They don't tell which side sent
 * something first, so that each command is followed by its reply here.
 *
 * @module
 */

import type { TraceItem, TraceSide } from "@dovewire/dovewire/core/doveadm";
import { ConversationDecoder } from "@dovewire/dovewire/core/doveadm";
import type { Entry } from "./conversations.ts";

/** What each side sent. */
export type RawSides = Readonly<Record<TraceSide, AsyncIterable<Uint8Array> | undefined>>;

/** The entries of a conversation of which only the bytes of each side are known. */
export async function* readRawSides(
  sides: RawSides,
  maxShown: number,
): AsyncGenerator<Entry, void, void> {
  const decoder = new ConversationDecoder({ maxShown });
  const client = new RawSide("client", decoder, sides.client);
  const server = new RawSide("server", decoder, sides.server);
  let mistakes = 0;
  yield { type: "open", connection: 1, name: "", time: undefined };
  try {
    for (;;) {
      const [first, second] = decoder.isServerOwed ? [server, client] : [client, server];
      const item = await first.next() ?? await second.next();
      if (item === undefined) break;
      if (item.mistake !== undefined) mistakes++;
      yield { type: "item", connection: 1, elapsed: undefined, item };
    }
    const bytes = { client: decoder.received("client"), server: decoder.received("server") };
    const { commands } = decoder;
    const summary = { bytes, commands, mistakes, problem: undefined };
    yield { type: "close", connection: 1, summary };
  } finally {
    await client.close();
    await server.close();
  }
}

/** The bytes of a side, read as they are needed. */
class RawSide {
  readonly #side: TraceSide;
  readonly #decoder: ConversationDecoder;
  readonly #chunks: AsyncIterator<Uint8Array> | undefined;
  #isAtEnd = false;

  constructor(
    side: TraceSide,
    decoder: ConversationDecoder,
    chunks: AsyncIterable<Uint8Array> | undefined,
  ) {
    this.#side = side;
    this.#decoder = decoder;
    this.#chunks = chunks?.[Symbol.asyncIterator]();
  }

  /** The next item; `undefined` if there is no other one. */
  async next(): Promise<TraceItem | undefined> {
    for (;;) {
      const item = this.#decoder.nextItem(this.#side);
      if (item !== undefined || this.#isAtEnd) return item;
      const read = await this.#chunks?.next();
      if (read === undefined || read.done) {
        this.#isAtEnd = true;
        this.#decoder.receiveEnd(this.#side, false);
      } else this.#decoder.receive(this.#side, read.value);
    }
  }

  async close(): Promise<void> {
    if (!this.#isAtEnd) await this.#chunks?.return?.();
  }
}
