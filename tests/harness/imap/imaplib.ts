/**
 * Python's imaplib as a client.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { APPENDED_TO, type Errand, type Findings, SOUGHT } from "./clients.ts";
import { startProgram } from "./programs.ts";

const SCRIPT = fileURLToPath(new URL("imaplib_client.py", import.meta.url));

/** Does everything. */
export async function runImaplib(errand: Errand): Promise<Findings> {
  const { port, security, ca, user, password, mechanism, folder } = errand;
  const mailFiles = errand.mails.map((_, index) => join(folder, `mail${index}`));
  for (const [index, mail] of errand.mails.entries()) await writeFile(mailFiles[index], mail);
  const input = JSON.stringify({
    ...{ port, security, ca, user, password, mechanism, mailFiles },
    ...{ appendedTo: APPENDED_TO, sought: SOUGHT, custom: errand.custom },
  });
  const program = await startProgram(["python3", SCRIPT], { home: folder, input });
  const [output] = await Promise.all([program.output, errand.idled(1).then(errand.deliver)]);
  return JSON.parse(output);
}
