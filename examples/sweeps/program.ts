/**
 * What the sweeps of this folder have in common when they run as programs, on Deno, Node or Bun:
 *
 * ```sh
 * export DOVEADM_URL=doveadm+unix:///run/dovecot/doveadm-server
 * deno run -A examples/sweeps/quota_report.ts > quotas.csv
 * node examples/sweeps/quota_report.ts > quotas.csv
 * bun examples/sweeps/quota_report.ts > quotas.csv
 * ```
 *
 * The server's URL, which may have a password, is in the environment: other users of the machine see the
 * arguments of a program.
 *
 * @module
 */

import process from "node:process";
import { connect, type DoveadmClient } from "../../mod.ts";
import type { SweepProgress } from "../../sweep/mod.ts";

/** How many connections there are, and for how many users the work is under way. */
const [maxConnections, concurrency] = [10, 20];

/** What a sweep gets. */
export interface SweepProgram {
  readonly doveadm: DoveadmClient;
  readonly args: readonly string[];
  /** For `sweep()`: ends at SIGINT and SIGTERM, prints the progress, and has a journal if one is asked for. */
  readonly options: {
    readonly concurrency: number;
    readonly signal: AbortSignal;
    readonly journal: string | undefined;
    readonly onProgress: (progress: SweepProgress) => void;
  };
}

/** Runs a program; it needs so many arguments, which `usage` names. */
export async function runProgram(
  usage: string,
  least: number,
  run: (program: SweepProgram) => Promise<void>,
): Promise<void> {
  const args = process.argv.slice(2);
  const url = process.env.DOVEADM_URL;
  if (url === undefined || args.length < least) {
    console.error(`Usage: DOVEADM_URL=… [JOURNAL=FILE] ${usage}`);
    process.exitCode = 64;
    return;
  }
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  await using doveadm = connect(url, { maxConnections });
  const options = {
    ...{ concurrency, signal: stopping.signal, journal: process.env.JOURNAL },
    onProgress: printProgress,
  };
  try {
    await run({ doveadm, args, options });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 75;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

function printProgress({ done, failed, total, rate, timeLeft }: SweepProgress): void {
  const left = timeLeft === undefined ? "" : `, ${Math.ceil(timeLeft / 60_000)} minutes left`;
  console.error(`${done} of ${total ?? "?"}, ${failed} failed, ${rate.toFixed(0)} a second${left}`);
}

/** Prints a failure, and has the program end as failed. */
export function printFailure(user: string, error: Error, sent: boolean): void {
  console.error(`${user}: ${error.message}${sent ? "" : " (nothing was done)"}`);
  process.exitCode = 75;
}
