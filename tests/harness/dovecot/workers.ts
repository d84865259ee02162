/**
 * The processes of a server that each serve one doveadm connection, for tests in which they stop or die.
 *
 * @module
 */

import assert from "node:assert/strict";
import process from "node:process";
import type { Dovecot } from "./dovecot.ts";

/** The pids of the processes that serve doveadm connections. */
export async function workersOf(dovecot: Dovecot): Promise<number[]> {
  const processes = await dovecot.processes();
  return processes.filter(({ command }) => command.includes("doveadm")).map(({ pid }) => pid);
}

/** Sends a signal to each of them; there must be at least one. */
export async function signalWorkers(dovecot: Dovecot, signal: NodeJS.Signals): Promise<void> {
  const workers = await workersOf(dovecot);
  assert(workers.length > 0, "no process serves a connection");
  for (const pid of workers) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It ended meanwhile.
      if ((error as { code?: unknown }).code !== "ESRCH") throw error;
    }
  }
}
