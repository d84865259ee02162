/**
 * What a supervisor and its workers say to each other.
 *
 * @module
 */

import type { ChildProcess } from "node:child_process";
import type process from "node:process";
import type { Socket } from "node:net";

/**
 * A message; those with a socket say so.
 *
 * Whoever sends a socket keeps a copy of it until it knows what has become of it, and a worker that gets one leaves it
 * alone until it is told to take it: so a socket whose receiver dies can be given to another one, and no two processes
 * ever read it.
 *
 * Deno 2.9 loses a socket that arrives together with a message before it, and sends no other one afterwards: so whoever
 * sends a socket knows from an answer that all messages before it were read.
 */
export type HandoverMessage =
  /** To a worker: a new client, as its socket. */
  | NewClient
  /** Either way: a part of a connection, as its socket. */
  | MovingPart
  /** To a worker: a connection comes back. */
  | { readonly type: "coming"; readonly id: number }
  /** To whoever sent a socket, or said that a connection comes: that has arrived. */
  | { readonly type: "received"; readonly id: number }
  /** To a worker: what it has received is its own from here on, or isn't and has to be closed. */
  | { readonly type: "take" | "drop"; readonly id: number }
  /** To the supervisor: what was received is taken over, or isn't for that reason, and is untouched. */
  | { readonly type: "adopted"; readonly id: number; readonly reason?: string }
  /** To a worker: give your connections away, in some milliseconds; `null` for no limit, which JSON lacks. */
  | { readonly type: "hand-over"; readonly timeout: number | null }
  /** To a worker: a connection that it has given away is settled; if it has come back, for that reason. */
  | { readonly type: "moved"; readonly id: number; readonly reason?: string }
  /** To a worker: keep those that haven't moved. */
  | { readonly type: "keep" }
  /** To the supervisor: what was asked by "keep" is done. */
  | { readonly type: "kept" }
  /** To a worker: end your connections, and then yourself. */
  | { readonly type: "stop" }
  /** To the supervisor: clients may come. */
  | { readonly type: "ready"; readonly form: string }
  /** To the supervisor: all that can move has moved. */
  | { readonly type: "handed-over"; readonly left: number; readonly reason?: string };

/** A new client's only socket. */
export interface NewClient {
  readonly type: "client";
  readonly id: number;
  /** The client, for messages. */
  readonly peer: string;
}

/** One socket of a connection. */
export interface MovingPart {
  readonly type: "part";
  readonly id: number;
  /** Which one, of how many. */
  readonly at: number;
  readonly count: number;
  /** The other end, for messages. */
  readonly peer: string;
  /** What was read of it, as base64. */
  readonly unread: string;
  /** The connection's state, as base64. */
  readonly bytes: string;
}

/** The marker of these messages among others on the same channel. */
const marker = "dovewire-handover";

/**
 * Sends a message over the channel of a process, or of this one. Resolves to whether it was sent, if that is ever known.
 * The socket stays open here: destroy it when the other process has it.
 */
export function send(
  to: Pick<ChildProcess, "send" | "connected"> | typeof process,
  message: HandoverMessage,
  socket?: Socket,
): Promise<boolean> {
  return new Promise((resolve) => {
    if (to.send === undefined || !to.connected) return resolve(false);
    try {
      to.send(
        { [marker]: message },
        socket,
        { keepOpen: true },
        (error: Error | null) => resolve(!error),
      );
    } catch {
      resolve(false);
    }
  });
}

/** The message in what came over the channel; `undefined` for something else. */
export function messageIn(received: unknown): HandoverMessage | undefined {
  return (received as { [marker]?: HandoverMessage } | undefined)?.[marker];
}
