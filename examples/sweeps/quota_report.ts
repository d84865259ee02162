/**
 * Everybody's quota as CSV, a line for each limit; "" where there is none:
 *
 *     DOVEADM_URL=… node examples/sweeps/quota_report.ts [MASK] > quotas.csv
 *
 * See program.ts for the environment. With a journal, it goes on where it stopped, so append the lines:
 * `JOURNAL=quotas.journal node … >> quotas.csv`. A user who was under way may have lines twice then.
 *
 * @module
 */

import process from "node:process";
import type { DoveadmClient } from "../../mod.ts";
import { everybody, sweep, type SweepOptions } from "../../sweep/mod.ts";
import { printFailure, runProgram } from "./program.ts";

/** Options for {@linkcode quotaReport}. */
export interface QuotaReportOptions extends SweepOptions {
  /** Which users, all if left out. */
  readonly mask?: string;
  /** Called for each user whose quota isn't known. */
  readonly onFailure?: (user: string, error: Error, sent: boolean) => void;
}

/** Yields the report's lines, the titles first. */
export async function* quotaReport(
  doveadm: DoveadmClient,
  { mask, onFailure, ...options }: QuotaReportOptions = {},
): AsyncGenerator<string, void, void> {
  yield lineOf(["user", "root", "type", "value", "limit", "percent"]);
  const results = sweep(
    everybody(doveadm, { mask }),
    (user, context) => doveadm.run("quota get", { user }, context),
    { ...options, idempotent: true },
  );
  for await (const result of results) {
    if (!result.ok) {
      onFailure?.(result.user, result.error, result.sent);
      continue;
    }
    for (const { root, type, value, limit, percent } of result.value) {
      yield lineOf([result.user, root, type, value ?? "", limit ?? "", percent ?? ""]);
    }
  }
}

/** A line of CSV, as RFC 4180 has it; a spreadsheet takes no value for a formula. */
function lineOf(values: readonly unknown[]): string {
  const cells = values.map((value) => {
    const text = String(value).replace(/^(?=[=+@\t\r-])/, typeof value === "string" ? "'" : "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\r\n`;
}

if (import.meta.main) {
  await runProgram("quota_report.ts [MASK]", 0, async ({ doveadm, args: [mask], options }) => {
    const report = quotaReport(doveadm, { ...options, mask, onFailure: printFailure });
    for await (const line of report) process.stdout.write(line);
  });
}
