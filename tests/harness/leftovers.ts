/**
 * Looks for what a test leaves open.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openSockets, socketsDownTo } from "./sockets.ts";

/**
 * Runs something and fails if a socket or a timer is left of it.
 *
 * Timers are counted by hand, since not every runtime tells which of them are running.
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
