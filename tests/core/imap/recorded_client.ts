/**
 * The client's side of a recording, read by a {@linkcode CommandReader} whose owner decides as the server did.
 *
 * @module
 */

import { type CommandFrame, CommandReader, type ImapLimits } from "../../../core/imap/mod.ts";
import { addSeen, type Seen } from "./frames.ts";
import { latin1, type Recording } from "./recordings.ts";

/** Options for {@linkcode readClient}. */
export interface ReadClientOptions {
  /** How a step is cut; it stays whole if left out. */
  readonly cut?: (bytes: Uint8Array) => readonly Uint8Array[];
  /** The reader's limits. */
  readonly limits?: Partial<ImapLimits>;
}

/** The frames of what the client sent in a recording. */
export function readClient(
  { steps }: Recording,
  { cut = (bytes) => [bytes], limits }: ReadClientOptions = {},
): Seen[] {
  const reader = new CommandReader(limits);
  const owner = new Owner(reader);
  const frames: Seen[] = [];
  for (const [at, { by, bytes }] of steps.entries()) {
    if (by === "server") continue;
    if (bytes === undefined) {
      reader.receiveEnd();
      reader.next();
      break;
    }
    owner.continuations = continuationsAfter(steps.slice(at + 1));
    for (const piece of cut(bytes)) {
      reader.receive(piece);
      for (let frame; (frame = reader.next()) !== undefined;) {
        addSeen(frames, frame);
        owner.act(frame);
      }
    }
  }
  return frames;
}

/** How many continuations the server sent before the client sent anything else. */
function continuationsAfter(steps: Recording["steps"]): number {
  const end = steps.findIndex(({ by }) => by === "client");
  const sent = steps.slice(0, end === -1 ? undefined : end);
  const text = sent.map(({ bytes }) => bytes === undefined ? "" : latin1(bytes)).join("");
  return text.match(/^\+/gm)?.length ?? 0;
}

/** Decides what a server decides, by the continuations that it sent. */
class Owner {
  #reader: CommandReader;
  /** How many continuations the server sent that nothing has waited for yet. */
  continuations = 0;
  /** The command whose lines of data come. */
  #name = "";

  constructor(reader: CommandReader) {
    this.#reader = reader;
  }

  act(frame: CommandFrame): void {
    const reader = this.#reader;
    if (frame.type === "start") {
      reader.collect();
      this.#name = frame.name;
    } else if (frame.type === "literal") {
      if (!frame.isSynchronizing || this.#isContinued()) reader.acceptLiteral();
      else reader.refuseLiteral();
    } else if (frame.type === "end") {
      const takesLine = this.#name === "IDLE" || this.#name === "AUTHENTICATE";
      if (takesLine && this.#isContinued()) reader.readLine();
    } else if (frame.type === "line") {
      if (this.#name !== "AUTHENTICATE" || !this.#isContinued()) reader.readCommand();
    }
  }

  #isContinued(): boolean {
    return this.continuations-- > 0;
  }
}
