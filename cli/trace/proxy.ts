/**
 * Passes conversations on to a server and back, unchanged, and tells what is in them.
 *
 * @module
 */

import { messageOf } from "@dovewire/dovewire/core";
import type { TraceSide } from "@dovewire/dovewire/core/doveadm";
import { type Listener, onAbort, type Transport } from "@dovewire/dovewire/transports";
import type { Step } from "./step.ts";

/** The most connections at the same time. */
const mostConnections = 1000;

/** What {@linkcode runProxy} needs. */
export interface ProxyOptions {
  /** Accepts the clients. */
  readonly listener: Listener;
  /** Connects to the server. */
  readonly connect: (signal: AbortSignal) => Promise<Transport>;
  /** Takes a step; nothing more is read of that side until it resolves. If it rejects, the proxy ends. */
  readonly onStep: (step: Step) => Promise<void>;
  /** Ends the proxy. */
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts; then all connections are closed. Rejects with the first error of `onStep`. */
export async function runProxy({ listener, connect, onStep, signal }: ProxyOptions): Promise<void> {
  const ending = new AbortController();
  const forget = onAbort(signal, () => ending.abort());
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const step = async (step: Step) => {
    try {
      await onStep(step);
    } catch (error) {
      failure ??= { error };
      ending.abort();
    }
  };
  const closeListener = onAbort(ending.signal, () => void listener.close());
  try {
    for (let count = 1;; count++) {
      const client = await listener.accept();
      if (client === undefined) break;
      const isFull = running.size >= mostConnections;
      const connection = new Connection(count, client, step);
      const run = isFull
        ? connection.refuse(`${mostConnections} connections are open, which is the limit`)
        : connection.run(connect, ending.signal);
      running.add(run);
      void run.finally(() => running.delete(run));
    }
  } finally {
    ending.abort();
    closeListener();
    forget();
    await listener.close();
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
}

/** A client's connection, and the one to the server for it. */
class Connection {
  readonly #connection: number;
  readonly #client: Transport;
  readonly #onStep: (step: Step) => Promise<void>;
  #problem: string | undefined;

  constructor(
    connection: number,
    client: Transport,
    onStep: (step: Step) => Promise<void>,
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#onStep = onStep;
  }

  /** Closes it, with the reason for it. */
  async refuse(problem: string): Promise<void> {
    await this.#step({ type: "open", name: this.#client.peer });
    await this.#client.close();
    await this.#step({ type: "close", problem });
  }

  /** Passes on what comes until both sides have ended, or one of them breaks. Never rejects. */
  async run(
    connect: (signal: AbortSignal) => Promise<Transport>,
    signal: AbortSignal,
  ): Promise<void> {
    const client = this.#client;
    await this.#step({ type: "open", name: client.peer });
    let server: Transport;
    try {
      server = await connect(signal);
    } catch (error) {
      await client.close();
      await this.#step({ type: "close", problem: messageOf(error) });
      return;
    }
    const close = () => Promise.all([client.close(), server.close()]);
    const forget = onAbort(signal, () => {
      this.#problem ??= "the trace ended";
      void close();
    });
    try {
      await Promise.all([
        this.#pass("client", client, server).catch(close),
        this.#pass("server", server, client).catch(close),
      ]);
    } finally {
      forget();
      await close();
    }
    await this.#step({ type: "close", ...this.#reason });
  }

  get #reason(): { readonly problem?: string } {
    return this.#problem === undefined ? {} : { problem: this.#problem };
  }

  /** Passes on what a side sends, up to its end. Rejects if either transport breaks. */
  async #pass(from: TraceSide, source: Transport, target: Transport): Promise<void> {
    try {
      for (let bytes; (bytes = await source.read()) !== undefined;) {
        await this.#step({ type: "bytes", from, bytes });
        await target.write(bytes);
      }
    } catch (error) {
      this.#problem ??= messageOf(error);
      throw error;
    }
    await this.#step({ type: "end", from });
    // A target that is gone already needs no end.
    await target.closeWrite().catch(() => {});
  }

  #step(step: Distribute<Step>): Promise<void> {
    return this.#onStep({ ...step, connection: this.#connection, time: new Date() });
  }
}

/** A step without what all steps of a connection have. */
type Distribute<Kind> = Kind extends Step ? Omit<Kind, "connection" | "time"> : never;
