/**
 * Closes what a process was left open by the one that started it.
 *
 * @module
 */

import { readFileSync, type Stats, statSync } from "node:fs";
import { namesInProc } from "./proc.ts";

const folder = "/proc/self/fd";

/** How Linux says of a descriptor that it is closed when another program takes the process's place. */
const closeOnExec = 0o2000000;

/**
 * Closes the descriptors of files, folders and disks that the process didn't open itself, but for its
 * standard ones. Whoever takes the process over would have them with the rights of the one that opened
 * them. Sockets and pipes are left: the runtime has such as well, and they don't say whose they are. So
 * is everything where there is no /proc.
 *
 * On Deno, `close` has to be the C library's, and no file of the runtime's own is closed: it has its
 * caches open. The others have none open.
 */
export function closeInherited(close: (descriptor: number) => void): void {
  const kept = [0, 1, 2].map((descriptor) => statusOf(`${folder}/${descriptor}`));
  kept.push(statusOf("/proc/self/exe"));
  for (const name of namesInProc(folder)) {
    const descriptor = Number(name);
    const status = descriptor > 2 ? statusOf(`${folder}/${name}`) : undefined;
    if (status === undefined) continue;
    if (!status.isFile() && !status.isDirectory() && !status.isBlockDevice()) continue;
    if (kept.some((other) => other?.dev === status.dev && other.ino === status.ino)) continue;
    if ("Deno" in globalThis && isOwn(descriptor)) continue;
    close(descriptor);
  }
}

/** Whether the runtime opened it, which does so only for itself. */
function isOwn(descriptor: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(
    readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"),
  );
  return (parseInt(flags?.[1] ?? "0", 8) & closeOnExec) !== 0;
}

function statusOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // It was that of the reading of the folder, or has no file behind it.
    return undefined;
  }
}
