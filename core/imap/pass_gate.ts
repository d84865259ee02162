/**
 * What goes from a conversation to the upstream server.
 *
 * @module
 */

import { LocalProtocolError } from "../errors.ts";
import type { StateArchive } from "../state_archive.ts";
import type { CommandFrame, DataLine } from "./command_frame.ts";
import type { CommandWords, ConversationContext } from "./conversation_context.ts";
import type { PassDecision, PassNext, PassThrough } from "./pass_through.ts";

/** Passes commands on, one after the other. */
export class PassGate {
  /**
   * "idle": no command is passed; "passing": a command is read; "granting": its literal waits for the server;
   * "held": the server holds back what follows; "line": the next line is the server's.
   */
  #state: "idle" | "passing" | "granting" | "held" | "line" = "idle";
  readonly #context: ConversationContext;
  readonly #server: PassThrough;
  #command: CommandWords = { tag: undefined, name: undefined };
  #isSynchronizing = false;

  /** Creates one. */
  constructor(context: ConversationContext, server: PassThrough) {
    this.#context = context;
    this.#server = server;
  }

  /** Whether a command is passed on, or is held back. */
  get isBusy(): boolean {
    return this.#state !== "idle";
  }

  /** Whether the client's bytes are read now. */
  get isReading(): boolean {
    return this.#state === "passing" || this.#state === "line";
  }

  /** How many commands the server hasn't answered. */
  get openCommands(): number {
    return this.#server.openCommands;
  }

  /** Whether the client has to send something: the rest of a command. */
  get awaitsClient(): boolean {
    return this.#state === "passing";
  }

  /** Asks the server about a command, and begins to pass it on if it is to. */
  begin(command: { readonly tag: string; readonly name: string }): Exclude<
    PassDecision,
    "pass-collecting"
  > {
    const decision = this.#server.begin(command);
    if (decision !== "pass" && decision !== "pass-collecting") return decision;
    if (decision === "pass-collecting") this.#context.reader.collect();
    this.#command = command;
    this.#state = "passing";
    return "pass";
  }

  /** Takes what was read of the command. */
  take(frame: CommandFrame): void {
    switch (frame.type) {
      case "text":
        this.#server.text(frame.bytes);
        return;
      case "literal":
        this.#state = "granting";
        this.#isSynchronizing = frame.isSynchronizing;
        this.#server.literal(frame);
        return;
      case "data":
        this.#server.data(frame.bytes);
        return;
      case "end":
        this.#state = "held";
        this.#follow(this.#server.end(frame.args));
        return;
      case "bad":
        this.#state = "idle";
        if (this.#server.bad(frame.reason)) {
          this.#context.events.push({ type: "mistake", tag: frame.tag, reason: frame.reason });
        } else this.#context.mistake(frame, frame.reason);
    }
  }

  /** Takes the line that the server waits for. */
  takeLine({ bytes, isTooLong }: DataLine): void {
    this.#state = "held";
    this.#follow(this.#server.line({ bytes, isTooLong }));
  }

  /** The server is ready for the literal's data. */
  literalGranted(): void {
    this.#checkGranting("literalGranted");
    this.#state = "passing";
    if (this.#isSynchronizing) this.#context.output.line("+ OK");
    this.#context.reader.acceptLiteral();
  }

  /** The literal isn't taken. */
  literalRefused(reason: string | undefined): void {
    this.#checkGranting("literalRefused");
    this.#state = "idle";
    this.#context.reader.refuseLiteral();
    if (reason !== undefined) this.#context.mistake(this.#command, reason);
  }

  /** The server holds nothing back any more. */
  resume(): void {
    if (this.#state === "line") this.#context.reader.readCommand();
    if (this.#state === "line" || this.#state === "held") this.#state = "idle";
  }

  /** The next line is the server's. */
  readLine(): void {
    if (this.#state !== "held") {
      throw new LocalProtocolError(
        'readLine() was called where nothing is held. Return "hold" before.',
      );
    }
    this.#state = "line";
    this.#context.reader.readLine();
  }

  /** Tells the server that the client has ended; returns whether its answers are still awaited. */
  inputEnd(): boolean {
    return this.#server.inputEnd();
  }

  /** Passes where it is through an archive. */
  archive(state: StateArchive): void {
    this.#state = state.value(this.#state);
    this.#command = state.value(this.#command);
    this.#isSynchronizing = state.value(this.#isSynchronizing);
  }

  #follow(next: PassNext): void {
    // The server may have called readLine() or resume() already.
    if (next !== "hold" && this.#state === "held") this.#state = "idle";
    if (next === "refuse") this.#context.mistake(this.#command, "Invalid arguments");
    else this.#context.forgetMistakes();
  }

  #checkGranting(call: string): void {
    if (this.#state === "granting") return;
    throw new LocalProtocolError(
      `${call}() answers literal(), and no literal waits for an answer.`,
    );
  }
}
