/**
 * A live trace inside of the test's process.
 *
 * @module
 */

import { parseCommandLine } from "../../cli/command_line/parse.ts";
import type { Output } from "../../cli/output/printer.ts";
import { Reporter } from "../../cli/output/reporter.ts";
import { runLine } from "../../cli/program/run_line.ts";
import { decodeUtf8 } from "../../core/mod.ts";

/** A trace that is running. */
export interface LiveTrace extends AsyncDisposable {
  /** Where it listens: "127.0.0.1:40001", or a socket's path. */
  readonly place: string;
  /** Resolves when what it has printed matches. */
  readonly sees: (wanted: RegExp) => Promise<void>;
  /** Ends it, as Ctrl-C does and disposing of it; resolves to its exit code, and what it printed and reported. */
  readonly end: () => Promise<
    { readonly code: number; readonly output: string; readonly errors: string }
  >;
}

/** Starts `dovewire trace --live` with more words. */
export async function startLiveTrace(words: readonly string[]): Promise<LiveTrace> {
  const ending = new AbortController();
  const waiting = new Set<() => void>();
  const changed = () => waiting.forEach((check) => check());
  let text = "";
  let errors = "";
  const reporter = new Reporter((line) => {
    errors += line;
    changed();
  }, false);
  const output: Output = {
    ...{ isTerminal: false, width: Infinity, flush: () => {} },
    write: (bytes) => {
      text += decodeUtf8(bytes);
      changed();
    },
  };
  const until = (isDone: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!isDone()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const { signal } = ending;
  const ran = runLine(parseCommandLine(["trace", "--live", ...words]), {
    ...{ output, reporter, signal },
  }).catch((error) => reporter.error(error));
  const placeIn = () => /listening at (\S+) for /.exec(errors)?.[1];
  await Promise.race([until(() => placeIn() !== undefined), ran]);
  const place = placeIn();
  if (place === undefined) throw new Error(errors);
  const end = async () => {
    ending.abort();
    await ran;
    return { code: reporter.exitCode, output: text, errors };
  };
  return {
    ...{ place, end },
    sees: (wanted) => until(() => wanted.test(text)),
    [Symbol.asyncDispose]: async () => void await end(),
  };
}
