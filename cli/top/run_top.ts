/**
 * `dovewire top`: the screen, refreshed in place, and its keys.
 *
 * @module
 */

import { encodeUtf8 } from "@dovewire/dovewire/core";
import process from "node:process";
import { countOf, timeOf } from "../command_line/numbers.ts";
import type { GivenOptions } from "../command_line/parse.ts";
import { UsageError } from "../command_line/usage_error.ts";
import { pause } from "../program/waiting.ts";
import type { Surroundings } from "../run/run_command.ts";
import { openServer } from "../servers/open_server.ts";
import { chooseServers } from "../servers/server_choice.ts";
import { drawScreen, type ServerState, type SortColumn, sortKeys } from "./screen.ts";
import { Watch } from "./watch.ts";

/** How long a screen is shown if there is no other time, in milliseconds. */
const usualInterval = 2000;

/** What a terminal is told: another screen without a cursor, the first one again, and where to draw. */
const controls = {
  enter: "\x1b[?1049h\x1b[?25l",
  leave: "\x1b[?25h\x1b[?1049l",
  home: "\x1b[H",
  endOfLine: "\x1b[K",
  endOfScreen: "\x1b[J",
};

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
  const watches = (await chooseServers(options, undefined)).map((server) => {
    const how = {
      timeout: timeOf(options, "time-limit"),
      maxConnections: countOf(options, "jobs", 1),
      signal,
    };
    return new Watch(server.name, () => openServer(server, how), signal);
  });
  const refresh = () => Promise.all(watches.map((watch) => watch.refresh()));
  try {
    if (isOnce) {
      const states = await refresh();
      const lines = drawScreen(states, {
        ...{ width: output.width, height: Infinity, sort, now: new Date() },
      });
      await output.write(encodeUtf8(lines.map((line) => `${line}\n`).join("")));
      if (states.every(({ problem }) => problem !== undefined)) to.reporter.failed();
      return;
    }
    // Passwords are asked for before the screen changes.
    const first = await refresh();
    const screen = new Screen(to, sort, () => ending.abort());
    try {
      screen.show(first);
      while (!signal.aborted) {
        await pause(interval, signal);
        if (!signal.aborted) screen.show(await refresh());
      }
    } finally {
      await screen.close();
    }
  } finally {
    await Promise.all(watches.map((watch) => watch.close()));
  }
}

/** The terminal's other screen, and the keys. */
class Screen {
  readonly #output: Surroundings["output"];
  readonly #onEnd: () => void;
  readonly #onKey = (key: Uint8Array): void => this.#key(String.fromCharCode(key[0]));
  readonly #onResize = (): void => this.#draw();
  #sort: SortColumn;
  #states: readonly ServerState[] = [];

  constructor({ output }: Surroundings, sort: SortColumn, onEnd: () => void) {
    this.#output = output;
    this.#sort = sort;
    this.#onEnd = onEnd;
    this.#write(controls.enter);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on("data", this.#onKey);
    }
    process.stdout.on("resize", this.#onResize);
  }

  /** Shows other states. */
  show(states: readonly ServerState[]): void {
    this.#states = states;
    this.#draw();
  }

  /** Shows the first screen again. */
  async close(): Promise<void> {
    process.stdout.off("resize", this.#onResize);
    if (process.stdin.isTTY) {
      process.stdin.off("data", this.#onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    await this.#output.write(encodeUtf8(controls.leave));
  }

  #key(key: string): void {
    // In raw mode Ctrl-C is a key like others.
    if (key === "q" || key === "\x03") return this.#onEnd();
    if (!Object.hasOwn(sortKeys, key)) return;
    this.#sort = sortKeys[key as keyof typeof sortKeys];
    this.#draw();
  }

  #draw(): void {
    const height = process.stdout.rows || 24;
    const lines = drawScreen(this.#states, {
      ...{ width: this.#output.width, height: height - 1, sort: this.#sort, now: new Date() },
    });
    const keys = "q end, sort by: u user, s service, a address, n number of sessions";
    const text = [...lines, ...Array(Math.max(0, height - 1 - lines.length)).fill(""), keys]
      .map((line) => line.slice(0, this.#output.width) + controls.endOfLine).join("\r\n");
    this.#write(controls.home + text + controls.endOfScreen);
  }

  #write(text: string): void {
    void this.#output.write(encodeUtf8(text));
  }
}
