/**
 * Draws the screen of `dovewire top`, as lines of text.
 *
 * @module
 */

import { fullness, type QuotaUse, type ServiceProcesses } from "../exporter/snapshot.ts";
import { alignedLine, cutTo, printableBeginning, widthsOf } from "../output/table_printer.ts";
import { metricName, type Rates } from "./rates.ts";

/** A user's sessions of a service. */
export interface SessionGroup {
  readonly user: string;
  readonly service: string;
  readonly sessions: number;
  readonly addresses: readonly string[];
}

/** What is known about a server. */
export interface ServerState {
  readonly server: string;
  /** Why it can't be asked, if it can't. */
  readonly problem?: string;
  /** For how many milliseconds it has been asked without an answer; 0 if it isn't asked now. */
  readonly silence?: number;
  /** What the server refuses to tell, in a line each. */
  readonly missing?: readonly string[];
  readonly sessions: readonly SessionGroup[];
  readonly processes: ReadonlyMap<string, ServiceProcesses>;
  /** How many processes there are at all. */
  readonly processCount: number;
  readonly quota: readonly QuotaUse[];
  /** Commands and bytes; `undefined` without the metric, `null` before the second count. */
  readonly rates: Rates | null | undefined;
}

/** The columns that sessions can be sorted by, by the keys for them. */
export const sortKeys = { u: "user", s: "service", a: "address", n: "sessions" } as const;

/** A column that sessions can be sorted by. */
export type SortColumn = (typeof sortKeys)[keyof typeof sortKeys];

/** How the screen is drawn. */
export interface ScreenOptions {
  readonly width: number;
  readonly height: number;
  readonly sort: SortColumn;
  /** The time to show. */
  readonly now: Date;
}

/** How long an answer may take until the screen says that there is none, in milliseconds. */
const usualAnswer = 3000;

/** The most rows of a table without a height. */
const longest = 50;

/** The lines of the screen; all of them fit into its width and height. */
export function drawScreen(
  states: readonly ServerState[],
  options: ScreenOptions,
): readonly string[] {
  const { width, height } = options;
  const share = Math.floor(height / states.length) - 1;
  const lines = states.flatMap((state, at) => [
    ...(at === 0 ? [] : [""]),
    ...serverLines(state, options, share),
  ]);
  return lines.slice(0, height).map((line) => Number.isFinite(width) ? cutTo(line, width) : line);
}

function serverLines(
  state: ServerState,
  options: ScreenOptions,
  height: number,
): readonly string[] {
  const { server, problem, sessions, processes, processCount, quota, rates } = state;
  const time = options.now.toISOString().slice(0, 19).replace("T", " ");
  const shown = (text: string) => printableBeginning(text, options.width);
  const name = shown(server);
  if (problem !== undefined) return [`${name}  ${time} UTC  ${shown(problem)}`];
  const count = sessions.reduce((sum, group) => sum + group.sessions, 0);
  const users = new Set(sessions.map(({ user }) => user)).size;
  const head = [
    `${name}  ${time} UTC  ${count} sessions of ${users} users, ${processCount} processes`,
    ...silenceLines(state),
    rateLine(rates),
    ...(state.missing ?? []).map(shown),
  ];
  // What the other tables leave is for the sessions.
  const room = Math.min(longest, Math.max(1, Math.floor((height - head.length) / 4) - 1));
  const others = [
    ...quotaLines(quota, options, room),
    ...processLines(processes, options, room),
  ];
  const left = Math.max(1, height - head.length - others.length - 2);
  return [...head, ...sessionLines(sessions, options, left), ...others];
}

/** Says that what follows is old, if it is. */
function silenceLines({ silence = 0 }: ServerState): readonly string[] {
  if (silence < usualAnswer) return [];
  return [`no answer for ${Math.floor(silence / 1000)} s: what follows was before that`];
}

function rateLine(rates: Rates | null | undefined): string {
  if (rates === undefined) {
    return `commands and bytes a second: none, the server has no metric "${metricName}" (dovewire top --help)`;
  }
  if (rates === null) return "commands and bytes a second: known after the next refresh";
  const { commands, bytesIn, bytesOut } = rates;
  return `${commands.toFixed(1)} commands/s, ${bytesText(bytesIn)}/s in, ${
    bytesText(bytesOut)
  }/s out`;
}

function sessionLines(
  groups: readonly SessionGroup[],
  { sort, width }: ScreenOptions,
  room: number,
): readonly string[] {
  const sorted = [...groups].sort((a, b) => compare(sort, a, b));
  const rows = sorted.map(({ user, service, sessions, addresses }) => [
    ...[user, service, String(sessions), addresses.join(" ")],
  ]);
  return table(["USER", "SERVICE", "SESSIONS", "ADDRESSES"], [2], rows, { width, room });
}

function compare(sort: SortColumn, a: SessionGroup, b: SessionGroup): number {
  const byName = a.user < b.user ? -1 : a.user > b.user ? 1 : a.service < b.service ? -1 : 1;
  switch (sort) {
    case "user":
      return byName;
    case "service":
      return a.service < b.service ? -1 : a.service > b.service ? 1 : byName;
    case "address": {
      const [one = "", other = ""] = [a.addresses[0], b.addresses[0]];
      return one < other ? -1 : one > other ? 1 : byName;
    }
    case "sessions":
      return b.sessions - a.sessions || byName;
  }
}

function quotaLines(
  uses: readonly QuotaUse[],
  { width }: ScreenOptions,
  room: number,
): readonly string[] {
  const rows = uses.filter((use) => fullness(use) >= 0).map((use) => {
    const { user, root, usedBytes, limitBytes, usedMessages, limitMessages } = use;
    const used = limitBytes === undefined ? `${usedMessages} mails` : bytesText(usedBytes ?? 0);
    const limit = limitBytes === undefined ? `${limitMessages} mails` : bytesText(limitBytes);
    return [user, root, used, limit, `${Math.floor(fullness(use) * 100)}%`];
  });
  return table(["USER", "QUOTA", "USED", "LIMIT", "FULL"], [2, 3, 4], rows, { width, room });
}

function processLines(
  processes: ReadonlyMap<string, ServiceProcesses>,
  { width }: ScreenOptions,
  room: number,
): readonly string[] {
  const rows = [...processes].filter(([, { processes }]) => processes > 0)
    .sort(([a, one], [b, other]) => other.processes - one.processes || (a < b ? -1 : 1))
    .map(([service, { processes, limit }]) => [service, String(processes), String(limit)]);
  return table(["SERVICE", "PROCESSES", "LIMIT"], [1, 2], rows, { width, room });
}

/** An empty line, the titles, and as many rows as there is room for; nothing without rows. */
function table(
  titles: readonly string[],
  numbers: readonly number[],
  rows: readonly (readonly string[])[],
  { width, room }: { readonly width: number; readonly room: number },
): readonly string[] {
  if (rows.length === 0) return [];
  const shown = rows.slice(0, room);
  const lines = [
    titles,
    ...shown.map((row) => row.map((text) => printableBeginning(text, width))),
  ];
  const widths = widthsOf(lines, width);
  const areNumbers = titles.map((_, at) => numbers.includes(at));
  return [
    "",
    ...lines.map((line) => alignedLine(line, areNumbers, widths, Number.isFinite(width))),
  ];
}

/** A number of bytes with a unit: "1.5 MiB". */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const unit = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)),
  );
  const value = bytes / 1024 ** unit;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
