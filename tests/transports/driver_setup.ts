/**
 * A protocol, a driver and a peer for tests of the driver.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type DrivableProtocol, Driver, type DriverOptions } from "../../transports/driver.ts";
import { memoryPair } from "../../transports/memory.ts";
import { type Transport, TransportError } from "../../transports/transport.ts";

export type TestEvent =
  | { readonly type: "chunk"; readonly chunk: Uint8Array }
  | { readonly type: "timeout"; readonly now: number }
  | { readonly type: "start-tls" }
  | { readonly type: "tls-started" }
  | { readonly type: "close-write" }
  | { readonly type: "end" };

/** The simplest protocol: it passes on what arrives, and sends what a test wants. */
export class TestProtocol implements DrivableProtocol<TestEvent> {
  /** When handleTimeout() should be called, once. */
  deadline: number | undefined;
  /** What nextEvent() throws, once the events that are there are gone. */
  failure: Error | undefined;
  /** Keeps the "end" event back until {@linkcode finish} is called. */
  endsLate = false;
  /** What it sends for each chunk, of its own accord. */
  answer: string | undefined;
  #events: TestEvent[] = [];
  #output: Uint8Array[] = [];
  #ends = 0;

  send(chunk: string | Uint8Array): void {
    this.#output.push(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  }

  askForTls(): void {
    this.#events.push({ type: "start-tls" });
  }

  sendNoMore(): void {
    this.#events.push({ type: "close-write" });
  }

  finish(): void {
    this.#events.push({ type: "end" });
  }

  receive(chunk: Uint8Array): void {
    assert.equal(this.#ends, 0, "It received something after the end.");
    this.#events.push({ type: "chunk", chunk });
    if (this.answer !== undefined) this.send(this.answer);
  }

  receiveEnd(): void {
    assert.equal(++this.#ends, 1, "It was told of the end again.");
    if (!this.endsLate) this.finish();
  }

  nextEvent(): TestEvent | undefined {
    const event = this.#events.shift();
    if (event === undefined && this.failure !== undefined) throw this.failure;
    return event;
  }

  takeOutput(): Uint8Array | undefined {
    return this.#output.shift();
  }

  handleTimeout(now: number): void {
    assert.ok(this.deadline !== undefined, "It wanted no time.");
    assert.ok(now >= this.deadline, `It was told ${now}, before its ${this.deadline}.`);
    this.deadline = undefined;
    this.#events.push({ type: "timeout", now });
  }

  tlsStarted(): void {
    this.#events.push({ type: "tls-started" });
  }
}

/** Options for a {@linkcode Setup}: those of the driver, none of which is required. */
export interface SetupOptions extends Partial<DriverOptions<TestEvent>> {
  /** Replaces the driver's transport. */
  change?: (transport: Transport) => Transport;
}

/** A driver that isn't running yet, and the other end of its transport. */
export class Setup {
  readonly protocol = new TestProtocol();
  readonly peer: Transport;
  readonly driver: Driver<TestEvent>;
  /** What was passed on: an event's type, or a chunk's text. */
  readonly passed: string[] = [];

  constructor({ onEvent, change = (transport) => transport, ...options }: SetupOptions = {}) {
    const [transport, peer] = memoryPair();
    this.peer = peer;
    this.driver = new Driver(this.protocol, change(transport), {
      ...options,
      onEvent: (event) => {
        this.passed.push(event.type === "chunk" ? text(event.chunk) : event.type);
        return onEvent?.(event);
      },
    });
  }

  /** Says something as the other end. */
  say(words: string): Promise<void> {
    return this.peer.write(new TextEncoder().encode(words));
  }

  /** What the other end hears next; "" for the end. */
  async hear(): Promise<string> {
    return text(await this.peer.read() ?? new Uint8Array(0));
  }
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A transport that does what another does, but for this. */
export function changed(transport: Transport, changes: Partial<Transport>): Transport {
  return {
    peer: transport.peer,
    read: () => transport.read(),
    write: (chunk) => transport.write(chunk),
    closeWrite: () => transport.closeWrite(),
    startTls: (options) => transport.startTls(options),
    close: () => transport.close(),
    [Symbol.asyncDispose]: () => transport.close(),
    ...changes,
  };
}

/** Lets everything happen that can happen by now. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

export const reset = new TransportError("reset", "The other end reset it.");
export const much = 8_388_608;
