/**
 * Finds what a test leaves open.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openSockets, socketsDownTo, type SocketServer } from "./sockets.ts";

/**
 * Runs a function and fails if it leaves a socket or a timer; connections that a runtime has opened to
 * `server` in advance don't count.
 *
 * Timers are counted by replacing setTimeout(), since not every runtime lists them.
 */
export async function leavingNothing(
  act: () => Promise<void>,
  server?: Pick<SocketServer, "dropUnused">,
): Promise<void> {
  const sockets = openSockets();
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Map<unknown, string>();
  const counting = (handler: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      handler(...args);
    }, ms);
    const { stack = "" } = new Error(`a timer of ${ms} ms`);
    // The tick that all requests of Node's fetch share ends by itself.
    if (!stack.includes("FastTimer")) timers.set(timer, stack);
    return timer;
  };
  const forgetting = (timer: Parameters<typeof clearTimeout>[0]) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: counting, clearTimeout: forgetting });
  try {
    await act();
    // A runtime clears the timers of a connection when it closes.
    await socketsDownTo(sockets, server);
    // It may tell of that some turns after the socket is closed.
    for (let turn = 0; timers.size > 0 && turn < 50; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  assert.deepEqual([...timers.values()], [], "timers were left running");
}
