/**
 * Transports that are in a Worker, for tests that run in Node.
 *
 * @module
 */

import { LocalProtocolError } from "../../core/mod.ts";
import {
  type Address,
  type ConnectOptions,
  type TlsOptions,
  type Transport,
  TransportError,
} from "../../transports/transport.ts";
import { type Answered, type Asked, type Other, packed, unpacked } from "./wire.ts";
import type { StartedWorker } from "./workerd.ts";

/** How much goes in one message at most, in bytes; workerd takes 1 MiB. */
const pieceSize = 524_288;

/** An answer, and the bytes that came with it. */
interface Reply {
  readonly head: Answered;
  readonly bytes: Uint8Array;
}

/** Connects from within a Worker, the one of transport_worker.ts. */
export async function connectIn(
  worker: StartedWorker,
  address: Address,
  { signal, tls }: ConnectOptions = {},
): Promise<Transport> {
  const session = await Session.open(worker);
  const abort = () => session.tell({ ask: "abort" });
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  try {
    const { peer } = await session.ask({ ask: "connect", address, tls });
    return new RemoteTransport(session, peer!);
  } catch (error) {
    session.end();
    // The reason itself doesn't cross.
    if (signal?.aborted && error instanceof TransportError) {
      throw new TransportError(error.code, error.message, { cause: signal.reason });
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** A WebSocket to the Worker, and what was asked over it. */
class Session {
  #socket: WebSocket;
  #asked = new Map<number, (reply: Reply) => void>();
  #lastId = 0;

  static open(worker: StartedWorker): Promise<Session> {
    const url = new URL(worker.url);
    url.protocol = "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new Session(socket)));
      socket.addEventListener("error", () => reject(new Error(`The Worker doesn't answer.`)));
    });
  }

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, head, bytes } = unpacked<Answered>(data);
      this.#asked.get(id)?.({ head, bytes });
      this.#asked.delete(id);
    });
    socket.addEventListener("close", () => {
      const head = { ok: false, name: "Error", message: "The Worker is gone." } as const;
      for (const answer of this.#asked.values()) answer({ head, bytes: new Uint8Array(0) });
    });
  }

  /** Asks, and gives what was answered. */
  async ask(
    asked: Asked,
    bytes?: Uint8Array,
  ): Promise<Answered & { ok: true } & { bytes: Uint8Array }> {
    const id = this.tell(asked, bytes);
    const { head, bytes: chunk } = await new Promise<Reply>((resolve) => {
      this.#asked.set(id, resolve);
    });
    if (head.ok) return { ...head, bytes: chunk };
    const { name, message, code } = head;
    if (code !== undefined) throw new TransportError(code, message);
    if (name === "LocalProtocolError") throw new LocalProtocolError(message);
    throw new Error(`${name} in the Worker: ${message}`);
  }

  /** Says something that has no answer. */
  tell(asked: Asked, bytes?: Uint8Array): number {
    const id = ++this.#lastId;
    this.#socket.send(packed(id, asked, bytes));
    return id;
  }

  /** Ends the request that the Worker has of it. */
  end(): void {
    this.#socket.close();
  }
}

class RemoteTransport implements Transport {
  readonly peer: string;
  #session: Session;

  constructor(session: Session, peer: string) {
    this.#session = session;
    this.peer = peer;
  }

  async read(): Promise<Uint8Array | undefined> {
    const { end, bytes } = await this.#session.ask({ ask: "read" });
    return end ? undefined : bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (!(chunk instanceof Uint8Array)) {
      await this.#session.ask({ ask: "write-other", other: asOther(chunk) });
      return;
    }
    let at = 0;
    for (; chunk.length - at > pieceSize; at += pieceSize) {
      this.#session.tell({ ask: "piece" }, chunk.subarray(at, at + pieceSize));
    }
    await this.#session.ask({ ask: "write" }, chunk.subarray(at));
  }

  async closeWrite(): Promise<void> {
    await this.#session.ask({ ask: "closeWrite" });
  }

  async startTls(tls: TlsOptions): Promise<Transport> {
    const { peer } = await this.#session.ask({ ask: "startTls", tls });
    return new RemoteTransport(this.#session, peer!);
  }

  /** Closes it in the Worker; the WebSocket stays, so that what is still asked is answered there. */
  async close(): Promise<void> {
    await this.#session.ask({ ask: "close" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is no bytes, for the Worker to write it. */
function asOther(value: unknown): Other {
  if (value instanceof Uint16Array) return { type: "Uint16Array" };
  return value instanceof ArrayBuffer ? { type: "ArrayBuffer" } : { value };
}
