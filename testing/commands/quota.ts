/**
 * The commands on quota: "quota get" and "quota recalc".
 *
 * @module
 */

import type { Command } from "./command.ts";
import type { MailUser } from "../mail_user.ts";

/** The commands on quota, by name. */
export const quotaCommands: Readonly<Record<string, Command>> = {
  "quota get": {
    kind: "mail",
    columns: () => 5,
    run: ({ user }) => [...storageRow(user), ...messageRow(user)],
  },
  // Nothing to recalculate: the quota is always the sum of the mails.
  "quota recalc": { kind: "mail", columns: () => 0, run: () => [] },
};

/** Bytes are shown in KiB, rounded up. */
function storageRow({ quota, use }: MailUser): readonly string[] {
  const { name, bytes = 0 } = quota;
  return row(name, "STORAGE", Math.ceil(use.bytes / 1024), Math.ceil(bytes / 1024));
}

function messageRow({ quota, use }: MailUser): readonly string[] {
  const { name, messages = 0 } = quota;
  return row(name, "MESSAGE", use.messages, messages);
}

/** A row: the quota's name, the resource, its usage, its limit and the percentage. */
function row(name = "User quota", resource: string, value: number, limit: number): string[] {
  if (limit === 0 || limit === Infinity) return [name, resource, `${value}`, "-", "0"];
  return [name, resource, `${value}`, `${limit}`, `${Math.floor(value * 100 / limit)}`];
}
