/**
 * A process that serves clients, and gives them to its successor.
 *
 * @module
 */

import type { Socket } from "node:net";
import process from "node:process";
import { messageOf } from "../../core/error_text.ts";
import { LocalProtocolError } from "../../core/errors.ts";
import { startTimer } from "../timers.ts";
import { AcceptQueue } from "../accept_queue.ts";
import type { ReleasedTransport } from "../driver.ts";
import type { Address, Listener, Transport } from "../transport.ts";
import {
  type HandoverMessage,
  messageIn,
  type MovingPart,
  type NewClient,
  send,
} from "./messages.ts";
import type { NodeTransport } from "../node_transport.ts";
import {
  fromText,
  socketIn,
  startReading,
  takeSockets,
  toText,
  transportOf,
  whyImmovable,
} from "./sockets.ts";

/** A connection on its way from one process to another. */
export interface MovingConnection {
  /** Its state. */
  readonly bytes: Uint8Array;
  /** Its transports. */
  readonly transports: readonly ReleasedTransport[];
}

/** What serves connections that can move to another process, as an `ImapRelay` does. */
export interface Movable {
  /** Says how its connections' states are to be read: they move only to a process that says the same. */
  readonly form: string;
  /** How many connections are open. */
  readonly connections: number;
  /**
   * Gives up a connection in which nothing is under way at present; `undefined` if there is none. `mayMove` is whether a
   * transport can move.
   */
  release(mayMove: (transport: Transport) => boolean): MovingConnection | undefined;
  /**
   * Takes over a connection of another process. Throws if it can't; then it has used the transports for nothing, and they
   * stay open.
   */
  adopt(bytes: Uint8Array, transports: readonly Transport[]): void;
  /** Ends all connections, as many at a time. */
  close(options: { readonly groupSize: number }): Promise<void>;
}

/** How many clients that couldn't move are told at a time that they have to leave. */
const groupSize = 20;

/** How long to wait until another connection may move, in milliseconds. */
const pause = 10;

/** A socket that has come, and isn't this process's own yet. */
interface Held {
  readonly message: NewClient | MovingPart;
  readonly socket: Socket;
}

/** Waits for clients that a supervisor accepts. */
class WorkerListener implements Listener {
  readonly address: Address;
  readonly arrivals = new AcceptQueue<NodeTransport>((transport) => void transport.close());

  constructor(address: Address) {
    this.address = address;
  }

  accept(): Promise<Transport | undefined> {
    return this.arrivals.take();
  }

  close(): Promise<void> {
    this.arrivals.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * This process as the worker of a {@linkcode Supervisor}: it gets clients from there, and gives them to its successor.
 *
 * @example
 * ```ts ignore
 * import { HandoverWorker } from "@dovewire/dovewire/transports/handover";
 * import { connect } from "@dovewire/dovewire/transports/node";
 * import { serveRelay } from "@dovewire/dovewire/imap/relay";
 *
 * const worker = new HandoverWorker();
 * const relay = serveRelay(worker.listener, {
 *   connect: ({ signal }) => connect({ transport: "tcp", hostname: "127.0.0.1", port: 10143 }, { signal }),
 * });
 * worker.serve(relay);
 * ```
 */
export class HandoverWorker {
  /** The clients that the supervisor accepts. */
  readonly listener: Listener;
  readonly #listener: WorkerListener;
  #movable: Movable | undefined;
  #lastId = 0;
  /** "moving": connections are given away; "kept": no more are; "stopping". */
  #state: "serving" | "moving" | "kept" | "stopping" = "serving";
  #handingOver: Promise<void> = Promise.resolve();
  /** Called with the answer to what was sent last. */
  #answered: (message: HandoverMessage | undefined) => void = () => {};
  /** The sockets of the client or the connection that is coming. */
  #held: Held[] = [];
  /** Why connections can't move, and how many of them. */
  #reason: string | undefined;
  #immovable = 0;
  /** What the other process didn't take. */
  #returned = new WeakSet<Transport>();

  /** Joins the supervisor that has started this process; throws a {@linkcode LocalProtocolError} if none has. */
  constructor() {
    if (process.send === undefined) {
      throw new LocalProtocolError(
        "No supervisor has started this process. Start it by supervise(), or listen() without one.",
      );
    }
    const [hostname, port] = JSON.parse(process.env.DOVEWIRE_LISTENS_AT ?? '["", 0]');
    this.listener = this.#listener = new WorkerListener({ transport: "tcp", hostname, port });
    process.on("message", (received, handle) => this.#take(messageIn(received), socketIn(handle)));
    // Nobody would send clients any more.
    process.on("disconnect", () => void this.#stop());
  }

  /** Says what serves the clients, and lets them come. */
  serve(movable: Movable): void {
    this.#movable = movable;
    void send(process, { type: "ready", form: movable.form });
  }

  #take(message: HandoverMessage | undefined, socket: Socket | undefined): void {
    switch (message?.type) {
      case "client":
      case "part":
        return this.#hold(message, socket);
      case "take":
        return this.#takeOver(message.id);
      case "drop":
        this.#drop();
        void send(process, { type: "adopted", id: message.id, reason: "it was dropped" });
        return;
      case "coming":
        void send(process, { type: "received", id: message.id });
        return;
      case "received":
        return this.#answered(message);
      case "moved":
        if (message.reason !== undefined) {
          this.#reason = `The other worker didn't take a connection over: ${message.reason}.`;
        }
        return this.#answered(message);
      case "hand-over":
        this.#handingOver = this.#handOver(message.timeout ?? Infinity);
        return;
      case "keep":
        if (this.#state === "moving") this.#state = "kept";
        void this.#handingOver.then(() => send(process, { type: "kept" }));
        return;
      case "stop":
        void this.#stop();
    }
  }

  /** Keeps a socket that came, unused, until it is said whose it is. */
  #hold(message: NewClient | MovingPart, socket: Socket | undefined): void {
    const { id } = message;
    if (this.#held[0]?.message.id !== id) this.#drop();
    if (socket === undefined) {
      this.#drop();
      void send(process, { type: "adopted", id, reason: "its socket is closed" });
      return;
    }
    this.#held.push({ message, socket });
    void send(process, { type: "received", id });
  }

  /** Closes the copies that came. */
  #drop(): void {
    for (const { socket } of this.#held.splice(0)) socket.destroy();
  }

  /** Takes over what came. */
  #takeOver(id: number): void {
    const held = this.#held.splice(0);
    const transports = held.map(({ message, socket }) =>
      transportOf(
        socket,
        message.peer,
        message.type === "part" ? fromText(message.unread) : undefined,
      )
    );
    try {
      const [{ message }] = held;
      if (message.type === "client") this.#listener.arrivals.add(transports[0]);
      else this.#adopt(fromText(message.bytes), transports);
      for (const { socket } of held) startReading(socket);
      void send(process, { type: "adopted", id });
    } catch (error) {
      for (const { socket } of held) socket.destroy();
      void send(process, { type: "adopted", id, reason: messageOf(error) });
    }
  }

  #adopt(bytes: Uint8Array, transports: readonly Transport[]): void {
    this.#movable!.adopt(bytes, transports);
    // It was on its way to the other process, and shouldn't go there again.
    if (this.#state === "moving") transports.forEach((transport) => this.#returned.add(transport));
  }

  /** Gives all connections away, as soon as each can be. */
  async #handOver(timeout: number): Promise<void> {
    if (this.#state === "stopping") return;
    const movable = this.#movable!;
    this.#state = "moving";
    this.#returned = new WeakSet();
    this.#reason = undefined;
    const end = performance.now() + timeout;
    while (this.#state === "moving" && movable.connections > 0) {
      this.#immovable = 0;
      const moving = movable.release((transport) => this.#mayMove(transport));
      if (moving !== undefined) await this.#move(moving);
      else if (performance.now() > end || this.#immovable === movable.connections) break;
      else await new Promise<void>((resolve) => startTimer(pause, resolve));
    }
    if ((this.#state as string) !== "moving") return;
    const left = movable.connections;
    await send(process, { type: "handed-over", left, reason: this.#reason });
    await this.#stop();
  }

  #mayMove(transport: Transport): boolean {
    if (this.#returned.has(transport)) {
      this.#immovable++;
      return false;
    }
    const why = whyImmovable(transport);
    if (why === undefined) return (transport as NodeTransport).mayDetach;
    this.#immovable++;
    this.#reason = why.message;
    return false;
  }

  async #move({ bytes, transports }: MovingConnection): Promise<void> {
    const id = ++this.#lastId;
    const peers = transports.map(({ transport }) => transport.peer);
    const sockets = await takeSockets(transports);
    const count = sockets.length;
    for (const [at, { socket, unread }] of sockets.entries()) {
      // A peer has reset its connection meanwhile.
      if (socket.destroyed) break;
      const state = at === 0 ? toText(bytes) : "";
      const answer = this.#answer();
      void send(
        process,
        { type: "part", id, at, count, peer: peers[at], unread: toText(unread), bytes: state },
        socket,
      );
      if (await answer === undefined) break;
    }
    // The supervisor has copies; if the other process didn't take them, they have come back as others.
    for (const { socket } of sockets) socket.destroy();
  }

  /** The supervisor's next answer; `undefined` if this process stops before. */
  #answer(): Promise<HandoverMessage | undefined> {
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  async #stop(): Promise<void> {
    if (this.#state === "stopping") return;
    this.#state = "stopping";
    this.#answered(undefined);
    this.#drop();
    await this.#movable?.close({ groupSize });
    await this.listener.close();
    if (process.connected) process.disconnect();
  }
}
