/**
 * Finds what an unknown name may have meant.
 *
 * @module
 */

import { quoteText } from "@dovewire/dovewire/core";
import { commands } from "@dovewire/dovewire/core/doveadm/catalogue";
import { distance } from "fastest-levenshtein";
import { subcommands } from "./subcommands.ts";
import { UsageError } from "./usage_error.ts";

/** How many names are suggested. */
const most = 3;

/** The most characters of a name that are compared: the time grows with their square. */
const longest = 60;

/** Commands of doveadm that run only beside the server's files. */
const local: ReadonlySet<string> = new Set(
  ["auth", "config", "dump", "exec", "mount", "pw", "zlibconnect", "compress-connect", "oldstats"],
);

/** The names that are most like a text, the best first; none if no one is like it. */
export function similarNames(text: string, names: readonly string[]): readonly string[] {
  const wanted = text.slice(0, longest);
  const allowed = Math.max(2, Math.floor(wanted.length / 3));
  return names.map((name) => ({ name, far: distance(wanted, name) }))
    .filter(({ far }) => far <= allowed)
    .sort((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** The error for words that begin with no command's name. */
export function unknownCommand(words: readonly string[]): UsageError {
  const group = Object.keys(commands).filter((name) => name.startsWith(`${words[0]} `));
  if (group.length > 0) {
    const rest = group.map((name) => name.slice(words[0].length + 1));
    const [best] = similarNames(words[1] ?? "", rest);
    const guess = best === undefined || words.length === 1
      ? ""
      : ` Did you mean "${words[0]} ${best}"?`;
    const what = words.length === 1
      ? `"${words[0]}" is only the first word of commands`
      : `There is no command ${quoteText(words.slice(0, 2).join(" "))}`;
    return new UsageError(`${what}.${guess} After "${words[0]}" comes one of ${rest.join(", ")}.`);
  }
  const names = [...subcommands.map(({ name }) => name), ...Object.keys(commands)];
  const found = [words.slice(0, 2).join(" "), words[0]]
    .map((text) => similarNames(text, names)).find((similar) => similar.length > 0) ?? [];
  const guess = found.length === 0
    ? ""
    : ` Did you mean ${found.map((name) => `"${name}"`).join(" or ")}?`;
  const where = local.has(words[0]) ? " Doveadm runs it on the mail server only." : "";
  return new UsageError(
    `There is no command ${quoteText(words[0])}.${where}${guess} "dovewire commands" lists all.`,
  );
}
