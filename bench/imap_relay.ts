/**
 * What the relay costs: imapflow, on Node, does the same through the relay, through a bare pipe of the same
 * runtime, and directly. CPU and memory are those of the process with the pipe and the relay.
 *
 * @module
 */

import { startDovecot } from "../tests/harness/dovecot/dovecot.ts";
import type { Bench, Run } from "./harness/bench.ts";
import { settledMemory } from "./harness/memory.ts";
import { Program } from "./harness/program.ts";
import type { WayResult } from "./harness/results.ts";
import type { Way } from "./harness/turns.ts";
import type { ClientTask } from "./imap/client.ts";
import { LOGIN } from "./imap/conversation.ts";
import type { IdlersTask } from "./imap/idlers.ts";
import { startPipe } from "./imap/pipe.ts";
import { startRelay } from "./imap/relay.ts";

/** The goals: at most 1.15 times as long as directly, and at most 150 microseconds more for a NOOP. */
const LEAST = 0.87;
const MOST_MORE = 150;

const MIB = 2 ** 20;

/** A mail of 2.4 KB. */
function mailOf(_: unknown, number: number): string {
  const headers = [
    `From: Sender ${number} <${number}@example.org>`,
    "To: Alice <alice@example.org>",
    `Subject: Mail ${number}`,
    `Message-ID: <${number}@example.org>`,
    "Date: Mon, 05 Jan 2026 11:30:00 +0000",
  ];
  return `${headers.join("\n")}\n\n${`${"x".repeat(76)}\n`.repeat(28)}`;
}

async function commands(run: Run): Promise<void> {
  const mails = run.size(10_000, 5);
  await using dovecot = await startDovecot({
    version: "2.4",
    ...{ imap: true, trusted: "127.0.0.1", users: [LOGIN.user], quota: "10G" },
    mail: { [LOGIN.user]: { INBOX: Array.from({ length: mails }, mailOf), Archive: [] } },
    extraConfig: "mail_max_userip_connections = 0",
  });
  run.meets("Dovecot", dovecot.version);
  await using client = new Program(new URL("imap/client.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const port = dovecot.imapPort!;
  const { relay, port: relayPort } = await startRelay(port, { idleTimeout: 0 });
  const ports = { directly: port, "a pipe": await startPipe(port), "the relay": relayPort };
  const compare = (
    { name, unit, amount }: { name: string; unit: string; amount: number },
    { kind, count }: Omit<ClientTask, "port">,
  ) =>
    run.compare({
      ...{ name, amount, unit, rounds: 7 },
      ways: Object.fromEntries(
        Object.entries(ports).map(([way, port]) => {
          const task: ClientTask = { kind, port, count };
          return [way, async (watch) => watch.took(await client.ask(task))] satisfies [string, Way];
        }),
      ),
      goals: kind === "noop" ? {} : { "the relay": { least: LEAST, limit: "a pipe" } },
    });
  for (const kind of ["envelopes", "sources"] as const) {
    await compare({ name: `fetch ${kind}`, amount: mails, unit: "mails" }, { kind, count: mails });
  }
  const size = run.size(20 * MIB, MIB);
  await compare({ name: "append", amount: size / MIB, unit: "MiB" }, {
    ...{ kind: "append", count: size },
  });
  const count = run.size(1_000, 5);
  const { ways: [directly, pipe, through] } = await compare(
    { name: "NOOP", amount: count, unit: "commands" },
    { kind: "noop", count },
  );
  const more = ({ time }: WayResult) =>
    Math.max(0, time.median - directly.time.median) / count * 1000;
  const unit = "µs";
  run.record({ name: "a NOOP through a pipe, more than directly", value: more(pipe), unit });
  run.record({
    name: "a NOOP through the relay, more than directly",
    value: more(through),
    ...{ unit, most: MOST_MORE },
  });
  await relay.close();
}

async function idling(run: Run): Promise<void> {
  await using idlers = new Program(new URL("imap/idlers.ts", import.meta.url), {
    runtime: run.commands.node,
  });
  const { relay, port } = await startRelay(await idlers.next(), { idleTimeout: 0 });
  const open = (count: number) => idlers.ask({ kind: "idle", port, count } satisfies IdlersTask);
  const count = run.size(1_000, 2);
  await open(run.size(100, 1));
  const turns = run.size(5, 1);
  const before = await settledMemory({ turns });
  await open(count);
  const { resident } = await settledMemory({ turns });
  run.record({
    name: "memory for an idle connection",
    value: (resident - before.resident) / count,
    unit: "KiB",
  });
  await relay.close();
}

/** The bench. */
export const bench: Bench = { title: "The IMAP relay", parts: { commands, idling } };
