/**
 * The program mbsync as a client.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { APPENDED_TO, type ClientTask, type Findings } from "./clients.ts";
import { runProgram } from "./programs.ts";

const SECURITY = { tcp: "None", tls: "IMAPS", starttls: "STARTTLS" } as const;

/** Synchronises all mailboxes both ways, so that it lists, fetches and appends, and doesn't search or idle. */
export async function runMbsync(task: ClientTask): Promise<Findings> {
  const { port, security, ca, user, password, mechanism, folder } = task;
  const store = join(folder, "store");
  for (const part of ["cur", "new", "tmp"]) {
    await mkdir(join(store, APPENDED_TO, part), { recursive: true });
  }
  for (const [index, mail] of task.mails.entries()) {
    // A maildir's mails have the line ends of files.
    const text = Buffer.from(mail).toString("latin1").replaceAll("\r\n", "\n");
    await writeFile(join(store, APPENDED_TO, "new", `${index}.M1P1.example`), text, "latin1");
  }
  await writeFile(
    join(folder, "mbsyncrc"),
    `
IMAPAccount there
Host localhost
Port ${port}
User ${user}
Pass ${password}
AuthMechs ${mechanism}
SSLType ${SECURITY[security]}
CertificateFile ${ca}

IMAPStore there
Account there

MaildirStore here
Path ${store}/
Inbox ${store}/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Near
SyncState *
`,
  );
  await runProgram(["mbsync", "-c", "mbsyncrc", "-a"], { home: folder });
  const entries = await readdir(store, { withFileTypes: true, recursive: true });
  const mailboxes = entries.filter(({ name }) => name === "cur").map(({ parentPath }) =>
    parentPath.slice(store.length + 1)
  );
  const mails: string[] = [];
  for (const part of ["cur", "new"]) {
    const names = (await readdir(join(store, "INBOX", part))).sort();
    for (const name of names) {
      mails.push(await readFile(join(store, "INBOX", part, name), "latin1"));
    }
  }
  return {
    mailboxes: mailboxes.sort(),
    // It adds a header line of its own.
    mails: mails.map((mail) => mail.replace(/^X-TUID: .*\n/m, "").replaceAll("\n", "\r\n")),
    hasAppended: true,
    hasIdled: false,
  };
}
