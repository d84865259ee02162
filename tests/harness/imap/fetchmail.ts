/**
 * The program fetchmail as a client.
 *
 * @module
 */

import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClientTask, DELIVERED, type Findings } from "./clients.ts";
import { startProgram } from "./programs.ts";

/** Fetches all mails of INBOX, and idles; it can neither list nor append. */
export async function runFetchmail(task: ClientTask): Promise<Findings> {
  const { port, security, ca, user, password, folder } = task;
  const rc = join(folder, "fetchmailrc");
  const securing = security === "tcp"
    ? `sslproto ""`
    : `sslcertck sslcertfile ${ca} ${security === "tls" ? "ssl" : "sslproto TLS1.2+"}`;
  await writeFile(
    rc,
    `poll localhost service ${port} protocol imap auth password
  user ${user} password ${password} idle fetchall keep no rewrite ${securing}
  mda "cat >>mails; echo '--end of mail--' >>mails"
`,
  );
  await chmod(rc, 0o600);
  const program = await startProgram(
    ["fetchmail", "--silent", "--fetchmailrc", rc, "--pidfile", join(folder, "pid")],
    { home: folder },
  );
  // It only ends by itself if it fails.
  const failure = program.output.then((said) => Promise.reject(new Error(said)));
  failure.catch(() => {});
  await Promise.race([failure, task.idled(1)]);
  const mails = await mailsIn(folder);
  await task.deliver();
  // It fetches the new mail in between.
  await Promise.race([failure, task.idled(2)]);
  const all = await mailsIn(folder);
  program.stop();
  await program.output;
  const isNew = (mail: string) => mail.includes(`Subject: ${DELIVERED}\r\n`);
  return { mails, hasAppended: false, hasIdled: !mails.some(isNew) && all.some(isNew) };
}

/** The fetched mails. */
async function mailsIn(folder: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, "mails"), "latin1").catch(() => "");
  return text.split("--end of mail--\n").slice(0, -1).map((mail) =>
    // It writes the line ends of files, and a header line of its own.
    mail.replace(/^Received:.*\n(\s.*\n)*/, "").replaceAll("\n", "\r\n")
  );
}
