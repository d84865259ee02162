#!/usr/bin/env node
/**
 * The program `dovewire`: doveadm for every machine, also those that aren't the mail server.
 *
 *     dovewire [OPTIONS] COMMAND [ARGS…]
 *
 * `dovewire help` lists the options, `dovewire commands` the commands, `dovewire man` is the manual. Its exit
 * codes are doveadm's.
 *
 * @module
 */

import process from "node:process";
import { parseCommandLine } from "../command_line/parse.ts";
import { exitCodes } from "../output/exit_codes.ts";
import { Reporter } from "../output/reporter.ts";
import { runLine, wantsJsonErrors } from "./run_line.ts";
import { endWithoutOutput, StandardOutput, writeError } from "./output.ts";

/** Runs the program; resolves to the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const reporter = new Reporter(writeError, wantsJsonErrors(argv));
  const output = new StandardOutput();
  const interruption = new AbortController();
  const onSignal = (signal: (typeof signals)[number]) => {
    if (!interruption.signal.aborted) return interruption.abort();
    for (const signal of signals) process.off(signal, onSignal);
    endAtOnce(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const { signal } = interruption;
    await runLine(parseCommandLine(argv), { output, reporter, signal });
  } catch (error) {
    reporter.error(error);
  }
  await output.flush();
  return reporter.exitCode;
}

/** The signals that end the program. */
const signals = ["SIGINT", "SIGTERM"] as const;

/**
 * Ends the program after a second signal, whatever it waits for: in Node, exit() waits for a file that is being
 * opened, such as a pipe without a writer, and the signal's own effect doesn't.
 */
function endAtOnce(signal: (typeof signals)[number]): never {
  process.emit("exit", exitCodes.interrupted);
  process.kill(process.pid, signal);
  process.exit(exitCodes.interrupted);
}

// Errors may be lost if nobody reads them; rows may not.
process.stderr.on("error", () => {});
process.stdout.on("error", endWithoutOutput);
const exitCode = await main(process.argv.slice(2));
// An input that was aborted may still be read, and would keep the process running.
process.exit(exitCode);
