/**
 * A server of ours with nothing to do: prints the path of its UNIX socket first. An argument is the highest minor
 * version that it speaks.
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
  const maxMinor: number | undefined = JSON.parse(process.argv[2] ?? "null") ?? undefined;
  const options = { path, maxConnections: Infinity, idleTimeout: 0, maxMinor };
  await using _ = await serve(options, () => FIELDS);
  tell(path);
  await answerTasks(() => {});
  process.exitCode = 0;
}
