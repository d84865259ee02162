/**
 * Open directories: names are looked up in the directory that was opened, even if its path leads
 * elsewhere by then.
 *
 * @module
 */

import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, isMissing } from "./storage_failure.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

const directoryFlags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;

/** Returns a path to an open directory that stays valid when the directory is moved. */
export type Anchor = (descriptor: number) => string;

/**
 * The known ways, best first: Linux, systems with fdescfs such as FreeBSD, and macOS. JavaScript
 * runtimes have no openat(2).
 */
const knownAnchors: readonly Anchor[] = [
  (descriptor) => `/proc/self/fd/${descriptor}`,
  (descriptor) => `/dev/fd/${descriptor}`,
  (descriptor) => {
    const { dev, ino } = statsOf(descriptor);
    return `/.vol/${dev}/${ino}`;
  },
];

let anchors = knownAnchors;
/** The way that works here; `undefined` if none does, or before the first look. */
let anchor: Anchor | undefined;
let isAnchorKnown = false;

/** Replaces {@linkcode knownAnchors}; for tests of systems that have none. */
export function setAnchors(others: readonly Anchor[] = knownAnchors): void {
  [anchors, anchor, isAnchorKnown] = [others, undefined, false];
}

/**
 * An open directory. It is never a symbolic link, and names in it are never looked up in another directory,
 * even if somebody replaces it by a link meanwhile.
 *
 * Where the system has no path to an open directory (no /proc on Linux, or a runtime without permission
 * to read it), names are looked up by the directory's own path, and checks before and after make sure that
 * the path still leads to it. A race remains: a swap and swap back within one system call isn't noticed.
 * An opened file is checked again by its name, which makes the race smaller.
 *
 * Errors are those of `node:fs`. The caller that opens a directory has to close it.
 */
export class Directory {
  readonly #descriptor: number;
  readonly #path: string;
  /** Whether the caller asked to follow a link as the path's last name. */
  readonly #isFollowed: boolean;
  /** Without an anchor: the parent directories, which must stay where they are. */
  readonly #chain: readonly Directory[] | undefined;
  /** Without an anchor: the identity of the directory. */
  readonly #identity: BigIntStats | undefined;

  private constructor(
    descriptor: number,
    path: string,
    { parent, follow }: { readonly parent?: Directory; readonly follow: boolean },
  ) {
    this.#descriptor = descriptor;
    this.#isFollowed = follow;
    const anchor = findAnchor(descriptor);
    this.#path = anchor?.(descriptor) ?? path;
    const above = parent === undefined ? [] : parent.#chain ?? [];
    this.#chain = anchor === undefined ? [...above, this] : undefined;
    this.#identity = anchor === undefined ? statsOf(descriptor) : undefined;
  }

  /**
   * Opens a directory by its path, in which links are followed; the last name may be a link only if `follow`
   * is set.
   */
  static open(path: string, { follow }: { readonly follow: boolean }): Directory {
    const descriptor = openSync(path, directoryFlags | (follow ? 0 : O_NOFOLLOW));
    return Directory.#of(descriptor, path, { follow });
  }

  static #of(
    descriptor: number,
    path: string,
    options: { readonly parent?: Directory; readonly follow: boolean },
  ): Directory {
    try {
      return new Directory(descriptor, path, options);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Opens a directory in it; `undefined` if the name is missing or a link. */
  directory(name: string): Directory | undefined {
    try {
      const descriptor = this.open(name, directoryFlags);
      return Directory.#of(descriptor, join(this.#path, name), { parent: this, follow: false });
    } catch (error) {
      // Some systems report a link so.
      if (isMissing(error) || errorCode(error) === "ELOOP") return undefined;
      throw error;
    }
  }

  /**
   * Calls a function with a path to a name in it, which is valid only during the call. The function must not
   * follow links.
   */
  at<Result>(name: string, act: (path: string) => Result): Result {
    // One string operation: a folder may have a hundred thousand names to look up.
    if (this.#chain === undefined) return act(`${this.#path}/${name}`);
    this.#check();
    const result = act(`${this.#path}/${name}`);
    this.#check();
    return result;
  }

  /** Opens a file in it; O_NOFOLLOW and O_NONBLOCK are added to the flags, which are those of `node:fs`. */
  open(name: string, flags: number, mode?: number): number {
    const open = (path: string) => openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, mode);
    if (this.#chain === undefined) return open(`${this.#path}/${name}`);
    this.#check();
    const descriptor = open(`${this.#path}/${name}`);
    try {
      const found = this.at(name, (path) => lstatSync(path, { bigint: true }));
      if (isSame(found, statsOf(descriptor))) return descriptor;
      throw moved();
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Whether it has an entry of any type with that name. */
  has(name: string): boolean {
    return this.at(name, (path) => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
  }

  /** The names in it. */
  entries(): Dirent[] {
    return this.at(".", (path) => readdirSync(path, { withFileTypes: true }));
  }

  /** Its current state, such as the time of its last change. */
  now(): BigIntStats {
    return statsOf(this.#descriptor);
  }

  /** Syncs the names in it to the disk. */
  sync(): void {
    fsyncSync(this.#descriptor);
  }

  /** Closes it. */
  close(): void {
    closeSync(this.#descriptor);
  }

  #check(): void {
    for (const directory of this.#chain!) {
      const look = directory.#isFollowed ? statSync : lstatSync;
      const found = look(directory.#path, { bigint: true, throwIfNoEntry: false });
      if (found === undefined || !isSame(found, directory.#identity!)) throw moved();
    }
  }
}

/** Reported as if the name were missing: the directory went away. */
function moved(): Error {
  return Object.assign(new Error("the directory was moved while it was read"), { code: "ENOENT" });
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function statsOf(descriptor: number): BigIntStats {
  return fstatSync(descriptor, { bigint: true });
}

function findAnchor(descriptor: number): Anchor | undefined {
  if (!isAnchorKnown) {
    anchor = anchors.find((anchor) => {
      try {
        const found = lstatSync(`${anchor(descriptor)}/.`, { bigint: true });
        return isSame(found, statsOf(descriptor));
      } catch {
        return false;
      }
    });
    isAnchorKnown = true;
  }
  return anchor;
}
