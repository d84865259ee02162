/**
 * XEXEC: an IMAP command that runs programs which the server's configuration names, and shows the client what
 * they print.
 *
 * ```text
 * C: a XEXEC uptime
 * S: + running
 * S: * XEXEC {21}
 * S: up 8 days, 20 minutes
 * S: a OK [XEXEC 0] uptime has ended.
 * ```
 *
 * The client chooses a name, not a program: the path and the first arguments are the configuration's. Its own
 * words are arguments after those, where the entry allows any, each of which has to match the entry's pattern as
 * a whole and can't begin with "-". DONE kills the program.
 *
 * @module
 */

import {
  bad,
  continuation,
  defineCommand,
  type ImapCommand,
  no,
  ok,
  untagged,
} from "../../imap/mod.ts";
import type { TaggedResult } from "../../core/imap/mod.ts";
import { LocalProtocolError } from "../../core/mod.ts";
import { timeLimit } from "../../transports/timers.ts";
import { type RunEnd, RunningProgram } from "./running_program.ts";

/** A program that clients may run. */
export interface ExecProgram {
  /** The absolute path, and the arguments before the client's. */
  readonly argv: readonly string[];
  /** The client's words: how many there may be, and what each of them has to match; none if left out. */
  readonly words?: { readonly pattern: string; readonly max: number };
  /** How long it may run, in milliseconds; 10 s if left out, 0 or `Infinity` for no limit. */
  readonly timeout?: number;
  /** How many bytes it may print; 65,536 if left out. */
  readonly maxOutput?: number;
}

/** Options for {@linkcode xexec}. */
export interface ExecOptions {
  /** How many programs each user may run at the same time; 1 if left out. */
  readonly maxPerUser?: number;
  /** How many programs may run at the same time in all; 10 if left out. */
  readonly maxInAll?: number;
}

/** The longest word of a client, in characters. */
const longestWord = 1000;

/** A program's entry, checked and complete. */
interface Entry {
  readonly argv: readonly string[];
  readonly pattern: RegExp;
  readonly maxWords: number;
  readonly timeout: number;
  readonly maxOutput: number;
}

/**
 * `TAG XEXEC NAME [WORD …]`: runs a program. Throws a `LocalProtocolError` for an invalid entry.
 */
export function xexec(
  programs: Readonly<Record<string, ExecProgram>>,
  { maxPerUser = 1, maxInAll = 10 }: ExecOptions = {},
): ImapCommand {
  const entries = new Map(
    Object.entries(programs).map(([name, program]) => [name, complete(name, program)]),
  );
  const slots = new Slots(maxPerUser, maxInAll);
  return defineCommand({
    name: "XEXEC",
    args: ["astring", "astring*"],
    isLongRunning: true,
    capability: "XEXEC",
  }, async function* ([name, words], { user }, { done }) {
    const entry = entries.get(name);
    if (entry === undefined) return no("There is no such program.", "NONEXISTENT");
    const { argv, pattern, maxWords } = entry;
    if (words.length > maxWords) return bad(`${name} takes ${maxWords} words at most`);
    if (!words.every((word) => isAllowed(word, pattern))) return bad(`${name} takes no such word`);
    if (!slots.take(user!)) return no("Too many programs run. Try again later.", "LIMIT");
    try {
      const program = await RunningProgram.start([...argv, ...words], entry);
      try {
        void done.then(() => program.kill("cancelled"));
        yield continuation("running");
        for await (const line of program.lines()) yield untagged("XEXEC ", line);
        return resultOf(name, await program.ended);
      } finally {
        program.kill("cancelled");
        await program.ended;
      }
    } finally {
      slots.give(user!);
    }
  });
}

function complete(name: string, program: ExecProgram): Entry {
  const { argv, words = { pattern: "", max: 0 }, timeout = 10_000, maxOutput = 65_536 } = program;
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw new LocalProtocolError(
      `The program's name "${name}" must be letters, digits, "_" and "-".`,
    );
  }
  if (!argv[0]?.startsWith("/")) {
    throw new LocalProtocolError(`"argv" of ${name} must begin with an absolute path.`);
  }
  const counts = { maxOutput, "words.max": words.max };
  for (const [option, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count >= 0) continue;
    throw new LocalProtocolError(`"${option}" of ${name} must be a whole number, not ${count}.`);
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^(?:${words.pattern})$`, "u");
  } catch (error) {
    throw new LocalProtocolError(
      `"words.pattern" of ${name} is no regular expression: ${(error as Error).message}.`,
    );
  }
  const limit = timeLimit("timeout", timeout);
  return { argv, pattern, maxWords: words.max, timeout: limit, maxOutput };
}

/** Whether a client may give a word: it must not be an option, nor hide a NUL, which would end it. */
function isAllowed(word: string, pattern: RegExp): boolean {
  return word.length <= longestWord && !word.startsWith("-") && !word.includes("\0") &&
    pattern.test(word);
}

function resultOf(name: string, end: RunEnd): TaggedResult {
  switch (end.type) {
    case "exit": {
      const code = `XEXEC ${end.code}`;
      return end.code === 0 ? ok(`${name} has ended.`, code) : no(`${name} has failed.`, code);
    }
    case "signal":
      return no(`${name} was ended by ${end.signal}.`);
    case "timeout":
      return no(`${name} took too long and was killed.`, "LIMIT");
    case "output":
      return no(`${name} printed too much and was killed.`, "LIMIT");
    case "cancelled":
      return ok(`${name} was cancelled.`);
  }
}

/** The numbers of programs that run. */
class Slots {
  readonly #maxPerUser: number;
  readonly #maxInAll: number;
  readonly #perUser = new Map<string, number>();
  #inAll = 0;

  constructor(maxPerUser: number, maxInAll: number) {
    this.#maxPerUser = maxPerUser;
    this.#maxInAll = maxInAll;
  }

  /** Counts a program of a user; returns `false` if it is one too many. */
  take(user: string): boolean {
    const count = this.#perUser.get(user) ?? 0;
    if (count >= this.#maxPerUser || this.#inAll >= this.#maxInAll) return false;
    this.#perUser.set(user, count + 1);
    this.#inAll++;
    return true;
  }

  /** A program of the user has ended. */
  give(user: string): void {
    const count = this.#perUser.get(user)! - 1;
    if (count > 0) this.#perUser.set(user, count);
    else this.#perUser.delete(user);
    this.#inAll--;
  }
}
