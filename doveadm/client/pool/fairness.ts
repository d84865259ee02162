/**
 * Divides a pool's connections between the kinds of commands that wait.
 *
 * A kind has its share when it has as many connections as each of the kinds with work could have. A kind
 * that has less gets the next connection of one that has more; and one that has none gets the next of
 * anybody, as soon as its first command has waited longest. So no kind starves another, and connections
 * don't change their kind more often than that takes.
 *
 * @module
 */

import { type ConnectionKind, connectionKinds } from "../../../core/doveadm/catalogue/mod.ts";
import type { Connections } from "./connections.ts";
import type { ReadyQueues } from "./ready_queues.ts";

/** What commands wait for, what there is, and how many connections there may be. */
export interface Division {
  readonly ready: ReadyQueues;
  readonly connections: Connections;
  readonly maxConnections: number;
}

/** How many commands wait that no connection is being opened for. */
function unserved({ ready, connections }: Division, kind: ConnectionKind): number {
  return ready.sizeOf(kind) - connections.openingFor(kind);
}

/** How many connections should be opened if there were no limit. */
export function demand(division: Division): number {
  let sum = 0;
  for (const kind of connectionKinds) sum += Math.max(0, unserved(division, kind));
  return sum;
}

/** The kind to open a connection for: of those with unserved commands the one that has fewest. */
export function neediest(division: Division): ConnectionKind | undefined {
  const { ready, connections } = division;
  let found: ConnectionKind | undefined;
  for (const kind of connectionKinds) {
    if (unserved(division, kind) <= 0) continue;
    const isNeedier = found === undefined ||
      connections.sizeOf(kind) < connections.sizeOf(found) ||
      (connections.sizeOf(kind) === connections.sizeOf(found) &&
        ready.first(kind)!.turn < ready.first(found)!.turn);
    if (isNeedier) found = kind;
  }
  return found;
}

/**
 * The kind that should have the connection of another kind whose command is over; `undefined` if that
 * should keep it.
 */
export function heir(division: Division, owner: ConnectionKind): ConnectionKind | undefined {
  const { ready, connections, maxConnections } = division;
  // Most of the time nobody else waits.
  if (ready.size === ready.sizeOf(owner) || connections.hasRoom) return undefined;
  const busy = connectionKinds.filter((kind) => kind === owner || ready.sizeOf(kind) > 0);
  const share = Math.max(1, Math.floor(maxConnections / busy.length));
  const own = ready.first(owner);
  // The one in question is neither running nor idle.
  const ownSize = connections.sizeOf(owner) + 1;
  return ready.longestAwaited((kind) => {
    const size = connections.sizeOf(kind);
    if (kind === owner || size >= share || unserved(division, kind) <= connections.leavingCount) {
      return false;
    }
    if (own === undefined || ownSize > share) return true;
    return size === 0 && ready.first(kind)!.turn < own.turn;
  });
}
