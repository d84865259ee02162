/**
 * A client over HTTP in a process of its own, so that its memory is measured without that of the server
 * which feeds it.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { argumentsToRun } from "../../harness/this_runtime.ts";
import { apiAt, eventsFor } from "./requests.ts";

/** What a client has seen. */
export interface MemoryReport {
  /** How many rows there were. */
  readonly rows: number;
  /** How many letters their values had. */
  readonly letters: number;
  /** How much memory was resident ahead of the request, in MiB. */
  readonly before: number;
  /** How much it was at most, in MiB. */
  readonly most: number;
}

/** Has a client in a process of its own take all rows that a server at `url` has. */
export function takeRowsElsewhere(url: URL): Promise<MemoryReport> {
  const program = fileURLToPath(import.meta.url);
  const args = argumentsToRun(program);
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...args, url.href], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(error);
    });
  });
}

/** A line of /proc/self/status, in MiB. */
function memory(name: string): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024);
}

async function run(url: URL): Promise<void> {
  const before = memory("VmRSS");
  let rows = 0;
  let letters = 0;
  const fetching = { method: "fetch", parameters: {} };
  for await (const event of eventsFor(apiAt(url), [fetching], { isStream: true })) {
    if (event.type !== "row") continue;
    rows++;
    for (const value of Object.values(event.row)) letters += String(value).length;
  }
  console.log(JSON.stringify({ rows, letters, before, most: memory("VmHWM") }));
}

if (import.meta.main) await run(new URL(process.argv[2]));
