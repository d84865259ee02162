/**
 * The store of the relay's configuration.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { DovewireError } from "../../mod.ts";
import type { KeyStore, LastingStoreOptions } from "../xkeysync/key_store.ts";
import { MemoryKeyStore } from "../xkeysync/memory_key_store.ts";
import { ConfigError, isRedisUrl, sqlitePath } from "./config.ts";

/**
 * Opens a store. Each kind is loaded only if it is used, since not every runtime has SQLite, nor every
 * installation Redis's client. Rejects with a {@linkcode ConfigError}.
 */
export async function openStore(store: string, options: LastingStoreOptions): Promise<KeyStore> {
  if (store === "memory") return new MemoryKeyStore();
  const path = sqlitePath(store);
  try {
    if (path !== undefined) {
      const { SqliteKeyStore } = await import("../xkeysync/sqlite_key_store.ts");
      return await SqliteKeyStore.open(path, options);
    }
    if (isRedisUrl(store)) {
      const { RedisKeyStore } = await import("../xkeysync/redis_key_store.ts");
      return await RedisKeyStore.open(store, options);
    }
  } catch (error) {
    if (!(error instanceof DovewireError)) throw error;
    throw new ConfigError(`The "store" can't be used. ${error.message}`);
  }
  return await openModule(store);
}

/** Opens a store by a module of the user's. */
async function openModule(store: string): Promise<KeyStore> {
  let opened: KeyStore;
  try {
    const { openKeyStore } = await import(pathToFileURL(store).href);
    opened = await openKeyStore();
  } catch (error) {
    throw new ConfigError(
      `The "store" ${store} can't be used: ${(error as Error).message}. It has to be "memory", ` +
        '"sqlite:PATH", a URL of Redis, or a module that exports openKeyStore().',
    );
  }
  const missing = storeMethods.filter((name) => typeof opened?.[name] !== "function");
  if (missing.length === 0) return opened;
  throw new ConfigError(
    `The "store" ${store} can't be used: what openKeyStore() returns lacks ${
      missing.join("(), ")
    }().`,
  );
}

const storeMethods = ["list", "add", "remove", "watch"] as const;
