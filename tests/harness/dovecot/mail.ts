/**
 * Writes the users and the mail of a server.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { chmod, lchown, mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

/** Messages by user and by mailbox ("INBOX", "Projects/2024"); an empty list creates a mailbox. */
export type Mail = Readonly<
  Record<string, Readonly<Record<string, readonly (string | Uint8Array)[]>>>
>;

/** The default mail: alice has three messages, the others none. */
export const defaultMail: Mail = {
  alice: {
    INBOX: [
      message("Bob <bob@example.org>", "Lunch?", "Mon, 05 Jan 2026 11:30:00 +0000", "At noon?\n"),
      message("Carol <carol@example.org>", "Minutes", "Tue, 06 Jan 2026 16:05:00 +0100", "None.\n"),
      message("Bob <bob@example.org>", "Re: Lunch?", "Wed, 07 Jan 2026 09:15:00 -0500", ".\nOK.\n"),
    ],
    Sent: [],
    Projects: [],
    "Projects/2024": [],
  },
};

/** Owner of the mail if root runs the server: "nobody" on every system that the tests know. */
const MAIL_ID = 65534;

/**
 * Writes everything except the configuration: users, homes and mail.
 *
 * Rejects for an invalid name of a user or a mailbox.
 */
export async function prepareFolder(
  folder: string,
  { users, password, mail = defaultMail }: {
    readonly users: readonly string[];
    readonly password: string;
    readonly mail?: Mail;
  },
): Promise<void> {
  const { uid, gid } = mailOwner();
  // The owner of the mail needs access to it.
  await chmod(folder, 0o711);
  const lines = users.map((user) => {
    if (!/^[^\s:/\\\p{Cc}]+$/u.test(user) || user.startsWith(".")) {
      throw new Error(`${JSON.stringify(user)} cannot be the name of a user.`);
    }
    return `${user}:{PLAIN}${password}:${uid}:${gid}::${join(folder, "mail", user)}::\n`;
  });
  await writeFile(join(folder, "passwd"), lines.join(""));
  // Dovecot's authentication process reads it, and is not root.
  await chmod(join(folder, "passwd"), 0o644);
  await mkdir(join(folder, "state"));
  // For files that commands write as root and as any user; it gets its mode from the folder.
  await mkdir(join(folder, "users"));
  await chmod(join(folder, "users"), 0o777);
  await mkdir(join(folder, "mail"));
  for (const user of users) {
    const maildir = join(folder, "mail", user, "Maildir");
    await writeMailbox(maildir, []);
    for (const [mailbox, messages] of Object.entries(mail[user] ?? {})) {
      const path = mailbox === "INBOX" ? maildir : join(maildir, folderName(mailbox));
      await writeMailbox(path, messages);
    }
  }
  for (const user of Object.keys(mail)) {
    // The default mail is alice's, and a test may have no alice.
    if (mail === defaultMail || users.includes(user)) continue;
    throw new Error(`There is mail for ${JSON.stringify(user)}, who is not among the users.`);
  }
  const entries = await readdir(join(folder, "mail"), { recursive: true });
  for (const entry of ["", ...entries]) await lchown(join(folder, "mail", entry), uid, gid);
}

function mailOwner(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  return uid === 0 ? { uid: MAIL_ID, gid: MAIL_ID } : { uid, gid };
}

async function writeMailbox(
  path: string,
  messages: readonly (string | Uint8Array)[],
): Promise<void> {
  for (const name of ["cur", "new", "tmp"]) await mkdir(join(path, name), { recursive: true });
  for (const [index, message] of messages.entries()) {
    // Dovecot sorts by the time in the name; the file's time is when the message was received.
    const received = Date.UTC(2026, 0, 10, 12, index) / 1000;
    const bytes = Buffer.from(message);
    const file = join(path, "cur", `${received}.M${index}P1.dovewire,S=${bytes.length}:2,`);
    await writeFile(file, bytes);
    await utimes(file, received, received);
  }
}

/** The folder's name of a mailbox: ".Projects.2024", in modified UTF-7 (RFC 3501, 5.1.3). */
function folderName(mailbox: string): string {
  if (!/^[^./~]+(\/[^./]+)*$/.test(mailbox)) {
    throw new Error(`${JSON.stringify(mailbox)} cannot be the name of a Maildir++ folder.`);
  }
  const encoded = mailbox.replaceAll(/&|[^ -~]+/g, (text) => {
    if (text === "&") return "&-";
    const base64 = Buffer.from(text, "utf16le").swap16().toString("base64");
    return `&${base64.replaceAll("/", ",").replaceAll("=", "")}-`;
  });
  return `.${encoded.replaceAll("/", ".")}`;
}

function message(from: string, subject: string, date: string, body: string): string {
  const headers = { From: from, To: "Alice <alice@example.org>", Subject: subject, Date: date };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  return `${lines.join("")}\n${body}`;
}
