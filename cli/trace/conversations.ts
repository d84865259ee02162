/**
 * Decodes conversations that may run at the same time.
 *
 * @module
 */

import {
  ConversationDecoder,
  type TraceItem,
  type TraceSide,
} from "@dovewire/dovewire/core/doveadm";
import { UsageError } from "../command_line/usage_error.ts";
import type { Step } from "./step.ts";

/** What a reader is shown, in this order. */
export type Entry =
  /** A conversation begins. */
  | {
    readonly type: "open";
    readonly connection: number;
    readonly name: string;
    readonly time: Date | undefined;
  }
  /** A piece of one. `elapsed` is the time since it began, in milliseconds, if that is known. */
  | {
    readonly type: "item";
    readonly connection: number;
    readonly elapsed: number | undefined;
    readonly item: TraceItem;
  }
  /** Nothing more of it follows. */
  | { readonly type: "close"; readonly connection: number; readonly summary: Summary };

/** What a conversation had. */
export interface Summary {
  /** How many bytes each side sent. */
  readonly bytes: Readonly<Record<TraceSide, number>>;
  /** How many commands the client sent. */
  readonly commands: number;
  /** How many pieces break the protocol. */
  readonly mistakes: number;
  /** Why it is over, unless both sides have ended. */
  readonly problem: string | undefined;
}

/** The most conversations at the same time. */
const mostOpen = 10_000;

const sides: readonly TraceSide[] = ["client", "server"];

/** A conversation that isn't closed. */
interface Conversation {
  readonly decoder: ConversationDecoder;
  readonly began: Date | undefined;
  readonly ended: Set<TraceSide>;
  mistakes: number;
}

/** Decodes steps. */
export class Conversations {
  readonly #maxShown: number;
  readonly #open = new Map<number, Conversation>();

  /** Shows `maxShown` characters of each text. */
  constructor(maxShown: number) {
    this.#maxShown = maxShown;
  }

  /**
   * The entries that a step adds; throws a `UsageError` if a side goes on after its end, and if too
   * many conversations are open.
   */
  *take(step: Step): Generator<Entry, void, void> {
    const { connection, time } = step;
    if (step.type === "open") {
      yield* this.#begin(connection, step.name, time);
      return;
    }
    if (!this.#open.has(connection)) {
      if (step.type === "close") return;
      yield* this.#begin(connection, "", time);
    }
    const conversation = this.#open.get(connection)!;
    const { decoder } = conversation;
    if (step.type === "close") {
      yield* this.#close(connection, step.problem, time);
      return;
    }
    if (conversation.ended.has(step.from)) {
      if (step.type === "end") return;
      throw new UsageError(
        `In conversation ${connection} the ${step.from} goes on after its end.`,
        {
          exitCode: 65,
        },
      );
    }
    if (step.type === "bytes") decoder.receive(step.from, step.bytes);
    else {
      conversation.ended.add(step.from);
      decoder.receiveEnd(step.from);
    }
    yield* this.#items(connection, conversation, step.from, time);
  }

  /** The entries for the conversations that are still open: nothing more is known of them. */
  *end(): Generator<Entry, void, void> {
    for (const connection of [...this.#open.keys()]) yield* this.#close(connection, undefined);
  }

  *#begin(connection: number, name: string, time: Date | undefined): Generator<Entry, void, void> {
    if (this.#open.has(connection)) yield* this.#close(connection, undefined);
    if (this.#open.size === mostOpen) {
      throw new UsageError(`More than ${mostOpen} conversations are open at the same time.`, {
        exitCode: 65,
      });
    }
    const decoder = new ConversationDecoder({ maxShown: this.#maxShown });
    this.#open.set(connection, {
      ...{ decoder, began: time, ended: new Set<TraceSide>(), mistakes: 0 },
    });
    yield { type: "open", connection, name, time };
  }

  *#close(
    connection: number,
    problem: string | undefined,
    time?: Date,
  ): Generator<Entry, void, void> {
    const conversation = this.#open.get(connection)!;
    const { decoder } = conversation;
    for (const side of sides) {
      decoder.receiveEnd(side, false);
      yield* this.#items(connection, conversation, side, time);
    }
    this.#open.delete(connection);
    const { commands } = decoder;
    const bytes = { client: decoder.received("client"), server: decoder.received("server") };
    const summary = { bytes, commands, mistakes: conversation.mistakes, problem };
    yield { type: "close", connection, summary };
  }

  *#items(
    connection: number,
    conversation: Conversation,
    side: TraceSide,
    time: Date | undefined,
  ): Generator<Entry, void, void> {
    const { decoder, began } = conversation;
    const elapsed = time === undefined || began === undefined
      ? undefined
      : time.getTime() - began.getTime();
    for (let item; (item = decoder.nextItem(side)) !== undefined;) {
      if (item.mistake !== undefined) conversation.mistakes++;
      yield { type: "item", connection, elapsed, item };
    }
  }
}
