/**
 * Finds what a test leaves open.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openSockets, socketsDownTo } from "./sockets.ts";

/**
 * Runs a function and fails if it leaves a socket or a timer.
 *
 * Timers are counted by replacing setTimeout(), since not every runtime lists them.
 */
export async function leavingNothing(act: () => Promise<void>): Promise<void> {
  const sockets = openSockets();
  const { setTimeout, clearTimeout } = globalThis;
  const timers = new Map<unknown, string>();
  const counting = (handler: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      handler(...args);
    }, ms);
    timers.set(timer, new Error(`a timer of ${ms} ms`).stack!);
    return timer;
  };
  const forgetting = (timer: Parameters<typeof clearTimeout>[0]) => {
    timers.delete(timer);
    clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: counting, clearTimeout: forgetting });
  try {
    await act();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  await socketsDownTo(sockets);
  assert.deepEqual([...timers.values()], [], "timers were left running");
}
