/**
 * A Worker that calls a transport of cloudflare.ts as a test wants, over a WebSocket
 * each.
 *
 * @module
 */

import { connect } from "../../transports/cloudflare.ts";
import { type Transport, TransportError } from "../../transports/transport.ts";
import { type Answered, type Asked, type Other, packed, unpacked } from "./wire.ts";

/** The Worker's end of a WebSocket. */
interface WorkerSocket extends WebSocket {
  /** Takes it, so that its messages come here. */
  accept(): void;
}

declare const WebSocketPair: new () => { readonly 0: WebSocket; readonly 1: WorkerSocket };

/** What one WebSocket has to do with. */
class Session {
  #socket: WorkerSocket;
  #transport: Transport | undefined;
  #controller = new AbortController();
  #pieces: Uint8Array[] = [];

  constructor(socket: WorkerSocket) {
    this.#socket = socket;
  }

  async answer(data: ArrayBuffer): Promise<void> {
    const { id, head, bytes } = unpacked<Asked>(data);
    try {
      const chunk = await this.#do(head, bytes);
      if (head.ask === "piece" || head.ask === "abort") return;
      const peer = this.#transport?.peer;
      this.#say(id, { ok: true, peer, end: head.ask === "read" && chunk === undefined }, chunk);
    } catch (error) {
      const { name, message } = error as Error;
      const code = error instanceof TransportError ? error.code : undefined;
      this.#say(id, { ok: false, name, message, code });
    }
  }

  #say(id: number, head: Answered, chunk?: Uint8Array): void {
    this.#socket.send(packed(id, head, chunk));
  }

  async #do(asked: Asked, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const transport = this.#transport!;
    switch (asked.ask) {
      case "connect": {
        const { signal } = this.#controller;
        this.#transport = await connect(asked.address, { signal, tls: asked.tls });
        return undefined;
      }
      case "abort":
        this.#controller.abort(new Error("no time"));
        return undefined;
      case "piece":
        this.#pieces.push(bytes);
        return undefined;
      case "write":
        await transport.write(this.#whole(bytes));
        return undefined;
      case "write-other":
        await transport.write(valueOf(asked.other) as Uint8Array);
        return undefined;
      case "read":
        return await transport.read();
      case "closeWrite":
        await transport.closeWrite();
        return undefined;
      case "startTls":
        this.#transport = await transport.startTls(asked.tls);
        return undefined;
      case "close":
        await transport.close();
        return undefined;
    }
  }

  /** What the pieces come to, with the last of them. */
  #whole(last: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0) return last;
    const pieces = [...this.#pieces, last];
    this.#pieces = [];
    const whole = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

/** A value that is no bytes. */
function valueOf({ value, type }: Other): unknown {
  if (type === undefined) return value;
  return type === "Uint16Array" ? new Uint16Array(1) : new ArrayBuffer(1);
}

// A Worker is what its module has as default.
export default {
  fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.binaryType = "arraybuffer";
    const session = new Session(server);
    server.addEventListener("message", ({ data }) => void session.answer(data));
    return new Response(null, { status: 101, webSocket: client } as ResponseInit);
  },
};
