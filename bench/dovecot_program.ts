/**
 * Dovecot's own program, to compare with.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Dovecot, DovecotVersion } from "../tests/harness/dovecot/dovecot.ts";
import { IMAGE } from "../tests/harness/dovecot/image.ts";

/** Runs `doveadm quota get -A`, with arguments after that; returns how many lines it prints. */
export function quotasByDoveadm(
  version: DovecotVersion,
  { folder, password }: Dovecot,
  ...args: string[]
): () => Promise<number> {
  const command = version === "2.4" ? ["chroot", IMAGE, "doveadm"] : ["doveadm"];
  const config = ["-c", join(folder, "dovecot.conf"), "-o", `doveadm_password=${password}`];
  const [program, ...words] = [...command, ...config, "-f", "tab", "quota", "get", "-A", ...args];
  return () =>
    new Promise((resolve, reject) => {
      execFile(program, words, { maxBuffer: 2 ** 30 }, (error, stdout) => {
        if (error === null) resolve(stdout.trimEnd().split("\n").length - 1);
        else reject(error);
      });
    });
}

/** The median of some values. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1];
}
