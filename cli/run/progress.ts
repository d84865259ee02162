/**
 * Shows on the terminal how far a run for many users is.
 *
 * @module
 */

import type { SweepProgress } from "@dovewire/dovewire/sweep";
import process from "node:process";

/** A bar that shows progress. */
export interface ProgressBar {
  /** Shows how far it is. */
  show(progress: SweepProgress): void;
  /** Removes the bar, so that something else can be printed; `show()` draws it again. */
  clear(): void;
  /** Leaves the bar as it is; nothing more is shown. */
  close(): void;
}

/**
 * Opens a bar on standard error if that is a terminal, and the rows don't go to it: they would tear it.
 */
export async function openProgress(isOutputTerminal: boolean): Promise<ProgressBar | undefined> {
  if (process.stderr.isTTY !== true || isOutputTerminal) return undefined;
  // Loaded only if it is needed.
  // @ts-types="npm:@types/cli-progress@3.11.6"
  const { default: { SingleBar } } = await import("cli-progress");
  const bar = new SingleBar({
    format: "{bar} {value} of {users} users, {failed} failed, {rate}/s{left}",
    ...{ stream: process.stderr, barsize: 30, hideCursor: true, linewrap: false },
    ...{ barCompleteChar: "#", barIncompleteChar: "-", gracefulExit: false },
    // Drawn as often as the progress is told.
    ...{ noTTYOutput: true, etaBuffer: 1, fps: 10 },
  });
  let isStarted = false;
  return {
    show(progress) {
      const { done, total } = progress;
      if (!isStarted) bar.start(total ?? 0, done, textsOf(progress));
      isStarted = true;
      bar.setTotal(total ?? Math.max(1, done * 2));
      bar.update(done, textsOf(progress));
    },
    clear() {
      if (isStarted) process.stderr.write("\r\x1b[K");
    },
    close() {
      if (isStarted) bar.stop();
    },
  };
}

function textsOf({ failed, rate, timeLeft, total }: SweepProgress) {
  const left = timeLeft === undefined ? "" : `, ${durationText(timeLeft)} left`;
  return { failed, rate: rate.toFixed(rate < 10 ? 1 : 0), left, users: total ?? "?" };
}

/** A time in words: "2 h 5 min". */
export function durationText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
