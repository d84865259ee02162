/**
 * A byte pipe over a socket of `node:net`, or of `node:tls`.
 *
 * @module
 */

import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { TLSSocket } from "node:tls";
import { readFor, type ReadReceiver, type ReceivedTransport } from "./pending_read.ts";
import type { ReadMemory } from "./read_memory.ts";
import { SocketReader } from "./socket_reader.ts";
import { type SocketOwner, SocketWriter } from "./socket_writer.ts";
import { secure } from "./tls/node_tls.ts";
import {
  busyError,
  encryptedError,
  faultOf,
  isExposedAs,
  plaintextError,
  supersededError,
  type TlsRole,
} from "./tls/tls.ts";
import type { Underneath } from "./tls/underneath.ts";
import {
  brokenError,
  codeOfSystemError,
  endedError,
  refusedWrite,
  type TlsOptions,
  type Transport,
  TransportError,
} from "./transport.ts";

const nothing = new Uint8Array(0);

/** Options for a {@linkcode NodeTransport}. */
export interface NodeTransportOptions {
  /** Who is at the other end. */
  readonly peer: string;
  /** The side for a TLS handshake on it; "encrypted" if there was one already. */
  readonly role: TlsRole | "encrypted";
  /** What is under an encrypted socket. */
  readonly underneath?: Underneath;
  /** What another process has read of it already. */
  readonly received?: Uint8Array;
  /** What it reads into; what Node allocates if left out. */
  readonly memory?: ReadMemory;
}

/** A transport over a connected socket, for TLS after its handshake. */
export class NodeTransport implements ReceivedTransport, SocketOwner {
  readonly peer: string;
  readonly recycle: Transport["recycle"];
  readonly #socket: Socket;
  readonly #role: TlsRole | "encrypted";
  readonly #underneath: Underneath | undefined;
  readonly #writer: SocketWriter;
  readonly #reader: SocketReader;
  /** "superseded" once the encrypted transport is used instead. */
  #state: "open" | "superseded" | "closed" = "open";
  /** Settled when the output has ended; `undefined` before closeWrite(). */
  #ended: Promise<void> | undefined;
  /** The encrypted transport that replaces this one. */
  #secured: Transport | undefined;

  /** Creates a transport, which owns the socket from here on. */
  constructor(socket: Socket, options: NodeTransportOptions) {
    const { peer, role, underneath, received, memory } = options;
    this.peer = peer;
    this.recycle = memory && ((chunk) => memory.recycle(chunk));
    this.#socket = socket;
    this.#role = role;
    this.#underneath = underneath;
    this.#writer = new SocketWriter(socket, { underneath, owner: this });
    const writer = this.#writer;
    this.#reader = new SocketReader(socket, { writer, underneath, received, memory, owner: this });
  }

  get isExposed(): boolean | undefined {
    return this.#role === "encrypted" ? false : isExposedAs(this.#role);
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#reader.read();
  }

  [readFor](receiver: ReadReceiver): void {
    this.#reader.readFor(receiver);
  }

  write(chunk: Uint8Array): Promise<void> {
    const refused = refusedWrite(chunk);
    if (refused !== undefined) return refused;
    if (this.#state === "superseded") return Promise.reject(this.broken());
    // Node would destroy the socket, and what is still unread with it.
    if (this.#ended !== undefined && this.#state === "open") {
      return Promise.reject(endedError(this.peer));
    }
    return this.#writer.write(chunk);
  }

  closeWrite(): Promise<void> {
    if (this.#ended !== undefined && this.#state === "open") return this.#ended;
    // Node doesn't call back when a socket that is gone already is ended.
    if (this.#socket.destroyed || this.#state !== "open") return Promise.reject(this.broken());
    return this.#ended = this.#writer.end();
  }

  async startTls(options: TlsOptions, received?: Uint8Array): Promise<Transport> {
    try {
      return await this.#startTls(options, received);
    } catch (error) {
      const wasClosed = this.#state === "closed";
      await this.close();
      throw wasClosed ? brokenError("closed", this.peer, error) : error;
    }
  }

  /** Whether {@linkcode detach} is possible: the socket is open and not encrypted, and all output is written. */
  get mayDetach(): boolean {
    const socket = this.#socket;
    return this.#role !== "encrypted" && this.#state === "open" && !socket.destroyed &&
      socket.writable && socket.writableLength === 0 && this.#writer.error === undefined;
  }

  /** Whether the connection is encrypted. */
  get isEncrypted(): boolean {
    return this.#role === "encrypted" || this.#state === "superseded";
  }

  /** The socket, for another process; stop it before. */
  get socket(): Socket {
    return this.#socket;
  }

  /** Gives the socket up, and returns what was read of it and not taken. A read that waits never ends. */
  detach(): Uint8Array {
    this.#state = "superseded";
    return this.#reader.detach();
  }

  async close(): Promise<void> {
    this.#state = "closed";
    await this.#secured?.close();
    await this.#close();
  }

  #close(): Promise<void> {
    const socket = this.#socket;
    const under = this.#underneath;
    this.#reader.stop();
    if (under !== undefined) {
      this.#sayGoodbye();
      socket.destroy();
      under.destroy();
      this.#writer.settle();
      return Promise.resolve();
    }
    if (socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      socket.once("close", () => resolve());
      socket.destroy();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #startTls(options: TlsOptions, received: Uint8Array = nothing): Promise<Transport> {
    const { peer } = this;
    const role = this.#role;
    const socket = this.#socket;
    if (role === "encrypted") throw encryptedError(peer);
    if (this.#state !== "open" || socket.destroyed) throw this.broken();
    if (this.#reader.isReading || socket.writableLength > 0) throw busyError(peer);
    if (role.side === "client" && this.#reader.size + received.length > 0) {
      throw plaintextError(peer);
    }
    this.#state = "superseded";
    this.#reader.handBack(received);
    const secured = await secure(socket, options, { role, peer });
    this.#secured = encryptedTransport(secured, peer, this.#asUnderneath());
    await this.#noteFailedHandshake();
    // A close of this transport meanwhile has closed the socket, and TLS over it.
    if ((this.#state as string) === "closed") {
      await this.#secured.close();
      throw this.broken();
    }
    return this.#secured;
  }

  /** This transport, for TLS over it. */
  #asUnderneath(): Underneath {
    const writer = this.#writer;
    return {
      get writeError(): Error | undefined {
        return writer.error;
      },
      probe: () => this.#probe(),
      destroy: () => void this.#socket.destroy(),
    };
  }

  /**
   * Finds out whether the last bytes of the handshake could be written.
   *
   * Node writes them after it reports that the handshake is done, and drops their error. If the peer has
   * reset the connection by then, that was the only report of it: reading would just end, and a write
   * would never complete.
   */
  async #noteFailedHandshake(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    // If this fails, it does so at once, and the writer keeps the error.
    if (this.#socket.writable) this.#socket.write(nothing);
  }

  /** Whether an empty write fails; Node doesn't tell that of one to an encrypted socket. */
  async #probe(): Promise<boolean> {
    const socket = this.#socket;
    if (socket.writable) {
      await new Promise<void>((resolve) => socket.write(nothing, () => resolve()));
    }
    return this.#writer.error === undefined && !socket.destroyed;
  }

  /** Sends close_notify to the peer, if that takes no time. */
  #sayGoodbye(): void {
    const { writableEnded, writableLength, destroyed } = this.#socket;
    if (!writableEnded && writableLength === 0 && !destroyed) this.#socket.end();
  }

  /** The error for a broken socket; its own error says more than the write's. */
  broken(error?: Error): Error {
    const { peer } = this;
    const cause = this.#socket.errored ?? error;
    if (this.#state === "closed") return brokenError("closed", peer, cause);
    if (this.#state === "superseded") return supersededError(peer);
    const fault = faultOf(cause);
    if (fault !== undefined) {
      return new TransportError(fault.code, `The connection to ${peer} is gone: ${fault.why}`, {
        cause,
      });
    }
    return brokenError(cause === undefined ? "reset" : codeOfSystemError(cause), peer, cause);
  }
}

/** A transport over a TLS socket after its handshake. */
export function encryptedTransport(
  socket: TLSSocket,
  peer: string,
  underneath: Underneath,
): Transport {
  return new NodeTransport(socket, { peer, role: "encrypted", underneath });
}
