/**
 * The man page, in roff.
 *
 * @module
 */

import { commands } from "@dovewire/dovewire/core/doveadm/catalogue";
import { exitCodeMeanings } from "../output/exit_codes.ts";
import { usageOf } from "./help.ts";
import { namesOf, type ProgramOption, programOptions, userOptions } from "./options.ts";
import { subcommands } from "./subcommands.ts";

/** The environment variables that the program reads. */
const environment: readonly (readonly [name: string, meaning: string])[] = [
  ["DOVEWIRE_SERVER", "The servers to ask if --server names none, with spaces between them."],
  ["DOVEWIRE_PASSWORD", "The password, if no option and no configuration says where it is."],
  ["DOVEWIRE_CONFIG", "The path of the configuration file."],
  ["XDG_CONFIG_HOME", "The folder of configurations, ~/.config if it isn't set."],
];

/** The man page of the program. */
export function manPage(): string {
  return [
    '.TH DOVEWIRE 1 "" "dovewire" "User Commands"',
    ".SH NAME",
    "dovewire \\- run doveadm's commands on a mail server, from any machine",
    ".SH SYNOPSIS",
    ".B dovewire",
    "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGS\\fR...]",
    ".SH DESCRIPTION",
    ...paragraph(
      "Sends doveadm's commands to Dovecot servers over UNIX sockets, TCP, TLS and HTTP, and prints what " +
        "they answer. Commands, options and exit codes are those of doveadm(1).",
    ),
    ...paragraph(
      "A server is a URL (doveadm://HOST:PORT, doveadms://HOST:PORT, doveadm+starttls://HOST:PORT, " +
        "doveadm+unix:///PATH, http://HOST:PORT or https://HOST), the path of a socket, HOST:PORT, or a name " +
        "in the configuration file. If there are several, rows start with a column for the server.",
    ),
    ...section("OPTIONS", programOptions.flatMap(optionEntry)),
    ...section("OPTIONS FOR USERS", userOptions.flatMap(optionEntry)),
    ".SH COMMANDS OF THE PROGRAM",
    ...subcommands.flatMap(({ name, args, summary, options }) => [
      ...entry(`\\fB${name}\\fR ${escape(args)}`.trim(), `${summary}.`),
      ...(options.length === 0 ? [] : [".RS", ...options.flatMap(optionEntry), ".RE"]),
    ]),
    ".SH COMMANDS FOR SERVERS",
    ...Object.values(commands).flatMap((info) =>
      entry(`\\fB${escape(info.name)}\\fR ${escape(usageOf(info))}`.trim(), info.summary)
    ),
    ".SH ENVIRONMENT",
    ...environment.flatMap(([name, meaning]) => entry(`\\fB${name}\\fR`, meaning)),
    ".SH FILES",
    ...entry(
      "\\fI~/.config/dovewire/config.json\\fR",
      'Servers by name, as in {"default": "mx1", "servers": {"mx1": {"url": "doveadms://mx1.example.org", ' +
        '"passwordFile": "mx1.password"}}}. Keys of a server: url, passwordFile, passwordCommand, ' +
        "passwordEnv, apiKeyFile, ca, allowPlaintextPassword. Paths are relative to the file's folder.",
    ),
    ".SH EXIT STATUS",
    ...exitCodeMeanings.flatMap(([code, meaning]) => entry(`\\fB${code}\\fR`, meaning)),
    ".SH SEE ALSO",
    ".BR doveadm (1)",
    "",
  ].join("\n");
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [`.SH ${title}`, ...lines];
}

function paragraph(text: string): readonly string[] {
  return [".PP", escape(text)];
}

function optionEntry(option: ProgramOption): readonly string[] {
  const choices = option.choices === undefined ? "" : `: ${option.choices.join(", ")}`;
  const repeat = option.isRepeatable ? "; may be given several times" : "";
  return entry(`\\fB${escape(namesOf(option))}\\fR`, `${option.summary}${choices}${repeat}.`);
}

/** A term and what it means. */
function entry(term: string, meaning: string): readonly string[] {
  return [".TP", term, escape(meaning)];
}

/** A text in which roff finds no request, no escape and no typographic sign. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...")
    .replace(/^([.'])/, "\\&$1");
}
