/**
 * The commands that the program runs itself: one description for parsing, help, completions and the man page.
 *
 * @module
 */

import { metricSettings } from "../top/rates.ts";
import type { ProgramOption } from "./options.ts";

/** A command of the program itself. */
export interface Subcommand {
  /** Its name. */
  readonly name: string;
  /** Its arguments in usage texts: "[COMMAND]"; empty if it has none. */
  readonly args: string;
  /** What it does, in a sentence without a full stop at its end. */
  readonly summary: string;
  /** What else there is to say, as lines. */
  readonly notes?: string;
  /** The options that only it has. */
  readonly options: readonly ProgramOption[];
  /** The valid values of its first argument, if there are only some. */
  readonly choices?: readonly string[];
}

/** The shells that have completions. */
export const shells = ["bash", "zsh", "fish"] as const;

/** All subcommands, in the order of the help. */
export const subcommands: readonly Subcommand[] = [
  {
    ...{ name: "commands", args: "[WORD]", options: [] },
    summary: "List the commands for servers, or those that contain a word",
  },
  {
    ...{ name: "help", args: "[COMMAND]", options: [] },
    summary: "Explain the program, or a command with its options and columns",
  },
  {
    ...{ name: "top", args: "" },
    summary: "Show sessions, quota, processes and commands, and refresh them",
    notes:
      "Keys: q ends it; u, s, a and n sort the sessions by user, service, address and number.\n\n" +
      `For commands and bytes a second, Dovecot needs these settings:\n\n${metricSettings}`,
    options: [
      { name: "once", summary: "Print once and end" },
      {
        ...{ name: "sort", value: "COLUMN", choices: ["user", "service", "address", "sessions"] },
        summary: "Sort the sessions by this column: by their number if left out",
      },
      {
        ...{ name: "interval", value: "SECONDS" },
        summary: "Refresh after so many seconds: 2 if left out",
      },
    ],
  },
  {
    ...{ name: "exporter", args: "" },
    summary: "Serve metrics for Prometheus over HTTP",
    options: [
      {
        ...{ name: "listen", value: "ADDRESS" },
        summary: "Listen at this HOST:PORT: 127.0.0.1:9166 if left out",
      },
      {
        ...{ name: "interval", value: "SECONDS" },
        summary: "Ask the servers so often: every 60 s if left out",
      },
      {
        ...{ name: "mail-interval", value: "SECONDS" },
        summary: "Ask for quota and mailboxes so often: every 900 s if left out",
      },
      {
        ...{ name: "quota-users", value: "N" },
        summary:
          "Export the quota of the N users next to their limits: 100 if left out, 0 for none",
      },
      {
        ...{ name: "mailbox", value: "MASK", isRepeatable: true },
        summary: "Export the sizes of these mailboxes, summed up over all users",
      },
      { name: "replication", summary: "Export the replicator's counts, on Dovecot 2.3" },
      { name: "once", summary: "Print the metrics once and end" },
    ],
  },
  {
    ...{ name: "serve", args: "" },
    summary: "Serve doveadm's protocol from memory, for tests and first steps",
    notes: "It prints its URL, with the password: set DOVEWIRE_SERVER to that URL to ask it.",
    options: [
      { name: "embedded", summary: "Serve mail in memory: the only kind of server there is" },
      {
        ...{ name: "listen", value: "ADDRESS" },
        summary: "Listen at this HOST:PORT or socket path: any free port of 127.0.0.1 if left out",
      },
      {
        ...{ name: "user", value: "USER", isRepeatable: true },
        summary: "Have this user, who has one message: alice and bob if left out",
      },
    ],
  },
  {
    ...{ name: "trace", args: "[FILE | --live LISTEN TARGET]" },
    summary: "Decode a conversation of the doveadm protocol, recorded or live, with its mistakes",
    notes:
      "FILE is a recording of --record, or - for standard input. LISTEN is HOST:PORT or a socket's path, and\n" +
      "TARGET what --server takes: clients that connect to LISTEN get to TARGET, until Ctrl-C. Passwords are\n" +
      "concealed, except in recordings.",
    options: [
      {
        name: "live",
        summary: "Pass on what clients of LISTEN send to TARGET, and back, and decode it",
      },
      {
        ...{ name: "record", value: "FILE" },
        summary: "With --live, note all bytes in this new file, which trace can read again",
      },
      {
        ...{ name: "from-client", value: "FILE" },
        summary: "Read the bytes that the client sent from this file, as they are",
      },
      {
        ...{ name: "from-server", value: "FILE" },
        summary: "Read the bytes that the server sent from this file, as they are",
      },
      {
        ...{ name: "html", value: "PAGE" },
        summary:
          "Write a page of HTML to this file, - for standard output, and no text unless --live",
      },
      {
        ...{ name: "max-field", value: "N" },
        summary: "Show the first N characters of each value: 300 if left out",
      },
    ],
  },
  {
    ...{ name: "completion", args: "SHELL", options: [], choices: shells },
    summary: "Print the completions for a shell",
  },
  {
    ...{ name: "complete", args: "-- WORDS…", options: [] },
    summary: "Print what the last word may become: the completions of shells call it",
  },
  {
    name: "man",
    args: "",
    options: [],
    summary: "Print the man page, as in dovewire man | man -l -",
  },
];

/** A subcommand by its name. */
export function findSubcommand(name: string): Subcommand | undefined {
  return subcommands.find((subcommand) => subcommand.name === name);
}
