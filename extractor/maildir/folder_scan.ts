/**
 * What is in a folder: names and numbers of its mails.
 *
 * @module
 */

import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ExtractorFailure } from "../messages/failure.ts";
import { isMarkedSeen, sizeInName, uniqueName } from "./file_name.ts";
import { fileIdentity, type FileInfo, fileInfo, type MailFile } from "./mail_file.ts";
import { folderTitle, isMissing, noFolder, storageFailure } from "./storage_failure.ts";

/** A folder and its directory. */
export interface Folder {
  /** What it is called; "" for the inbox. */
  readonly name: string;
  /** Its directory. */
  readonly path: string;
}

/** What a folder's mails come to. */
export interface FolderTotals {
  /** How many there are. */
  readonly count: number;
  /** Their size together, in bytes. */
  readonly size: number;
  /** How many haven't been read. */
  readonly unseen: number;
}

/**
 * For how long a directory must have been left alone, in milliseconds, before its time of change says
 * that nothing changes: file systems tell time in steps, and two changes may be in one.
 */
const settledAfter = 2000;

/** How often a folder is read again that changes while it is read. */
const attempts = 3;

/**
 * A folder's mails at one time.
 *
 * It takes a file's name, its unique name and two numbers a mail; the numbers when they are first asked
 * for. A mail that another program renames meanwhile is there once; one that vanishes isn't.
 */
export class FolderScan {
  /** The folder. */
  readonly folder: Folder;
  /** How many mails there are. */
  readonly length: number;
  readonly #stamp: Stamp;
  readonly #isSettled: boolean;
  readonly #names: readonly string[];
  readonly #mids: readonly string[];
  /** Mails below this index are in `new`. */
  readonly #newCount: number;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #orders = new Map<string, Uint32Array>();
  #numbers: MailNumbers | undefined;
  #totals: FolderTotals | undefined;

  private constructor(folder: Folder, stamp: Stamp, isSettled: boolean) {
    this.folder = folder;
    this.#stamp = stamp;
    this.#isSettled = isSettled;
    const { names, mids, newCount, indexes } = namesApart(folder);
    this.#names = names;
    this.#mids = mids;
    this.#newCount = newCount;
    this.#indexes = indexes;
    this.length = names.length;
  }

  /** Reads a folder's directories; throws an `ExtractorFailure`. */
  static read(folder: Folder): FolderScan {
    try {
      for (let attempt = 1;; attempt++) {
        const now = Date.now();
        const stamp = readStamp(folder);
        const age = now - lastChange(stamp);
        const scan = new FolderScan(folder, stamp, age > settledAfter);
        // What is renamed may have been missed.
        if (attempt === attempts || sameStamp(stamp, readStamp(folder))) return scan;
      }
    } catch (error) {
      if (error instanceof ExtractorFailure) throw error;
      if (isMissing(error)) throw noFolder(folder.name);
      throw storageFailure(`read ${folderTitle(folder.name)}`, error);
    }
  }

  /** Whether the folder's directories still have the files that they had. */
  isCurrent(): boolean {
    try {
      return this.#isSettled && sameStamp(this.#stamp, readStamp(this.folder));
    } catch {
      return false;
    }
  }

  /** Whether a mail was there. */
  has(mid: string): boolean {
    return this.#indexes.has(mid);
  }

  /** A mail by its unique name, if its file is still there. */
  find(mid: string): MailFile | undefined {
    const index = this.#indexes.get(mid);
    const info = index === undefined ? undefined : fileInfo(this.path(index));
    return index === undefined || info === undefined ? undefined : this.#mail(index, info);
  }

  /** What the folder comes to. A size that a file's name tells is taken from there. */
  totals(): FolderTotals {
    return this.#totals ??= this.#addUp();
  }

  #addUp(): FolderTotals {
    let [count, size, unseen] = [0, 0, 0];
    for (const [index, name] of this.#names.entries()) {
      const bytes = sizeInName(name) ?? fileInfo(this.path(index))?.size;
      if (bytes === undefined) continue;
      count++;
      size += bytes;
      if (!this.#isSeen(index)) unseen++;
    }
    return { count, size, unseen };
  }

  /** Each mail's size and time of delivery; asks the file system for each when it is first called. */
  numbers(): MailNumbers {
    return this.#numbers ??= this.#measure();
  }

  #measure(): MailNumbers {
    const received = new Float64Array(this.length);
    const sizes = new Float64Array(this.length);
    const present = new Uint32Array(this.length);
    let count = 0;
    for (let index = 0; index < this.length; index++) {
      const info = fileInfo(this.path(index));
      if (info === undefined) continue;
      received[index] = info.modified;
      sizes[index] = info.size;
      present[count++] = index;
    }
    return { received, sizes, present: present.subarray(0, count) };
  }

  /** Keeps mails' indexes in some order for as long as the scan is. */
  ordered(order: string, sort: () => Uint32Array): Uint32Array {
    const known = this.#orders.get(order) ?? sort();
    this.#orders.set(order, known);
    return known;
  }

  /** The unique name of a mail. */
  mid(index: number): string {
    return this.#mids[index];
  }

  /** A mail by its index. */
  mail(index: number): MailFile {
    const { received, sizes } = this.numbers();
    return this.#mail(index, { size: sizes[index], modified: received[index] });
  }

  #mail(index: number, { size, modified }: FileInfo): MailFile {
    return {
      mid: this.#mids[index],
      folder: this.folder.name,
      size,
      seen: this.#isSeen(index),
      received: new Date(modified),
      path: this.path(index),
    };
  }

  #isSeen(index: number): boolean {
    return index >= this.#newCount && isMarkedSeen(this.#names[index]);
  }

  /** The file that a mail had, by its index. */
  path(index: number): string {
    const directory = index < this.#newCount ? "new" : "cur";
    return `${this.folder.path}/${directory}/${this.#names[index]}`;
  }
}

/** What the file system knows of mails, by their indexes. */
export interface MailNumbers {
  /** In milliseconds since 1970. */
  readonly received: Float64Array;
  /** In bytes. */
  readonly sizes: Float64Array;
  /** The indexes of those that were there when they were asked for. */
  readonly present: Uint32Array;
}

/** By what a folder's change can be seen. */
interface Stamp {
  readonly cur: BigIntStats;
  readonly fresh: BigIntStats | undefined;
}

function readStamp({ name, path }: Folder): Stamp {
  const cur = lstatSync(join(path, "cur"), { bigint: true });
  const fresh = lstatSync(join(path, "new"), { bigint: true, throwIfNoEntry: false });
  // What is a link may lead out of the maildir.
  if (!cur.isDirectory() || fresh?.isDirectory() === false) throw noFolder(name);
  return { cur, fresh };
}

/** When it was changed last, in milliseconds since 1970. */
function lastChange({ cur, fresh = cur }: Stamp): number {
  // Programs that restore or copy directories give them an old time back, but not in secret.
  return Math.max(...[cur.mtimeMs, cur.ctimeMs, fresh.mtimeMs, fresh.ctimeMs].map(Number));
}

function sameStamp(one: Stamp, other: Stamp): boolean {
  return sameDirectory(one.cur, other.cur) && sameDirectory(one.fresh, other.fresh);
}

function sameDirectory(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return one?.ino === other?.ino && one?.dev === other?.dev &&
    one?.mtimeNs === other?.mtimeNs && one?.ctimeNs === other?.ctimeNs;
}

interface Names {
  readonly names: readonly string[];
  readonly mids: readonly string[];
  readonly newCount: number;
  readonly indexes: ReadonlyMap<string, number>;
}

/** The names of the files in both directories, each mail once. */
function namesApart(folder: Folder): Names {
  // In this order, since mails go from one to the other: they may be seen twice, but not missed.
  const fresh = filesIn(`${folder.path}/new`, true);
  const names = [...fresh, ...filesIn(`${folder.path}/cur`, false)];
  const mids = names.map(uniqueName);
  const indexes = new Map<string, number>();
  const doubtful = new Set<string>();
  for (const [index, mid] of mids.entries()) {
    if (indexes.has(mid)) doubtful.add(mid);
    else indexes.set(mid, index);
  }
  if (doubtful.size === 0) return { names, mids, newCount: fresh.length, indexes };
  return withoutDoubles(folder, { names, mids, newCount: fresh.length, indexes }, doubtful);
}

/**
 * Looks at files of the same unique name. A mail that was renamed meanwhile, or has two names, is
 * taken once. Two mails can have one name by somebody's mistake: each then has what tells its file from
 * others behind it, so that none is out of reach, and none is taken for the other when that is gone.
 */
function withoutDoubles(folder: Folder, all: Names, doubtful: ReadonlySet<string>): Names {
  const files = new Map<string, Map<string, number>>();
  const gone = new Set<number>();
  for (const [index, mid] of all.mids.entries()) {
    if (!doubtful.has(mid)) continue;
    const directory = index < all.newCount ? "new" : "cur";
    const identity = fileIdentity(`${folder.path}/${directory}/${all.names[index]}`);
    const known = files.get(mid) ?? new Map<string, number>();
    const double = identity === undefined ? index : known.get(identity);
    if (double !== undefined) gone.add(double);
    if (identity !== undefined) known.set(identity, index);
    files.set(mid, known);
  }
  const mids = [...all.mids];
  for (const [mid, known] of files) {
    if (known.size === 1) continue;
    for (const [identity, index] of known) mids[index] = `${mid}:${identity}`;
  }
  const kept = [...mids.keys()].filter((index) => !gone.has(index));
  return {
    names: kept.map((index) => all.names[index]),
    mids: kept.map((index) => mids[index]),
    newCount: kept.filter((index) => index < all.newCount).length,
    indexes: new Map(kept.map((index, at) => [mids[index], at])),
  };
}

/**
 * The names of a directory's files but those with a leading dot; links to files are none, and neither
 * are files that can't be asked for, since their names are no text.
 */
function filesIn(directory: string, isOptional: boolean): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    const names: string[] = [];
    for (const entry of entries) {
      const { name } = entry;
      if (!entry.isFile() || name.startsWith(".")) continue;
      if (!name.includes("\uFFFD") || fileInfo(`${directory}/${name}`)) names.push(name);
    }
    return names;
  } catch (error) {
    if (isOptional && isMissing(error)) return [];
    throw error;
  }
}
