/**
 * A connection to Redis that comes back by itself, and never makes its callers wait for that.
 *
 * @module
 */

import { type CommandParser, createClient, defineScript } from "@redis/client";
import { DovewireError, lowerFirst, messageOf } from "../../core/mod.ts";
import { startTimer, type Timer } from "../../transports/timers.ts";

/** Options for a {@linkcode RedisConnection}. */
export interface RedisConnectionOptions {
  /** Called when the connection is lost or can't be made, once for each outage. */
  readonly onError: (error: unknown) => void;
  /** How long connecting may take, and the handshake after it, in milliseconds; `Infinity` for no limit. */
  readonly connectTimeout: number;
}

/** The longest pause before another try to connect, in milliseconds. */
const longestPause = 500;

/** Writes a script's arguments: the names of the user's keys and of the stream, and values. */
function parseCommand(
  parser: CommandParser,
  places: readonly [string, string],
  values: readonly string[],
): void {
  parser.pushKeys([...places]);
  parser.push(...values);
}

/** Adds a key and records the change; both or none. */
const addKey = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    if redis.call("HEXISTS", KEYS[1], ARGV[2]) == 1 then return "duplicate" end
    local most = tonumber(ARGV[4])
    if most >= 0 and redis.call("HLEN", KEYS[1]) >= most then return "full" end
    redis.call("HSET", KEYS[1], ARGV[2], ARGV[3])
    redis.call("XADD", KEYS[2], "MAXLEN", "~", ARGV[5], "*", "user", ARGV[1])
    return "added"
  `,
  parseCommand,
  transformReply: (reply: unknown) => String(reply),
});

/** Removes a key and records the change; both or none. */
const removeKey = defineScript({
  NUMBER_OF_KEYS: 2,
  SCRIPT: `
    if redis.call("HDEL", KEYS[1], ARGV[2]) == 0 then return 0 end
    redis.call("XADD", KEYS[2], "MAXLEN", "~", ARGV[3], "*", "user", ARGV[1])
    return 1
  `,
  parseCommand,
  transformReply: (reply: unknown) => Number(reply) === 1,
});

/** A client for a URL; throws for one that is none. */
function newClient(url: string, connectTimeout: number) {
  if (!/^(rediss?|unix):\/\//.test(url)) throw new TypeError("It has another protocol.");
  return createClient({
    url,
    scripts: { addKey, removeKey },
    // While there is no connection, commands fail at once.
    disableOfflineQueue: true,
    socket: {
      ...(connectTimeout === Infinity ? {} : { connectTimeout }),
      reconnectStrategy: (tries) => Math.min(10 * 2 ** Math.min(tries, 10), longestPause),
    },
  });
}

/** The client of the connection. */
export type RedisClient = ReturnType<typeof newClient>;

const noTimer: Timer = startTimer(Infinity, () => {});

/** A connection to Redis. */
export class RedisConnection {
  /** Resolves when the first attempt to connect has succeeded or failed. */
  readonly attempted: Promise<void>;
  readonly #url: string;
  readonly #options: RedisConnectionOptions;
  #client: RedisClient;
  #state: "connecting" | "up" | "down" | "closed" = "connecting";
  #attempt: () => void = () => {};
  #handshakeTimer = noTimer;

  /** Starts to connect. Throws a `DovewireError` for an invalid URL. */
  constructor(url: string, options: RedisConnectionOptions) {
    this.#url = url;
    this.#options = options;
    this.attempted = new Promise((resolve) => {
      this.#attempt = resolve;
    });
    this.#client = this.#connect();
  }

  /** Asks Redis something. Rejects if it is down, or doesn't answer in time, in milliseconds. */
  async ask<Answer>(
    timeout: number,
    question: (client: RedisClient) => Promise<Answer>,
  ): Promise<Answer> {
    const client = this.#client;
    let isLate = false;
    const timer = startTimer(timeout, () => {
      isLate = true;
      this.#replace(client);
    });
    try {
      return await question(client);
    } catch (error) {
      throw this.#error(
        isLate ? `it didn't answer within ${timeout} ms` : lowerFirst(messageOf(error)),
        error,
      );
    } finally {
      timer.stop();
    }
  }

  /** Closes the connection; what is being asked is rejected. */
  close(): void {
    this.#state = "closed";
    this.#handshakeTimer.stop();
    end(this.#client);
  }

  #connect(): RedisClient {
    let client: RedisClient;
    try {
      client = newClient(this.#url, this.#options.connectTimeout);
    } catch {
      // Its message may quote the URL, which may have a password.
      throw this.#error(
        'this is no URL like "redis://127.0.0.1:6379", "rediss://…" or "unix:///run/redis.sock"',
      );
    }
    client.on("connect", () => {
      this.#handshakeTimer = startTimer(this.#options.connectTimeout, () => this.#replace(client));
    });
    client.on("ready", () => {
      this.#handshakeTimer.stop();
      if (this.#state !== "closed") this.#state = "up";
      this.#attempt();
    });
    client.on("error", (error) => {
      this.#handshakeTimer.stop();
      this.#fail(this.#error(lowerFirst(messageOf(error)), error));
    });
    // Its failures are events as well.
    client.connect().catch(() => {});
    return client;
  }

  /** Closes a client that doesn't answer, which rejects all that it was asked, and connects anew. */
  #replace(client: RedisClient): void {
    if (this.#client !== client || this.#state === "closed") return;
    this.#fail(this.#error("it doesn't answer"));
    this.#client = this.#connect();
    end(client);
  }

  #fail(error: DovewireError): void {
    this.#attempt();
    if (this.#state === "down" || this.#state === "closed") return;
    this.#state = "down";
    this.#options.onError(error);
  }

  #error(why: string, cause?: unknown): DovewireError {
    const place = this.#url.replace(/\/\/.*@/, "//");
    return new DovewireError(`Redis at ${place} can't be used: ${why.replace(/\.$/, "")}.`, {
      cause,
    });
  }
}

function end(client: RedisClient): void {
  if (client.isOpen) client.destroy();
}
