/**
 * A handler that runs.
 *
 * @module
 */

import type { CommandEvent, ImapSession, ResponsePart, TaggedResult } from "../core/imap/mod.ts";
import {
  AbortError,
  DovewireError,
  LocalProtocolError,
  lowerFirst,
  messageOf,
  type PlainData,
} from "../core/mod.ts";
import { decodePlainData, encodePlainData } from "../core/plain_data.ts";
import { Pause } from "../transports/pause.ts";
import { startTimer, type Timer } from "../transports/timers.ts";
import type { CommandWatch } from "./command_watch.ts";
import type { CommandOutput, HandlerEnd, ImapCommand, Sleep } from "./define_command.ts";

/** The calls that answer a custom command: those of a conversation, or of a relay. */
export interface CommandCalls {
  /** Sends an untagged response; returns whether more may be sent now. */
  untagged(id: number, parts: readonly ResponsePart[]): boolean;
  /** Sends the continuation; returns whether more may be sent now. */
  continue(id: number, text?: string): boolean;
  /** Ends the command. */
  finish(id: number, result: TaggedResult): void;
  /** Ends the command with NO, whatever its handler does; a "cancel" event follows. */
  cancel(id: number, text?: string): void;
  /** Who the client is, as of now. */
  readonly session: ImapSession;
  /** The id of the running command; `undefined` if none runs. */
  readonly running: number | undefined;
  /** Whether more may be sent now; if not, a "writable" event follows. */
  isWritable(id: number): boolean;
}

/** Options for a {@linkcode HandlerRun}. */
export interface HandlerRunOptions {
  /** Answers the command. */
  readonly calls: CommandCalls;
  /** Called after each call, to write what it sends. */
  readonly flush: () => void;
  /** Called with each error of the handler. */
  readonly onError: (error: unknown) => void;
  /**
   * How long the handler may take to end after DONE, in milliseconds; `Infinity` for no limit. The
   * time in which the client has to read first doesn't count.
   */
  readonly endTimeout: number;
}

/** What a {@linkcode HandlerRun} runs. */
export interface HandlerCall {
  /** The command that began. */
  readonly event: CommandEvent;
  /** Its definition. */
  readonly command: ImapCommand;
  /** What it is about; started before the handler is called. */
  readonly watch: CommandWatch | undefined;
  /** The state that its handler slept with; `undefined` at the first call. */
  readonly state: Uint8Array | undefined;
  /** Called when the handler has ended and the command sleeps, with its state, and for how many milliseconds at most. */
  readonly onSleep: (state: Uint8Array, wakeAfter: number) => void;
}

type Generator = AsyncGenerator<CommandOutput, HandlerEnd, void>;

/** What a client is told when a handler fails: its error is the server's matter. */
const failure: TaggedResult = {
  status: "NO",
  code: "SERVERBUG",
  text: "Internal server failure.",
};

const noTimer: Timer = startTimer(Infinity, () => {});

/** One call of a command's handler, from its start to its end. */
export class HandlerRun {
  /** The command's id. */
  readonly id: number;
  /** Resolves when the handler has ended, which may be later than its command; never rejects. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #call: HandlerCall;
  readonly #options: HandlerRunOptions;
  readonly #controller = new AbortController();
  /** "done": the client has sent DONE; "over": the command has ended or sleeps, and nothing more is sent from here. */
  #state: "running" | "done" | "over" = "running";
  /** Whether the client had sent DONE before the handler was called. */
  #wasDone = false;
  /** Continues a generator that waits for room. */
  #wake: () => void = () => {};
  #waitsForRoom = false;
  #end: () => void = () => {};
  #endTimer = noTimer;
  #endTimerStartedAt = 0;
  /** How long the handler may still take to end, in milliseconds. */
  #timeToEnd: number;

  /** Starts a handler. */
  constructor(call: HandlerCall, options: HandlerRunOptions) {
    this.id = call.event.id;
    this.#name = call.event.name;
    this.#call = call;
    this.#options = options;
    this.#timeToEnd = options.endTimeout;
    this.ended = this.#run();
  }

  /** The client has sent DONE. */
  done(): void {
    this.#state = "done";
    if (!this.#waitsForRoom) this.#startEndTimer();
    this.#mustEnd(`The client ended ${this.#name} with DONE.`);
  }

  #startEndTimer(): void {
    this.#endTimerStartedAt = performance.now();
    this.#endTimer = startTimer(this.#timeToEnd, () => this.#tookTooLong());
  }

  #pauseEndTimer(): void {
    this.#endTimer.stop();
    this.#timeToEnd -= performance.now() - this.#endTimerStartedAt;
    // Between two pauses there may be no time for a timer.
    if (this.#timeToEnd <= 0) this.#tookTooLong();
  }

  #tookTooLong(): void {
    const text =
      `The handler of ${this.#name} didn't end within ${this.#options.endTimeout} ms of the client's ` +
      'DONE. Let all that it waits for end with its "signal".';
    this.#fail(new DovewireError(text));
  }

  /** The command has ended, whatever the handler does. */
  cancel(): void {
    this.#over(`${this.#name} has ended without its handler.`);
  }

  /** There is room for more. */
  wake(): void {
    this.#wake();
  }

  async #run(): Promise<void> {
    const { event, command, watch, state } = this.#call;
    try {
      const { signal } = this.#controller;
      const done = new Promise<void>((resolve) => {
        this.#end = resolve;
      });
      // The caller finishes its own work first.
      await undefined;
      await watch?.start(event.session);
      if (this.#isOver) return;
      // The handler sees what has changed up to here.
      watch?.takeWake();
      this.#wasDone = signal.aborted;
      const context = { signal, done, state: state && decodePlainData(state) as PlainData };
      const answer = command.handler(event.args as never, event.session, context);
      const end = isGenerator(answer) ? await this.#pull(answer) : await answer;
      if (this.#isOver) return;
      if (isSleep(end)) this.#sleep(end);
      else this.#finish(end);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Sends what a generator yields, while the client reads; returns its result. */
  async #pull(generator: Generator): Promise<HandlerEnd> {
    // A client that reads fast always has room: without a pause nobody else would be attended to.
    const pause = new Pause();
    let step = generator.next();
    for (;;) {
      const { value, done } = await step;
      if (done) return value;
      // It is asked to end; what it yields or returns then is ignored.
      if (this.#isOver) return (await generator.return(failure), failure);
      try {
        this.#send(value);
      } catch (error) {
        // The handler's own mistake: it learns where it made it.
        step = generator.throw(error);
        continue;
      }
      await this.#room();
      await pause.ifDue();
      step = this.#isOver ? generator.return(failure) : generator.next();
    }
  }

  #send(output: CommandOutput): void {
    const { calls, flush } = this.#options;
    if (output?.type === "untagged") calls.untagged(this.id, output.parts);
    else if (output?.type === "continuation") calls.continue(this.id, output.text);
    else {
      throw new LocalProtocolError(
        `The handler of ${this.#name} yielded something else than untagged(…) or continuation(…).`,
      );
    }
    flush();
  }

  /** Resolves when more may be sent, or nothing is sent any more. */
  async #room(): Promise<void> {
    while (!this.#isOver && !this.#options.calls.isWritable(this.id)) {
      // This is the client's time.
      if (this.#state === "done") this.#pauseEndTimer();
      if (this.#isOver) return;
      this.#waitsForRoom = true;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#waitsForRoom = false;
      if ((this.#state as string) === "done") this.#startEndTimer();
    }
  }

  /** The command goes on without its handler. */
  #sleep({ state, wakeAfter }: Sleep): void {
    if (this.#call.command.definition.isLongRunning !== true) {
      throw new LocalProtocolError(
        `The handler of ${this.#name} returned sleep(). Define it with "isLongRunning".`,
      );
    }
    if (this.#wasDone) {
      throw new LocalProtocolError(
        `The handler of ${this.#name} returned sleep() after the client's DONE. Return a result if "signal" has ` +
          "aborted.",
      );
    }
    const bytes = encodePlainData(state);
    this.#state = "over";
    this.#endTimer.stop();
    this.#call.onSleep(bytes, wakeAfter);
  }

  #finish(result: TaggedResult): void {
    try {
      this.#options.calls.finish(this.id, result);
    } catch (error) {
      const why = lowerFirst(messageOf(error));
      throw new LocalProtocolError(`The handler of ${this.#name} returned a wrong result: ${why}`);
    }
    this.#over(`${this.#name} has ended.`);
    this.#options.flush();
  }

  #fail(error: unknown): void {
    const { aborted, reason } = this.#controller.signal;
    const isAsked = aborted && error === reason;
    if (!this.#isOver) {
      this.#finish(isAsked ? { status: "OK", text: `${this.#name} completed.` } : failure);
    }
    if (!isAsked) this.#options.onError(error);
  }

  #over(why: string): void {
    this.#state = "over";
    this.#endTimer.stop();
    this.#wake();
    this.#mustEnd(why);
  }

  #mustEnd(why: string): void {
    this.#end();
    this.#controller.abort(new AbortError(why));
  }

  get #isOver(): boolean {
    return this.#state === "over";
  }
}

function isSleep(end: HandlerEnd): end is Sleep {
  return (end as Sleep | undefined)?.type === "sleep";
}

function isGenerator(answer: unknown): answer is Generator {
  return typeof answer === "object" && answer !== null && Symbol.asyncIterator in answer;
}
