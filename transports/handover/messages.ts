/**
 * What a supervisor and its workers say to each other.
 *
 * @module
 */

import type { ChildProcess } from "node:child_process";
import type process from "node:process";
import type { Socket } from "node:net";

/** A message; those with a socket say so. */
export type HandoverMessage =
  /** To a worker: a client, as its socket. */
  | { readonly type: "client"; readonly peer: string }
  /** To a worker: give your connections away, in some milliseconds; `null` for no limit, which JSON lacks. */
  | { readonly type: "hand-over"; readonly timeout: number | null }
  /** To a worker: keep those that haven't moved. */
  | { readonly type: "keep" }
  /** To a worker: end your connections, and then yourself. */
  | { readonly type: "stop" }
  /** To a worker: that part of a connection has arrived, or is taken over for good. */
  | { readonly type: "received" | "moved"; readonly id: number }
  /** To the supervisor: clients may come. */
  | { readonly type: "ready"; readonly form: string }
  /** Either way: a part of a connection, as its socket. */
  | MovingPart
  /** To the supervisor: a connection was taken over, or can't be, for that reason. */
  | { readonly type: "adopted"; readonly id: number; readonly reason?: string }
  /** To the supervisor: all that can move has moved. */
  | { readonly type: "handed-over"; readonly left: number; readonly reason?: string };

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

/** Sends a message over the channel of a process, or of this one. Resolves to whether it was sent. */
export function send(
  to: Pick<ChildProcess, "send" | "connected"> | typeof process,
  message: HandoverMessage,
  socket?: Socket,
): Promise<boolean> {
  return new Promise((resolve) => {
    if (to.send === undefined || !to.connected) return resolve(false);
    try {
      to.send({ [marker]: message }, socket, {}, (error: Error | null) => resolve(!error));
    } catch {
      resolve(false);
    }
  });
}

/** The message in what came over the channel; `undefined` for something else. */
export function messageIn(received: unknown): HandoverMessage | undefined {
  return (received as { [marker]?: HandoverMessage } | undefined)?.[marker];
}
