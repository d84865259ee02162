/**
 * Open directories: names are looked up in the directory that was opened, whatever its path leads to by
 * then.
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

/** Gives a path by which the system finds an open directory, wherever that has been moved to. */
export type Anchor = (descriptor: number) => string;

/**
 * The ways to do so, best first: Linux, systems with fdescfs such as FreeBSD, and macOS. JavaScript's
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
/** The one that works here; `undefined` where none does, or none was looked for. */
let anchor: Anchor | undefined;
let isAnchorKnown = false;

/** Takes other ways than {@linkcode knownAnchors}; for tests, to be on a system that has none. */
export function setAnchors(others: readonly Anchor[] = knownAnchors): void {
  [anchors, anchor, isAnchorKnown] = [others, undefined, false];
}

/**
 * An open directory. A symbolic link is never followed to it, and names in it are never looked up in
 * another directory, so that somebody who puts a link in its place meanwhile leads nobody elsewhere.
 *
 * Where the system has no path to an open directory (no /proc on Linux, or a runtime that isn't allowed
 * to read it), names are looked up by the directory's own path, and it is checked before and after that
 * the path still leads to it. That leaves a gap: who swaps and swaps back within one system call isn't
 * noticed. An opened file is looked at once more by its name, which makes the gap smaller still.
 *
 * Errors are those of `node:fs`. Whoever opens one has to close it.
 */
export class Directory {
  readonly #descriptor: number;
  readonly #path: string;
  /** Whether links in its path were followed up to the end, which was for whoever opened it to say. */
  readonly #isFollowed: boolean;
  /** Where there is no anchor: the directories above, which have to stay where they are. */
  readonly #chain: readonly Directory[] | undefined;
  /** Where there is no anchor: what tells it from others. */
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
   * Opens a directory by its path, in which links are followed; in its last name only if `follow` is
   * set.
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

  /** Opens a directory in it; `undefined` where there is none of that name, or only a link to one. */
  directory(name: string): Directory | undefined {
    try {
      const descriptor = this.open(name, directoryFlags);
      return Directory.#of(descriptor, join(this.#path, name), { parent: this, follow: false });
    } catch (error) {
      // A link, on some systems.
      if (isMissing(error) || errorCode(error) === "ELOOP") return undefined;
      throw error;
    }
  }

  /**
   * Does something with a path of a name in it, which is good for that moment only. What it is given is
   * to treat links as links.
   */
  at<Result>(name: string, act: (path: string) => Result): Result {
    // In one piece: there are folders with a hundred thousand names to be looked up.
    if (this.#chain === undefined) return act(`${this.#path}/${name}`);
    this.#check();
    const result = act(`${this.#path}/${name}`);
    this.#check();
    return result;
  }

  /** Opens a file in it; flags as `node:fs` has them, to which O_NOFOLLOW and O_NONBLOCK are added. */
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

  /** Whether it has a name, whatever that is of. */
  has(name: string): boolean {
    return this.at(name, (path) => lstatSync(path, { throwIfNoEntry: false })) !== undefined;
  }

  /** What is in it. */
  entries(): Dirent[] {
    return this.at(".", (path) => readdirSync(path, { withFileTypes: true }));
  }

  /** What it is now, such as when it was changed last. */
  now(): BigIntStats {
    return statsOf(this.#descriptor);
  }

  /** Has the disk keep the names in it. */
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

/** As if the name weren't there, which is what it is: the directory went away. */
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
