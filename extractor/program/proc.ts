/**
 * Reads what Linux tells of a process.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { messageOf } from "@dovewire/dovewire/core";
import { PrivilegesError } from "./system_user.ts";

/**
 * The names in a folder of /proc; none on a system that has none.
 *
 * Throws a {@linkcode PrivilegesError} where it can't be read for another reason: what isn't looked at
 * can't be taken for good. Deno lets only who has --allow-all read there.
 */
export function namesInProc(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as { code?: string }).code === "ENOENT") return [];
    throw new PrivilegesError(
      `The process can't look at itself: ${folder} can't be read (${messageOf(cause)}). ` +
        "Start Deno with --allow-all, or use Node.",
      { cause },
    );
  }
}
