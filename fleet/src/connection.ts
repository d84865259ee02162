/**
 * Connections to Redis.
 *
 * @module
 */

import { LocalProtocolError } from "@dovewire/dovewire/core";
import { Redis, type RedisOptions } from "ioredis";
import type { RedisPlace } from "./fleet_options.ts";

/** How long Redis may take to answer who isn't patient, in milliseconds. */
const commandTimeout = 30_000;

/** How replies are given: as our commands, and BullMQ's, expect them. */
const mapping = { replyMapping: "legacy" } as const;

/**
 * A connection to Redis. `isPatient` says whether commands wait for as long as Redis can't be reached, or
 * hangs; else they fail after some seconds. Throws a `LocalProtocolError` for a URL that is none.
 */
export function redisAt(place: RedisPlace, isPatient: boolean): Redis {
  const options = { ...mapping, maxRetriesPerRequest: isPatient ? null : 5 };
  const limit = isPatient ? {} : { commandTimeout };
  const redis = typeof place === "string"
    ? connectionTo(place, { ...limit, ...options })
    : new Connection({ ...limit, ...place, ...options });
  // Its commands tell; without a listener it would print each attempt to connect.
  redis.on("error", () => {});
  return redis;
}

/** A connection to a URL; throws a `LocalProtocolError` if it is none. */
function connectionTo(url: string, options: RedisOptions & typeof mapping): Connection {
  try {
    return new Connection(url, options);
  } catch {
    // The runtime's own error quotes the URL, which may have a password.
    throw new LocalProtocolError(
      '"redis" is a URL that can\'t be read. Write it like "redis://:PASSWORD@127.0.0.1:6379", with the password as ' +
        "encodeURIComponent() returns it.",
    );
  }
}

/**
 * A connection that ends when it is disconnected, whatever it is about: ioredis gives up the next attempt to connect
 * between two of them, and tells neither those who wait for the end nor the commands that wait for a connection. Nor does
 * it tell those that were sent before. It ends its duplicates, too.
 */
class Connection extends Redis {
  /** BullMQ's, for commands that block. */
  readonly #duplicates: Redis[] = [];

  override disconnect(reconnect = false): void {
    const isBetweenAttempts = this.status === "reconnecting" && !reconnect;
    // The attempt fails at once, since it is disconnected before it has a socket; a failed attempt is told to all.
    if (isBetweenAttempts) this.connect().catch(() => {});
    super.disconnect(reconnect);
    if (!reconnect) rejectLeft(this);
    for (const duplicate of this.#duplicates) duplicate.disconnect(reconnect);
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const duplicate = new Connection({ ...this.options, ...override, ...mapping });
    this.#duplicates.push(duplicate);
    return duplicate;
  }
}

/** A command that ioredis keeps, in an entry of a queue. */
interface KeptCommand {
  readonly command: { reject(error: Error): void };
}

/**
 * Rejects the commands that were not answered before the connection was lost, and which ioredis keeps to send them
 * once more: when it is disconnected after it has connected again, and before Redis is ready, it forgets them.
 */
function rejectLeft(redis: Redis): void {
  const left: { shift(): KeptCommand | undefined } | null | undefined = Reflect.get(
    redis,
    "prevCommandQueue",
  );
  for (let kept; (kept = left?.shift()) !== undefined;) {
    kept.command.reject(new Error("Connection is closed."));
  }
}
