/**
 * What a process keeps in memory.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";

/** This process's memory, in KiB. */
export interface Memory {
  /** Its part of what is resident (PSS), or all of that where Linux doesn't tell. */
  readonly resident: number;
  /** What is used of its heaps. */
  readonly heap: number;
}

/** This process's memory after what is unused was given back as far as possible. */
export async function settledMemory({ turns = 5 } = {}): Promise<Memory> {
  for (let turn = 0; turn < turns; turn++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return memoryNow();
}

/** This process's memory as it is. */
export function memoryNow(): Memory {
  const { heapUsed, external, rss } = process.memoryUsage();
  const resident = proportionalSize("self") ?? rss / 1024;
  return { resident, heap: (heapUsed + external) / 1024 };
}

/** Collects garbage; the harness starts the runtimes so that they can. */
export function collectGarbage(): void {
  (globalThis as { gc?: () => void }).gc?.();
  (globalThis as { Bun?: { gc(isSync: boolean): void } }).Bun?.gc(true);
}

/**
 * The part of a process of what is resident (PSS), in KiB: "self" or its id; `undefined` where Linux doesn't tell, and
 * for a process that has ended.
 */
export function proportionalSize(pid: number | "self"): number | undefined {
  try {
    const [, size] = /^Pss: +(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))!;
    return Number(size);
  } catch {
    return undefined;
  }
}
