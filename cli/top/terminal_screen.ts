/**
 * The terminal of `dovewire top`: its other screen, drawn in place, and its keys.
 *
 * @module
 */

import { encodeUtf8 } from "@dovewire/dovewire/core";
import { writeSync } from "node:fs";
import process from "node:process";
import type { Output } from "../output/printer.ts";
import { drawScreen, type ServerState, type SortColumn, sortKeys } from "./screen.ts";

/**
 * What a terminal is told: another screen without a cursor, on which lines that it takes for wider than they
 * are don't go on in the next one; the first screen again; and where to draw.
 */
const controls = {
  enter: "\x1b[?1049h\x1b[?25l\x1b[?7l",
  leave: "\x1b[?7h\x1b[?25h\x1b[?1049l",
  home: "\x1b[H",
  endOfLine: "\x1b[K",
};

/** What the last line says. */
const help = "q end, sort by: u user, s service, a address, n number of sessions";

/** Options for a {@linkcode Screen}. */
export interface ScreenSettings {
  readonly output: Output;
  /** The column that sessions are sorted by until a key names another. */
  readonly sort: SortColumn;
  /** Called when somebody wants to end it. */
  readonly onEnd: () => void;
}

/** The terminal's other screen, until it is closed. */
export class Screen {
  readonly #states: () => readonly ServerState[];
  readonly #output: Output;
  readonly #onEnd: () => void;
  readonly #onKeys = (keys: Uint8Array): void => this.#press(String.fromCharCode(...keys));
  readonly #onResize = (): void => this.draw();
  readonly #onExit = (): void => leaveAtOnce();
  #sort: SortColumn;

  /** Shows the other screen, and draws the states on it. */
  constructor(states: () => readonly ServerState[], { output, sort, onEnd }: ScreenSettings) {
    this.#states = states;
    this.#output = output;
    this.#sort = sort;
    this.#onEnd = onEnd;
    this.#write(controls.enter);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on("data", this.#onKeys);
      // A prompt for a password has paused it.
      process.stdin.resume();
    }
    process.stdout.on("resize", this.#onResize);
    // However the program ends, its terminal is to be used again.
    process.on("exit", this.#onExit);
    this.draw();
  }

  /** Draws the states as they are now. */
  draw(): void {
    const { width } = this.#output;
    const height = (process.stdout.rows || 24) - 1;
    const lines = drawScreen(this.#states(), { width, height, sort: this.#sort, now: new Date() });
    const empty = Array(Math.max(0, height - lines.length)).fill("");
    // Before the line: at the end of one that is as wide as the screen, its last character would go.
    const text = [...lines, ...empty, help.slice(0, width)]
      .map((line) => controls.endOfLine + line).join("\r\n");
    this.#write(controls.home + text);
  }

  /** Shows the first screen again. */
  async close(): Promise<void> {
    process.off("exit", this.#onExit);
    process.stdout.off("resize", this.#onResize);
    if (process.stdin.isTTY) {
      process.stdin.off("data", this.#onKeys);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    await this.#output.write(encodeUtf8(controls.leave));
  }

  #press(keys: string): void {
    // An arrow, or another key of several bytes.
    if (keys.startsWith("\x1b")) return;
    for (const key of keys) {
      // In raw mode Ctrl-C is a key like others.
      if (key === "q" || key === "\x03") return this.#onEnd();
      if (!Object.hasOwn(sortKeys, key)) continue;
      this.#sort = sortKeys[key as keyof typeof sortKeys];
      this.draw();
    }
  }

  #write(text: string): void {
    void this.#output.write(encodeUtf8(text));
  }
}

/** Shows the first screen again while the program ends, when nothing is waited for any more. */
function leaveAtOnce(): void {
  try {
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    writeSync(1, controls.leave);
  } catch {
    // The terminal is gone.
  }
}
