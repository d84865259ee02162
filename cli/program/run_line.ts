/**
 * Runs what a command line says.
 *
 * @module
 */

import type { CommandLine } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { encodeUtf8 } from "@dovewire/dovewire/core";
import { runCommand, type Surroundings } from "../run/run_command.ts";
import { packageVersion } from "./version.ts";

/** Whether errors are to be JSON: known before the words are parsed, since that may fail. */
export function wantsJsonErrors(argv: readonly string[]): boolean {
  const shortest = "--js";
  return argv.some((word) => word.startsWith(shortest) && "--json-errors".startsWith(word));
}

/** Runs a parsed command line; rejects with the error that ended it, if it isn't reported already. */
export async function runLine(line: CommandLine, to: Surroundings): Promise<void> {
  const print = async (text: string) => await to.output.write(encodeUtf8(text));
  if (line.options.has("version")) return await print(`dovewire ${packageVersion}\n`);
  if (line.options.has("help") || line.type === "none") {
    const { commandHelp, programHelp, subcommandHelp } = await import("../command_line/help.ts");
    if (line.type === "command") return await print(commandHelp(line.info));
    if (line.type === "subcommand") return await print(subcommandHelp(line.subcommand));
    if (line.options.has("help")) return await print(programHelp());
    throw new UsageError('There is no command. "dovewire help" explains the program.');
  }
  if (line.type === "command") return await runCommand(line, to);
  await runSubcommand(line, print, to);
}

/** Runs a command of the program itself. Modules are loaded when they are needed. */
async function runSubcommand(
  line: CommandLine & { readonly type: "subcommand" },
  print: (text: string) => Promise<void>,
  to: Surroundings,
): Promise<void> {
  const { subcommand: { name, args: allowed }, args } = line;
  if (allowed === "" && args.length > 0) {
    throw new UsageError(
      `"dovewire ${name}" takes no argument, and got ${JSON.stringify(args[0])}.`,
    );
  }
  switch (name) {
    case "commands": {
      const { commandList } = await import("../command_line/help.ts");
      return await print(commandList(args.join(" ")));
    }
    case "help": {
      const { helpFor } = await import("../command_line/help.ts");
      return await print(helpFor(args));
    }
    case "man": {
      const { manPage } = await import("../command_line/man_page.ts");
      return await print(manPage());
    }
    case "completion": {
      const { completionScript } = await import("../command_line/completion_scripts.ts");
      return await print(completionScript(args));
    }
    case "complete": {
      const { completionsFor } = await import("../command_line/completions.ts");
      const found = completionsFor(args);
      return await print(found.map(({ word, summary }) => `${word}\t${summary}\n`).join(""));
    }
    case "serve": {
      const { serveEmbedded } = await import("../serve/serve_embedded.ts");
      const flushed = async (text: string) => {
        await print(text);
        await to.output.flush();
      };
      return await serveEmbedded(line.options, flushed, to.signal);
    }
    case "exporter": {
      const { runExporter } = await import("../exporter/run_exporter.ts");
      return await runExporter(line.options, print, to);
    }
    case "trace": {
      const { runTrace } = await import("../trace/run_trace.ts");
      return await runTrace(line.options, args, to);
    }
    case "top": {
      const { runTop } = await import("../top/run_top.ts");
      return await runTop(line.options, to);
    }
    default:
      throw new UsageError(`"dovewire ${name}" can't be run.`);
  }
}
