/**
 * Runs any protocol over any transport.
 *
 * @module
 */

import type { Protocol } from "../core/protocol.ts";
import type { TlsOptions, Transport } from "./transport.ts";

/** A protocol that can be driven; one with STARTTLS has `tlsStarted()`. */
export interface DrivableProtocol<Event extends { readonly type: string }> extends Protocol<Event> {
  /** Says that the transport is encrypted now, after a "start-tls" event. */
  tlsStarted?(): void;
  /**
   * A server's: takes what arrived behind what asked for TLS, which is the beginning of the client's
   * handshake. A client's protocol has none: what a server sends there in clear is nobody's.
   */
  takeUnread?(): Uint8Array;
}

/** What a {@linkcode Driver} needs beside a protocol and a transport. */
export interface DriverOptions<Event> {
  /**
   * Gets each event but "start-tls" and "close-write", in order. As long as a promise that it gives is pending nothing
   * more is read; what it throws ends the conversation.
   */
  onEvent: (event: Event) => void | Promise<void>;
  /** How to encrypt the transport when the protocol asks for it. */
  tls?: TlsOptions;
  /**
   * Whether more may be read now; always if left out. Asked whenever there is something to do, and so
   * behind each {@linkcode Driver.flush}.
   */
  mayRead?: () => boolean;
  /** Learns, once, that nothing more comes: the peer has ended, or reading broke. */
  onReadEnd?: () => void;
  /** Learns, once, that the transport broke: it can't be read or written any more. */
  onBroken?: (error: unknown) => void;
  /**
   * Lets the protocol have the last word: what it still has to say when the conversation is over is
   * written, and the peer gets so many milliseconds to close its end; closing while it sends would
   * take from it what it hasn't read yet. Without this the transport is closed at once.
   */
  linger?: number;
}

/**
 * Moves a protocol's bytes over a transport: writes and reads at the same time, so that two peers
 * with full buffers don't wait for each other, and reads no faster than its caller takes the events.
 */
export class Driver<Event extends { readonly type: string }> {
  #protocol: DrivableProtocol<Event>;
  #transport: Transport;
  #options: DriverOptions<Event>;
  #reading: Promise<void> | undefined;
  #writing: Promise<void> | undefined;
  #closingWrite: Promise<void> | undefined;
  /** What was read and the protocol hasn't got yet. */
  #arrived: Read | undefined;
  /** Resolved when there may be something to do. */
  #woken = wakeUp();
  #failure: { error: unknown } | undefined;
  #broken = false;
  #ended = false;
  #closed = false;

  /** Makes one; {@linkcode run} starts it. */
  constructor(
    protocol: DrivableProtocol<Event>,
    transport: Transport,
    options: DriverOptions<Event>,
  ) {
    this.#protocol = protocol;
    this.#transport = transport;
    this.#options = options;
  }

  /**
   * Runs the conversation to its end and closes the transport, whatever the end is: resolves behind
   * the "end" event, rejects with what broke the protocol or the transport. A transport that breaks
   * is the protocol's end as well, so that its "end" event comes in any case but a broken protocol.
   */
  async run(): Promise<void> {
    try {
      await this.#converse();
    } finally {
      if (this.#options.linger !== undefined) await this.#lastWords(this.#options.linger);
      await this.#transport.close();
      await this.#reading;
      await this.#writing;
      await this.#closingWrite;
    }
    if (this.#failure !== undefined && !this.#closed) throw this.#failure.error;
  }

  /**
   * Writes what the protocol has to say; to be called after each call that gives it something.
   * Resolves when all of it is written, or can't be: {@linkcode run} tells about that.
   */
  flush(): Promise<void> {
    this.#writing ??= this.#writeSoon();
    // What was given to the protocol may have set it a deadline, or brought it to its end.
    this.#woken.resolve();
    return this.#writing ?? Promise.resolve();
  }

  /** Closes the transport; {@linkcode run} ends in its own time, and does not reject for this. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#transport.close();
  }

  /** Moves events and bytes until the "end" event. */
  async #converse(): Promise<void> {
    // Who starts this gets to the end of what it does first.
    await undefined;
    for (;;) {
      const event = this.#protocol.nextEvent();
      if (event !== undefined && await this.#passEvents(event)) return;
      if (this.#tellTime()) continue;
      this.#startWriting();
      this.#startReading();
      await this.#somethingToDo();
      this.#woken = wakeUp();
      this.#takeIn();
    }
  }

  /** Writes what is left to write, and waits for the peer to close its end. */
  async #lastWords(patience: number): Promise<void> {
    if (this.#closed || this.#broken) return;
    await this.flush();
    if (this.#ended || this.#closed || this.#broken) return;
    const timer = setTimeout(() => this.#transport.close(), patience);
    try {
      await this.#transport.closeWrite();
      await this.#reading;
      if (this.#arrived !== undefined && !("chunk" in this.#arrived)) return;
      while (await this.#transport.read() !== undefined);
    } catch {
      // It broke, or took too long: there is nobody to be patient with.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Passes on an event and those behind it, and says whether the last of them was the end. */
  async #passEvents(first: Event): Promise<boolean> {
    for (let event: Event | undefined = first; event; event = this.#protocol.nextEvent()) {
      if (event.type === "start-tls") {
        await this.#startTls();
        continue;
      }
      if (event.type === "close-write") {
        this.#closingWrite ??= this.#closeWrite();
        continue;
      }
      const passed = this.#options.onEvent(event);
      if (passed !== undefined) {
        this.#startWriting();
        await passed;
      }
      if (event.type === "end") return true;
    }
    return false;
  }

  async #startTls(): Promise<void> {
    await this.flush();
    try {
      const received = this.#protocol.takeUnread?.();
      this.#transport = await this.#transport.startTls(this.#options.tls ?? {}, received);
    } catch (error) {
      // Nothing more goes over a transport that should have been encrypted.
      await this.#transport.close();
      this.#end({ error });
      return;
    }
    if (this.#closed) await this.#transport.close();
    this.#protocol.tlsStarted?.();
  }

  /**
   * Writes what there is and tells the peer that no more comes. Reading goes on meanwhile: the peer may
   * read no more before its answers are. A transport that is gone is told by reading.
   */
  async #closeWrite(): Promise<void> {
    await this.flush();
    try {
      await this.#transport.closeWrite();
    } catch {
      // There is nobody to tell.
    }
  }

  /** Tells the protocol the time if its deadline is over, and says whether it did. */
  #tellTime(): boolean {
    const { deadline } = this.#protocol;
    if (deadline === undefined) return false;
    const now = performance.now();
    if (deadline > now) return false;
    this.#protocol.handleTimeout(now);
    return true;
  }

  /** Waits until something was read, the deadline is over or {@linkcode flush} was called. */
  #somethingToDo(): Promise<void> {
    const { promise, resolve } = this.#woken;
    const { deadline } = this.#protocol;
    if (deadline === undefined) return promise;
    const patience = Math.min(Math.ceil(deadline - performance.now()), longestTimer);
    const timer = setTimeout(resolve, patience);
    return promise.then(() => clearTimeout(timer));
  }

  /** Gives the protocol what was read. */
  #takeIn(): void {
    const read = this.#arrived;
    if (read === undefined) return;
    this.#arrived = undefined;
    if ("chunk" in read) this.#protocol.receive(read.chunk);
    else this.#end(read);
  }

  /** Tells the protocol that nothing more comes. */
  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    if ("error" in ending) {
      this.#failure = ending;
      this.#break(ending.error);
    }
    this.#protocol.receiveEnd();
    this.#options.onReadEnd?.();
  }

  #break(error: unknown): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#options.onBroken?.(error);
  }

  #startReading(): void {
    if (this.#arrived !== undefined || this.#ended || this.#reading !== undefined) return;
    if (this.#options.mayRead?.() ?? true) this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    try {
      const chunk = await this.#transport.read();
      this.#arrived = chunk === undefined ? { end: true } : { chunk };
    } catch (error) {
      this.#arrived = { error };
    }
    this.#reading = undefined;
    this.#woken.resolve();
  }

  /** Writes what there is at once. */
  #startWriting(): void {
    if (this.#writing !== undefined) return;
    const chunk = this.#protocol.takeOutput();
    if (chunk !== undefined) this.#writing = this.#write(chunk);
  }

  /** Writes what there is, and what else is given to the protocol in this turn. */
  async #writeSoon(): Promise<void> {
    await undefined;
    await this.#write(this.#protocol.takeOutput());
  }

  async #write(first: Uint8Array | undefined): Promise<void> {
    try {
      for (let chunk = first; chunk !== undefined; chunk = this.#protocol.takeOutput()) {
        await this.#transport.write(chunk);
      }
      this.#writing = undefined;
    } catch (error) {
      // The peer reads no more. What it had to say about that is still to be read, and so is its
      // end; what is left to write never will be, so that #writing stays as it is.
      this.#break(error);
    }
  }
}

/** How the reading ends. */
type Ending = { end: true } | { error: unknown };

/** What a read came to. */
type Read = { chunk: Uint8Array } | Ending;

/** The longest time that a timer can be set to, in milliseconds. */
const longestTimer = 2_147_483_647;

/** A promise and what resolves it, as `Promise.withResolvers` gives them where it is known. */
function wakeUp(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((wake) => {
    resolve = wake;
  });
  return { promise, resolve };
}
