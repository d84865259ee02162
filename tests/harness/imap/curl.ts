/**
 * The program curl as a client.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { APPENDED_TO, type ClientTask, type Findings, SOUGHT } from "./clients.ts";
import { runProgram } from "./programs.ts";

/**
 * Does everything but IDLE, which it can't; each command has a connection of its own.
 *
 * Its LOGIN is AUTHENTICATE LOGIN: it uses the command only where a server offers no AUTHENTICATE.
 */
export async function runCurl(task: ClientTask): Promise<Findings> {
  const { port, security, ca, user, password, mechanism, folder } = task;
  const scheme = security === "tls" ? "imaps" : "imap";
  const options = [
    ...["--silent", "--show-error", "--user", `${user}:${password}`, "--cacert", ca],
    ...["--login-options", `AUTH=${mechanism}`],
    ...(security === "starttls" ? ["--ssl-reqd"] : []),
  ];
  const curl = (path: string, ...more: string[]) => {
    const url = `${scheme}://localhost:${port}/${path}`;
    return runProgram(["curl", ...options, ...more, url], { home: folder });
  };
  const list = await curl("");
  const mailboxes = [...list.matchAll(/ "?([^"\r\n]+)"?\r\n/g)].map(([, name]) => name).sort();
  const all = await curl("INBOX?ALL");
  const mails: string[] = [];
  for (const number of all.match(/\d+/g) ?? []) mails.push(await curl(`INBOX;MAILINDEX=${number}`));
  const found = await curl(`INBOX?SUBJECT%20${encodeURIComponent(SOUGHT)}`);
  const mailFile = join(folder, "mail");
  for (const mail of task.mails) {
    await writeFile(mailFile, mail);
    await curl(APPENDED_TO, "--upload-file", mailFile);
  }
  return {
    ...{ mailboxes, mails, hasAppended: true, hasIdled: false },
    found: (found.match(/\d+/g) ?? []).length,
  };
}
