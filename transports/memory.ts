/**
 * An in-memory pair of transports, for tests and for programs with both ends in one process.
 *
 * @module
 */

import { plainBytes } from "../core/bytes.ts";
import { LocalProtocolError } from "../core/errors.ts";
import { checkOptions, shownValue } from "../core/option_checks.ts";
import { Queue } from "../core/queue.ts";
import { AcceptQueue } from "./accept_queue.ts";
import {
  brokenError,
  connectError,
  type Connector,
  endedError,
  type Listener,
  type TlsOptions,
  tlsUnsupported,
  type Transport,
} from "./transport.ts";

export {
  type Address,
  type ConnectOptions,
  type Connector,
  type Listener,
  type TlsOptions,
  type Transport,
  TransportError,
  type TransportErrorCode,
} from "./transport.ts";

/** Options for a {@linkcode memoryPair}. */
export interface MemoryPairOptions {
  /**
   * How many of the pending bytes the next read returns; asked before each read. Less than 1, or NaN, counts as 1,
   * and a fraction as the integer below it. All bytes of one write if left out.
   */
  cut?: (waiting: number) => number;
  /** How many bytes may be pending in one direction before a write waits; 64 KiB if left out. */
  capacity?: number;
}

/**
 * Creates two connected transports. Throws a `LocalProtocolError` for invalid options.
 *
 * @example
 * ```ts
 * import { memoryPair } from "@dovewire/dovewire/transports/memory";
 * import assert from "node:assert/strict";
 *
 * const [client, server] = memoryPair({ cut: () => 1 });
 * await client.write(Uint8Array.of(1, 2));
 * assert.deepEqual(await server.read(), Uint8Array.of(1));
 * await client.close();
 * ```
 */
export function memoryPair(options: MemoryPairOptions = {}): [Transport, Transport] {
  checkPairOptions(options);
  const there = new Pipe(options);
  const back = new Pipe(options);
  return [new MemoryTransport(back, there), new MemoryTransport(there, back)];
}

/** A listener in memory, and the function that connects to it. */
export interface MemoryListener {
  /**
   * The listener. Its address is that of a UNIX socket with the path "memory": there is no such file, and
   * only `connect` leads there.
   */
  readonly listener: Listener;
  /**
   * Connects to the listener, whatever the address is, so that a client can use its real address. Rejects
   * with a `TransportError` once the listener is closed.
   */
  readonly connect: Connector;
}

/**
 * Creates a listener without sockets, for a client and a server in one program. The options apply to each
 * pair of transports.
 *
 * @example
 * ```ts
 * import { memoryListener } from "@dovewire/dovewire/transports/memory";
 * import assert from "node:assert/strict";
 *
 * const { listener, connect } = memoryListener();
 * await using client = await connect({ transport: "tcp", hostname: "mail.example.com", port: 24245 });
 * await using server = await listener.accept();
 * await client.write(Uint8Array.of(1, 2));
 * assert.deepEqual(await server?.read(), Uint8Array.of(1, 2));
 * await listener.close();
 * ```
 */
export function memoryListener(options: MemoryPairOptions = {}): MemoryListener {
  checkPairOptions(options);
  const queue = new AcceptQueue<Transport>((transport) => void transport.close());
  let isClosed = false;
  const close = () => {
    isClosed = true;
    queue.close();
    return Promise.resolve();
  };
  return {
    listener: {
      address: { transport: "unix", path: "memory" },
      accept: () => queue.take(),
      close,
      [Symbol.asyncDispose]: close,
    },
    async connect(address, connectOptions = {}) {
      checkOptions(connectOptions, { objects: ["tls"] });
      const { signal, tls } = connectOptions;
      // Asynchronous as with a socket, so that no caller depends on an immediate result.
      await undefined;
      if (tls !== undefined) throw tlsUnsupported("memory");
      if (signal?.aborted) throw connectError("aborted", address, signal.reason);
      if (isClosed) throw connectError("refused", address, undefined, refused);
      const [client, server] = memoryPair(options);
      queue.add(server);
      return client;
    },
  };
}

/** Throws a `LocalProtocolError` for options of other types, and for a capacity that nothing would fit in. */
function checkPairOptions(options: MemoryPairOptions): void {
  checkOptions(options, { functions: ["cut"] });
  const { capacity = 0 } = options;
  if (typeof capacity === "number" && capacity >= 0) return;
  throw new LocalProtocolError(
    `"capacity" is ${shownValue(capacity)}. Set it to a number of bytes, or to Infinity.`,
  );
}

/** The advice for a closed listener. */
const refused = "the listener in memory is closed. Connect while it is open.";

/** One direction. */
class Pipe {
  #cut: ((waiting: number) => number) | undefined;
  #capacity: number;
  #chunks = new Queue<Uint8Array>();
  /** What is left of the chunk that was returned in part. */
  #rest: Uint8Array | undefined;
  #size = 0;
  #state: "open" | "ended" | "broken" = "open";
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor({ cut, capacity = 65_536 }: MemoryPairOptions) {
    this.#cut = cut;
    this.#capacity = capacity;
  }

  async read(peer: string): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#state === "broken") throw brokenError("reset", peer);
      if (this.#size > 0) return this.#take();
      if (this.#state === "ended") return undefined;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  async write(chunk: Uint8Array, peer: string): Promise<void> {
    if (this.#state === "ended") throw endedError(peer);
    if (this.#state === "broken") throw brokenError("reset", peer);
    const bytes = plainBytes(chunk);
    // A copy: the writer may reuse its buffer.
    if (bytes.length > 0) this.#chunks.push(bytes.slice());
    this.#size += bytes.length;
    this.#wakeReader?.();
    while (this.#state === "open" && this.#size > this.#capacity) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
    if ((this.#state as string) === "broken") throw brokenError("reset", peer);
  }

  end(state: "ended" | "broken"): void {
    if (this.#state !== "broken") this.#state = state;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  #take(): Uint8Array {
    const first = this.#rest ??= this.#chunks.shift()!;
    const wanted = Math.max(1, Math.floor(this.#cut?.(this.#size) ?? first.length) || 1);
    const size = Math.min(wanted, first.length);
    this.#rest = size === first.length ? undefined : first.subarray(size);
    this.#size -= size;
    this.#wakeWriter?.();
    // The reader may transfer it.
    return size === first.length ? first : first.slice(0, size);
  }
}

class MemoryTransport implements Transport {
  readonly peer = "memory";
  #input: Pipe;
  #output: Pipe;
  #closed = false;

  constructor(input: Pipe, output: Pipe) {
    this.#input = input;
    this.#output = output;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#unlessClosed(() => this.#input.read(this.peer));
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#unlessClosed(() => this.#output.write(chunk, this.peer));
  }

  closeWrite(): Promise<void> {
    return this.#unlessClosed(() => this.#output.end("ended"));
  }

  async startTls(_options: TlsOptions): Promise<Transport> {
    await this.close();
    throw tlsUnsupported(this.peer);
  }

  close(): Promise<void> {
    this.#closed = true;
    // As with a socket: the peer still reads what was written, and can't write any more.
    this.#output.end("ended");
    this.#input.end("broken");
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs an operation; rejects if this side was closed before it was done, whatever its outcome. */
  async #unlessClosed<T>(operation: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw brokenError("closed", this.peer);
    try {
      const result = await operation();
      if (!this.#closed) return result;
    } catch (error) {
      if (!this.#closed) throw error;
    }
    throw brokenError("closed", this.peer);
  }
}
