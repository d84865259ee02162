/**
 * A key store in Redis, for relays on many machines.
 *
 * @module
 */

import { startTimer, timeLimit } from "../../transports/timers.ts";
import { type AddOutcome, keyLimit, type KeyStore, type LastingStoreOptions } from "./key_store.ts";
import type { PublicKey } from "./public_key.ts";
import { RedisConnection } from "./redis_connection.ts";
import { Watchers } from "./watchers.ts";

/** Options for a {@linkcode RedisKeyStore}. Times are in milliseconds. */
export interface RedisKeyStoreOptions extends LastingStoreOptions {
  /** What the names of all its keys in Redis begin with; "xkeysync:" if left out. */
  readonly prefix?: string;
  /** How long Redis may take to answer; 5000 if left out, 0 or `Infinity` for no limit. */
  readonly timeout?: number;
}

/** A change of a user's keys, as the stream has it. */
interface Change {
  readonly id: string;
  readonly message: { readonly user: string };
}

/** How many changes the stream keeps, at least. Who has missed more compares all lists. */
const history = 10_000;

/** How many changes are read at a time; fewer than are kept. */
const batchSize = 1000;

/** How long Redis may wait for a change before it answers that there is none, in milliseconds. */
const blockTime = 5000;

/** The position before the first change. */
const beginning = "0-0";

/** The pause before another try to read the changes, in milliseconds. */
const pause = 100;

/**
 * Keeps keys in Redis: a hash for each user, and a stream of changes, which each program reads from its own
 * position. What survives a crash of Redis depends on Redis's settings (`appendonly`, `appendfsync`).
 *
 * While Redis is down, all methods but those of existing watchers reject at once. When it is back, the
 * watchers are told of the users whose keys have changed since the position; and if the change at the position
 * is gone, because there were too many since or because Redis has lost data, all of them are.
 *
 * @example
 * ```ts ignore
 * const store = await RedisKeyStore.open("redis://127.0.0.1:6379");
 * await store.add("alice", (await readPublicKey(pem))!);
 * store.close();
 * ```
 */
export class RedisKeyStore implements KeyStore {
  readonly #connection: RedisConnection;
  /** Of its own, since reading changes blocks it. */
  readonly #reading: RedisConnection;
  readonly #prefix: string;
  readonly #maxKeys: number;
  readonly #timeout: number;
  readonly #watchers = new Watchers();
  #state: "open" | "closed" = "open";
  /** Resolves when the position is known from which changes are read. */
  #following: Promise<void> | undefined;
  /** The id of the last change that the watchers were told of. */
  #position = beginning;
  /** Whether there may be changes after the position that are no longer recorded. */
  #isBehind = false;

  private constructor(url: string, options: RedisKeyStoreOptions) {
    const { prefix = "xkeysync:", timeout = 5000, onError = () => {} } = options;
    this.#prefix = prefix;
    this.#maxKeys = keyLimit(options.maxKeys);
    this.#timeout = timeLimit("timeout", timeout);
    const connectTimeout = this.#timeout;
    this.#connection = new RedisConnection(url, { onError, connectTimeout });
    this.#reading = new RedisConnection(url, { onError: () => {}, connectTimeout });
  }

  /**
   * Opens a store at a `redis://`, `rediss://` or `unix://` URL. Resolves as well if Redis can't be reached: that
   * goes to `onError`. Rejects with a `DovewireError` for an invalid URL.
   */
  static async open(url: string, options: RedisKeyStoreOptions = {}): Promise<RedisKeyStore> {
    const store = new RedisKeyStore(url, options);
    await Promise.all([store.#connection.attempted, store.#reading.attempted]);
    return store;
  }

  /** All keys of a user. */
  async list(user: string): Promise<readonly PublicKey[]> {
    const keys = await this.#connection.ask(
      this.#timeout,
      (client) => client.hGetAll(this.#keysOf(user)),
    );
    return Object.entries(keys).map(([fingerprint, pem]) => ({ fingerprint, pem }));
  }

  /** Adds a key. */
  async add(user: string, { fingerprint, pem }: PublicKey): Promise<AddOutcome> {
    const most = this.#maxKeys === Infinity ? -1 : this.#maxKeys;
    const values = [user, fingerprint, pem, String(most), String(history)];
    const outcome = await this.#connection.ask(
      this.#timeout,
      (client) => client.addKey([this.#keysOf(user), this.#changes], values),
    );
    return outcome as AddOutcome;
  }

  /** Removes a key; resolves to whether it was there. */
  async remove(user: string, fingerprint: string): Promise<boolean> {
    const values = [user, fingerprint, String(history)];
    return await this.#connection.ask(
      this.#timeout,
      (client) => client.removeKey([this.#keysOf(user), this.#changes], values),
    );
  }

  /** Calls back after each change of a user's keys, whichever program made it. */
  async watch(user: string, onChange: () => void): Promise<() => void> {
    const forget = this.#watchers.add(user, onChange);
    this.#following ??= this.#startFollowing();
    try {
      await this.#following;
      return forget;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Closes the connections; later calls reject. */
  close(): void {
    this.#state = "closed";
    this.#connection.close();
    this.#reading.close();
  }

  async #startFollowing(): Promise<void> {
    try {
      this.#position = await this.#lastChange(this.#connection);
      void this.#follow();
    } catch (error) {
      // The next caller tries again.
      this.#following = undefined;
      throw error;
    }
  }

  /** Reads the changes until the store is closed. */
  async #follow(): Promise<void> {
    for (;;) {
      try {
        // Also now and then while there is nothing new: Redis may have lost data.
        await this.#catchUp();
        while (await this.#readChanges());
      } catch {
        if (this.#state !== "open") return;
        // Its connection comes back.
        await new Promise<void>((resolve) => void startTimer(pause, resolve));
      }
    }
  }

  /** Tells all watchers if changes may have been missed. */
  async #catchUp(): Promise<void> {
    if (!this.#isBehind && await this.#isPositionIntact()) return;
    this.#position = await this.#lastChange(this.#reading);
    this.#isBehind = false;
    this.#watchers.tellAll();
  }

  /** Whether the stream still has the change at the position, and with it all later ones. */
  async #isPositionIntact(): Promise<boolean> {
    const isBeginning = this.#position === beginning;
    const [start, end] = isBeginning ? ["-", "+"] : [this.#position, this.#position];
    const changes = await this.#reading.ask(
      this.#timeout,
      (client) => client.xRange(this.#changes, start, end, { COUNT: 1 }),
    );
    return (changes?.length === 0) === isBeginning;
  }

  /** Waits for changes and tells of them. Resolves to whether the position is intact afterwards. */
  async #readChanges(): Promise<boolean> {
    const from = { key: this.#changes, id: this.#position };
    const streams = await this.#reading.ask(
      blockTime + this.#timeout,
      (client) => client.xRead(from, { BLOCK: blockTime, COUNT: batchSize }),
    );
    const changes: readonly Change[] = streams?.[0].messages ?? [];
    // Otherwise the stream, which is longer than a batch, has not been cut after the position.
    this.#isBehind = changes.length === batchSize;
    if (this.#isBehind || changes.length === 0) return false;
    this.#position = changes.at(-1)!.id;
    for (const user of new Set(changes.map(({ message }) => message.user))) {
      this.#watchers.tell(user);
    }
    return true;
  }

  /** The id of the last change. */
  async #lastChange(connection: RedisConnection): Promise<string> {
    const changes = await connection.ask(
      this.#timeout,
      (client) => client.xRevRange(this.#changes, "+", "-", { COUNT: 1 }),
    );
    return changes?.[0]?.id ?? beginning;
  }

  #keysOf(user: string): string {
    return `${this.#prefix}keys:${user}`;
  }

  get #changes(): string {
    return `${this.#prefix}changes`;
  }
}
