/**
 * Moves connections from one process to another, so that a server is upgraded without a disconnect: a
 * {@linkcode Supervisor} accepts clients, and starts workers, which serve them. On Node, Bun and Deno, for plain TCP.
 *
 * @module
 */

export { supervise, type SuperviseOptions, Supervisor, type Upgrade } from "./supervisor.ts";
export { HandoverWorker, type Movable, type MovingConnection } from "./worker.ts";
export { type ReleasedTransport } from "../driver.ts";
export { type InputEnd, PendingRead, type Read } from "../pending_read.ts";
export { type Address, type Listener, type Transport } from "../transport.ts";
