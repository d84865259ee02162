/**
 * A real terminal for tests, in which a shell runs: tmux, which tells what is on the screen.
 *
 * @module
 */

import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureProgram } from "../harness/programs.ts";

/** A terminal with a shell. */
export interface Terminal extends AsyncDisposable {
  /** Types a line, and presses Enter. */
  type(line: string): Promise<void>;
  /** Presses keys at once, by their names in tmux: "C-c", "q". */
  press(...keys: readonly string[]): Promise<void>;
  /** Gives it another size. */
  resize(width: number, height: number): Promise<void>;
  /** Its state as a program leaves it: which screen is shown, and how. */
  state(): Promise<TerminalState>;
  /** Waits until something is on the screen; resolves to the screen's text. */
  see(wanted: RegExp): Promise<string>;
}

/** The state of a terminal. */
export interface TerminalState {
  /** Whether the screen is the other one, which full-screen programs use. */
  readonly isAlternate: boolean;
  readonly hasCursor: boolean;
  /** Whether long lines go on in the next one. */
  readonly wraps: boolean;
}

/** How long something may take to appear, in milliseconds: the machine may be busy. */
const patience = 120_000;

/** Opens a terminal of that size; `env` is the shell's. */
export async function openTerminal(
  { width, height, env }: {
    readonly width: number;
    readonly height: number;
    readonly env: Readonly<Record<string, string>>;
  },
): Promise<Terminal> {
  const tmux = await ensureProgram("tmux");
  const name = `dovewire-${crypto.randomUUID()}`;
  const run = (...args: readonly string[]) =>
    new Promise<string>((resolve, reject) => {
      const all = ["-L", name, "-f", "/dev/null", ...args];
      execFile(
        tmux,
        all,
        { env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8", ...env } },
        (error, output) => {
          if (error === null) resolve(output);
          else reject(error);
        },
      );
    });
  await run("new-session", "-d", "-x", String(width), "-y", String(height), "env PS1='$ ' sh");
  return {
    async type(line) {
      await run("send-keys", "-l", line);
      await run("send-keys", "Enter");
    },
    async press(...keys) {
      await run("send-keys", ...keys);
    },
    async resize(width, height) {
      await run("resize-window", "-x", String(width), "-y", String(height));
    },
    async state() {
      const format = "#{alternate_on} #{cursor_flag} #{wrap_flag}";
      const flags = (await run("display-message", "-p", format)).trim().split(" ");
      const [isAlternate, hasCursor, wraps] = flags.map((flag) => flag === "1");
      return { isAlternate, hasCursor, wraps };
    },
    async see(wanted) {
      const deadline = Date.now() + patience;
      for (;;) {
        const screen = await run("capture-pane", "-p");
        if (wanted.test(screen)) return screen;
        if (Date.now() > deadline) throw new Error(`${wanted} isn't on the screen:\n${screen}`);
        await sleep(50);
      }
    },
    async [Symbol.asyncDispose]() {
      await run("kill-server").catch(() => {});
    },
  };
}
