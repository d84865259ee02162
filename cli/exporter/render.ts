/**
 * Renders what is known about servers as metrics for Prometheus.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { Counter, Gauge, Registry } from "prom-client";
import type {
  MailboxSizes,
  QueryName,
  QuotaSnapshot,
  ServiceProcesses,
  ServiceSessions,
} from "./snapshot.ts";

/** What is known about a server. */
export interface ServerSnapshot {
  readonly server: string;
  /** Whether it answered the last time. */
  readonly isUp: boolean;
  readonly sessions?: ReadonlyMap<string, ServiceSessions>;
  readonly processes?: ReadonlyMap<string, ServiceProcesses>;
  readonly replication?: ReadonlyMap<string, number>;
  readonly quota?: QuotaSnapshot;
  readonly mailboxes?: ReadonlyMap<string, MailboxSizes>;
  /** How many queries failed since the start. */
  readonly errors: ReadonlyMap<QueryName, number>;
  /** When it answered last, in seconds since 1970; `undefined` if it never did. */
  readonly answeredAt: number | undefined;
  /** How long the last round of queries took, in seconds. */
  readonly took: number;
}

/** The most characters of a label's value, and the most services or states of a server: it chooses them. */
const longestLabel = 1000;
const mostValues = 1000;

/** After how many users others have their turn: meanwhile, scrapers get the text from before. */
const usersAtOnce = 1000;

/** The content type of the text. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The metrics of all servers, in base units. Each time from a registry of its own, so that nothing remains
 * of a user or a service that is gone.
 */
export async function renderMetrics(snapshots: readonly ServerSnapshot[]): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labels: readonly string[]) => {
    const made = new Gauge({
      ...{ name, help, registers: [registry] },
      labelNames: ["server", ...labels],
    });
    return (value: number | undefined, values: Readonly<Record<string, string>>) => {
      if (value !== undefined) made.set(values, value);
    };
  };
  const up = gauge("dovecot_up", "Whether the server answered the last queries.");
  const sessions = gauge("dovecot_sessions", "Sessions of users.", "service");
  const users = gauge("dovecot_session_users", "Users with sessions.", "service");
  const processes = gauge("dovecot_service_processes", "Processes of a service.", "service");
  const limits = gauge("dovecot_service_processes_max", "The limit of these processes.", "service");
  const replication = gauge("dovecot_replication_requests", "The replicator's counts.", "state");
  const quotaUsers = gauge("dovecot_quota_users", "Users with a quota.");
  const quotaBytes = gauge("dovecot_quota_used_bytes", "Storage used.", "user", "quota");
  const quotaBytesMax = gauge(
    "dovecot_quota_limit_bytes",
    "The limit of storage.",
    "user",
    "quota",
  );
  const quotaMails = gauge("dovecot_quota_used_messages", "Messages stored.", "user", "quota");
  const quotaMailsMax = gauge(
    "dovecot_quota_limit_messages",
    "The limit of messages.",
    "user",
    "quota",
  );
  const mails = gauge("dovecot_mailbox_messages", "Messages of all users.", "mailbox");
  const bytes = gauge("dovecot_mailbox_size_bytes", "The size of all users' messages.", "mailbox");
  const answered = gauge(
    "dovewire_exporter_answer_timestamp_seconds",
    "When the server answered last.",
  );
  const took = gauge(
    "dovewire_exporter_queries_duration_seconds",
    "How long the last queries took.",
  );
  const errors = new Counter({
    name: "dovewire_exporter_errors_total",
    help: "Queries that failed.",
    labelNames: ["server", "query"],
    registers: [registry],
  });

  for (const snapshot of snapshots) {
    const { server } = snapshot;
    up(snapshot.isUp ? 1 : 0, { server });
    answered(snapshot.answeredAt, { server });
    took(snapshot.took, { server });
    for (const [query, count] of snapshot.errors) errors.inc({ server, query }, count);
    for (const [service, it] of bounded(snapshot.sessions)) {
      sessions(it.sessions, { server, service });
      users(it.users, { server, service });
    }
    for (const [service, it] of bounded(snapshot.processes)) {
      processes(it.processes, { server, service });
      limits(it.limit, { server, service });
    }
    for (const [state, count] of bounded(snapshot.replication)) {
      replication(count, { server, state });
    }
    quotaUsers(snapshot.quota?.users, { server });
    for (const [at, use] of (snapshot.quota?.worst ?? []).entries()) {
      if (at % usersAtOnce === 0) await setImmediate();
      const labels = { server, user: labelOf(use.user), quota: labelOf(use.root) };
      quotaBytes(use.usedBytes, labels);
      quotaBytesMax(use.limitBytes, labels);
      quotaMails(use.usedMessages, labels);
      quotaMailsMax(use.limitMessages, labels);
    }
    for (const [mailbox, sizes] of snapshot.mailboxes ?? []) {
      mails(sizes.messages, { server, mailbox });
      bytes(sizes.bytes, { server, mailbox });
    }
  }
  return await textOf(registry);
}

/** The text of all metrics, one after the other. */
async function textOf(registry: Registry): Promise<string> {
  const texts: string[] = [];
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name));
    await setImmediate();
  }
  return `${texts.join("\n\n")}\n`;
}

/** The first entries of what a server counts by names, with names that are not too long. */
function bounded<Value>(
  values: ReadonlyMap<string, Value> = new Map(),
): readonly (readonly [name: string, value: Value])[] {
  return [...values].slice(0, mostValues).map(([name, value]) => [labelOf(name), value]);
}

function labelOf(text: string): string {
  return text.length <= longestLabel ? text : `${text.slice(0, longestLabel)}…`;
}
