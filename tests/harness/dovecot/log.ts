/**
 * Waits for what a server logs.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Dovecot } from "./dovecot.ts";

/** The time limit, in milliseconds. */
const PATIENCE = 60_000;

/** Resolves to the log when it matches as often as expected. Dovecot's log process writes it a little later. */
export async function logged(dovecot: Dovecot, pattern: RegExp, times = 1): Promise<string> {
  const all = new RegExp(pattern, "g");
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const log = await dovecot.log();
    if ([...log.matchAll(all)].length >= times) return log;
    assert(Date.now() < deadline, `${pattern} isn't logged ${times} times, but: ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
