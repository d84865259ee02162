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
  /** Its part of what is resident and no file's: heaps, buffers and stacks; as `resident` where Linux doesn't tell. */
  readonly anonymous: number;
  /** What is used of its heaps. */
  readonly heap: number;
}

/** This process's memory after what is unused was given back as far as possible. */
export async function settledMemory({ turns = 5 } = {}): Promise<Memory> {
  for (let turn = 0; turn < turns; turn++) {
    giveMemoryBack();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return memoryNow();
}

/** This process's memory as it is. */
export function memoryNow(): Memory {
  const { heapUsed, external, rss } = process.memoryUsage();
  const resident = proportionalSize("self") ?? rss / 1024;
  const anonymous = proportionalSize("self", "Pss_Anon") ?? resident;
  return { resident, anonymous, heap: (heapUsed + external) / 1024 };
}

/** Collects garbage; the harness starts the runtimes so that they can. */
export function collectGarbage(): void {
  runtime.gc?.();
  runtime.Bun?.gc(true);
}

/** Collects garbage, and gives back what is free and what can be made again, compiled code too. */
function giveMemoryBack(): void {
  // V8 keeps what its youngest objects took at its busiest otherwise.
  runtime.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  runtime.Bun?.gc(true);
}

/** What runtimes have to collect garbage. */
const runtime = globalThis as {
  readonly gc?: (how?: { type: string; execution: string; flavor: string }) => void;
  readonly Bun?: { gc(isSync: boolean): void };
};

/**
 * The part of a process of what is resident (PSS), in KiB: "self" or its id; `undefined` where Linux doesn't tell, and
 * for a process that has ended. "Pss_Anon" is the part of it that is no file's.
 */
export function proportionalSize(
  pid: number | "self",
  kind: "Pss" | "Pss_Anon" = "Pss",
): number | undefined {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const [, size] = new RegExp(`^${kind}: +(\\d+) kB`, "m").exec(rollup)!;
    return Number(size);
  } catch {
    return undefined;
  }
}
