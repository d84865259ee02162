/**
 * A terminal with a shell in which "dovewire" is the program.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { openTerminal, type Terminal } from "./terminal.ts";

const isDeno = "Deno" in globalThis;
const program = fileURLToPath(new URL("../../cli/program/dovewire.ts", import.meta.url));

/** Opens a terminal in which "dovewire" is the program. */
export async function openShell(
  folder: string,
  server: string,
  width = 60,
  height = 16,
): Promise<Terminal> {
  await writeFile(
    join(folder, "dovewire"),
    `#!/bin/sh\nexec "${process.execPath}" ${isDeno ? "run -A -q" : ""} "${program}" "$@"\n`,
    { mode: 0o755 },
  );
  return await openTerminal({
    ...{ width, height },
    env: { PATH: `${folder}:/usr/bin:/bin`, DOVEWIRE_SERVER: server, HOME: folder, NO_COLOR: "1" },
  });
}

/** A screen's lines, without empty ones at the end. */
export function linesOf(screen: string): readonly string[] {
  return screen.trimEnd().split("\n").map((line) => line.trimEnd());
}
