/**
 * The format and the titles that doveadm gives to each command's rows.
 *
 * @module
 */

import type { Format } from "../command_line/options.ts";

/** The commands whose rows aren't printed as "flow" without `--format`, by the beginning of their names. */
const usual: readonly (readonly [format: Format, names: readonly string[]])[] = [
  ["pager", ["fetch", "service status", "fs get", "mail fs get"]],
  ["tab", ["user", "stats dump", "dict iter", "mail dict iter"]],
  [
    "table",
    [
      ...["who", "proxy list", "process status", "penalty", "indexer list", "instance list"],
      ...["quota get", "mailbox cache", "dict get", "mail dict get", "rebuild attachments"],
      ...["acl", "sieve list", "director", "replicator", "oldstats dump", "fts"],
    ],
  ],
];

/** The format of a command's rows if none is asked for. */
export function usualFormat(command: string): Format {
  const found = usual.find(([, names]) =>
    names.some((name) => command === name || command.startsWith(`${name} `))
  );
  return found?.[0] ?? "flow";
}

/** Columns whose values "flow" and "pager" print without their names. */
const untitled: ReadonlySet<string> = new Set([
  ...["username", "server", "mailbox", "mailbox-guid", "path", "key", "value", "content", "state"],
]);

/** Whether a column's values stand without its name. */
export function isUntitled(command: string, key: string): boolean {
  if (key === "username" || key === "server") return true;
  if (command === "search" && key === "uid") return true;
  return untitled.has(key) && usualFormat(command) === "flow";
}

/** Titles that aren't the columns' names. */
const titles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "quota get": { root: "Quota name", type: "Type", value: "Value", limit: "Limit", percent: "%" },
  who: { connections: "#", pids: "(pids)", ips: "(ips)" },
};

/** A column's title in a table. */
export function titleOf(command: string, key: string): string {
  if (key === "username" && command !== "who") return "Username";
  const own = Object.hasOwn(titles, command) ? titles[command] : {};
  return Object.hasOwn(own, key) ? own[key] : key;
}
