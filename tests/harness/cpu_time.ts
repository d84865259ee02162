/**
 * How long something computes, whatever else the machine does.
 *
 * @module
 */

import process from "node:process";

/** The processor time that a function takes, in milliseconds. */
export function cpuTimeOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
