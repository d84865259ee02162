/**
 * The npm package imapflow as a client.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { ImapFlow } from "imapflow";
import { APPENDED_TO, type ClientTask, type Findings, SOUGHT } from "./clients.ts";

/** Does everything, in this process. */
export async function runImapflow(task: ClientTask): Promise<Findings> {
  const { port, security, user, password, mechanism } = task;
  const client = new ImapFlow({
    ...{ host: "127.0.0.1", port, logger: false, disableAutoIdle: true },
    secure: security === "tls",
    doSTARTTLS: security === "starttls",
    tls: { ca: await readFile(task.ca, "utf8"), servername: "localhost" },
    auth: { user, pass: password, loginMethod: mechanism === "LOGIN" ? "LOGIN" : "AUTH=PLAIN" },
  });
  await client.connect();
  const mailboxes = (await client.list()).map(({ path }) => path).sort();
  await client.mailboxOpen("INBOX");
  const mails: string[] = [];
  for await (const { source } of client.fetch("1:*", { source: true, envelope: true })) {
    mails.push((source ?? Buffer.alloc(0)).toString("latin1"));
  }
  const found = await client.search({ subject: SOUGHT });
  let hasAppended = true;
  for (const mail of task.mails) {
    hasAppended &&= !!await client.append(APPENDED_TO, Buffer.from(mail), ["\\Seen"]);
  }
  const heard = once(client, "exists");
  const idling = client.idle();
  await task.idled(1);
  await task.deliver();
  const [{ count, prevCount }] = await heard;
  // Any command ends IDLE.
  await client.noop();
  await idling;
  await client.logout();
  return {
    ...{ mailboxes, mails, hasAppended },
    found: found ? found.length : 0,
    hasIdled: count === prevCount + 1,
  };
}
