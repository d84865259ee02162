/**
 * Real Dovecots, and Dovecot's own program.
 *
 * @module
 */

import { join } from "node:path";
import {
  type Dovecot,
  type DovecotOptions,
  type DovecotVersion,
  startDovecot,
} from "../../tests/harness/dovecot/dovecot.ts";
import { IMAGE } from "../../tests/harness/dovecot/image.ts";
import type { Run } from "../harness/bench.ts";

/** Starts a Dovecot with that many users, "user0" and so on, for a function, and stops it in the end. */
export async function withUsers(
  run: Run,
  { version = "2.3", count, ...options }: DovecotOptions & { readonly count: number },
  act: (dovecot: Dovecot) => Promise<void>,
): Promise<void> {
  const users = Array.from({ length: count }, (_, at) => `user${at}`);
  const dovecot = await startDovecot({ version, users, mail: {}, ...options });
  run.meets(`Dovecot ${version}`, dovecot.version);
  try {
    await act(dovecot);
  } finally {
    // Removing very many users' folders may take longer than the harness waits; its watchdog goes on with it.
    await dovecot.stop().catch((error: Error) => console.error(error.message));
  }
}

/** The words that run Dovecot's own `doveadm` with a server's configuration. */
export function doveadmCommand(
  version: DovecotVersion,
  { folder, password }: Dovecot,
  ...args: readonly string[]
): readonly string[] {
  const command = version === "2.4" ? ["chroot", IMAGE, "doveadm"] : ["doveadm"];
  const config = ["-c", join(folder, "dovecot.conf"), "-o", `doveadm_password=${password}`];
  return [...command, ...config, "-f", "tab", ...args];
}
