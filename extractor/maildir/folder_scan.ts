/**
 * A folder's content: its mails' names and their counts.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import { ExtractorFailure } from "../messages/failure.ts";
import { plainSize, type UnpackingBudget } from "./compression/content.ts";
import type { Directory } from "./directory.ts";
import { isMarkedSeen, sizeInName, uniqueName } from "./file_name.ts";
import { directoryOf, type Folder, type OpenFolder, type Place } from "./folder.ts";
import { fileIdentity, type FileInfo, fileInfo, type MailFile } from "./mail_file.ts";
import { folderTitle, isMissing, noFolder, storageFailure } from "./storage_failure.ts";

/** Totals of a folder's mails. */
export interface FolderTotals {
  /** The number of mails. */
  readonly count: number;
  /** Their total size in bytes. */
  readonly size: number;
  /** The number of unread mails. */
  readonly unseen: number;
}

/**
 * A directory's time of change proves that nothing changed only if it is this old, in milliseconds: file
 * systems store time in steps, and two changes may fall into one.
 */
const settledAfter = 2000;

/** How often a folder is read again if it changes meanwhile. */
const attempts = 3;

/**
 * Time limit for unpacking a folder's mails to learn sizes that their names don't have, in milliseconds;
 * for the rest, the size on the disk is used. Programs that compress mails put the size into the name.
 */
const maxUnpackingTime = 10_000;

/**
 * A folder's mails at one time.
 *
 * It stores a file's name, its unique name and two numbers per mail; the numbers from their first use on. A
 * mail that another program renames meanwhile is listed once; one that vanishes isn't.
 */
export class FolderScan {
  /** The folder. */
  readonly folder: Folder;
  /** The number of mails. */
  readonly length: number;
  readonly #stamp: Stamp;
  readonly #isSettled: boolean;
  readonly #names: readonly string[];
  readonly #mids: readonly string[];
  /** Mails below this index are in `new`. */
  readonly #newCount: number;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #orders = new Map<string, Uint32Array>();
  /** Sizes that names don't have, by indexes. */
  readonly #unnamedSizes = new Map<number, number>();
  readonly #budget: UnpackingBudget = { milliseconds: maxUnpackingTime };
  #numbers: MailNumbers | undefined;
  #totals: FolderTotals | undefined;

  private constructor(folder: Folder, open: OpenFolder, stamp: Stamp, isSettled: boolean) {
    this.folder = folder;
    this.#stamp = stamp;
    this.#isSettled = isSettled;
    const { names, mids, newCount, indexes } = namesApart(open);
    this.#names = names;
    this.#mids = mids;
    this.#newCount = newCount;
    this.#indexes = indexes;
    this.length = names.length;
  }

  /** Reads a folder's directories; throws an `ExtractorFailure`. */
  static read(folder: Folder): FolderScan {
    try {
      return folder.use((open) => {
        for (let attempt = 1;; attempt++) {
          const now = Date.now();
          const stamp = readStamp(open);
          const age = now - lastChange(stamp);
          const scan = new FolderScan(folder, open, stamp, age > settledAfter);
          // A renamed file may have been missed.
          if (attempt === attempts || sameStamp(stamp, readStamp(open))) return scan;
        }
      });
    } catch (error) {
      if (error instanceof ExtractorFailure) throw error;
      if (isMissing(error)) throw noFolder(folder.name);
      throw storageFailure(`read ${folderTitle(folder.name)}`, error);
    }
  }

  /** Whether the folder's directories still have the same files. */
  isCurrent(): boolean {
    try {
      return this.#isSettled &&
        this.folder.use((open) => sameStamp(this.#stamp, readStamp(open)));
    } catch {
      return false;
    }
  }

  /** Whether a mail was in the folder. */
  has(mid: string): boolean {
    return this.#indexes.has(mid);
  }

  /** A mail by its unique name, if its file is still there. */
  find(mid: string): MailFile | undefined {
    const index = this.#indexes.get(mid);
    if (index === undefined) return undefined;
    try {
      return this.#use((open) => {
        const info = this.#info(index, open);
        return info === undefined ? undefined : this.#mail(index, info, open);
      });
    } catch (error) {
      // The folder was removed or moved.
      if (error instanceof ExtractorFailure && error.code === "not-found") return undefined;
      throw error;
    }
  }

  /** The folder's totals. A size in a file's name is taken from there. */
  totals(): FolderTotals {
    return this.#totals ??= this.#use((open) => this.#addUp(open));
  }

  #addUp(open: OpenFolder): FolderTotals {
    let [count, size, unseen] = [0, 0, 0];
    for (let index = 0; index < this.length; index++) {
      const bytes = this.#size(index, open);
      if (bytes === undefined) continue;
      count++;
      size += bytes;
      if (this.#isSeen(index)) unseen++;
    }
    // Names may have any number; messages hold no larger one.
    return { count, size: Math.min(size, Number.MAX_SAFE_INTEGER), unseen: count - unseen };
  }

  /** Each mail's time of delivery; the first call asks the file system. */
  numbers(): MailNumbers {
    return this.#numbers ??= this.#use((open) => this.#measure(open));
  }

  #measure(open: OpenFolder): MailNumbers {
    const received = new Float64Array(this.length);
    const diskSizes = new Float64Array(this.length);
    const present = new Uint32Array(this.length);
    let count = 0;
    for (let index = 0; index < this.length; index++) {
      const info = this.#info(index, open);
      if (info === undefined) continue;
      received[index] = info.modified;
      diskSizes[index] = info.size;
      present[count++] = index;
    }
    return { received, diskSizes, present: present.subarray(0, count) };
  }

  /** Each mail's size, by its index; 0 for mails that are gone. */
  sizes(): Float64Array {
    const { present } = this.numbers();
    const sizes = new Float64Array(this.length);
    this.#use((open) => {
      for (const index of present) sizes[index] = this.#size(index, open) ?? 0;
    });
    return sizes;
  }

  /** A mail's size, from its name or its file; `undefined` if it is gone. */
  #size(index: number, open: OpenFolder): number | undefined {
    const size = sizeInName(this.#names[index]) ?? this.#unnamedSizes.get(index);
    if (size !== undefined) return size;
    const directory = directoryOf(open, this.#place(index));
    const found = directory && plainSize(directory, this.#names[index], this.#budget);
    if (found !== undefined) this.#unnamedSizes.set(index, found);
    return found;
  }

  #info(index: number, open: OpenFolder): FileInfo | undefined {
    const directory = directoryOf(open, this.#place(index));
    return directory && fileInfo(directory, this.#names[index]);
  }

  /** Calls a function with the folder while it is open; throws an `ExtractorFailure`. */
  #use<Result>(act: (open: OpenFolder) => Result): Result {
    try {
      return this.folder.use(act);
    } catch (error) {
      if (error instanceof ExtractorFailure) throw error;
      if (isMissing(error)) throw noFolder(this.folder.name);
      throw storageFailure(`read ${folderTitle(this.folder.name)}`, error);
    }
  }

  /**
   * Calls a function with the directory and the name of each of the given mails, by their indexes, while
   * the folder is open.
   */
  forEach(
    indexes: Iterable<number>,
    act: (index: number, directory: Directory, name: string) => void,
  ): void {
    this.#use((open) => {
      for (const index of indexes) {
        const directory = directoryOf(open, this.#place(index));
        if (directory !== undefined) act(index, directory, this.#names[index]);
      }
    });
  }

  /** Caches an order of mails' indexes with the scan. */
  ordered(order: string, sort: () => Uint32Array): Uint32Array {
    const known = this.#orders.get(order) ?? sort();
    this.#orders.set(order, known);
    return known;
  }

  /** The unique name of a mail. */
  mid(index: number): string {
    return this.#mids[index];
  }

  /** Mails by their indexes. */
  mails(indexes: Uint32Array): MailFile[] {
    const { received, diskSizes } = this.numbers();
    return this.#use((open) => {
      return Array.from(indexes, (index) => {
        return this.#mail(index, { size: diskSizes[index], modified: received[index] }, open);
      });
    });
  }

  #mail(index: number, { size, modified }: FileInfo, open: OpenFolder): MailFile {
    return {
      mid: this.#mids[index],
      folder: this.folder.name,
      size: this.#size(index, open) ?? size,
      seen: this.#isSeen(index),
      received: new Date(modified),
      path: `${this.folder.path}/${this.#place(index)}/${this.#names[index]}`,
    };
  }

  #isSeen(index: number): boolean {
    return isMarkedSeen(this.#names[index]);
  }

  #place(index: number): Place {
    return index < this.#newCount ? "new" : "cur";
  }
}

/** The file system's data about mails, by their indexes. */
export interface MailNumbers {
  /** In milliseconds since 1970. */
  readonly received: Float64Array;
  /** Their size on the disk, in bytes. */
  readonly diskSizes: Float64Array;
  /** The indexes of the mails that were found. */
  readonly present: Uint32Array;
}

/** The values that show a change of the folder. */
interface Stamp {
  readonly cur: BigIntStats;
  readonly fresh: BigIntStats | undefined;
}

function readStamp({ cur, fresh }: OpenFolder): Stamp {
  return { cur: cur.now(), fresh: fresh?.now() };
}

/** The time of its last change, in milliseconds since 1970. */
function lastChange({ cur, fresh = cur }: Stamp): number {
  // Programs that restore or copy directories reset the modification time, but not the change time.
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
function namesApart(folder: OpenFolder): Names {
  // In this order, since mails move from "new" to "cur": they may be seen twice, but not missed.
  const fresh = folder.fresh === undefined ? [] : filesIn(folder.fresh);
  const names = [...fresh, ...filesIn(folder.cur)];
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
 * Handles files of the same unique name. A mail that was renamed meanwhile, or has two names, is listed
 * once. Two mails may have one name by mistake: each then gets its file's identity as a suffix, so that
 * both can be reached, and neither is mistaken for the other after a removal.
 */
function withoutDoubles(folder: OpenFolder, all: Names, doubtful: ReadonlySet<string>): Names {
  const files = new Map<string, Map<string, number>>();
  const gone = new Set<number>();
  for (const [index, mid] of all.mids.entries()) {
    if (!doubtful.has(mid)) continue;
    const directory = directoryOf(folder, index < all.newCount ? "new" : "cur");
    const identity = directory && fileIdentity(directory, all.names[index]);
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
 * The names of a directory's files except those with a leading dot; links don't count, nor do files whose
 * names are invalid text, since they can't be opened.
 */
function filesIn(directory: Directory): string[] {
  const names: string[] = [];
  for (const entry of directory.entries()) {
    const { name } = entry;
    if (!entry.isFile() || name.startsWith(".")) continue;
    if (!name.includes("\uFFFD") || fileInfo(directory, name)) names.push(name);
  }
  return names;
}
