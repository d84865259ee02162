/**
 * `dovewire serve --embedded`: a doveadm server whose mail is in memory.
 *
 * @module
 */

import { type MailServer, startMailServer } from "@dovewire/dovewire/testing";
import process from "node:process";
import type { GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { untilAborted } from "../program/waiting.ts";
import { listenPlaceOf } from "../servers/listen_address.ts";
import { secretOfCommand, secretOfFile } from "../servers/secret.ts";

/** The users if there are no others. */
const usualUsers = ["alice", "bob"];

/** Starts the server that the options describe; the caller closes it. The signal ends the password's command. */
export async function startEmbedded(
  options: GivenOptions,
  signal: AbortSignal,
): Promise<MailServer> {
  if (!options.has("embedded")) {
    throw new UsageError(
      '"dovewire serve" has one kind of server, with mail in memory: add --embedded.',
    );
  }
  const users = options.get("user") ?? usualUsers;
  const listen = options.get("listen")?.at(-1);
  const password = await passwordOf(options, signal);
  return await startMailServer({
    users: Object.fromEntries(users.map((user) => [user, stateOf(user)])),
    ...(listen === undefined ? {} : { place: listenPlaceOf(listen) }),
    ...(password === undefined ? {} : { settings: { password } }),
  });
}

/** Serves until the signal aborts; prints where. */
export async function serveEmbedded(
  options: GivenOptions,
  print: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const server = await startEmbedded(options, signal);
  try {
    await print(`${server.url}\n`);
    await untilAborted(signal);
  } finally {
    await server.close();
  }
}

async function passwordOf(
  options: GivenOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const file = options.get("password-file")?.at(-1);
  const command = options.get("password-command")?.at(-1);
  if (file !== undefined) return await secretOfFile(file);
  if (command !== undefined) return await secretOfCommand(command, signal);
  return process.env.DOVEWIRE_PASSWORD || undefined;
}

function stateOf(user: string) {
  const welcome = [
    "From: Postmaster <postmaster@example.org>",
    `To: ${user}`,
    "Subject: Welcome",
    "Date: Mon, 05 Jan 2026 11:30:00 +0000",
    "",
    "This mailbox is in memory, and ends with its server.",
    "",
  ].join("\r\n");
  const mailboxes = { INBOX: [welcome], Drafts: [], Sent: [], Trash: [] };
  return { mailboxes, quota: { bytes: 1024 ** 3 } };
}
