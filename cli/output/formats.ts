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

/** Whether a column's values stand without its title. */
export function isUntitled(command: string, key: string): boolean {
  if (key === "username" || key === "server" || command === "dict get") return true;
  if (command === "search" && key === "uid") return true;
  return untitled.has(key) && usualFormat(command) === "flow";
}

/** Titles that aren't the columns' names. */
const titles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "quota get": { root: "Quota name", type: "Type", value: "Value", limit: "Limit", percent: "%" },
  who: { connections: "#", pids: "(pids)", ips: "(ips)" },
  "proxy list": { connections: "#", pids: "(pids)", ips: "(ips)" },
};

/** The commands that have a column "username" of their own, where it isn't that of several users. */
const ownUsername: ReadonlySet<string> = new Set(["who", "proxy list", "indexer list", "user"]);

/** A column's title; JSON and CSV have its name instead. */
export function titleOf(command: string, key: string): string {
  if (key === "username") return ownUsername.has(command) ? key : "Username";
  const own = Object.hasOwn(titles, command) ? titles[command] : {};
  return Object.hasOwn(own, key) ? own[key] : key;
}

/** The commands whose rows are a sentence without `--format`, with the columns in it. */
const sentences: Readonly<Record<string, string>> = {
  "auth cache flush": "%{entries} cache entries flushed",
  kick: "%{count} connections kicked",
  "proxy kick": "%{count} connections kicked",
};

/** The sentence of a command's rows: texts and names of columns in turn; `undefined` if it has none. */
export function sentenceOf(command: string): readonly string[] | undefined {
  return Object.hasOwn(sentences, command) ? sentences[command].split(/%\{(\w+)\}/) : undefined;
}
