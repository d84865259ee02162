/**
 * What the exporter knows about a server, and how it asks for it.
 *
 * @module
 */

import type { DoveadmClient, SendOptions } from "@dovewire/dovewire";
import { PartialFailure } from "@dovewire/dovewire";
import type { DoveadmRow } from "@dovewire/dovewire/core/doveadm/catalogue";

/** Sessions of a service. */
export interface ServiceSessions {
  readonly sessions: number;
  readonly users: number;
}

/** The processes of a service. */
export interface ServiceProcesses {
  readonly processes: number;
  readonly limit: number;
}

/** A user's use of a quota. */
export interface QuotaUse {
  readonly user: string;
  /** The quota's name. */
  readonly root: string;
  readonly usedBytes: number | undefined;
  readonly limitBytes: number | undefined;
  readonly usedMessages: number | undefined;
  readonly limitMessages: number | undefined;
}

/** The quotas of all users. */
export interface QuotaSnapshot {
  /** Those that are exported: the ones next to their limits. */
  readonly worst: readonly QuotaUse[];
  /** How many users have a quota. */
  readonly users: number;
}

/** The sizes of the mailboxes that match a mask, of all users together. */
export interface MailboxSizes {
  readonly messages: number;
  readonly bytes: number;
}

/** What can be asked for; the errors are counted by these names. */
export const queries = [
  "connect",
  "sessions",
  "processes",
  "replication",
  "quota",
  "mailboxes",
] as const;

/** The name of what can be asked for. */
export type QueryName = (typeof queries)[number];

/** The sessions by service. */
export async function askSessions(
  client: DoveadmClient,
  options: SendOptions,
): Promise<ReadonlyMap<string, ServiceSessions>> {
  const found = new Map<string, { sessions: number; users: Set<string> }>();
  for (const { username, service, connections } of await client.run("who", {}, options)) {
    const entry = found.get(service) ?? { sessions: 0, users: new Set() };
    found.set(service, entry);
    entry.sessions += connections;
    entry.users.add(username);
  }
  return new Map(
    [...found].map(([service, { sessions, users }]) => [service, { sessions, users: users.size }]),
  );
}

/** The processes by service. */
export async function askProcesses(
  client: DoveadmClient,
  options: SendOptions,
): Promise<ReadonlyMap<string, ServiceProcesses>> {
  const rows = await client.run("service status", {}, options);
  return new Map(
    rows.map((row) => [row.name, { processes: row.process_count, limit: row.process_limit }]),
  );
}

/** The replicator's counts by their names; only 2.3 has a replicator. */
export async function askReplication(
  client: DoveadmClient,
  options: SendOptions,
): Promise<ReadonlyMap<string, number>> {
  const rows = await client.run("replicator status", {}, options);
  return new Map(rows.map((row) => {
    const { field, value } = row as { readonly field: string; readonly value: number };
    return [field.trim().replaceAll(/[^a-z]+/gi, "_").toLowerCase(), value];
  }));
}

/**
 * The quotas of all users, of which the `most` next to their limits are kept. Users for whom it fails are
 * left out.
 */
export async function askQuota(
  client: DoveadmClient,
  options: SendOptions,
  most: number,
): Promise<QuotaSnapshot> {
  const rows = await allRows(client.run("quota get", { allUsers: true }, options));
  const uses = usesOf(rows as readonly (DoveadmRow<"quota get", { allUsers: true }>)[]);
  const users = new Set(uses.map(({ user }) => user)).size;
  return { users, worst: uses.sort((a, b) => fullness(b) - fullness(a)).slice(0, most) };
}

/** The sizes of the mailboxes that match each mask. */
export async function askMailboxes(
  client: DoveadmClient,
  options: SendOptions,
  masks: readonly string[],
): Promise<ReadonlyMap<string, MailboxSizes>> {
  const sizes = new Map<string, MailboxSizes>();
  for (const mask of masks) {
    const rows = await allRows(client.run("mailbox status", {
      ...{ allUsers: true, field: ["messages", "vsize"], mailboxMask: [mask], totalSum: true },
    }, options)) as readonly { readonly messages: number; readonly vsize: number }[];
    sizes.set(mask, {
      messages: rows.reduce((sum, { messages }) => sum + messages, 0),
      bytes: rows.reduce((sum, { vsize }) => sum + vsize, 0),
    });
  }
  return sizes;
}

/** All rows of a call for many users, also if it failed for some of them. */
async function allRows<Row>(call: Promise<readonly Row[]>): Promise<readonly object[]> {
  try {
    return await call as readonly object[];
  } catch (error) {
    if (error instanceof PartialFailure && error.answered > 0) return error.rows;
    throw error;
  }
}

/** Joins a user's rows of storage and of messages. */
function usesOf(
  rows: readonly (DoveadmRow<"quota get", { allUsers: true }>)[],
): QuotaUse[] {
  const uses = new Map<string, { -readonly [Key in keyof QuotaUse]: QuotaUse[Key] }>();
  for (const { username, root, type, value, limit } of rows) {
    const key = JSON.stringify([username, root]);
    const use = uses.get(key) ?? {
      ...{ user: username, root, usedBytes: undefined, limitBytes: undefined },
      ...{ usedMessages: undefined, limitMessages: undefined },
    };
    uses.set(key, use);
    if (type === "STORAGE") {
      use.usedBytes = value === null ? undefined : value * 1024;
      use.limitBytes = limit === null ? undefined : limit * 1024;
    } else if (type === "MESSAGE") {
      use.usedMessages = value ?? undefined;
      use.limitMessages = limit ?? undefined;
    }
  }
  return [...uses.values()];
}

/** How full a quota is: the greater of its two parts; -1 without a limit. */
export function fullness({ usedBytes, limitBytes, usedMessages, limitMessages }: QuotaUse): number {
  const part = (used: number | undefined, limit: number | undefined) =>
    used === undefined || limit === undefined || limit === 0 ? -1 : used / limit;
  return Math.max(part(usedBytes, limitBytes), part(usedMessages, limitMessages));
}
