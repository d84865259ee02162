/**
 * Clients that synchronize keys, leave, return with old lists, and add keys, while others do.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ConnectionLostError } from "../../../core/mod.ts";
import type { KeyStore } from "../../../examples/xkeysync/key_store.ts";
import type { PublicKey } from "../../../examples/xkeysync/public_key.ts";
import { syncKeys } from "../../../examples/xkeysync/sync_keys.ts";
import type { ImapClient } from "../../../imap/client.ts";
import type { Random } from "../../harness/random.ts";
import { atFullSize } from "../../harness/soak.ts";

/** What the clients do, and where. */
export interface KeyClientsOptions {
  /** The store that the server has. */
  readonly store: KeyStore;
  /** The users; each client belongs to one of them. */
  readonly users: readonly string[];
  /** How many clients there are. */
  readonly clients: number;
  /** How many keys are added or removed while they run. */
  readonly changes: number;
  /** The keys that there may be. */
  readonly keys: readonly PublicKey[];
  /** Connects a client of a user. When the connection is lost, it is called again. */
  readonly connect: (user: string) => Promise<ImapClient>;
  /** Called after each change; the next one waits for it. */
  readonly onChange?: (change: number) => Promise<void>;
  /** Decides what happens when. */
  readonly random: Random;
}

/** What the clients did. */
export interface KeyClientsReport {
  /** How often a client was told that its keys are complete. */
  readonly updates: number;
  /** How often a client left and returned with an old list. */
  readonly returns: number;
  /** How often a client lost its connection. */
  readonly losses: number;
}

/**
 * Runs the clients while the store changes, until each of them has exactly the store's keys. Rejects if that
 * doesn't come.
 */
export async function runKeyClients(options: KeyClientsOptions): Promise<KeyClientsReport> {
  const { users, clients, random } = options;
  const all = Array.from(
    { length: clients },
    (_, at) => new KeyClient(users[at % users.length], options, random.below(2 ** 31)),
  );
  const running = Promise.all(all.map((client) => client.run()));
  // An error is reported below; the changes end early then.
  running.catch(() => {});
  await Promise.all(all.map(({ begun }) => Promise.race([begun, running])));
  await changeStore(options);
  const final = new Map<string, readonly string[]>();
  for (const user of users) final.set(user, fingerprintsOf(await options.store.list(user)));
  for (const client of all) client.finish(final.get(client.user)!);
  await within(running, () => {
    const late = all.filter((client) => !client.hasEnded).length;
    return `${late} of ${clients} clients don't have the store's keys after ${PATIENCE} ms`;
  });
  return {
    updates: all.reduce((sum, { updates }) => sum + updates, 0),
    returns: all.reduce((sum, { returns }) => sum + returns, 0),
    losses: all.reduce((sum, { losses }) => sum + losses, 0),
  };
}

/** How long the clients may take to learn of the last change, in milliseconds. */
const PATIENCE = atFullSize(600_000, 60_000);

async function within(promise: Promise<unknown>, message: () => string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), PATIENCE);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Adds and removes keys at random, and lets the clients run in between. */
async function changeStore(options: KeyClientsOptions): Promise<void> {
  const { store, users, keys, changes, random, onChange } = options;
  for (let change = 0; change < changes; change++) {
    const user = random.pick(users);
    const key = random.pick(keys);
    if (!await store.remove(user, key.fingerprint)) await store.add(user, key);
    if (random.chance(30)) await new Promise((resolve) => setTimeout(resolve, random.below(3)));
    await onChange?.(change);
  }
}

/** The fingerprints of keys, sorted. */
function fingerprintsOf(keys: Iterable<PublicKey>): string[] {
  return [...keys].map(({ fingerprint }) => fingerprint).sort();
}

/** One client. */
class KeyClient {
  readonly user: string;
  readonly begun: Promise<void>;
  updates = 0;
  returns = 0;
  losses = 0;
  hasEnded = false;
  readonly #options: KeyClientsOptions;
  readonly #stop = new AbortController();
  #random: number;
  #begin: () => void = () => {};
  #keys = new Map<string, PublicKey>();
  /** What it once knew. */
  #old = new Map<string, PublicKey>();
  #final: readonly string[] | undefined;

  constructor(user: string, options: KeyClientsOptions, seed: number) {
    this.user = user;
    this.#options = options;
    this.#random = seed;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** Tells which keys there are in the end. */
  finish(final: readonly string[]): void {
    this.#final = final;
    if (this.#isFinal()) this.#stop.abort();
  }

  /** Runs until it has the final keys. */
  async run(): Promise<void> {
    let client = await this.#options.connect(this.user);
    try {
      while (!this.#stop.signal.aborted) {
        const isLost = await this.#losesConnection(client);
        if (this.#stop.signal.aborted) break;
        if (isLost) this.losses++;
        else this.returns++;
        // It comes back with what it knew some time ago, on the same connection or another.
        this.#keys = new Map(this.#old);
        if (isLost || this.#chance(50)) {
          await client.close();
          client = await this.#options.connect(this.user);
        }
      }
      assert.deepEqual(fingerprintsOf(this.#keys.values()), this.#final);
      this.hasEnded = true;
    } finally {
      await client.close();
    }
  }

  /** Synchronizes keys for a while; resolves to whether the connection was lost. */
  async #losesConnection(client: ImapClient): Promise<boolean> {
    try {
      await this.#sync(client);
      return false;
    } catch (error) {
      if (error instanceof ConnectionLostError) return true;
      throw error;
    }
  }

  async #sync(client: ImapClient): Promise<void> {
    for await (const _ of syncKeys(client, this.#keys, { signal: this.#stop.signal })) {
      this.updates++;
      this.#begin();
      if (this.#chance(30)) this.#old = new Map(this.#keys);
      if (this.#isFinal()) this.#stop.abort();
      else if (this.#final === undefined && this.#chance(5)) return;
    }
  }

  #isFinal(): boolean {
    return this.#final !== undefined &&
      String(fingerprintsOf(this.#keys.values())) === String(this.#final);
  }

  /** `true` with a probability of `percent` in 100. */
  #chance(percent: number): boolean {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
    return (this.#random >>> 8) % 100 < percent;
  }
}
