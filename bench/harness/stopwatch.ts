/**
 * Measures one turn of one way: its time, its CPU time, its memory.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** What a turn took. */
export interface Lap {
  /** Milliseconds. */
  readonly time: number;
  /** Milliseconds of the processor, of this process and of the programs that it started and that have ended. */
  readonly cpu: number;
  /** How far the resident memory rose above what it was before, in MiB; `undefined` where Linux doesn't tell. */
  readonly memory: number | undefined;
}

/** Runs from its creation to {@linkcode end}, unless it is told otherwise. */
export class Stopwatch {
  #begun!: number;
  #cpu!: number;
  #resident!: number | undefined;
  #lap: Lap | undefined;
  #time: number | undefined;
  #share = 1;

  /** Creates one that runs. */
  constructor() {
    this.start();
  }

  /** Starts anew: what came before was preparation. */
  start(): void {
    this.#resident = resetPeak();
    this.#cpu = cpuTime();
    this.#begun = performance.now();
  }

  /** Stops: what comes after is cleaning up. */
  stop(): void {
    const time = performance.now() - this.#begun;
    const cpu = cpuTime() - this.#cpu;
    const peak = residentMemory("VmHWM");
    const memory = peak === undefined ? undefined : Math.max(0, peak - this.#resident!);
    this.#lap = { time, cpu, memory };
  }

  /** Takes a time that another program has measured, in milliseconds. */
  took(time: number): void {
    this.#time = time;
  }

  /** Says that only a part of the comparison's amount was done, as 0.1: what was measured counts for the whole. */
  did(share: number): void {
    this.#share = share;
  }

  /** Stops it if it still runs, and returns what was measured. */
  end(): Lap {
    if (this.#lap === undefined) this.stop();
    const { time, cpu, memory } = this.#lap!;
    return { time: (this.#time ?? time) / this.#share, cpu: cpu / this.#share, memory };
  }
}

/** Linux counts the time of children in hundredths of a second. */
const TICK = 10;

/** The CPU time of this process and of its children that have ended, in milliseconds. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + childrenCpuTime();
}

function childrenCpuTime(): number {
  const fields = statusFields("self");
  return fields === undefined ? 0 : (Number(fields[13]) + Number(fields[14])) * TICK;
}

/** The CPU time of a process of ours, in milliseconds; `undefined` where Linux doesn't tell. */
export function cpuTimeOf(pid: number): number | undefined {
  const fields = statusFields(String(pid));
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** The fields of /proc/…/stat after the program's name. */
function statusFields(process: string): readonly string[] | undefined {
  const text = read(`/proc/${process}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Forgets the peak of this process's memory, and returns what is resident now, in MiB. */
function resetPeak(): number | undefined {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    return undefined;
  }
  return residentMemory("VmRSS");
}

function residentMemory(name: "VmRSS" | "VmHWM"): number | undefined {
  const size = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(read("/proc/self/status") ?? "")
    ?.[1];
  return size === undefined ? undefined : Number(size) / 1024;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
