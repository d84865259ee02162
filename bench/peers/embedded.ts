/**
 * A server of ours with nothing to do: prints the path of its UNIX socket first.
 *
 * @module
 */

import { join } from "node:path";
import process from "node:process";
import { serve } from "../../doveadm/server/mod.ts";
import { temporaryFolder } from "../../tests/harness/sockets.ts";
import { answerTasks, tell } from "../harness/program.ts";

/** The fields of every answer: two mailboxes. */
export const FIELDS: readonly string[] = ["INBOX", "Sent"];

if (import.meta.main) {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "socket");
  await using _ = await serve({ path, maxConnections: Infinity, idleTimeout: 0 }, () => FIELDS);
  tell(path);
  await answerTasks(() => {});
  process.exitCode = 0;
}
