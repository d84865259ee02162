/**
 * Keeps Prometheus metrics of a client: its connections as they are when Prometheus asks, and its calls.
 *
 * ```ts ignore
 * import { register } from "prom-client";
 *
 * const doveadm: Doveadm = new Doveadm(url, {
 *   password,
 *   onEvent: metricsOf(() => doveadm.stats(), register),
 * });
 * // For GET /metrics:
 * const text = await register.metrics();
 * ```
 *
 * @module
 */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { DovewireError, type PoolEvent, type PoolStats } from "../../mod.ts";

/** The states of a connection, as labels. */
const states = ["idle", "running", "opening"] as const;

/** Registers the metrics, and returns a listener for `onEvent` that counts. */
export function metricsOf(stats: () => PoolStats, register: Registry): (event: PoolEvent) => void {
  const registers = [register];
  new Gauge({
    ...{ name: "doveadm_connections", help: "Connections, by state and use.", registers },
    labelNames: ["state", "kind"],
    collect() {
      for (const [kind, counts] of Object.entries(stats().kinds)) {
        for (const state of states) this.set({ state, kind }, counts[state]);
      }
    },
  });
  new Gauge({
    ...{ name: "doveadm_calls_queued", help: "Calls that wait for a connection.", registers },
    collect() {
      this.set(stats().queued);
    },
  });
  const calls = new Histogram({
    ...{ name: "doveadm_call_seconds", help: "Calls, from the call to its end.", registers },
    labelNames: ["command", "outcome"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  });
  const retries = new Counter({
    ...{ name: "doveadm_retries_total", help: "Commands that were sent again.", registers },
    labelNames: ["reason"],
  });
  const closed = new Counter({
    ...{ name: "doveadm_connections_closed_total", help: "Closed connections.", registers },
    labelNames: ["reason"],
  });
  return (event) => {
    if (event.type === "retried") retries.inc({ reason: event.reason });
    else if (event.type === "closed") closed.inc({ reason: event.reason });
    else if (event.type === "ended") {
      const { command, error, waited, ran } = event;
      const outcome = error === undefined
        ? "answered"
        : error instanceof DovewireError
        ? error.code
        : "other";
      // The names of commands are few; those of users are not, and make no label.
      calls.observe({ command, outcome }, (waited + ran) / 1000);
    }
  };
}
