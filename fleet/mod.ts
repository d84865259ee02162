/**
 * Sweeps on any number of machines: users are enqueued in batches, and workers take them, through BullMQ on
 * Redis.
 *
 * @module
 */

export { Fleet } from "./src/fleet.ts";
export type {
  EnqueueOptions,
  FleetLimits,
  FleetOptions,
  FleetProgress,
  FleetResult,
  FleetResultError,
  RedisPlace,
} from "./src/fleet_options.ts";
export { FleetError } from "./src/fleet_error.ts";
export { FleetWorker, type FleetWorkerOptions } from "./src/fleet_worker.ts";
