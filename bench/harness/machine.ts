/**
 * The machine and the runtime, for the results.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import process from "node:process";
import type { Machine, RuntimeName } from "./results.ts";

/** This runtime's name and version. */
export function thisRuntime(): { readonly runtime: RuntimeName; readonly version: string } {
  const { deno, bun } = process.versions as Record<string, string | undefined>;
  if (deno !== undefined) return { runtime: "deno", version: deno };
  if (bun !== undefined) return { runtime: "bun", version: bun };
  return { runtime: "node", version: process.versions.node };
}

/** This machine. */
export function thisMachine(): Machine {
  const cores = cpus();
  return {
    system: `${distribution()}, kernel ${release().replace(/^(\d+\.\d+).*$/, "$1")}`,
    processor: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    load: Number(loadavg()[0].toFixed(1)),
  };
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))![1];
  } catch {
    return process.platform;
  }
}
