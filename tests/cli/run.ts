/**
 * Runs the program's command lines inside the test's process.
 *
 * @module
 */

import { parseCommandLine } from "../../cli/command_line/parse.ts";
import type { Output } from "../../cli/output/printer.ts";
import { Reporter } from "../../cli/output/reporter.ts";
import { runLine, wantsJsonErrors } from "../../cli/program/run_line.ts";
import { concat, decodeUtf8 } from "../../core/mod.ts";

/** What a command line printed, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Options for {@linkcode runWords}. */
export interface RunWordsOptions {
  /** The width of the terminal that it prints to; none if left out. */
  readonly width?: number;
  /** Aborts it, as Ctrl-C does. */
  readonly signal?: AbortSignal;
  /** Called with all that was printed, when it has to be written at once. */
  readonly onFlush?: (output: string) => void;
}

/** Runs a command line's words. */
export async function runWords(
  words: readonly string[],
  { width, signal = new AbortController().signal, onFlush }: RunWordsOptions = {},
): Promise<Ran> {
  let errors = "";
  const printed: Uint8Array[] = [];
  const reporter = new Reporter((text) => errors += text, wantsJsonErrors(words));
  const output: Output = {
    ...{ isTerminal: width !== undefined, width: width ?? Infinity },
    write: (bytes) => void printed.push(bytes),
    flush: () => onFlush?.(decodeUtf8(concat(printed))),
  };
  try {
    await runLine(parseCommandLine(words), { output, reporter, signal });
  } catch (error) {
    reporter.error(error);
  }
  return { code: reporter.exitCode, output: decodeUtf8(concat(printed)), errors };
}
