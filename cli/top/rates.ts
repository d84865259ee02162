/**
 * Commands and bytes a second, from the counts of a metric.
 *
 * @module
 */

/** The name of the metric that the server's configuration needs. */
export const metricName = "dovewire_top";

/** The settings that count what `dovewire top` shows, for the help; 2.3 has other names for the fields. */
export const metricSettings = `\
metric ${metricName} {
  filter = event=imap_command_finished
  fields = net_in_bytes net_out_bytes bytes_in bytes_out
}`;

/** The part of a row of `stats dump` that is used. */
interface StatsRow {
  readonly metric_name: string;
  readonly field: string;
  readonly count: number;
  readonly sum: number;
}

/** What a metric has counted since the server's start. */
export interface Counts {
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** When, in milliseconds. */
  readonly at: number;
}

/** How much there is a second. */
export interface Rates {
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** The counts in the rows of `stats dump`; `undefined` without that metric. */
export function countsIn(
  rows: readonly StatsRow[],
  at: number,
): Counts | undefined {
  const own = rows.filter(({ metric_name }) => metric_name === metricName);
  const of = (field: string) => own.find((row) => row.field === field);
  const sumOf = (field: string) => of(field)?.sum ?? 0;
  const commands = of("duration");
  if (commands === undefined) return undefined;
  return {
    commands: commands.count,
    bytesIn: sumOf("net_in_bytes") + sumOf("bytes_in"),
    bytesOut: sumOf("net_out_bytes") + sumOf("bytes_out"),
    at,
  };
}

/** The rates between two counts; `undefined` if the server has started anew between them. */
export function ratesBetween(before: Counts, after: Counts): Rates | undefined {
  const seconds = (after.at - before.at) / 1000;
  if (seconds <= 0 || after.commands < before.commands) return undefined;
  return {
    commands: (after.commands - before.commands) / seconds,
    bytesIn: Math.max(0, after.bytesIn - before.bytesIn) / seconds,
    bytesOut: Math.max(0, after.bytesOut - before.bytesOut) / seconds,
  };
}
