/**
 * Python's imaplib as a client.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { APPENDED_TO, type ClientTask, type Findings, SOUGHT } from "./clients.ts";
import { startProgram } from "./programs.ts";

const SCRIPT = fileURLToPath(new URL("imaplib_client.py", import.meta.url));

/** Does everything. */
export async function runImaplib(task: ClientTask): Promise<Findings> {
  const { port, security, ca, user, password, mechanism, folder } = task;
  const mailFiles = task.mails.map((_, index) => join(folder, `mail${index}`));
  for (const [index, mail] of task.mails.entries()) await writeFile(mailFiles[index], mail);
  const input = JSON.stringify({
    ...{ port, security, ca, user, password, mechanism, mailFiles },
    ...{ appendedTo: APPENDED_TO, sought: SOUGHT, custom: task.custom },
  });
  const program = await startProgram(["python3", SCRIPT], { home: folder, input });
  const [output] = await Promise.all([program.output, task.idled(1).then(task.deliver)]);
  return JSON.parse(output);
}
