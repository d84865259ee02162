/**
 * Closes the file descriptors that a process has inherited.
 *
 * @module
 */

import { readFileSync, type Stats, statSync } from "node:fs";
import { namesInProc } from "./proc.ts";

const folder = "/proc/self/fd";

/** Linux's O_CLOEXEC flag: the file descriptor is closed when the process executes another program. */
const closeOnExec = 0o2000000;

/**
 * Closes the file descriptors of files, folders and disks that the process has inherited, except its
 * standard ones. An attacker who takes the process over could use them with the rights of the process
 * that opened them. Sockets and pipes stay open: the runtime has some as well, and nothing distinguishes
 * them from inherited ones. Without /proc, nothing is closed.
 *
 * On Deno, `close` has to be the C library's, and the runtime's own files stay open: its caches. The other
 * runtimes have no files open.
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

/** Whether the runtime opened it itself: an inherited one has no O_CLOEXEC. */
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
    // It was the one that the folder was read with, or refers to no file.
    return undefined;
  }
}
