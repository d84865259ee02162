/**
 * When keepalives are due.
 *
 * Source: Dovecot's src/lib-imap/imap-keepalive.c.
 *
 * @module
 */

/**
 * The time of the next keepalive after `now`, in the same milliseconds.
 *
 * Keepalives are due at fixed times, a multiple of the interval less the phase, and not at an interval after
 * something happened: all connections of a client that have the same phase wake its radio at once. The first
 * one comes after anything up to the interval.
 *
 * @example
 * ```ts
 * import { nextKeepalive } from "@dovewire/dovewire/core/imap";
 * import assert from "node:assert/strict";
 *
 * assert.equal(nextKeepalive(1_000, 120_000, { phase: 5_000 }), 115_000);
 * assert.equal(nextKeepalive(115_000, 120_000, { phase: 5_000 }), 235_000);
 * ```
 */
export function nextKeepalive(
  now: number,
  interval: number,
  { phase = 0 }: { phase?: number } = {},
): number {
  const since = (now + phase) % interval;
  const next = now + interval - (since < 0 ? since + interval : since);
  // With fractions, rounding may lead to `now` itself.
  return next > now ? next : now + interval;
}
