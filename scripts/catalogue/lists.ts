/**
 * Reads the lists of commands from running servers.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { startDovecot } from "../../tests/harness/dovecot/dovecot.ts";
import type { DovecotVersion } from "../../core/doveadm/catalogue/command_info.ts";
import type { ListedCommand, Lists } from "./facts.ts";
import { versions } from "./merge.ts";

/** Starts a server of each version, with all plugins that add commands, and reads its list. */
export async function listCommands(): Promise<Lists> {
  const lists: Partial<Record<DovecotVersion, readonly ListedCommand[]>> = {};
  for (const version of versions) {
    await using dovecot = await startDovecot({ version, everything: true });
    const credentials = Buffer.from(`doveadm:${dovecot.password}`).toString("base64");
    const response = await fetch(`http://127.0.0.1:${dovecot.httpPort}/doveadm/v1`, {
      headers: { Authorization: `Basic ${credentials}` },
    });
    if (!response.ok) throw new Error(`Dovecot ${version} answered ${response.status}.`);
    lists[version] = await response.json();
  }
  return lists as Lists;
}
