/**
 * One description of the options and commands: help, man page and completions have all of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { completionsFor } from "../../cli/command_line/completions.ts";
import { commandHelp, programHelp, subcommandHelp } from "../../cli/command_line/help.ts";
import { manPage } from "../../cli/command_line/man_page.ts";
import { programOptions, userOptions } from "../../cli/command_line/options.ts";
import { shells, subcommands } from "../../cli/command_line/subcommands.ts";
import { exitCodeMeanings, exitCodes } from "../../cli/output/exit_codes.ts";
import { packageVersion } from "../../cli/program/version.ts";
import { commands, longOption } from "../../core/doveadm/catalogue/mod.ts";
import { exitCodes as protocolCodes } from "../../core/doveadm/mod.ts";
import { runWords } from "./run.ts";

function source(path: string): string {
  return readFileSync(new URL(`../../cli/${path}`, import.meta.url), "utf8");
}

/** The man page's text as a reader sees it, without roff's escapes. */
const manual = manPage().replaceAll("\\-", "-").replaceAll("\\fB", "").replaceAll("\\fR", "");

const allOptions = [
  ...programOptions,
  ...userOptions,
  ...subcommands.flatMap(({ options }) => options),
];

test("options › each of them › is in the help, the man page and the completions", () => {
  const help = programHelp() + subcommands.map(subcommandHelp).join("");
  for (const { name, short } of allOptions) {
    for (const text of [help, manual]) assert.match(text, new RegExp(`--${name}\\b`), name);
    if (short !== undefined) assert(help.includes(`-${short}, --${name}`), name);
  }
  const words = completionsFor(["-"]).map(({ word }) => word);
  for (const { name, short } of [...programOptions, ...userOptions]) {
    assert(words.includes(`--${name}`), name);
    if (short !== undefined) assert(words.includes(`-${short}`), name);
  }
  for (const { name, options } of subcommands) {
    const own = completionsFor([name, "--"]).map(({ word }) => word);
    for (const option of options) {
      assert(own.includes(`--${option.name}`), `${name} ${option.name}`);
    }
  }
});

test("options › each of them › is used by the program", () => {
  const code = [
    ...[
      "run/run_command.ts",
      "servers/server_choice.ts",
      "program/run_line.ts",
      "program/dovewire.ts",
    ],
    ...["exporter/run_exporter.ts", "top/run_top.ts", "serve/serve_embedded.ts"],
    "trace/run_trace.ts",
  ].map(source).join("");
  for (const { name } of allOptions) assert(code.includes(name), name);
});

test("options › their names › are those of no option of a server's command", () => {
  const own = new Set(programOptions.map(({ name }) => `--${name}`));
  for (const { name: command, parameters } of Object.values(commands)) {
    for (const { name } of parameters) {
      assert(!own.has(longOption(name)), `"${command}" has an option ${longOption(name)}`);
    }
  }
});

test("commands › each of them › is in the man page and the completions, and has a help", () => {
  for (const info of Object.values(commands)) {
    assert(manual.includes(`\n${info.name}`), info.name);
    const words = info.name.split(" ");
    for (let count = 0; count < words.length; count++) {
      const found = completionsFor([...words.slice(0, count), ""]).map(({ word }) => word);
      assert(found.includes(words[count]), `${info.name}: ${found}`);
    }
    const help = commandHelp(info);
    for (const { name, positional } of info.parameters) {
      const text = positional ? longOption(name).slice(2).toUpperCase() : longOption(name);
      assert(help.includes(text), `${info.name} ${name}`);
    }
    for (const line of help.split("\n")) assert(!/\s$/.test(line), JSON.stringify(line));
  }
  for (const { name } of subcommands) {
    assert(manual.includes(`\n${name}`), name);
    assert(source("program/run_line.ts").includes(`case "${name}":`), name);
    assert(!(name in commands), name);
  }
});

test("exit codes › those of the protocol and of the program › are explained", () => {
  const explained = exitCodeMeanings.map(([code]) => code);
  for (const code of [...Object.values(protocolCodes), ...Object.values(exitCodes)]) {
    if (code < 0 || code > 255) continue;
    assert(explained.includes(code), String(code));
    assert.match(manual, new RegExp(`^${code}$`, "m"));
  }
});

test("completions › of values › are the valid ones", () => {
  const words = (...line: readonly string[]) => completionsFor(line).map(({ word }) => word);
  assert.deepEqual(words("--format", "j"), ["json", "jsonl"]);
  assert.deepEqual(words("-f", "cs"), ["csv"]);
  assert.deepEqual(words("--format=t"), ["--format=table", "--format=tab"]);
  assert.deepEqual(words("mailbox", "st"), ["status"]);
  assert.deepEqual(words("-u", "alice", "mailbox", "sub"), ["subscribe"]);
  assert.deepEqual(words("--server", "mailbox", "quo"), ["quota"]);
  assert.deepEqual(words("mailbox", "status", "mess"), ["messages"]);
  assert.deepEqual(words("fetch", "-u", "alice", "hdr"), ["hdr", "hdr."]);
  assert.deepEqual(words("mailbox", "list", "--subscr"), ["--subscriptions"]);
  assert.deepEqual(words("completion", ""), [...shells]);
  assert.deepEqual(words("help", "quota", ""), ["get", "recalc"]);
  assert.deepEqual(words("mailbox", "list", "-u", "alice", ""), []);
  assert.deepEqual(words("constructor", "__proto__", ""), []);
});

test("completions › the script for bash › is one that bash runs", async () => {
  const { output } = await runWords(["completion", "bash"]);
  // A function in place of the program: the words come to it as they are, and nothing in them is run.
  const script = `${output}
dovewire() { printf '%s|' "$@" >&2; printf 'list\\tLists\\nlock\\t\\n'; }
COMP_WORDS=(dovewire mailbox '$(touch /nonexistent/x)' 'l')
COMP_CWORD=3
_dovewire 2>&1
printf '%s,' "\${COMPREPLY[@]}"`;
  const printed = await new Promise((resolve, reject) => {
    // Without --norc, bash takes the pipe for a connection of rsh, unless SHLVL is set, and reads ~/.bashrc.
    const args = ["--norc", "-uc", script.replaceAll("2>/dev/null", "")];
    execFile("bash", args, (error, stdout, stderr) => {
      if (error === null) resolve([stdout, stderr]);
      else reject(error);
    });
  });
  assert.deepEqual(printed, ["complete|--|mailbox|$(touch /nonexistent/x)|l|list,lock,", ""]);
});

test("man page › read by groff › has no warnings", async (context) => {
  const printed = await new Promise<string | undefined>((resolve) => {
    const child = execFile("groff", ["-man", "-Tutf8", "-ww", "-z"], (error, _, stderr) => {
      resolve(error !== null && error.code === "ENOENT" ? undefined : stderr);
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(manPage());
  });
  if (printed === undefined) return context.skip("there is no groff");
  assert.equal(printed, "");
});

test("version › of the program › is that of the package", () => {
  const { version } = JSON.parse(source("deno.json"));
  assert.equal(packageVersion, version);
});
