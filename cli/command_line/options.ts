/**
 * The program's own options: one description for parsing, help, completions and the man page.
 *
 * @module
 */

/** An option of the program. */
export interface ProgramOption {
  /** Its long name, without dashes: "json-errors". */
  readonly name: string;
  /** The letter of its short form. */
  readonly short?: string;
  /** The name of its value in usage texts; left out for a flag. */
  readonly value?: string;
  /** Whether it may occur several times, each time with another value. */
  readonly isRepeatable?: true;
  /** What it does, in a sentence without a full stop at its end. */
  readonly summary: string;
  /** Its valid values, if there are only some. */
  readonly choices?: readonly string[];
  /** The subcommands of the program that take it; if left out, all of them and all commands for servers. */
  readonly for?: readonly string[];
}

/** The formats of the output. */
export const formats = ["flow", "table", "pager", "tab", "json", "jsonl", "csv"] as const;

/** A format of the output. */
export type Format = (typeof formats)[number];

/** Options before or after a command. */
export const programOptions: readonly ProgramOption[] = [
  {
    ...{ name: "server", value: "SERVER", isRepeatable: true },
    summary:
      "Ask this server: a URL, a name in the configuration file, a socket's path, or HOST:PORT",
  },
  {
    ...{ name: "format", short: "f", value: "FORMAT", choices: formats },
    summary: "Print rows in this format; each command has one of its own",
  },
  { name: "verbose", short: "v", summary: "Have the server log more" },
  { name: "debug", short: "D", summary: "Have the server log everything" },
  {
    ...{ name: "config", value: "FILE" },
    summary:
      "Read servers from this file, not from dovewire/config.json in the folder of configurations",
  },
  {
    ...{ name: "password-file", value: "FILE" },
    summary: "Read the password from the first line of this file",
  },
  {
    ...{ name: "password-command", value: "COMMAND" },
    summary: "Read the password from the first line that this shell command prints",
  },
  { name: "ca", value: "FILE", summary: "Trust the CAs in this PEM file instead of the system's" },
  {
    name: "allow-plaintext-password",
    summary: "Send the password unencrypted over a network, too",
  },
  {
    ...{ name: "time-limit", value: "SECONDS" },
    summary: "Give up if an answer takes longer: 60 s if left out, 0 for no limit",
  },
  {
    ...{ name: "jobs", value: "N" },
    summary: "Ask for so many users at a time if there are several: 10 if left out",
  },
  {
    ...{ name: "resume", value: "JOURNAL" },
    summary: "Note in this file for which users the command is done, and go on there if it was " +
      "interrupted; rows come as soon as they are known",
  },
  { name: "json-errors", summary: "Print errors and log lines as JSON, one on each line" },
  { name: "help", short: "h", summary: "Print help: for the program, or for the command" },
  { name: "version", summary: "Print the version" },
];

/** Doveadm's options for the users of a command on mail, before the command as well as after it. */
export const userOptions: readonly ProgramOption[] = [
  {
    name: "user",
    short: "u",
    value: "USER",
    summary: "Act on this user's mail, or on that of all that match",
  },
  { name: "all-users", short: "A", summary: "Act on the mail of all users" },
  {
    name: "user-file",
    short: "F",
    value: "FILE",
    summary: "Act on the users in this file, one a line",
  },
  { name: "socket-path", short: "S", value: "SERVER", summary: "The same as --server" },
];

/** An option's names as in "-f, --format=FORMAT". */
export function namesOf({ name, short, value }: ProgramOption): string {
  const long = `--${name}${value === undefined ? "" : `=${value}`}`;
  return short === undefined ? long : `-${short}, ${long}`;
}
