/**
 * `dovewire top`: asks servers again and again, and shows what they answer.
 *
 * @module
 */

import { encodeUtf8 } from "@dovewire/dovewire/core";
import { jobsOf, timeOf } from "../command_line/numbers.ts";
import type { GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { pause } from "../program/waiting.ts";
import type { Surroundings } from "../run/run_command.ts";
import { openServer } from "../servers/open_server.ts";
import { promptForSecret } from "../servers/secret.ts";
import { chooseServers } from "../servers/server_choice.ts";
import { drawScreen, type SortColumn } from "./screen.ts";
import { Screen } from "./terminal_screen.ts";
import { Watch } from "./watch.ts";

/** How long a screen is shown if there is no other time, in milliseconds. */
const usualInterval = 2000;

/** Shows the screen until the signal aborts or somebody types "q"; with `--once` prints it. */
export async function runTop(options: GivenOptions, to: Surroundings): Promise<void> {
  const { output } = to;
  const isOnce = options.has("once");
  if (!isOnce && !output.isTerminal) {
    throw new UsageError(
      "The output is no terminal: add --once, which prints one screen and ends.",
    );
  }
  const sort = (options.get("sort")?.at(-1) ?? "sessions") as SortColumn;
  const interval = timeOf(options, "interval", 0.1) ?? usualInterval;
  const ending = new AbortController();
  const signal = AbortSignal.any([to.signal, ending.signal]);
  const passwords = new Passwords();
  const limits = { signal, timeout: timeOf(options, "time-limit") };
  const how = {
    ...{ ...limits, maxConnections: jobsOf(options) },
    askPassword: (name: string) => passwords.of(name),
  };
  const watches = (await chooseServers(options, undefined)).map((server) =>
    new Watch(server.name, () => openServer(server, how), limits)
  );
  try {
    await Promise.all(watches.map((watch) => watch.refresh()));
    if (isOnce) return await printOnce(watches, sort, to);
    passwords.stopAsking();
    const screen = new Screen(() => watches.map((watch) => watch.state), {
      ...{ output, sort, onEnd: () => ending.abort() },
    });
    const refresh = async (watch: Watch) => {
      await watch.refresh();
      screen.draw();
    };
    try {
      // A server that doesn't answer keeps neither the others nor the clock.
      await Promise.all([
        repeat(() => screen.draw(), interval, signal),
        ...watches.map((watch) => repeat(() => refresh(watch), interval, signal)),
      ]);
    } finally {
      await screen.close();
    }
  } finally {
    await Promise.all(watches.map((watch) => watch.close()));
  }
}

/** Does something again and again, with pauses before, until the signal aborts. */
async function repeat(
  action: () => Promise<void> | void,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await pause(interval, signal);
    if (signal.aborted) return;
    await action();
  }
}

async function printOnce(
  watches: readonly Watch[],
  sort: SortColumn,
  { output, reporter }: Surroundings,
): Promise<void> {
  const states = watches.map((watch) => watch.state);
  const lines = drawScreen(states, {
    ...{ width: output.width, height: Infinity, sort, now: new Date() },
  });
  await output.write(encodeUtf8(lines.map((line) => `${line}\n`).join("")));
  if (states.every(({ problem }) => problem !== undefined)) reporter.failed();
}

/** Passwords that somebody typed, for when a server has to be opened again. */
class Passwords {
  readonly #answers = new Map<string, Promise<string | undefined>>();
  #isAsking = true;

  /** A server's password, which is asked for once; `undefined` if it is unknown. */
  of(server: string): Promise<string | undefined> {
    const known = this.#answers.get(server);
    if (known !== undefined) return known;
    if (!this.#isAsking) return Promise.resolve(undefined);
    const answer = promptForSecret(server);
    this.#answers.set(server, answer);
    return answer;
  }

  /** From now on nobody is asked: the terminal shows something else. */
  stopAsking(): void {
    this.#isAsking = false;
  }
}
