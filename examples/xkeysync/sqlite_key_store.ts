/**
 * A key store in an SQLite database, for the processes of one machine.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { DovewireError, messageOf } from "../../core/mod.ts";
import { startTimer, timeLimit, type Timer } from "../../transports/timers.ts";
import { type AddOutcome, keyLimit, type KeyStore, type LastingStoreOptions } from "./key_store.ts";
import type { PublicKey } from "./public_key.ts";
import { Watchers } from "./watchers.ts";

/** Options for a {@linkcode SqliteKeyStore}. Times are in milliseconds. */
export interface SqliteKeyStoreOptions extends LastingStoreOptions {
  /**
   * How often to look for changes by other processes, while someone watches; 200 if left out, 0 or `Infinity` for
   * never.
   */
  readonly pollInterval?: number;
  /**
   * How long to wait while other processes write; 5000 if left out, 0 or `Infinity` for no limit. The program
   * does other things meanwhile.
   */
  readonly busyTimeout?: number;
}

/** A change of a user's keys. */
interface Change {
  /** The changes are numbered from 1 on, without gaps. */
  readonly position: number;
  readonly user: string;
}

/** How many changes are kept. Who has missed more compares all lists. */
const history = 10_000;

/** The longest pause before another try while the database is locked, in milliseconds. */
const longestPause = 50;

const schema = `
  PRAGMA busy_timeout = 0;
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS keys (
    user TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    pem TEXT NOT NULL,
    PRIMARY KEY (user, fingerprint)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS changes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL
  );
`;

/**
 * Keeps keys in a file, which several processes of a machine may use at the same time. What has been added
 * survives a crash.
 *
 * Each change is also numbered in the table `changes`. A process learns of others' changes by SQLite's
 * `data_version`, and reads those since the number that it has come to.
 *
 * @example
 * ```ts ignore
 * const store = await SqliteKeyStore.open("/var/lib/relay/keys.db");
 * await store.add("alice", (await readPublicKey(pem))!);
 * store.close();
 * ```
 */
export class SqliteKeyStore implements KeyStore {
  readonly #database: DatabaseSync;
  readonly #maxKeys: number;
  readonly #pollInterval: number;
  readonly #busyTimeout: number;
  readonly #onError: (error: unknown) => void;
  readonly #watchers = new Watchers();
  #pollTimer: Timer | undefined;
  /** The last change that the watchers were told of. */
  #position = 0;
  /** The `data_version` up to which that is complete; `undefined` if it isn't. */
  #version: unknown;
  #isFailing = false;

  private constructor(database: DatabaseSync, options: SqliteKeyStoreOptions) {
    const { pollInterval = 200, busyTimeout = 5000 } = options;
    this.#database = database;
    this.#maxKeys = keyLimit(options.maxKeys);
    this.#pollInterval = timeLimit("pollInterval", pollInterval);
    this.#busyTimeout = timeLimit("busyTimeout", busyTimeout);
    this.#onError = options.onError ?? (() => {});
  }

  /**
   * Opens a database, and creates it if there is none. Rejects with a `DovewireError` if that is impossible: the
   * runtime may lack SQLite, as Node before 22.13 does.
   */
  static async open(path: string, options: SqliteKeyStoreOptions = {}): Promise<SqliteKeyStore> {
    const { DatabaseSync } = await loadSqlite();
    const store = new SqliteKeyStore(new DatabaseSync(path, { open: false }), options);
    try {
      store.#database.open();
      await store.#whenFree((database) => database.exec(schema));
      return store;
    } catch (error) {
      if (store.#database.isOpen) store.#database.close();
      throw new DovewireError(`The database ${path} can't be used: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  /** All keys of a user. */
  async list(user: string): Promise<readonly PublicKey[]> {
    const rows = await this.#whenFree((database) =>
      database.prepare("SELECT fingerprint, pem FROM keys WHERE user = ?").all(user)
    );
    return rows.map(({ fingerprint, pem }) => ({
      fingerprint: String(fingerprint),
      pem: String(pem),
    }));
  }

  /** Adds a key. */
  add(user: string, { fingerprint, pem }: PublicKey): Promise<AddOutcome> {
    return this.#write((database) => {
      const all = database.prepare("SELECT fingerprint FROM keys WHERE user = ?").all(user);
      if (all.some((key) => key.fingerprint === fingerprint)) return "duplicate";
      if (all.length >= this.#maxKeys) return "full";
      database.prepare("INSERT INTO keys VALUES (?, ?, ?)").run(user, fingerprint, pem);
      recordChange(database, user);
      return "added";
    });
  }

  /** Removes a key; resolves to whether it was there. */
  remove(user: string, fingerprint: string): Promise<boolean> {
    return this.#write((database) => {
      const remove = database.prepare("DELETE FROM keys WHERE user = ? AND fingerprint = ?");
      const wasThere = Number(remove.run(user, fingerprint).changes) > 0;
      if (wasThere) recordChange(database, user);
      return wasThere;
    });
  }

  /** Calls back after each change of a user's keys, whichever process made it. */
  async watch(user: string, onChange: () => void): Promise<() => void> {
    await this.#whenFree(() => {
      if (this.#watchers.isEmpty) this.#startWatching();
    });
    const forget = this.#watchers.add(user, onChange);
    this.#pollTimer ??= this.#nextPoll();
    return () => {
      forget();
      if (this.#watchers.isEmpty) this.#stopPolling();
    };
  }

  /** Closes the database; later calls reject. */
  close(): void {
    this.#stopPolling();
    if (this.#database.isOpen) this.#database.close();
  }

  #startWatching(): void {
    // In this order, since there may be a change between the two.
    this.#version = this.#dataVersion();
    const last = this.#database.prepare("SELECT max(position) AS position FROM changes").get();
    this.#position = Number(last?.position ?? 0);
  }

  #nextPoll(): Timer {
    return startTimer(this.#pollInterval, () => {
      this.#pollTimer = this.#nextPoll();
      this.#lookForChanges();
    });
  }

  #stopPolling(): void {
    this.#pollTimer?.stop();
    this.#pollTimer = undefined;
  }

  /** Tells of others' changes. If that fails, the next poll tries again. */
  #lookForChanges(): void {
    try {
      const version = this.#dataVersion();
      if (version !== this.#version) this.#tellChanges();
      this.#version = version;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing && !isBusy(error)) this.#onError(error);
      this.#isFailing = true;
    }
  }

  /** Tells of the changes after the position. */
  #tellChanges(): void {
    const from = Math.max(this.#position, 1);
    // The change at the position comes first, if it is still there.
    const changes = this.#database
      .prepare("SELECT position, user FROM changes WHERE position >= ? ORDER BY position")
      .all(from) as unknown as readonly Change[];
    const isComplete = changes[0]?.position === from;
    const later = changes.filter(({ position }) => position > this.#position);
    this.#position = changes.at(-1)?.position ?? 0;
    if (!isComplete) this.#watchers.tellAll();
    else for (const user of new Set(later.map(({ user }) => user))) this.#watchers.tell(user);
  }

  /** A number that other connections' commits change. */
  #dataVersion(): unknown {
    return this.#database.prepare("PRAGMA data_version").get()?.data_version;
  }

  /** Changes something, all or nothing, and tells of it. */
  async #write<Result>(change: (database: DatabaseSync) => Result): Promise<Result> {
    const result = await this.#whenFree((database) => {
      database.exec("BEGIN IMMEDIATE");
      try {
        const result = change(database);
        database.exec("COMMIT");
        return result;
      } catch (error) {
        rollBack(database);
        throw error;
      }
    });
    // One's own commit doesn't change the data version.
    this.#version = undefined;
    if (!this.#watchers.isEmpty) this.#lookForChanges();
    return result;
  }

  /** Does something; while the database is locked, it tries again. */
  async #whenFree<Result>(act: (database: DatabaseSync) => Result): Promise<Result> {
    const end = performance.now() + this.#busyTimeout;
    for (let pause = 1;; pause = Math.min(2 * pause, longestPause)) {
      try {
        return act(this.#database);
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw error;
      }
      await new Promise<void>((resolve) => void startTimer(pause, resolve));
    }
  }
}

async function loadSqlite(): Promise<typeof import("node:sqlite")> {
  try {
    return await import("node:sqlite");
  } catch (error) {
    throw new DovewireError(
      "This runtime has no SQLite. Use Node from 22.13 on, Deno, or Bun from 1.4 on, or another store.",
      { cause: error },
    );
  }
}

/** Numbers a change, and forgets old ones. */
function recordChange(database: DatabaseSync, user: string): void {
  const insert = database.prepare("INSERT INTO changes (user) VALUES (?)");
  const { lastInsertRowid } = insert.run(user);
  database.prepare("DELETE FROM changes WHERE position <= ?")
    .run(Number(lastInsertRowid) - history);
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // SQLite has done that already.
  }
}

/** Whether an error says that another process writes. Not every runtime gives SQLite's code. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("database is locked");
}
