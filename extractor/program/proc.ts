/**
 * Reads Linux's /proc.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { messageOf } from "@dovewire/dovewire/core";
import { PrivilegesError } from "./system_user.ts";

/**
 * The names in a folder of /proc; none on a system without /proc.
 *
 * Throws a {@linkcode PrivilegesError} if it can't be read for another reason: then nothing is known about
 * the process's rights. Deno needs --allow-all to read there.
 */
export function namesInProc(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return [];
    throw new PrivilegesError(
      `The process can't read its own rights: ${folder} can't be read (${messageOf(cause)}). ` +
        "Start Deno with --allow-all, or use Node.",
      { cause },
    );
  }
}
