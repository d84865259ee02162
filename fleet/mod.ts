/**
 * Sweeps on any number of machines: users are enqueued in batches, and workers take them, through BullMQ on
 * Redis.
 *
 * @module
 */

export { Fleet } from "./fleet.ts";
export type {
  EnqueueOptions,
  FleetLimits,
  FleetOptions,
  FleetProgress,
  FleetResult,
  FleetResultError,
  RedisPlace,
} from "./fleet_options.ts";
export { FleetError } from "./fleet_error.ts";
export { FleetWorker, type FleetWorkerOptions } from "./fleet_worker.ts";
