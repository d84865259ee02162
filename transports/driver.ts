/**
 * Runs any protocol over any transport.
 *
 * @module
 */

import { TimeoutError } from "../core/errors.ts";
import type { DrivableProtocol, DriverOptions, ReleasedTransport } from "./driver_options.ts";
import { type InputEnd, PendingRead, type Read } from "./pending_read.ts";
import { startTimer, timeLimit } from "./timers.ts";
import type { Transport } from "./transport.ts";

export type { DrivableProtocol, DriverOptions, ReleasedTransport } from "./driver_options.ts";

/** How many bytes are written at once where the progress of writing matters. */
const pieceSize = 65_536;

const noBytes = new Uint8Array(0);

/** What stands where nothing has arrived. */
const nothingArrived: Read = { end: true };

/**
 * Moves a protocol's bytes over a transport.
 *
 * It writes and reads at the same time, so that two peers with full buffers don't wait for each other, and
 * reads no faster than its caller takes the events.
 */
export class Driver<Event extends { readonly type: string }> {
  #protocol: DrivableProtocol<Event>;
  #transport: Transport;
  #options: DriverOptions<Event>;
  #stallTimeout: number;
  #writesInPieces: boolean;
  #lingerTimeout: number | undefined;
  /**
   * "securing": TLS is being started; "broken": it can't be read or can't be written any more; "closed" by
   * {@linkcode close}; "released" by {@linkcode release}.
   */
  #connection: "open" | "securing" | "broken" | "closed" | "released" = "open";
  /** "idle": no read is under way; "arrived": what was read waits for the protocol; "ended": no more comes. */
  #input: "idle" | "reading" | "arrived" | "ended" = "idle";
  /** "idle": no write is under way; "failed": nothing can be written any more. */
  #output: "idle" | "writing" | "failed" = "idle";
  /** The chunk, end or error of `#input` "arrived". */
  #arrived: Read = nothingArrived;
  /** The chunk that the protocol got last, if it may be recycled. */
  #received: Uint8Array | undefined;
  /** The read of `#input` "reading". */
  #pendingRead: PendingRead | undefined;
  /** Resolves the promise of {@linkcode #readOver}. */
  #endRead: (() => void) | undefined;
  /** Settled when the write that is under way is over. */
  #writeDone: Promise<void> = Promise.resolve();
  /** Settled when the half-close that is under way is over. */
  #halfCloseDone: Promise<void> | undefined;
  /** Whether the loop may have something to do. */
  #isAwake = false;
  /** Wakes the loop where it waits. */
  #wakeLoop: (() => void) | undefined;
  /** Why {@linkcode run} rejects. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * Creates a driver; {@linkcode run} starts it. Throws a `LocalProtocolError` for a time limit that is no
   * number of milliseconds.
   */
  constructor(
    protocol: DrivableProtocol<Event>,
    transport: Transport,
    options: DriverOptions<Event>,
  ) {
    const { stallTimeout = 0, lingerTimeout } = options;
    this.#stallTimeout = timeLimit("stallTimeout", stallTimeout);
    this.#writesInPieces = options.onWrite !== undefined || this.#stallTimeout !== Infinity;
    if (lingerTimeout !== undefined) {
      this.#lingerTimeout = timeLimit("lingerTimeout", lingerTimeout);
    }
    this.#protocol = protocol;
    this.#transport = transport;
    this.#options = options;
    const { released } = options;
    if (released === undefined) return;
    this.#input = released.reading === undefined ? "ended" : "reading";
    this.#pendingRead = released.reading;
    if (released.isHalfClosed) this.#halfCloseDone = Promise.resolve();
  }

  /** Whether a read is under way, so that a connection that breaks is noticed. */
  get isReading(): boolean {
    return this.#input === "reading";
  }

  /** Whether a write is under way. */
  get isWriting(): boolean {
    return this.#output === "writing";
  }

  /** Whether nothing is under way but a read, so that {@linkcode release} is possible. */
  get isQuiet(): boolean {
    return this.#connection === "open" && this.#output === "idle" &&
      (this.#input === "reading" || this.#input === "ended");
  }

  /**
   * Runs the conversation to its end and then closes the transport.
   *
   * Resolves after the "end" event; rejects with the error of the protocol, of the transport or of a hook.
   * A transport that breaks ends the protocol's input, so that its "end" event still comes unless the
   * protocol itself failed.
   */
  async run(): Promise<void> {
    try {
      await this.#converse();
    } finally {
      if (!this.#isReleased) await this.#end();
    }
    const isOver = this.#connection === "closed" || this.#isReleased;
    if (this.#failure !== undefined && !isOver) throw this.#failure.error;
  }

  /** Closes the transport. */
  async #end(): Promise<void> {
    if (this.#lingerTimeout !== undefined) await this.#lingeringClose(this.#lingerTimeout);
    await this.#transport.close();
    await this.#readOver();
    // A hook may have added output during the write.
    while (this.#output === "writing") await this.#writeDone;
    await this.#halfCloseDone;
    // Nothing is written any more, and no hook is called.
    this.#output = "failed";
  }

  /**
   * Writes the protocol's output; call it after each call that passes output to the protocol. Resolves when
   * everything is written, or writing has failed: {@linkcode run} reports that.
   */
  flush(): Promise<void> {
    if (this.#output === "idle") {
      this.#output = "writing";
      this.#writeDone = this.#write();
    }
    // The call may also have set the protocol's deadline or ended the protocol.
    this.#wake();
    return this.#writeDone;
  }

  /**
   * Writes the protocol's output as {@linkcode flush} does, but begins at once, where that waits for what else this turn
   * adds. For a call that has added output and nothing else.
   */
  flushNow(): void {
    this.#startWriting();
  }

  /**
   * Checks that the connection is still there, if the transport can tell without sending anything; calls
   * `onBroken` if it is not. For a conversation that isn't read for a while: reading notices that by
   * itself.
   */
  probe(): void {
    if (this.#output !== "idle" || this.#connection !== "open") return;
    this.#output = "writing";
    this.#writeDone = this.#write(noBytes);
  }

  /**
   * Hands the transport over, for another driver: {@linkcode run} resolves, and nothing is closed. Returns
   * `undefined`, and does nothing, if something is under way but a read. Not to be called by a hook.
   */
  release(): ReleasedTransport | undefined {
    if (!this.isQuiet) return undefined;
    this.#connection = "released";
    const reading = this.#pendingRead;
    reading?.whenDone(undefined);
    this.#wake();
    return { transport: this.#transport, reading, isHalfClosed: this.#halfCloseDone !== undefined };
  }

  get #isReleased(): boolean {
    return this.#connection === "released";
  }

  /** Closes the transport. {@linkcode run} ends when it can, and does not reject for this. */
  async close(): Promise<void> {
    this.#connection = "closed";
    await this.#transport.close();
  }

  /** Moves events and bytes until the "end" event. */
  async #converse(): Promise<void> {
    // The caller of run() finishes its own work first.
    await undefined;
    if (this.#options.writeOnly) this.#endInput({ end: true });
    if (!this.#isReleased) this.#pendingRead?.whenDone(this.#arrive);
    while (!this.#isReleased) {
      for (let event; (event = this.#protocol.nextEvent()) !== undefined;) {
        const passed = this.#pass(event);
        if (passed !== undefined) await passed;
        if (event.type === "end") return;
      }
      if (this.#tellTime()) continue;
      this.#startWriting();
      const recycled = this.#recycle();
      if (recycled !== undefined) await recycled;
      this.#startReading();
      if (!this.#isAwake) await this.#somethingToDo();
      this.#isAwake = false;
      this.#takeIn();
    }
  }

  /** Passes on an event; what it returns has to be waited for. */
  #pass(event: Event): void | Promise<void> {
    if (event.type === "start-tls") return this.#startTls();
    if (event.type === "close-write") {
      this.#halfCloseDone ??= this.#halfClose();
      return;
    }
    const passed = this.#options.onEvent(event);
    if (passed !== undefined) this.#startWriting();
    return passed;
  }

  async #startTls(): Promise<void> {
    await this.flush();
    if (this.#connection === "open") this.#connection = "securing";
    try {
      const received = this.#protocol.takeUnread?.();
      this.#transport = await this.#transport.startTls(this.#options.tls ?? {}, received);
    } catch (error) {
      // Nothing more is sent over a transport that should have been encrypted.
      await this.#transport.close();
      this.#endInput({ error });
      return;
    }
    if (this.#connection === "closed") await this.#transport.close();
    else this.#connection = "open";
    this.#protocol.tlsStarted?.();
  }

  /**
   * Writes the output and half-closes. Reading goes on meanwhile: the peer may stop reading until its own
   * answers are read. A broken transport shows in reading.
   */
  async #halfClose(): Promise<void> {
    await this.flush();
    try {
      await this.#transport.closeWrite();
    } catch {
      // The peer is gone.
    }
  }

  /** Writes the output that is left, half-closes, and waits for the peer to close its side. */
  async #lingeringClose(limit: number): Promise<void> {
    if (this.#connection !== "open") return;
    await this.flush();
    if (this.#input === "ended" || (this.#connection as string) !== "open") return;
    const timer = startTimer(limit, () => void this.#transport.close());
    try {
      await this.#transport.closeWrite();
      await this.#readOver();
      if ((this.#input as string) === "arrived" && !("chunk" in this.#arrived)) return;
      while (await this.#transport.read() !== undefined);
    } catch {
      // It broke, or took too long: waiting is over.
    } finally {
      timer.stop();
    }
  }

  /** Calls the protocol's deadline if its time has come; returns whether it has. */
  #tellTime(): boolean {
    const { deadline } = this.#protocol;
    if (deadline === undefined) return false;
    const now = performance.now();
    if (deadline > now) return false;
    this.#protocol.handleTimeout(now);
    return true;
  }

  /** Waits until something arrived, the deadline has passed, or {@linkcode flush} was called. */
  #somethingToDo(): Promise<void> {
    const { deadline } = this.#protocol;
    const wait = new Promise<void>(this.#keepWake);
    if (deadline === undefined) return wait;
    const timer = startTimer(Math.ceil(deadline - performance.now()), () => this.#wake());
    return wait.then(() => timer.stop());
  }

  /** Keeps what ends a wait: a function made once, since a conversation waits often. */
  readonly #keepWake = (wake: () => void): void => {
    this.#wakeLoop = wake;
  };

  /** Makes the loop look for something to do. */
  #wake(): void {
    this.#isAwake = true;
    const wakeLoop = this.#wakeLoop;
    this.#wakeLoop = undefined;
    wakeLoop?.();
  }

  /** Gives the transport its chunk back, unless something refers to it; what it returns has to be waited for. */
  #recycle(): void | Promise<void> {
    const chunk = this.#received;
    if (chunk === undefined) return;
    this.#received = undefined;
    if (this.#protocol.holdsInput !== false) return;
    const may = this.#options.mayRecycle!();
    if (may === false) return;
    if (may === true) this.#transport.recycle!(chunk);
    else return may.then((may) => may ? this.#transport.recycle!(chunk) : undefined);
  }

  #startReading(): void {
    if (this.#input !== "idle" || this.#options.mayRead?.() === false) return;
    this.#input = "reading";
    this.#pendingRead = new PendingRead(this.#transport);
    this.#pendingRead.whenDone(this.#arrive);
  }

  readonly #arrive = (read: Read): void => {
    this.#pendingRead = undefined;
    this.#arrived = read;
    const { onRead } = this.#options;
    if ("chunk" in read && onRead !== undefined) this.#tell(() => onRead(read.chunk.length));
    this.#input = "arrived";
    this.#wake();
    this.#endRead?.();
  };

  /** Waits for the read that is under way, if there is one. */
  #readOver(): Promise<void> | undefined {
    if (this.#pendingRead === undefined) return undefined;
    return new Promise((resolve) => {
      this.#endRead = resolve;
    });
  }

  /** Passes the chunk to the protocol. */
  #takeIn(): void {
    if (this.#input !== "arrived") return;
    const arrived = this.#arrived;
    // A chunk may be part of a large buffer, which nothing should keep while the connection waits.
    this.#arrived = nothingArrived;
    if ("chunk" in arrived) {
      this.#input = "idle";
      const isRecycled = this.#options.mayRecycle !== undefined &&
        this.#transport.recycle !== undefined;
      if (isRecycled) this.#received = arrived.chunk;
      this.#protocol.receive(arrived.chunk);
    } else this.#endInput(arrived);
  }

  /** Ends the protocol's input. */
  #endInput(how: InputEnd): void {
    if (this.#input === "ended") return;
    this.#input = "ended";
    if ("error" in how) {
      this.#failure ??= how;
      this.#break(how.error);
    }
    this.#protocol.receiveEnd();
    this.#options.onReadEnd?.();
  }

  /** Writes the pending output. */
  #startWriting(): void {
    if (this.#output !== "idle") return;
    const chunk = this.#protocol.takeOutput();
    if (chunk === undefined) return;
    this.#output = "writing";
    this.#writeDone = this.#write(chunk);
  }

  /** Writes a chunk and the pending output; without one, also the output that is added in this turn. */
  async #write(first?: Uint8Array): Promise<void> {
    if (first === undefined) await undefined;
    let chunk = first ?? this.#protocol.takeOutput();
    do {
      try {
        for (; chunk !== undefined; chunk = this.#protocol.takeOutput()) {
          if (this.#writesInPieces) await this.#writeInPieces(chunk);
          else await this.#transport.write(chunk);
        }
      } catch (error) {
        // The peer reads no more, but may have sent its reason, which is still to be read.
        this.#output = "failed";
        this.#tell(() => this.#break(error));
        return;
      }
      this.#output = "idle";
      if (this.#options.onDrain !== undefined) this.#tell(this.#options.onDrain);
      // A flush() in that hook writes what it added; without a flush, it is written here.
      if ((this.#output as string) === "idle") chunk = this.#protocol.takeOutput();
      if (chunk !== undefined) this.#output = "writing";
    } while (chunk !== undefined);
    // The protocol may have held events back, and mayRead() reading, until there was room.
    this.#wake();
  }

  /** Writes a chunk in pieces, to tell a slow peer from one that has stopped reading. */
  async #writeInPieces(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at === 0 || at < chunk.length; at += pieceSize) {
      const piece = chunk.subarray(at, at + pieceSize);
      const timer = startTimer(this.#stallTimeout, () => this.#stall());
      try {
        await this.#transport.write(piece);
      } finally {
        timer.stop();
      }
      if (piece.length > 0) this.#tell(() => this.#options.onWrite?.(piece.length));
    }
  }

  /** Closes the transport whose peer has stopped reading. */
  #stall(): void {
    if (this.#connection === "closed") return;
    const error = new TimeoutError(
      "write",
      `The connection to ${this.#transport.peer} is closed: the other end read nothing for ` +
        `${this.#stallTimeout} ms.`,
    );
    this.#failure ??= { error };
    this.#tell(() => this.#break(error));
    void this.#transport.close();
  }

  #break(error: unknown): void {
    if (this.#connection === "broken" || this.#connection === "closed") return;
    this.#connection = "broken";
    this.#options.onBroken?.(error);
  }

  /** Calls a hook outside the loop; an error that it throws ends the conversation. */
  #tell(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.#failure ??= { error };
      void this.#transport.close();
    }
  }
}
